"""A command in its trial's own folder: what in its arguments and its environment names files that are elsewhere."""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpsearch.objectives.command.shell_text import text_place

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_ASSIGNED = re.compile(r"((?:--?|[+~]{0,2})[A-Za-z_][\w.@/-]*)=(.+)", re.DOTALL)
_WORD = re.compile(r"(?<![^\s;&|()<>])[^\s;&|()<>'\"`$\\]+(?![^\s;&|()<>])")  # of a shell's text, without quotes
_INTO_FILE = re.compile(r"(>&?|\btee(\s+-a)?)\s*$")
_CHANGES_FOLDER = re.compile(r"(^|[\s;&|(])(cd|pushd)\s")
_INTO = r"(dir|directory|folder|path|root|file|name)"
_OUTPUT = re.compile(rf"(^|[._-])(out|outputs?|saved?|logs?|logging|results?)([._-]?{_INTO})?$")
_PLACE = re.compile(  # beside outputs, what a program makes folders in; one that is there is from an earlier run
    rf"(^|[._-])(runs?|work|exp|experiment|tensorboard|tb)([._-]?{_INTO})?$|^default_root_dir$"
)
_PATH = re.compile(r"dir|path|root|folder|file")
_INPUT = re.compile(rf"data(?!sets?$)|conf|cfg|ckpt|checkpoint|weights|pretrained|input|corpus|{_PATH.pattern}")


def in_folder(arguments: Sequence[str], base: Path) -> list[str]:
    """Return a program and its arguments for another working directory: paths that are there become absolute.

    A path is text with a slash or the name of a file with an ending, and a plain word only as the value of an option
    that names one, such as `--data`. In `--config=a.yaml`, `key=a.yaml` and `@a.txt` it is what follows. What an option
    such as `--out` or `--log-dir` names stays, so that it is in the new folder.

    Args:
        base: The folder that relative paths are relative to so far; absolute.
    """
    program, *rest = arguments
    moved = [_absolute(program, base) if "/" in program else program, *_in_folder(rest, base)]
    if (at := text_place(arguments)) is not None:
        moved[at] = _text_in_folder(arguments[at], base)
    return moved


def _in_folder(arguments: Sequence[str], base: Path) -> list[str]:
    result: list[str] = []
    option = ""
    for argument in arguments:
        if _OPTION.fullmatch(argument):
            option = argument
            result.append(argument)
        elif assigned := _ASSIGNED.fullmatch(argument):
            option = ""
            result.append(f"{assigned[1]}={_value(assigned[1], assigned[2], base)}")
        else:
            result.append(_value(option, argument, base))
    return result


def _text_in_folder(text: str, base: Path) -> str:
    """Return the text of `sh -c TEXT` for another working directory; with `cd` in it, it chooses its own."""
    if _CHANGES_FOLDER.search(text):
        return text
    words = list(_WORD.finditer(text))
    moved = _in_folder([word[0] for word in words], base)
    for word, new in reversed(list(zip(words, moved, strict=True))):
        if new != word[0] and not _INTO_FILE.search(text, 0, word.start()):
            name, equals, value = new.rpartition("=")  # a quoted name is no variable
            text = f"{text[: word.start()]}{name}{equals}{shlex.quote(value)}{text[word.end() :]}"
    return text


def environment_in_folder(
    environment: Mapping[str, str], arguments: Sequence[str], base: Path, folder: Path
) -> dict[str, str]:
    """Return an environment in which Python finds what it found in the folder that a command is moved from.

    Args:
        arguments: The program and its arguments.
        base: That folder; absolute.
        folder: The folder that it is moved to.
    """
    given = environment.get("PYTHONPATH")
    entries = given.split(os.pathsep) if given else []  # an empty entry is the working directory
    places = [os.path.abspath(base / entry) for entry in entries]  # noqa: PTH100 - resolve() follows links
    if _imports_from_here(arguments, base):
        places.insert(0, str(base))
    moved = {**environment, "PWD": str(folder)}
    return {**moved, "PYTHONPATH": os.pathsep.join(places)} if places else moved


def _imports_from_here(arguments: Sequence[str], base: Path) -> bool:
    """Return whether Python looks for modules in the working directory: after `-m` and `-c`, unlike for a script."""
    if "-c" in arguments[1:]:
        return True
    modules = (after for before, after in itertools.pairwise(arguments) if before in ("-m", "--module"))
    return any((base / module.partition(".")[0]).is_dir() or (base / f"{module}.py").is_file() for module in modules)


def _value(option: str, text: str, base: Path) -> str:
    if text[:1] == "@":
        return f"@{_value(option, text[1:], base)}"
    parts = text.split(",")
    if not all(_is_path(option, part, base) for part in parts):
        return text
    return ",".join(_absolute(part, base) for part in parts)


def _is_path(option: str, text: str, base: Path) -> bool:
    path, name = base / text, option.lstrip("-+~").lower().replace("-", "_")
    if not text or text[:1] == "/" or not _is_there(path):
        return False
    if _OUTPUT.search(name) or (_PLACE.search(name) and path.is_dir()):
        return False
    if "/" in text or text in (".", "..") or (Path(text).suffix != "" and path.is_file()):
        return True
    # Without dashes it may be Hydra's name of a group of configs, such as data=mnist.
    return (_INPUT if option[:1] == "-" else _PATH).search(name) is not None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


def _absolute(text: str, base: Path) -> str:
    return os.path.abspath(base / text) if _is_there(base / text) else text  # noqa: PTH100 - resolve() follows links
