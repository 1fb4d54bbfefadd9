"""What a command learns of its trial: by its placeholders, or by variables that its own files read."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.command.program import program_start
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.splitting import split_command
from hpsearch.objectives.command.tokens import mentions

_CODE = frozenset((".py", ".sh", ".jl", ".lua", ".r"))
_SETTINGS = frozenset((".yaml", ".yml", ".json", ".toml", ".cfg", ".ini"))  # such as ${oc.env:HPSEARCH_SEED}
_NO_CODE = frozenset(("__pycache__", "node_modules", "site-packages", "venv", "wandb", "mlruns", "outputs", "studies"))
_DEPTH, _MOST_FILES = 3, 400
_MOST_BYTES, _ALL_BYTES = 1 << 19, 1 << 24  # of a file, for larger ones are data; and of all of them


def cautions(settings: Command, study: StudyConfig) -> list[str]:
    """Return what to know of a command before it is started, a line each."""
    lines = []
    if untold := _untold(settings, "seed", "HPSEARCH_SEED"):
        count = 1 if study.finalists is None else study.finalists.seeds
        repeated = f"; a finalist's {count} trainings are the same, or differ by chance" if count > 1 else ""
        lines.append(f"the seed is not used{untold}{repeated}")
    if settings.resume is None and (untold := _untold(settings, "resume_from", "HPSEARCH_RESUME")):
        lines.append(f"a trial that is resumed begins again{untold}")
    return lines


def _untold(settings: Command, name: str, variable: str) -> str:
    """Return why a command does not learn one of a trial's own values, to stand after that; empty if it does."""
    found = True if is_told(settings, name) else reads(settings, variable)
    if found:
        return ""
    if found is None:
        return f", unless the program reads {variable}: objective.command has no {{{name}}}"
    return f": objective.command has no {{{name}}}, its files no {variable}"


def is_told(settings: Command, name: str) -> bool:
    """Return whether a placeholder of the command, or a key of its config file, stands for one of a trial's own values.

    Args:
        name: Such as `seed`.
    """
    if settings.config_file is not None and name in settings.config_file.map:
        return True
    return mentions(settings.command, name) or (settings.resume is not None and mentions(settings.resume, name))


def reads(settings: Command, variable: str) -> bool | None:
    """Return whether a command's own files mention an environment variable; None if there is no telling.

    Looked at are the files that its arguments name, and the code beside them and in the working directory.

    Args:
        variable: Such as `HPSEARCH_SEED`.
    """
    arguments = split_command(settings.command)
    if any(variable in argument for argument in arguments):
        return True
    folder = Path(settings.cwd or ".").resolve()
    named = list(_named(arguments, folder))
    if settings.config_file is not None and settings.config_file.template is not None:
        named.append(Path(settings.config_file.template))
    program = Path(arguments[program_start(arguments)]).name
    complete = bool(named) or ("-c" in arguments and program.startswith("python"))
    folders = dict.fromkeys([*(path.parent for path in named), folder])
    files = itertools.chain(named, *(_code_below(one, _DEPTH) for one in folders))
    left = _ALL_BYTES
    for path in itertools.islice(files, _MOST_FILES + 1):
        text = _text(path)
        # A comment in a file of settings may name the variable too.
        before = "[{$:]" if path.suffix.lower() in _SETTINGS else ""
        if re.search(rf"{before}{variable}\b".encode(), text):
            return True
        left -= len(text)
        if left < 0:
            return None
    return False if complete and next(files, None) is None else None


def _named(arguments: list[str], folder: Path) -> Iterator[Path]:
    """Yield the files that arguments name, and the file of the module after `-m`."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        names = [argument]
        if before == "-m":
            module = argument.replace(".", "/")
            names = [f"{top}{module}{end}" for top in ("", "src/") for end in (".py", "/__main__.py")]
        for path in (folder / name for name in names):
            if _is_text(path):
                yield path.resolve()


def _is_text(path: Path) -> bool:
    """Return whether a path is a file that may be a script; a program is none."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return False
        with path.open("rb") as file:
            return b"\0" not in file.read(1024)
    except (OSError, ValueError):
        return False


def _code_below(folder: Path, depth: int) -> Iterator[Path]:
    """Yield files of code and settings, those of the folder itself first."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if Path(entry.name).suffix.lower() in _CODE | _SETTINGS:
            yield Path(entry.path)
    for entry in found:
        hidden = entry.name.startswith(".") or entry.name.lower() in _NO_CODE
        if depth and not hidden and Path(entry.path).is_dir() and not entry.is_symlink():
            yield from _code_below(Path(entry.path), depth - 1)


def _text(path: Path) -> bytes:
    """Return a file's content; nothing of a large one, or of one that can't be read."""
    try:
        return path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
    except OSError:
        return b""
