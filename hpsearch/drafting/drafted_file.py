"""A drafted space file: checked, but not written yet."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.error import YAMLError

from hpsearch.drafting.space_file import SpaceFile
from hpsearch.drafting.writer import text_of
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.space_files import parse_config
from hpsearch.system.documents.reading import load_yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftedFile:
    """A drafted space file, not written yet.

    Attributes:
        text: What the file will hold.
        searched: The names of the parameters.
        constants: The names of the constants.
        notes: What differs from the source.
        checks: What the user has to check before the first study.
        unsure: What was guessed and may be wrong, each with what to look at.
    """

    text: str
    searched: tuple[str, ...]
    constants: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[str, ...]
    unsure: tuple[str, ...] = ()


def drafted(
    file: SpaceFile,
    source: str,
    *,
    notes: tuple[str, ...] = (),
    checks: tuple[str, ...],
    unsure: tuple[str, ...] = (),
) -> DraftedFile:
    """Return a space file with its text, which is read back as a check.

    Args:
        source: What the file was made from, for messages.
        notes: What differs from the source.
        checks: What the user has to check.
        unsure: What was guessed and may be wrong.

    Raises:
        InputError: `hpsearch run` would refuse the text, because of something in the source.
    """
    text = text_of(file)
    try:
        config = parse_config(load_yaml(text))
        # With a `cwd`, paths are relative to the space file, which does not exist yet.
        if isinstance(config.objective, Command) and config.objective.cwd is None:
            check_command(config.objective, config.space)
    except (FieldError, YAMLError) as error:
        raise InputError(f"{source}: no space file can be made of it: {error}") from None
    return DraftedFile(
        text=text, searched=file.searched, constants=file.constants, notes=notes, checks=checks, unsure=unsure
    )
