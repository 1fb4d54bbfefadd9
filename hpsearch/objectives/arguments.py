"""A config as arguments of a program: what an objective that has a command says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hpsearch.objectives.own_values import OwnValues
from hpsearch.trial.trial import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class ArgumentLine:
    """A config as arguments.

    Attributes:
        words: The arguments, without the program.
        command: The whole command as the space file has it, quoted for a shell.
        missing: Names of the config that are in none of the words.
        own: The trial's own values that are in words, by name: they stand beside parameters.
        config_file: For a command that gets the whole config in a file, too: the options of `hpsearch export` that
            write it to that file's template. Else empty.
    """

    words: tuple[str, ...]
    command: str
    missing: tuple[str, ...] = ()
    own: Mapping[str, Any]
    config_file: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellCommand:
    """What trains a config again in a shell.

    Attributes:
        folder: Where to go first; None for here.
        inside: Whether the command runs in the trial's folder, which is made there.
        before: The words of a command that comes first; `>` is a redirection. Empty for none.
        variables: Of the environment.
        arguments: The program and its arguments.
    """

    folder: str | None
    inside: bool
    before: Sequence[str] = ()
    variables: Mapping[str, str]
    arguments: Sequence[str]


class Arguments(Protocol):
    """What a command takes of configs as arguments."""

    def line(self, config: Config, own: OwnValues, only: Collection[str] | None = None) -> ArgumentLine:
        """Return a config as the arguments that make the command see it.

        Args:
            own: What the trial's own values become where they stand beside parameters. All other ones are left out.
            only: The names to write; None for all.

        Raises:
            FieldError: The command does not fit the config.
        """
        ...

    def names(self, values: Mapping[str, Sequence[Any]]) -> set[str]:
        """Return the names whose values `read` can find.

        Args:
            values: All names that a config may have, with their possible values.
        """
        ...

    def read(self, words: Sequence[str], values: Mapping[str, Sequence[Any]]) -> dict[str, str]:
        """Return the values in arguments such as `line` returns, as text by name.

        Args:
            words: The arguments, without the program.
            values: All names that a config may have, with their possible values.

        Raises:
            InputError: An argument is none of those that hold a config, or a name has two values.
        """
        ...
