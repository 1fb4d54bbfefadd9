"""From a space file's command to a trial's program and arguments: text is split as a shell would, then filled in."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.objectives.command.config import CONFIG_FILE, check_config_file, config_file_path
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.own_values import OWN_VALUES, OwnValues
from hpsearch.space.space import Space
from hpsearch.text import nearest
from hpsearch.trial.trial import Config

_FIELD = ("objective", "command")
_RESUME = ("objective", "resume")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_CONTINUATION = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
_WHOLE = ("args", "overrides")  # each stands for several arguments
RESERVED = (*OWN_VALUES, CONFIG_FILE, *_WHOLE)
_PYTHONS = ("python", "python3")


def check_command(settings: Command, space: Space) -> None:
    """Refuse a command that can't run with the configs of a space, or that ignores a parameter.

    Raises:
        FieldError: An unknown placeholder, a parameter that is never used or has the name of a placeholder, an empty
            command, unbalanced quotes or braces, `{args}` inside other text, or a folder, an interpreter or a template
            that is not there.
    """
    used = _check_placeholders(settings, space.names)
    for name in space.names:
        if name in RESERVED:
            placeholder = f"{{{name}}}"
            raise FieldError(("space", name), f"{name!r} is what {placeholder} means in a command", "another name")
        if name not in used and not used.intersection((*_WHOLE, CONFIG_FILE)):
            allowed = f"{{{name}}} somewhere, or {{args}}, {{overrides}} or {{config_file}} for all"
            raise FieldError(_FIELD, f"never uses {name!r}, so that its value would make no difference", allowed)
        if name in used and name in space.conditions:
            found = f"{{{name}}} stands for a parameter that not every config has"
            raise FieldError(_FIELD, found, "{args}, {overrides} or {config_file}, which leave it out")
    if settings.cwd is not None and not Path(settings.cwd).is_dir():
        raise FieldError(("objective", "cwd"), f"found {settings.cwd!r}", "a folder that is there")
    _check_interpreter(settings)
    if settings.config_file is not None:
        check_config_file(settings.config_file, space)


def command_line(settings: Command, config: Config, own: OwnValues, *, config_file: Path | None = None) -> list[str]:
    """Return the program and its arguments for one trial.

    Text is split before it is filled in, so a value is one argument whatever it holds. If there is a folder to resume
    from, the arguments of `resume` are added.

    Args:
        own: The trial's own values.
        config_file: What `{config_file}` stands for; None for its place in the attempt's folder.

    Raises:
        FieldError: For those reasons of `check_command` that don't depend on the space.
    """
    pairs = filled_arguments(settings, config, own, config_file=config_file)
    line = [part for _, parts in pairs for part in parts]
    if settings.interpreter is not None and line[0] in _PYTHONS:
        line[0] = str(interpreter_of(settings.interpreter))
    return line


def filled_arguments(
    settings: Command, config: Config, own: OwnValues, *, config_file: Path | None = None
) -> list[tuple[str, list[str]]]:
    """Return each argument as the space file has it, with what it becomes for one trial: one argument, several or none.

    Args:
        own: As in `command_line`, and so is `config_file`.

    Raises:
        FieldError: For the reasons of `command_line`.
    """
    _check_placeholders(settings, tuple(config))
    values = {name: as_text(value) for name, value in config.items()}
    values |= {name: "" if value is None else str(value) for name, value in own.as_dict().items()}
    if settings.config_file is not None:
        values[CONFIG_FILE] = str(config_file or config_file_path(settings.config_file, own.trial_dir))
    arguments = split(settings.command, _FIELD)
    if settings.resume is not None and own.resume_from is not None:
        arguments = [*arguments, *split(settings.resume, _RESUME)]
    return [(argument, _filled_in(argument, config, values)) for argument in arguments]


def names_in(argument: str) -> list[str]:
    """Return the names that an argument's placeholders use, as they stand in the space file."""
    return [match[1] for match in _PLACEHOLDER.finditer(argument) if match[1] is not None]


def _filled_in(argument: str, config: Config, values: Mapping[str, str]) -> list[str]:
    if argument == "{args}":
        return [part for name in config for part in as_option(name, values[name])]
    if argument == "{overrides}":
        return [f"{name}={values[name]}" for name in config]
    return [_PLACEHOLDER.sub(lambda match: _filled(match, values), argument)]


def as_option(name: str, value: str) -> tuple[str, ...]:
    """Return a name and its value as an option."""
    # argparse takes -1e-3 for an option of its own.
    return (f"--{name}={value}",) if value.startswith("-") else (f"--{name}", value)


def interpreter_of(place: str) -> Path:
    """Return the Python that an `interpreter` setting names: itself, or the one in a virtual environment's folder."""
    path = Path(place)
    return path / "bin" / "python" if path.is_dir() else path


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    return match[0][0] if match[1] is None else values[match[1]]


def as_text(value: Any) -> str:
    """Return a value as an argument: JSON where Python's own text would differ."""
    return json.dumps(value) if value is None or isinstance(value, bool | dict | list) else str(value)


def split(command: str | list[str], field: tuple[str, ...]) -> list[str]:
    """Return a command's program and arguments, with their placeholders.

    Args:
        field: Where in the space file it stands.

    Raises:
        FieldError: Its quotes are not balanced, or it is empty.
    """
    if isinstance(command, str):
        try:
            arguments = shell_words(command)
        except ValueError as error:
            raise FieldError(field, f"can't be split: {str(error).lower()}", "balanced quotes") from None
    else:
        arguments = command
    if not arguments or not arguments[0].strip():
        raise FieldError(field, "is empty", "a program and its arguments, such as: python train.py {args}")
    return arguments


def shell_words(text: str) -> list[str]:
    """Return the words that a shell splits text into.

    Raises:
        ValueError: Its quotes are not balanced.
    """
    # Python's splitting keeps the newline of a continued line, a shell drops it.
    return shlex.split(_CONTINUATION.sub(r"\1", text))


def _check_placeholders(settings: Command, names: tuple[str, ...]) -> set[str]:
    """Return the names that the command's placeholders use."""
    known = (*names, *(name for name in RESERVED if name != CONFIG_FILE or settings.config_file is not None))
    used = _used(settings.command, _FIELD, known)
    if settings.resume is not None:
        used |= _used(settings.resume, _RESUME, known)
    if settings.config_file is not None and CONFIG_FILE not in used:
        raise FieldError(
            ("objective", CONFIG_FILE), "is made, but the command never names it", "{config_file} in the command"
        )
    return used


def _used(command: str | list[str], field: tuple[str, ...], known: tuple[str, ...]) -> set[str]:
    used = set()
    for argument in split(command, field):
        for match in _PLACEHOLDER.finditer(argument):
            name = match[1]
            if match[0] in ("{", "}"):
                raise FieldError(field, f"has a single {match[0]} in {argument!r}", "{name}; {{ and }} for braces")
            if name is None:
                continue
            if name not in known:
                allowed = f"{', '.join(f'{{{key}}}' for key in known)}; {{{{ and }}}} for braces"
                raise FieldError(field, f"has an unknown placeholder {match[0]!r}", allowed, nearest(name, known))
            if name in _WHOLE and argument != match[0]:
                problem = f"has {match[0]} inside {argument!r}, but it stands for several arguments"
                raise FieldError(field, problem, f"{match[0]} with blanks around it")
            used.add(name)
    return used


def _check_interpreter(settings: Command) -> None:
    if settings.interpreter is None:
        return
    field, found = ("objective", "interpreter"), interpreter_of(settings.interpreter)
    if not os.access(found, os.X_OK) or found.is_dir():
        raise FieldError(
            field, f"found {settings.interpreter!r}", "a Python that is there, or a virtual environment's folder"
        )
    program = split(settings.command, _FIELD)[0]
    if program not in _PYTHONS:
        raise FieldError(field, f"is set, but the command's program is {program!r}", f"{' or '.join(_PYTHONS)} there")
