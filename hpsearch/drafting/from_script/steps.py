"""Scripts that count steps, not epochs: a measurement comes after each evaluation, so that is an epoch of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import tokens

_STEPS = re.compile(
    r"(max|num|n|nb|total|train|training|max_train|num_train|total_train)_(iters?|iterations?|steps?|updates?|timesteps)"
    r"|(max|num|n|total)_training_steps|train_iters|iterations|niters?|n_iterations|steps|timesteps|max_update|total_steps"
)
_INTERVAL = re.compile(
    r"(eval|val|valid|validation|validate|test|evaluate|evaluation)_?(interval|every|freq|frequency|steps|period|every_n_steps"
    r"|every_steps|step|per_steps|interval_steps)|(steps|iters)_per_(eval|epoch)|(check_)?val_check_interval"
)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """How a script's steps follow from a study's epochs.

    Attributes:
        roles: What the command gives for its settings: arithmetic with `epochs`.
        each: The steps of an epoch; 0 if the script does not say after how many it evaluates.
        setting: The number of steps; None if the script counts none.
        interval: The setting that says after how many steps it evaluates; None if there is none.
        both_ends: Whether it evaluates before its first step and after its last, so once more than `each` says.
    """

    roles: Mapping[str, str]
    each: int = 0
    setting: Setting | None = None
    interval: Setting | None = None
    both_ends: bool = False

    @property
    def unsure(self) -> tuple[str, ...]:
        """What the user should know of it."""
        if self.setting is None:
            return ()
        if self.interval is None:
            word = f"{{{_name(self.setting)} = N * epochs}}"
            said = f"write {word} in the command, with the steps N from one measurement to the next"
            return (f"{self.setting.shown} counts steps, not epochs: {said}",)
        first = "; epoch 1 is the evaluation before the first step" if self.both_ends else ""
        return (f"an epoch is {self.each} steps of {self.setting.shown}, as {self.interval.shown} evaluates{first}",)

    def epochs_of(self, number: float) -> int:
        """Return how many epochs some steps are."""
        return int(number // self.each) + self.both_ends


def is_interval(name: str) -> bool:
    """Return whether a name says after how many steps a script evaluates."""
    return _INTERVAL.fullmatch("_".join(tokens(name))) is not None


def steps_of(settings: Sequence[Setting], *, both_ends: bool) -> Steps:
    """Return how a script without epochs counts.

    Args:
        settings: Its settings.
        both_ends: Whether it evaluates before its first step and after its last.
    """
    numbers = [s for s in settings if not s.left_out and not s.count and s.is_integer and (s.number or 0) > 1]
    found = next((s for s in numbers if _STEPS.fullmatch("_".join(tokens(s.name)))), None)
    if found is None or found.number is None:
        return Steps(roles={})
    interval = next((s for s in numbers if is_interval(s.name)), None)
    if interval is None or not interval.number or interval.number > found.number or not _NAME.fullmatch(_name(found)):
        return Steps(roles={}, setting=found)
    each = int(interval.number)
    epochs = "(epochs - 1)" if both_ends else "epochs"
    roles = {found.name: f"{{{_name(found)} = {each} * {epochs}}}"}
    # A schedule spans the whole of a trial.
    same = (s for s in numbers if s.number == found.number and {"lr", "decay"} <= set(tokens(s.name)))
    roles |= {setting.name: f"{{{_name(found)}}}" for setting in same}
    return Steps(roles=roles, each=each, setting=found, interval=interval, both_ends=both_ends)


def _name(setting: Setting) -> str:
    return setting.name.rpartition(".")[2]
