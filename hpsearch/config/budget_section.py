"""The `budget` section of a space file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hpsearch.config.budget import DURATION, HOUR_S, Limits, parse_duration
from hpsearch.config.section import Section


def _duration(text: str) -> str:
    parse_duration(text)
    return text


class Budget(Section):
    """What a study may spend; None for no limit. The limit that is reached first ends the search.

    Attributes:
        time: Wall time of the commands that run the study, such as `2h`.
        gpu_hours: Hours of the trials, each multiplied by its GPUs, or its share of one.
        epochs: Epochs of all trials together, finalists included.
        trials: Trials of the search.
        stop: `auto` ends the search when going on is expected to bring less than the noise of a seed.
    """

    time: Annotated[str, AfterValidator(_duration)] | None = Field(default=None, description=f"{DURATION}, or null")
    gpu_hours: float | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, ge=1)
    trials: int | None = Field(default=None, ge=1)
    stop: Literal["auto"] | None = None

    @property
    def limits(self) -> Limits:
        """The same limits, with times in seconds."""
        return Limits(
            time_s=None if self.time is None else parse_duration(self.time),
            gpu_s=None if self.gpu_hours is None else self.gpu_hours * HOUR_S,
            epochs=self.epochs,
            trials=self.trials,
            stop=self.stop,
        )
