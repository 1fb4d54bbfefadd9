"""What a space that comes alone, without an objective or a search, leaves to the user: NNI's and Ray Tune's."""

from __future__ import annotations

from hpsearch.config.config import DEFAULT_TRIALS
from hpsearch.drafting.from_script.heuristics import role
from hpsearch.drafting.from_tuners.draft import Draft, Setting

_TAKEN = ("epochs", "python")  # settings of an objective in Python


def finish(draft: Draft) -> None:
    """Set the rest of the file: the length of a trial where a parameter says it, and placeholders."""
    if any("." in name for name in draft.found):
        draft.notes.append('nested parameters have dotted names: config["optimizer.lr"]')
    keep_python(draft)
    draft.search.setdefault("trials", Setting(DEFAULT_TRIALS, note="the space does not say how many"))


def keep_python(draft: Draft) -> None:
    """Let the names of parameters suit an objective in Python, which gets them as a mapping."""
    for name in [name for name in draft.found if role(name) == "{epochs}"]:
        is_taken = name in _TAKEN
        draft.take_epochs(name, keep=not is_taken)
        draft.notes.append(
            f"{name} is no parameter: trial.epochs() has them"
            if is_taken
            else f"{name}: the objective's epochs say how long a trial is; trial.epochs() has them"
        )
    for name in [name for name in draft.found if name in _TAKEN]:
        draft.notes.append(f"{name} is {draft.rename(name)} here: it is a setting of the objective")
    for name in draft.found:
        if role(name) == "{seed}":
            draft.checks.append(f"{name}: each trial has a seed of its own, trial.seed")
