"""What a space that comes alone, without an objective or a search, leaves to the user: NNI's and Ray Tune's."""

from __future__ import annotations

from hpsearch.config.config import DEFAULT_TRIALS
from hpsearch.drafting.from_tuners.translation import Field, Translation
from hpsearch.drafting.roles import role

_TAKEN = ("epochs", "python")  # settings of an objective in Python


def finish(translation: Translation) -> None:
    """Set the rest of the file: the length of a trial where a parameter says it, and placeholders."""
    if any("." in name for name in translation.found):
        translation.notes.append('nested parameters have dotted names: config["optimizer.lr"]')
    keep_python(translation)
    translation.search.setdefault("trials", Field(DEFAULT_TRIALS, note="the space does not say how many"))


def keep_python(translation: Translation) -> None:
    """Let the names of parameters suit an objective in Python, which gets them as a mapping."""
    for name in [name for name in translation.found if role(name) == "{epochs}"]:
        is_taken = name in _TAKEN
        translation.take_epochs(name, keep=not is_taken)
        translation.notes.append(
            f"{name} is no parameter: trial.epochs() has them"
            if is_taken
            else f"{name}: the objective's epochs say how long a trial is; trial.epochs() has them"
        )
    for name in [name for name in translation.found if name in _TAKEN]:
        translation.notes.append(f"{name} is {translation.rename(name)} here: it is a setting of the objective")
    for name in translation.found:
        if role(name) == "{seed}":
            translation.checks.append(f"{name}: each trial has a seed of its own, trial.seed")
