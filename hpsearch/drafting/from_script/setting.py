"""Settings: what the user of a script or a config file can set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Unknown:
    """The type of `UNKNOWN`."""


UNKNOWN = Unknown()
"""A default that is not written out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One option of a script, or one value of a config file.

    Attributes:
        name: Its name in Python, such as `weight_decay` for `--weight-decay`. Dots lead into the mappings of a config
            file.
        default: None if it has none; `UNKNOWN` if it is not written out.
        type: `int`, `float`, `str`, or another name as written; empty if none is given.
        choices: The allowed values; empty if any value is.
        flag: The option as written, such as `--lr`; empty for a positional argument or a value of a config file.
        aliases: Its other spellings, without hyphens: other names that say what it is.
        help: What the script says about it; may be empty.
        positional: Whether it is an argument without a flag.
        required: Whether the user must give it.
        count: How many values it takes, if they are several: `2`, `+` or the like; empty for one.
        switch: The spellings of an option that takes no value: for true, and for false if it has one; either may be
            empty. An empty tuple for all others.
        command: The subcommand that it belongs to; empty for none.
        joined: Whether its value is written `--name=value`, with no blank.
        left_out: Why a command can't get it as `--name value`; empty if it can.
    """

    name: str
    default: Any = UNKNOWN
    type: str = ""
    choices: tuple[Any, ...] = ()
    flag: str = ""
    aliases: tuple[str, ...] = ()
    help: str = ""
    positional: bool = False
    required: bool = False
    count: str = ""
    switch: tuple[str, ...] = ()
    command: str = ""
    joined: bool = False
    left_out: str = ""

    @property
    def shown(self) -> str:
        """Its name in messages, as the user writes it."""
        return self.flag or self.name

    @property
    def is_integer(self) -> bool:
        """Whether its values seem to be integers."""
        return self.type == "int" or (type(self.default) is int and self.type != "float")

    @property
    def number(self) -> float | None:
        """The default, if it is a number, else None."""
        return self.default if isinstance(self.default, (int, float)) and not isinstance(self.default, bool) else None

    @property
    def is_unset(self) -> bool:
        """Whether it has no default that can be read."""
        return self.default is None or self.default is UNKNOWN
