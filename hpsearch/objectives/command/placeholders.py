"""The placeholders of commands: `{name}`, `{flag:name}`, `{name = arithmetic}`, `{env:NAME}`, and those for several."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.objectives.command.config import CONFIG_FILE
from hpsearch.objectives.command.tokens import ARITHMETIC, DEFINITION, FLAG, TOKEN, VARIABLE, bodies
from hpsearch.objectives.own_values import OWN_NUMBERS, OWN_VALUES
from hpsearch.space.formulas import Formula, parse_formula
from hpsearch.text import FieldPath, nearest, shown

WHOLE = ("args", "overrides")
"""Placeholders that stand for several arguments."""

RESERVED = (*OWN_VALUES, CONFIG_FILE, *WHOLE)
"""Names of placeholders, which no parameter may have."""

_FORMS = "{flag:NAME}, {flag:NAME|FALSE} or {flag:NAME|TRUE|FALSE}, such as {flag:amp|--no-amp}"
_MOST_FORMS = 2
_EXACT = 2**53


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A value by its name.

    Attributes:
        name: A parameter, a constant, one of the trial's own values, or one of `WHOLE`.
    """

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it depends on."""
        return (self.name,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """What a parameter that is true or false gives: an argument, several, or none.

    Attributes:
        when_true: Arguments.
        when_false: Arguments.
    """

    name: str
    when_true: tuple[str, ...]
    when_false: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it depends on."""
        return (self.name,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Computed:
    """A number that a formula gives.

    Attributes:
        name: How the command calls it; it may stand in later formulas.
        inner: The computed numbers that the formula has, by name.
    """

    name: str
    formula: Formula
    inner: Mapping[str, Computed] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, constants and own values that it depends on."""
        direct = (name for name in self.formula.names if name not in self.inner)
        return tuple(dict.fromkeys([*direct, *(name for one in self.inner.values() for name in one.names)]))

    def value(self, values: Mapping[str, Any]) -> float:
        """Return the number for a config and own values.

        Raises:
            ValueError: There is no such number.
        """
        return self.formula.value({**values, **{name: one.value(values) for name, one in self.inner.items()}})


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """The value of an environment variable of the worker."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """No parameter, constant or own value."""
        return ()


Part = str | Named | Flag | Computed | Variable
"""A part of an argument: text as it is, or a placeholder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """One argument of a command, before it is filled in.

    Attributes:
        text: As it stands in the space file.
        parts: In their order; a `Flag`, and a `Named` of `WHOLE`, stands alone.
    """

    text: str
    parts: tuple[Part, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it depends on: parameters, constants, own values, `args`, `overrides`, `config_file`."""
        return tuple(dict.fromkeys(name for part in self.parts if not isinstance(part, str) for name in part.names))


class Reader:
    """Reads the arguments of one command. What a placeholder computes has its name in all of them.

    Args:
        values: The possible values of each parameter and constant.
        with_config_file: Whether the command has a config file.
    """

    def __init__(self, values: Mapping[str, Sequence[Any]], *, with_config_file: bool) -> None:
        self._values = values
        own = (name for name in RESERVED if name != CONFIG_FILE or with_config_file)
        self._known = (*values, *own)
        self._computed: dict[str, Computed] = {}

    def arguments(self, texts: Sequence[str], place: FieldPath) -> list[Argument]:
        """Return arguments with their placeholders.

        Args:
            texts: Arguments as they stand in the space file.
            place: Where they stand, for messages.

        Raises:
            FieldError: A single brace, an unknown or wrong placeholder, or one inside other text that must stand alone.
        """
        for text in texts:
            for body in bodies(text):
                if body not in self._known and (definition := DEFINITION.fullmatch(body)):
                    self._define(definition[1], definition[2], place)
        return [Argument(text=text, parts=tuple(self._parts(text, place))) for text in texts]

    def _define(self, name: str, text: str, place: FieldPath) -> None:
        if name in self._known:
            found = f"computes {name!r}, which is a parameter or a placeholder already"
            raise FieldError(place, found, "another name before the =")
        possible = {**self._values, **dict.fromkeys((*OWN_NUMBERS, *self._computed), (1,))}
        formula = parse_formula(" ".join(text.split()), possible, place)
        inner = {one: self._computed[one] for one in formula.names if one in self._computed}
        computed = Computed(name=name, formula=formula, inner=inner)
        if self._computed.setdefault(name, computed) != computed:
            raise FieldError(place, f"computes {name!r} twice", "one formula for it, and {name} elsewhere")

    def _parts(self, text: str, place: FieldPath) -> Iterator[Part]:
        end = 0
        for match in TOKEN.finditer(text):
            if match.start() > end:
                yield text[end : match.start()]
            end = match.end()
            if match[0] in ("{", "}"):
                raise FieldError(place, f"has a single {match[0]} in {text!r}", "{name}; {{ and }} for braces")
            yield match[0][0] if match[1] is None else self._alone(self._part(match[1], place), match[0], text, place)
        if end < len(text):
            yield text[end:]

    def _part(self, body: str, place: FieldPath) -> Part:
        if body in self._known:
            return Named(name=body)
        if body in self._computed:
            return self._computed[body]
        if body.startswith(FLAG):
            return self._flag(body, place)
        if variable := VARIABLE.fullmatch(body):
            return Variable(name=variable[1])
        if definition := DEFINITION.fullmatch(body):
            return self._computed[definition[1]]
        raise self._unknown(body, place)

    def _flag(self, body: str, place: FieldPath) -> Flag:
        name, *forms = (part.strip() for part in body.removeprefix(FLAG).split("|"))
        if len(forms) > _MOST_FORMS:
            raise FieldError(place, f"has {len(forms)} forms in {{{body}}}", _FORMS)
        if not name:
            raise FieldError(place, f"names no parameter in {{{body}}}", _FORMS)
        for value in self._values.get(name, ()):
            switched(name, value, place)
        when_true = forms[0] if len(forms) == _MOST_FORMS else f"--{name}"
        try:
            words = [tuple(shlex.split(form)) for form in (when_true, forms[-1] if forms else "")]
        except ValueError as error:
            raise FieldError(place, f"{{{body}}} can't be split: {str(error).lower()}", "balanced quotes") from None
        return Flag(name=name, when_true=words[0], when_false=words[1])

    def _alone(self, part: Part, placeholder: str, text: str, place: FieldPath) -> Part:
        if text == placeholder or not (isinstance(part, Flag) or (isinstance(part, Named) and part.name in WHOLE)):
            return part
        many = "may be no argument at all" if isinstance(part, Flag) else "stands for several arguments"
        problem = f"has {placeholder} inside {text!r}, but it {many}"
        raise FieldError(place, problem, f"{placeholder} with blanks around it")

    def _unknown(self, body: str, place: FieldPath) -> FieldError:
        known = (*self._known, *self._computed)
        allowed = f"{', '.join(f'{{{key}}}' for key in known)}; {{{{ and }}}} for braces"
        if ARITHMETIC.fullmatch(body):
            allowed = f"a name before arithmetic, such as {{steps = {body}}}; or {allowed}"
        return FieldError(place, f"has an unknown placeholder '{{{body}}}'", allowed, nearest(body, known))


_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def switched(name: str, value: Any, place: FieldPath) -> bool:
    """Return whether a value turns a flag on; null does not.

    Raises:
        FieldError: It is neither true nor false, nor 1, 0 or a word for them.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    word = f"{value:g}" if isinstance(value, float) else str(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    problem = f"has a flag for {name!r}, which may be {shown(value)}"
    raise FieldError(place, problem, f"true and false; {{{name}}} for other values")


def number_text(number: float) -> str:
    """Return a computed number as an argument: whole numbers as integers."""
    return str(int(number)) if number == int(number) and abs(number) < _EXACT else str(number)
