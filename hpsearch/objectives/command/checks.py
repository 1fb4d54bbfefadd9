"""What is wrong with a command, found before anything is trained."""

from __future__ import annotations

import os
from pathlib import Path

from hpsearch.errors import FieldError
from hpsearch.objectives.command.config import CONFIG_FILE, check_config_file
from hpsearch.objectives.command.line import PYTHONS, ReadCommand, interpreter_of, read_command
from hpsearch.objectives.command.placeholders import RESERVED, WHOLE, Flag
from hpsearch.objectives.command.program import program_start
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.splitting import FIELD, split_command
from hpsearch.space.formulas import possible_values
from hpsearch.space.space import Space
from hpsearch.text import nearest


def check_command(settings: Command, space: Space) -> None:
    """Refuse a command that can't run with the configs of a space, or that ignores a parameter.

    Raises:
        FieldError: An unknown placeholder, a parameter that is never used or has the name of a placeholder, a flag for
            one that is neither true nor false, arithmetic with one that is no number, an empty command, unbalanced
            quotes or braces, `{args}` inside other text, or a folder, an interpreter or a template that is not there.
    """
    read = read_command(settings, possible_values(space))
    _check_names(settings, space, read)
    if settings.cwd is not None and not Path(settings.cwd).is_dir():
        raise FieldError(("objective", "cwd"), f"found {settings.cwd!r}", "a folder that is there")
    _check_interpreter(settings)
    if settings.config_file is not None:
        check_config_file(settings.config_file, space)


def _check_names(settings: Command, space: Space, read: ReadCommand) -> None:
    arguments = (*read.arguments, *read.resume)
    parts = [part for argument in arguments for part in argument.parts if not isinstance(part, str)]
    flags = {part.name for part in parts if isinstance(part, Flag)}
    valued = {name for part in parts if not isinstance(part, Flag) for name in part.names}
    if settings.config_file is not None and CONFIG_FILE not in valued:
        raise FieldError(
            ("objective", CONFIG_FILE), "is made, but the command never names it", "{config_file} in the command"
        )
    for name in flags:
        if name not in space.names:
            near = nearest(name, space.names)
            raise FieldError(FIELD, f"has a flag for {name!r}, which is no parameter", ", ".join(space.names), near)
    for name in space.names:
        if name in RESERVED:
            placeholder = f"{{{name}}}"
            raise FieldError(("space", name), f"{name!r} is what {placeholder} means in a command", "another name")
        if name not in flags | valued and not valued.intersection((*WHOLE, CONFIG_FILE)):
            allowed = f"{{{name}}} somewhere, or {{args}}, {{overrides}} or {{config_file}} for all"
            raise FieldError(FIELD, f"never uses {name!r}, so that its value would make no difference", allowed)
        if name in valued and name in space.conditions:
            found = f"{{{name}}} stands for a parameter that not every config has"
            raise FieldError(FIELD, found, "{args}, {overrides} or {config_file}, which leave it out")


def _check_interpreter(settings: Command) -> None:
    if settings.interpreter is None:
        return
    field, found = ("objective", "interpreter"), interpreter_of(settings.interpreter)
    if not os.access(found, os.X_OK) or found.is_dir():
        raise FieldError(
            field, f"found {settings.interpreter!r}", "a Python that is there, or a virtual environment's folder"
        )
    words = split_command(settings.command)
    program = words[program_start(words)]
    if program not in PYTHONS:
        raise FieldError(field, f"is set, but the command's program is {program!r}", f"{' or '.join(PYTHONS)} there")
