"""What was found in a script or a config. A space file is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpsearch.drafting.from_script.measurements import Measurements
from hpsearch.drafting.from_script.parameters import Sorted
from hpsearch.drafting.from_script.setting import Setting

_MOST_EPOCHS = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was found in a script or a config.

    Attributes:
        source: The script or config that was read.
        script: The script that the command runs; None if unknown.
        way: How the command gets its values: as options, as Hydra's overrides, or in a config file.
        sorted: What becomes of the settings.
        measured: Where the measurements seem to be.
        notes: What could not be read.
        words: What stands after the script in the command, before the options of its subcommand.
        ends: What stands at the end of the command.
        weights: The file that the script seems to write its last weights to; empty if none is known.
    """

    source: Path
    script: Path | None
    way: Literal["args", "hydra", "lightning", "plain"]
    sorted: Sorted
    measured: Measurements
    notes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    weights: str = ""

    @property
    def epochs_setting(self) -> Setting | None:
        """The setting for the epochs of a trial; None if there is none."""
        named = next((setting for setting, text in self.sorted.spelled if text == "{epochs}"), None)
        return named or (self.sorted.steps.setting if self.sorted.steps.each else None)

    @property
    def default_epochs(self) -> int | None:
        """The default of the setting for the epochs; None if it can't be read."""
        number = None if self.epochs_setting is None else self.epochs_setting.number
        number = self.sorted.steps.epochs_of(number) if number and self.sorted.steps.each else number
        return int(number) if number is not None and 1 <= number < _MOST_EPOCHS else None

    @property
    def has_seed(self) -> bool:
        """Whether the command gets a seed."""
        # Lightning's command line always takes a seed.
        return self.way == "lightning" or any(text == "{seed}" for _, text in self.sorted.spelled)

    @property
    def checks(self) -> tuple[str, ...]:
        """What the user should check before the first study."""
        measured, setting = self.measured, self.epochs_setting
        found = [*self.sorted.checks]
        if not measured.unsure:
            found.append(f"the metric, {measured.metric}, and its direction")
        if not measured.way:
            found.append(f"the script's output: each epoch needs a line of JSON with {measured.metric}")
        elif measured.way != "json" and not measured.unsure:
            found.append("where measurements are read: metrics")
        if self.script is None:
            found.append("the command: which script is it?")
        if setting is None:
            found.append("epochs: no setting for them was found")
        elif self.default_epochs is None:
            found.append(f"epochs: {setting.shown} has no default that can be read")
        if not self.has_seed:
            found.append("the seed: no setting for it was found")
        return (*found, *self.notes)

    @property
    def unsure(self) -> tuple[str, ...]:
        """What was guessed and may be wrong, each with what to look at."""
        measured = self.measured.unsure
        if self.epochs_setting is not None or self.sorted.steps.setting is not None:  # said there, with its name
            measured = tuple(text for text in measured if not text.startswith("epochs:"))
        return tuple(dict.fromkeys((*self.sorted.unsure, *self._going_on, *measured)))

    @property
    def _going_on(self) -> tuple[str, ...]:
        """What is unsure about how a trial goes on from an earlier attempt."""
        resume = self.sorted.resume
        if resume is None or self.weights:
            return ()
        place = f"resume: {resume.shown} {{resume_from}}/NAME"
        return (f"{resume.shown}: which file the script writes for it; then write {place}",)
