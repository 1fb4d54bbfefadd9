"""What is left to the user if a search space has no objective and no search, as in NNI and Ray Tune."""

from __future__ import annotations

from hpsearch.config.config import DEFAULT_TRIALS
from hpsearch.drafting.from_tuners.translation import Field, Translation
from hpsearch.drafting.roles import role

_TAKEN = ("epochs", "python")  # settings of an objective in Python


def finish(translation: Translation) -> None:
    """Set the rest of the file: the epochs, if a parameter means them, and placeholders."""
    if any("." in name for name in translation.found):
        translation.notes.append('nested parameters have dotted names: config["optimizer.lr"]')
    keep_python(translation)
    translation.search.setdefault("trials", Field(DEFAULT_TRIALS, note="the space does not say how many"))


def keep_python(translation: Translation) -> None:
    """Make the names of parameters fit an objective in Python, which gets them as a mapping."""
    for name in [name for name in translation.found if role(name) == "{epochs}"]:
        is_taken = name in _TAKEN
        translation.take_epochs(name, keep=not is_taken)
        translation.notes.append(
            f"{name} is not a parameter: trial.epochs() gives the epochs"
            if is_taken
            else f"{name}: the objective's setting epochs is the length of a trial; trial.epochs() gives the epochs"
        )
    for name in [name for name in translation.found if name in _TAKEN]:
        translation.notes.append(
            f"{name} is now {translation.rename(name)}, because the objective uses the name {name}"
        )
    for name in translation.found:
        if role(name) == "{seed}":
            translation.checks.append(f"{name}: each trial has a seed of its own, trial.seed")
