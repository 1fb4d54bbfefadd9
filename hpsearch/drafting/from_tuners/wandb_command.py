"""The `program` and `command` of a W&B sweep, as a command of a space file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners.translation import Translation
from hpsearch.drafting.from_tuners.tuner_space import keep_python
from hpsearch.drafting.from_tuners.wandb_values import VALUES, Given, Values, Words
from hpsearch.drafting.roles import TAKEN, role
from hpsearch.drafting.space_file import FILL_IN, literal
from hpsearch.errors import FieldError
from hpsearch.text import shown

_DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
_MACRO = re.compile(r"\$\{([^{}]*)\}")
_ENVVAR = re.compile(r"\$\{envvar:(\w+)\}")
MACROS = ("env", "interpreter", "program", *VALUES, "envvar")
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
    own = _take_own(translation)
    given = _given(translation, own)
    translation.command = _command(translation, words or list(_DEFAULT), program, given)
    if not any(placeholder == "{seed}" for _, placeholder in own):
        translation.checks.append(
            "the seed: no parameter for it was found; without one, the finalists' seeds make no difference"
        )


def _words(command: Any) -> list[str]:
    if command is None:
        return []
    if isinstance(command, list) and len(command) == 1 and isinstance(command[0], str):
        (command,) = command  # W&B would look for a program of that name
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise FieldError(("command",), f"can't be split: {str(error).lower()}", "balanced quotes") from None
        return [word for word in words if word != "-"]  # a list of YAML that became text
    if not isinstance(command, list) or not all(isinstance(word, (str, int, float)) for word in command):
        raise FieldError(("command",), f"found {shown(command)}", "a list of a program and its arguments")
    return [str(word) for word in command]


def _command(translation: Translation, words: list[str], program: str | None, given: Sequence[Given]) -> list[Words]:
    """Return the command. It gets each value: where a macro has the value's name, or by a macro for all the others."""
    texts = {one.there: one.text for one in given if one.there not in MACROS}  # a macro keeps its meaning
    named = {match[1] for word in words for match in _MACRO.finditer(word)} & texts.keys()
    others = [one for one in given if one.there not in named]
    result: list[Words] = []
    is_given = not others and bool(named)
    for word in words:
        whole = _MACRO.fullmatch(word)
        if whole is not None and whole[1] in VALUES:
            is_given = True
            result += _all(translation, VALUES[whole[1]], others)
        elif word != "${env}":  # it looks for the program on the PATH, as hpsearch does
            result.append((_filled(translation, word, program, texts),))
    if not is_given:
        which = ", ".join(one.there for one in others) if named else "the values"
        translation.checks.append(
            f"the command: it has no argument for {which}, because the script reads wandb.config; they are added"
        )
        result += _all(translation, VALUES["args"], others)
    return result


def _all(translation: Translation, values: Values, given: Sequence[Given]) -> list[Words]:
    translation.checks += values.doubts(given)
    translation.config_file = values.config_file(given) or translation.config_file
    return values.words(given)


def _filled(translation: Translation, word: str, program: str | None, texts: Mapping[str, str]) -> str:
    """Return a word of the command with its macros replaced, and the braces of other text doubled.

    Args:
        texts: The placeholders of values by their names in the sweep, which may stand as macros.
    """
    end, text = 0, ""
    for match in _MACRO.finditer(word):
        found = texts.get(match[1]) or _text(translation, match, program)
        text += literal(word[end : match.start()]) + found
        end = match.end()
    return text + literal(word[end:])


def _text(translation: Translation, match: re.Match[str], program: str | None) -> str:
    """Return what replaces a macro inside a word of the command."""
    macro = match[1]
    if macro == "interpreter":
        return "python"
    if macro == "env":
        return "/usr/bin/env"
    if macro == "program" and program is not None:
        return literal(program)
    if variable := _ENVVAR.fullmatch(match[0]):
        return f"{{env:{variable[1]}}}"
    translation.checks.append(f"the command: {FILL_IN} replaces {match[0]}, which is not known")
    return FILL_IN


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


def _given(translation: Translation, own: list[tuple[str, str]]) -> list[Given]:
    """Return what the command gets: the trial's own values first, then those of the space."""
    names, keys = _names(translation), translation.keys
    given = [Given(there=name, keys=keys.get(name, (name,)), text=placeholder) for name, placeholder in own]
    for name, there in names.items():
        values = tuple(_values(translation.carried[name]))
        given.append(Given(there=there, keys=keys.get(there, (there,)), text=f"{{{name}}}", name=name, values=values))
    return given


def _names(translation: Translation) -> dict[str, str]:
    """Return the sweep's names of the parameters that are carried over, by their names in the space file."""
    renamed = {translation.rename(name): name for name in list(translation.found) if name in TAKEN}
    for here, there in renamed.items():
        translation.notes.append(f"{there} is now {here}, because the objective uses the name {there}")
    return {name: renamed.get(name, name) for name, found in translation.found.items() if not found.is_lost}


def _values(raw: Any) -> list[Any]:
    """Return the possible values of what a parameter became; none for a range."""
    if not isinstance(raw, Mapping):
        return [raw]
    if "choice" not in raw:
        return []
    values = raw["choice"]
    return list(values.values()) if isinstance(values, Mapping) else list(values)
