"""The `program` and `command` of a W&B sweep, as a command of a space file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners.translation import Translation
from hpsearch.drafting.from_tuners.tuner_space import keep_python
from hpsearch.drafting.roles import TAKEN, role
from hpsearch.drafting.space_file import FILL_IN, literal
from hpsearch.errors import FieldError
from hpsearch.text import shown

_DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
_MACRO = re.compile(r"\$\{([^{}]*)\}")
_WITH_ARGS = ("args", "args_no_equals", "args_no_boolean_flags", "args_json", "args_json_file")
_OVERRIDES = "args_no_hyphens"
MACROS = ("env", "interpreter", "program", *_WITH_ARGS, _OVERRIDES, "envvar")
_OWN = ("{epochs}", "{seed}")


def set_objective(translation: Translation, raw: Mapping[str, Any]) -> None:
    """Set the objective: the sweep's command; without one a placeholder in Python, where such sweeps are started.

    Args:
        translation: What the sweep has become so far.
        raw: The content of the sweep's file.

    Raises:
        FieldError: `program` is not text, or `command` is not a list of text.
    """
    program = raw.get("program")
    if program is not None and (not isinstance(program, str) or not program.strip()):
        raise FieldError(("program",), f"found {shown(program)}", "the script to run, such as train.py")
    words = _words(raw.get("command"))
    if not words and program is None:
        keep_python(translation)
        return
    parts = _parts(translation, words or list(_DEFAULT), program)
    own = _take_own(translation)
    translation.command = _with_arguments(translation, parts, own)
    _check_booleans(translation)
    if not any(placeholder == "{seed}" for _, placeholder in own):
        translation.checks.append(
            "the seed: no parameter for it was found; without one, the finalists' seeds make no difference"
        )


def _words(command: Any) -> list[str]:
    if command is None:
        return []
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise FieldError(("command",), f"can't be split: {str(error).lower()}", "balanced quotes") from None
    if not isinstance(command, list) or not all(isinstance(word, (str, int, float)) for word in command):
        raise FieldError(("command",), f"found {shown(command)}", "a list of a program and its arguments")
    return [str(word) for word in command]


def _parts(translation: Translation, words: list[str], program: str | None) -> list[str]:
    """Return the words of the command. At least one is `{args}` or `{overrides}`, which gives it the values."""
    parts: list[str] = []
    for word in words:
        whole = _MACRO.fullmatch(word)
        if whole is None:
            parts.append(literal(_MACRO.sub(lambda match: _text(translation, match, program), word)))
        elif whole[1] in _WITH_ARGS or whole[1] == _OVERRIDES:
            _say(translation, whole[1])
            parts.append("{overrides}" if whole[1] == _OVERRIDES else "{args}")
        elif whole[1] != "env":  # it looks for the program on the PATH, as hpsearch does
            parts.append(literal(_text(translation, whole, program)))
    if not {"{args}", "{overrides}"} & set(parts):
        translation.checks.append(
            "the command: it has no argument for the values, because the script reads wandb.config; {args} is added"
        )
        parts.append("{args}")
    return parts


def _text(translation: Translation, match: re.Match[str], program: str | None) -> str:
    """Return the text of a macro inside a word of the command."""
    macro = match[1]
    if macro == "interpreter":
        return "python"
    if macro == "env":
        return "/usr/bin/env"
    if macro == "program" and program is not None:
        return program
    translation.checks.append(f"the command: {FILL_IN} replaces {match[0]}, which is not known")
    return FILL_IN


def _say(translation: Translation, macro: str) -> None:
    if macro.startswith("args_json"):
        translation.checks.append(
            f"the command: ${{{macro}}} gives all values as JSON; {{args}} gives them as options, config_file in a file"
        )


def _take_own(translation: Translation) -> list[tuple[str, str]]:
    """Remove epochs and seed from the space, because each trial has its own; return them with their placeholders."""
    own = [(name, role(name)) for name in translation.found if role(name) in _OWN]
    for name, placeholder in own:
        if placeholder == "{epochs}":
            translation.take_epochs(name, keep=False)
        else:
            found = translation.found.pop(name)
            translation.notes.append(f"{name}: {short(found.raw)} is not searched: each trial has a seed of its own")
    return own


def _with_arguments(translation: Translation, parts: list[str], own: list[tuple[str, str]]) -> list[str]:
    spelled = {name: (name, placeholder) for name, placeholder in own}
    renamed = _rename(translation)
    if renamed:  # {args} would use the new names
        spelled |= {name: (there, f"{{{name}}}") for name, there in _names(translation, renamed).items()}
    result: list[str] = []
    for part in parts:
        if part not in ("{args}", "{overrides}"):
            result.append(part)
            continue
        for there, placeholder in spelled.values():
            result += [f"{there}={placeholder}"] if part == "{overrides}" else [f"--{there}", placeholder]
        result += [] if renamed else [part]
    return result


def _names(translation: Translation, renamed: Mapping[str, str]) -> dict[str, str]:
    return {name: renamed.get(name, name) for name, found in translation.found.items() if not found.is_lost}


def _rename(translation: Translation) -> dict[str, str]:
    """Give other names to parameters whose names are taken; return the old names by the new ones."""
    renamed = {translation.rename(name): name for name in list(translation.found) if name in TAKEN}
    for here, there in renamed.items():
        translation.notes.append(f"{there} is now {here}, because the objective uses the name {there}")
    return renamed


def _check_booleans(translation: Translation) -> None:
    names = [
        name for name, raw in translation.carried.items() if any(isinstance(value, bool) for value in _values(raw))
    ]
    if names:
        translation.checks.append(
            f"{', '.join(names)}: the command gets true or false as a value, neither True nor a flag"
        )


def _values(raw: Any) -> list[Any]:
    if not isinstance(raw, Mapping) or "choice" not in raw:
        return [raw]
    values = raw["choice"]
    return list(values.values()) if isinstance(values, Mapping) else list(values)
