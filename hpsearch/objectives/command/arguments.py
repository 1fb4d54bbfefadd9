"""A config as arguments of the study's own command, and back from them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import InputError
from hpsearch.objectives.arguments import ArgumentLine
from hpsearch.objectives.command.line import filled_arguments, names_in
from hpsearch.objectives.command.pieces import ALL, pieces
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.own_values import OWN_VALUES, OwnValues
from hpsearch.trial.trial import Config

_MARK = re.compile("\0(\\d*)\0")
_PLAIN = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)  # what needs no quotes, and braces
_EVERYTHING = Command(epochs=1, command=["program", "{args}"])


class CommandArguments:
    """What a command takes of configs as arguments.

    Args:
        settings: The command; None for one with `{args}`, which takes `--name value`.
    """

    def __init__(self, settings: Command | None = None) -> None:
        # What a resumed trial is told, and the interpreter, are no part of a config.
        self._settings = (settings or _EVERYTHING).model_copy(update={"resume": None})

    def line(self, config: Config, own: OwnValues) -> ArgumentLine:
        """Return a config as the arguments that make the command see it.

        Args:
            own: What the trial's own values become where they stand beside parameters. All other ones are left out.

        Raises:
            FieldError: The command does not fit the config.
        """
        filled = filled_arguments(self._settings, config, own)
        chosen = pieces([argument for argument, _ in filled], list(config))
        places = sorted(at for piece in chosen for at in piece)
        used = {name for at in places for name in names_in(filled[at][0])}
        values = own.as_dict()
        return ArgumentLine(
            words=tuple(word for at in places for word in filled[at][1]),
            command=_shown(argument for argument, _ in filled),
            missing=() if used.intersection(ALL) else tuple(name for name in config if name not in used),
            own={name: values[name] for name in OWN_VALUES if name in used},
            config_file=self._settings.config_file is not None,
        )

    def read(self, words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
        """Return the values in arguments such as `line` returns, as text by name.

        The arguments may have another order, but for positional ones, and `--name value` may be `--name=value`.

        Args:
            words: The arguments, without the program.
            names: All names that a config may have.

        Raises:
            InputError: An argument is none of those that hold a config, or a name has two values.
        """
        forms = self._forms(names)
        known = _shown(word for one in forms for word in one.shown)
        forms, left = sorted(forms, key=lambda form: form.is_bare), list(words)
        found: dict[str, str] = {}
        while left:
            matches = ((form, form.match(left)) for form in forms)
            form, match = next((pair for pair in matches if pair[1] is not None), (None, None))
            if form is None or match is None:
                raise InputError(f"has {left[0]!r}, which is no value of the config; allowed: {known}")
            forms.remove(form)
            count, values = match
            for name, text in values:
                if found.setdefault(name, text) != text:
                    raise InputError(f"{name} is {found[name]!r} and {text!r}; allowed: one value")
            del left[:count]
        return found

    def _forms(self, names: Sequence[str]) -> list[_Form]:
        """Return what to look for, in the command's order."""
        marks: Any = {name: f"\0{at}\0" for at, name in enumerate(names)}
        own: Any = "\0\0"
        filled = filled_arguments(self._settings, marks, OwnValues(seed=own, epochs=own, trial_dir=own, number=own))
        found: list[_Form] = []
        for piece in pieces([argument for argument, _ in filled], names):
            words = [word for at in piece for word in filled[at][1]]
            each = {"{overrides}": 1, "{args}": 2}.get(filled[piece[0]][0], len(words))
            found += [_Form.of(words[at : at + each], names) for at in range(0, len(words), each)]
        return found


@dataclass(frozen=True, slots=True)
class _Form:
    """Words to look for, written as options may be.

    Attributes:
        shown: The words, with placeholders.
        spellings: A pattern for each word, in the command's own spelling, and perhaps in another one.
        groups: The names in the patterns' groups, in their order.
        is_bare: Whether any word may be the first one.
    """

    shown: tuple[str, ...]
    spellings: tuple[tuple[re.Pattern[str], ...], ...]
    groups: tuple[str, ...]
    is_bare: bool

    @classmethod
    def of(cls, words: Sequence[str], names: Sequence[str]) -> _Form:
        option = re.fullmatch(r"(--[^=\0]+)=(\0\d*\0)", words[0]) if len(words) == 1 else None
        spellings = [words]
        if option is not None:
            spellings.append([option[1], option[2]])
        elif len(words) == 2 and re.fullmatch(r"--[^=\0]+", words[0]):  # noqa: PLR2004 - an option and its value
            spellings.append([f"{words[0]}={words[1]}"])
        return cls(
            tuple(_MARK.sub(lambda mark: f"{{{_name(mark, names)}}}", word) for word in words),
            tuple(tuple(map(_pattern, spelling)) for spelling in spellings),
            tuple(names[int(mark[1])] for word in words for mark in _MARK.finditer(word) if mark[1]),
            words[0][:1] == "\0",
        )

    def match(self, words: Sequence[str]) -> tuple[int, list[tuple[str, str]]] | None:
        """Return the number of words that are of this form, and names with their texts; None for other words."""
        for spelling in self.spellings:
            matches = [pattern.fullmatch(word) for pattern, word in zip(spelling, words, strict=False)]
            if len(matches) == len(spelling) and all(matches):
                texts = [text for match in matches if match is not None for text in match.groups()]
                return len(spelling), list(zip(self.groups, texts, strict=True))
        return None


def _shown(words: Iterable[str]) -> str:
    """Return words for a message, quoted as for a shell, but not for the braces of placeholders."""
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)


def _name(mark: re.Match[str], names: Sequence[str]) -> str:
    return names[int(mark[1])] if mark[1] else "..."


def _pattern(word: str) -> re.Pattern[str]:
    parts = _MARK.split(word)  # texts, and between them the numbers of names
    text = "".join(re.escape(part) if at % 2 == 0 else "(.*)" if part else ".*" for at, part in enumerate(parts))
    return re.compile(text, re.DOTALL)
