"""From a space file's command to a trial's program and arguments: text is split as a shell would, then filled in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.objectives.command.config import CONFIG_FILE, config_file_path
from hpsearch.objectives.command.placeholders import (
    RESERVED,
    Argument,
    Computed,
    Flag,
    Named,
    Part,
    Reader,
    Variable,
    number_text,
    switched,
)
from hpsearch.objectives.command.program import program_start
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.splitting import FIELD, split, split_command
from hpsearch.objectives.own_values import OwnValues
from hpsearch.trial.trial import Config

__all__ = [
    "RESERVED",
    "ReadCommand",
    "as_option",
    "as_text",
    "command_line",
    "filled_arguments",
    "filled_in",
    "interpreter_of",
    "named_values",
    "read_command",
]

_RESUME = ("objective", "resume")
PYTHONS = ("python", "python3")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadCommand:
    """A command with its placeholders.

    Attributes:
        arguments: The program and its arguments.
        resume: The arguments that are added to go on from an earlier attempt.
    """

    arguments: tuple[Argument, ...]
    resume: tuple[Argument, ...] = ()


def read_command(settings: Command, values: Mapping[str, Sequence[Any]]) -> ReadCommand:
    """Return a command with its placeholders.

    Args:
        values: The possible values of each parameter and constant. A flag may have another name, which it then lacks.

    Raises:
        FieldError: An unknown placeholder, an empty command, unbalanced quotes or braces, or a placeholder inside other
            text that must stand alone, such as `{args}`.
    """
    reader = Reader(values, with_config_file=settings.config_file is not None)
    arguments = reader.arguments(split_command(settings.command), FIELD)
    resume = [] if settings.resume is None else reader.arguments(split(settings.resume, _RESUME), _RESUME)
    return ReadCommand(arguments=tuple(arguments), resume=tuple(resume))


def command_line(settings: Command, config: Config, own: OwnValues, *, config_file: Path | None = None) -> list[str]:
    """Return the program and its arguments for one trial.

    Text is split before it is filled in, so a value is one argument whatever it holds. If there is a folder to resume
    from, the arguments of `resume` are added.

    Args:
        own: The trial's own values.
        config_file: What `{config_file}` stands for; None for its place in the attempt's folder.

    Raises:
        FieldError: For the reasons of `read_command`; or a number that is to be computed does not exist.
    """
    pairs = filled_arguments(settings, config, own, config_file=config_file)
    line = [part for _, parts in pairs for part in parts]
    if settings.interpreter is not None and line[at := program_start(line)] in PYTHONS:
        line[at] = str(interpreter_of(settings.interpreter))
    return line


def filled_arguments(
    settings: Command, config: Config, own: OwnValues, *, config_file: Path | None = None
) -> list[tuple[Argument, list[str]]]:
    """Return each argument, with what it becomes for one trial: one argument, several or none.

    Args:
        own: As in `command_line`, and so is `config_file`.

    Raises:
        FieldError: For the reasons of `command_line`.
    """
    read = read_command(settings, {name: (value,) for name, value in config.items()})
    values = named_values(settings, config, own, config_file)
    going_on = read.resume if own.resume_from is not None else ()
    return [(argument, filled_in(argument, config, values)) for argument in (*read.arguments, *going_on)]


def named_values(
    settings: Command, config: Config, own: OwnValues, config_file: Path | None = None
) -> Mapping[str, Any]:
    """Return what `filled_in` takes: parameters, constants, the trial's own values and the config file's path."""
    values = {**config, **{name: "" if value is None else value for name, value in own.as_dict().items()}}
    if settings.config_file is not None:
        values[CONFIG_FILE] = str(config_file or config_file_path(settings.config_file, own.trial_dir))
    return values


def filled_in(argument: Argument, config: Config, values: Mapping[str, Any]) -> list[str]:
    """Return what one argument of a command becomes: mostly one, but several or none for some placeholders.

    Args:
        config: What `{args}` and `{overrides}` stand for.
        values: By name, of `named_values`. A flag that they lack is no argument.

    Raises:
        FieldError: A number that is to be computed does not exist, or an environment variable is not set.
    """
    match argument.parts:
        case (Named(name="args", without=flags),):
            pairs = ((name, value) for name, value in config.items() if name not in flags)
            return [part for name, value in pairs for part in as_option(name, as_text(value))]
        case (Named(name="overrides", without=flags),):
            return [f"{name}={as_text(value)}" for name, value in config.items() if name not in flags]
        case (Flag(name=name) as flag,):
            if name not in values:
                return []
            return list(flag.when_true if switched(name, values[name], FIELD) else flag.when_false)
    return ["".join(_text(part, values) for part in argument.parts)]


def _text(part: Part, values: Mapping[str, Any]) -> str:
    match part:
        case Named(name=name):
            return as_text(values[name])
        case Variable(name=name):
            if name not in os.environ:
                raise FieldError(FIELD, f"the environment variable {name} is not set", "a value for {env:NAME}")
            return os.environ[name]
        case Computed() as computed:
            try:
                return number_text(computed.value(values))
            except ValueError as error:
                raise FieldError(FIELD, str(error), "a formula that gives a number for each config") from None
    return str(part)


def as_option(name: str, value: str) -> tuple[str, ...]:
    """Return a name and its value as an option."""
    # argparse takes -1e-3 for an option of its own.
    return (f"--{name}={value}",) if value.startswith("-") else (f"--{name}", value)


def as_text(value: Any) -> str:
    """Return a value as an argument: JSON where Python's own text would differ."""
    return json.dumps(value) if value is None or isinstance(value, bool | dict | list) else str(value)


def interpreter_of(place: str) -> Path:
    """Return the Python that an `interpreter` setting names: itself, or the one in a virtual environment's folder."""
    path = Path(place)
    return path / "bin" / "python" if path.is_dir() else path
