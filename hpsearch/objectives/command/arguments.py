"""A config as arguments of the study's own command, and back from them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import InputError
from hpsearch.objectives.arguments import ArgumentLine
from hpsearch.objectives.command.line import as_text, filled_in, named_values, read_command
from hpsearch.objectives.command.pieces import pieces
from hpsearch.objectives.command.placeholders import WHOLE, Flag, Named, Part, switched
from hpsearch.objectives.command.section import Command, ConfigFile
from hpsearch.objectives.command.shell_text import command_in
from hpsearch.objectives.command.splitting import FIELD, split_command
from hpsearch.objectives.own_values import OWN_VALUES, OwnValues
from hpsearch.trial.trial import Config

_PLAIN = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)  # what needs no quotes, and braces
_EVERYTHING = Command(epochs=1, command=["program", "{args}"])


class CommandArguments:
    """What a command takes of configs as arguments.

    Args:
        settings: The command; None for one with `{args}`, which takes `--name value`.
    """

    def __init__(self, settings: Command | None = None) -> None:
        settings = settings or _EVERYTHING
        whole = split_command(settings.command)
        self._shown = _shown(whole)
        self._settings = settings.model_copy(update={"command": command_in(whole), "resume": None})

    def line(self, config: Config, own: OwnValues, only: Collection[str] | None = None) -> ArgumentLine:
        """Return a config as the arguments that make the command see it.

        Args:
            own: What the trial's own values become where they stand beside parameters. All other ones are left out.
            only: The names to write; None for all.

        Raises:
            FieldError: The command does not fit the config.
        """
        arguments = read_command(self._settings, {name: (value,) for name, value in config.items()}).arguments
        values = named_values(self._settings, config, own)
        written = Config({name: value for name, value in config.items() if only is None or name in only})
        places = sorted(at for piece in pieces(arguments, written) for at in piece)
        used = {name for at in places for name in arguments[at].names}
        return ArgumentLine(
            words=tuple(word for at in places for word in filled_in(arguments[at], written, values)),
            command=self._shown,
            missing=() if used.intersection(WHOLE) else tuple(name for name in written if name not in used),
            own={name: values[name] for name in OWN_VALUES if name in used},
            config_file=_merging(self._settings.config_file, written),
        )

    def names(self, values: Mapping[str, Sequence[Any]]) -> set[str]:
        """Return the names whose values `read` can find.

        Args:
            values: All names that a config may have, with their possible values.
        """
        forms = list(self._forms(values))
        return {name for form in forms for name in (*form.groups, *dict(form.fixed))}

    def read(self, words: Sequence[str], values: Mapping[str, Sequence[Any]]) -> dict[str, str]:
        """Return the values in arguments such as `line` returns, as text by name.

        The arguments may have another order, but for positional ones, and `--name value` may be `--name=value`.

        Args:
            words: The arguments, without the program.
            values: All names that a config may have, with their possible values.

        Raises:
            InputError: An argument is none of those that hold a config, or a name has two values.
        """
        forms = list(self._forms(values))
        known = _shown(word for form in forms for word in form.shown)
        forms, left = sorted(forms, key=lambda form: form.is_bare), list(words)
        found: dict[str, str] = {}
        while left:
            matches = ((form, form.match(left)) for form in forms if form.spellings[0])
            form, match = next((pair for pair in matches if pair[1] is not None), (None, None))
            if form is None or match is None:
                raise InputError(f"has {left[0]!r}, which is no value of the config; allowed: {known}")
            forms.remove(form)
            count, texts = match
            for name, text in texts:
                if found.setdefault(name, text) != text:
                    raise InputError(f"{name} is {found[name]!r} and {text!r}; allowed: one value")
            del left[:count]
        silent = {name: text for form in forms if not form.spellings[0] for name, text in form.fixed}
        return {**silent, **found}

    def _forms(self, values: Mapping[str, Sequence[Any]]) -> Iterator[_Form]:
        """Yield what to look for, in the command's order."""
        arguments = read_command(self._settings, values).arguments
        for piece in pieces(arguments, values):
            match arguments[piece[0]].parts:
                case (Named(name="args"),):
                    yield from (_form([f"--{name}"], [Named(name=name)], names=values) for name in values)
                case (Named(name="overrides"),):
                    yield from (_form([f"{name}=", Named(name=name)], names=values) for name in values)
                case (Flag() as flag,):
                    yield from _forms_of_flag(flag, values[flag.name])
                case _:
                    yield _form(*(arguments[at].parts for at in piece), names=values)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    """Words to look for.

    Attributes:
        shown: The words, with placeholders.
        spellings: A pattern for each word, in the command's own spelling, and perhaps in another one.
        groups: The names in the patterns' groups, in their order.
        fixed: What the words mean, as names with texts.
        is_bare: Whether any word may be the first one.
    """

    shown: tuple[str, ...]
    spellings: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    is_bare: bool = False

    def match(self, words: Sequence[str]) -> tuple[int, list[tuple[str, str]]] | None:
        """Return the number of words that are of this form, and names with their texts; None for other words."""
        for spelling in self.spellings:
            pairs = zip(spelling, words, strict=False)
            matches = [re.fullmatch(pattern, word, re.DOTALL) for pattern, word in pairs]
            if len(matches) == len(spelling) and all(matches):
                texts = [text for match in matches if match is not None for text in match.groups()]
                return len(spelling), [*self.fixed, *zip(self.groups, texts, strict=True)]
        return None


def _form(*words: Sequence[Part], names: Iterable[str]) -> _Form:
    """Return the form of words whose parts are known; `--name value` is `--name=value`, too."""
    known = frozenset(names)
    own = tuple("".join(_pattern(part, known) for part in parts) for parts in words)
    other: list[tuple[str, ...]] = []
    match words:
        case ((str() as option,), (Named() as value,)) if option.startswith("--"):
            other = [(f"{_pattern(option, known)}={_pattern(value, known)}",)]
        case ((str() as option, Named() as value),) if option.startswith("--") and option.endswith("="):
            other = [(_pattern(option[:-1], known), _pattern(value, known))]
    return _Form(
        shown=tuple("".join(map(_text, parts)) for parts in words),
        spellings=(own, *other),
        groups=tuple(part.name for parts in words for part in parts if isinstance(part, Named) and part.name in known),
        is_bare=not isinstance(words[0][0], str),
    )


def _forms_of_flag(flag: Flag, values: Sequence[Any]) -> Iterator[_Form]:
    for on, words in ((True, flag.when_true), (False, flag.when_false)):
        value = next((one for one in values if switched(flag.name, one, FIELD) == on), None)
        if value is not None or None in values:
            patterns = tuple(map(re.escape, words))
            yield _Form(shown=words, spellings=(patterns,), fixed=((flag.name, as_text(value)),))


def _merging(made: ConfigFile | None, names: Iterable[str]) -> str:
    if made is None:
        return ""
    maps = [f"--map {name}={made.map[name]}" for name in names if name in made.map]
    place = ["FILE.json"] if made.template is None else [shlex.quote(made.template), "--key", shlex.quote(made.key)]
    return " ".join(["--to", *place, *maps])


def _pattern(part: Part, names: frozenset[str]) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return "(.*)" if isinstance(part, Named) and part.name in names else ".*"


def _text(part: Part) -> str:
    return part if isinstance(part, str) else f"{{{part.name}}}"


def _shown(words: Iterable[str]) -> str:
    """Return words for a message, quoted as for a shell, but not for the braces of placeholders."""
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)
