"""A trial's own values, beside its parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnValues:
    """What `{seed}`, `{epochs}` and the like stand for in a command, and in `map` of its config file.

    Attributes:
        epochs: The full length of the trial.
        trial_dir: The attempt's folder.
        resume_from: The folder of the attempt to go on from; None on a fresh start.
        gpus: How many GPUs the trial has; 1 on CPUs too, for it is the number of processes to start.
    """

    seed: int
    epochs: int
    trial_dir: str
    number: int
    resume_from: str | None = None
    gpus: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self)


OWN_VALUES = tuple(field.name for field in fields(OwnValues))
OWN_NUMBERS = tuple(field.name for field in fields(OwnValues) if field.type in (int, "int"))
"""Those that arithmetic may have."""
