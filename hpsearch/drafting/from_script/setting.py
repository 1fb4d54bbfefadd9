"""What a script or a config file lets its user set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Unknown:
    """The type of a default that is not written out."""


UNKNOWN = Unknown()


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One option of a script, or one value of a config file.

    Attributes:
        name: As Python names it: `weight_decay` for `--weight-decay`, as the values of argparse and most configs are
            named; dots lead into the mappings of a config file.
        default: `UNKNOWN` where it is not written out; None where there is none.
        type: `int`, `float`, `str`, another name as written, or empty.
        choices: What is allowed; empty for anything.
        flag: How an option is written, such as `--lr`; empty for positional arguments and values of config files.
        left_out: Why a command can't be given it as `--name value`; empty if it can.
    """

    name: str
    default: Any = UNKNOWN
    type: str = ""
    choices: tuple[Any, ...] = ()
    flag: str = ""
    positional: bool = False
    required: bool = False
    left_out: str = ""

    @property
    def shown(self) -> str:
        """How messages name it: as its user writes it."""
        return self.flag or self.name

    @property
    def is_integer(self) -> bool:
        """Whether its values are integers, as far as can be told."""
        return self.type == "int" or (type(self.default) is int and self.type != "float")

    @property
    def number(self) -> float | None:
        """The default if it is a number; None else."""
        return self.default if isinstance(self.default, (int, float)) and not isinstance(self.default, bool) else None
