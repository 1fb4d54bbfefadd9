"""A space file that is drafted and checked, but not written yet."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.error import YAMLError

from hpsearch.config.config import parse_config
from hpsearch.config.objectives import Command
from hpsearch.drafting.space_file import SpaceFile
from hpsearch.drafting.writer import text_of
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.command.line import check_command
from hpsearch.system.documents.reading import load_yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftedFile:
    """A space file that is not written yet.

    Attributes:
        text: What the file will hold.
        searched: Names of the parameters.
        constants: Names of the constants.
        notes: What differs from the source.
        checks: What the user has to look at before the first study.
    """

    text: str
    searched: tuple[str, ...]
    constants: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[str, ...]


def drafted(file: SpaceFile, source: str, *, notes: tuple[str, ...] = (), checks: tuple[str, ...]) -> DraftedFile:
    """Return a space file with its text.

    Args:
        source: What it was made from, for messages.
        notes: What differs from the source.
        checks: What the user has to look at.

    Raises:
        InputError: `hpsearch run` would refuse the text, for a reason in the source.
    """
    text = text_of(file)
    try:
        config = parse_config(load_yaml(text))
        # With a `cwd` its paths lead from the folder of the file, which is not there yet.
        if isinstance(config.objective, Command) and config.objective.cwd is None:
            check_command(config.objective, config.space)
    except (FieldError, YAMLError) as error:
        raise InputError(f"{source}: no space file can be made of it: {error}") from None
    return DraftedFile(text=text, searched=file.searched, constants=file.constants, notes=notes, checks=checks)
