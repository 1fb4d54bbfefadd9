"""The `program` and `command` of a W&B sweep as a command of a space file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from hpsearch.drafting.from_script.heuristics import role
from hpsearch.drafting.from_script.parameters import FILL_IN, TAKEN
from hpsearch.drafting.from_tuners.draft import Draft
from hpsearch.drafting.from_tuners.flow import short
from hpsearch.drafting.from_tuners.tuner_space import keep_python
from hpsearch.errors import FieldError
from hpsearch.text import shown

_DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
_MACRO = re.compile(r"\$\{([^{}]*)\}")
_WITH_ARGS = ("args", "args_no_equals", "args_no_boolean_flags", "args_json", "args_json_file")
_OVERRIDES = "args_no_hyphens"
MACROS = ("env", "interpreter", "program", *_WITH_ARGS, _OVERRIDES, "envvar")
_OWN = ("{epochs}", "{seed}")


def set_objective(draft: Draft, raw: Mapping[str, Any]) -> None:
    """Set what trains: a command, if the sweep has one; else a placeholder in Python, as for sweeps made there.

    Args:
        raw: The sweep.

    Raises:
        FieldError: `program` is no text, or `command` no list of text.
    """
    program = raw.get("program")
    if program is not None and (not isinstance(program, str) or not program.strip()):
        raise FieldError(("program",), f"found {shown(program)}", "the script to run, such as train.py")
    words = _words(raw.get("command"))
    if not words and program is None:
        keep_python(draft)
        return
    parts = _parts(draft, words or list(_DEFAULT), program)
    own = _take_own(draft)
    draft.command = _with_arguments(draft, parts, own)
    _check_booleans(draft)
    if not any(placeholder == "{seed}" for _, placeholder in own):
        draft.checks.append(
            "the seed: no parameter for it was found; without one the finalists' seeds make no difference"
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


def _parts(draft: Draft, words: list[str], program: str | None) -> list[str]:
    """Return the parts of the command; what gives it the values are `{args}` or `{overrides}` by themselves."""
    parts: list[str] = []
    for word in words:
        whole = _MACRO.fullmatch(word)
        if whole is None:
            parts.append(_literal(_MACRO.sub(lambda match: _text(draft, match, program), word)))
        elif whole[1] in _WITH_ARGS or whole[1] == _OVERRIDES:
            _say(draft, whole[1])
            parts.append("{overrides}" if whole[1] == _OVERRIDES else "{args}")
        elif whole[1] != "env":  # it finds the program on the PATH, which is done anyway
            parts.append(_literal(_text(draft, whole, program)))
    if not {"{args}", "{overrides}"} & set(parts):
        draft.checks.append("the command: it is given no values there, but reads wandb.config; here it gets {args}")
        parts.append("{args}")
    return parts


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _text(draft: Draft, match: re.Match[str], program: str | None) -> str:
    """Return what a macro stands for in a part of the command."""
    macro = match[1]
    if macro == "interpreter":
        return "python"
    if macro == "env":
        return "/usr/bin/env"
    if macro == "program" and program is not None:
        return program
    draft.checks.append(f"the command: {FILL_IN} stands for {match[0]}, which is not there")
    return FILL_IN


def _say(draft: Draft, macro: str) -> None:
    if macro.startswith("args_json"):
        draft.checks.append(
            f"the command: ${{{macro}}} is JSON of all values; here they are options, or a file that config_file makes"
        )


def _take_own(draft: Draft) -> list[tuple[str, str]]:
    """Take the parameters that each trial has of its own out of the space; return them with their placeholders."""
    own = [(name, role(name)) for name in draft.found if role(name) in _OWN]
    for name, placeholder in own:
        if placeholder == "{epochs}":
            draft.take_epochs(name, keep=False)
        else:
            found = draft.found.pop(name)
            draft.notes.append(f"{name}: {short(found.raw)} is not searched: each trial has a seed of its own")
    return own


def _with_arguments(draft: Draft, parts: list[str], own: list[tuple[str, str]]) -> list[str]:
    spelled = {name: (name, placeholder) for name, placeholder in own}
    renamed = _rename(draft)
    if renamed:  # {args} would give them under their names here
        spelled |= {name: (there, f"{{{name}}}") for name, there in _names(draft, renamed).items()}
    result: list[str] = []
    for part in parts:
        if part not in ("{args}", "{overrides}"):
            result.append(part)
            continue
        for there, placeholder in spelled.values():
            result += [f"{there}={placeholder}"] if part == "{overrides}" else [f"--{there}", placeholder]
        result += [] if renamed else [part]
    return result


def _names(draft: Draft, renamed: Mapping[str, str]) -> dict[str, str]:
    return {name: renamed.get(name, name) for name, found in draft.found.items() if not found.is_lost}


def _rename(draft: Draft) -> dict[str, str]:
    """Give parameters other names where a space file needs them; return the old ones by the new."""
    renamed = {draft.rename(name): name for name in list(draft.found) if name in TAKEN}
    for here, there in renamed.items():
        draft.notes.append(f"{there} is {here} here: the objective has that name for a setting of its own")
    return renamed


def _check_booleans(draft: Draft) -> None:
    names = [name for name, raw in draft.carried.items() if any(isinstance(value, bool) for value in _values(raw))]
    if names:
        draft.checks.append(f"{', '.join(names)}: the command gets true or false as a value, neither True nor a flag")


def _values(raw: Any) -> list[Any]:
    if not isinstance(raw, Mapping) or "choice" not in raw:
        return [raw]
    values = raw["choice"]
    return list(values.values()) if isinstance(values, Mapping) else list(values)
