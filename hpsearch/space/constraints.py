"""Constraints on configs: comparisons and arithmetic in text, such as `lr * weight_decay <= 1e-4`.

Python's parser reads the text and nothing of it is run: a few kinds of nodes become functions, all others are errors.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.text import FieldPath, nearest, shown

_Config = Mapping[str, Any]
_Test = Callable[[_Config], bool]
_Number = Callable[[_Config], float]
_Value = Callable[[_Config], Any]
_Compare = Callable[[float, float], bool]
_Function = Callable[[float], float]

_LARGEST = sys.float_info.max
_MAX_CHARACTERS = 500
_MAX_DEPTH = 50  # far below the interpreter's limit on recursion, which the caller has used a part of

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # `**` makes complex numbers of negative ones
}
_ORDER: Mapping[type, _Compare] = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
_UNARY: tuple[_Function, ...] = (abs, math.log, math.log2, math.log10, math.exp, math.sqrt)
_FUNCTIONS = {function.__name__: function for function in _UNARY}
_EXTREMES: Mapping[str, Callable[[Sequence[float]], float]] = {"min": min, "max": max}
_FUNCTION_NAMES = (*_EXTREMES, *_FUNCTIONS)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_FORM = (
    "comparisons of parameters, constants, numbers, 'text', true, false and null, such as lr * weight_decay <= 1e-4, "
    f"with < <= > >= == != and or not + - * / // % ** ( ) {' '.join(_FUNCTION_NAMES)}"
)


class _Kind(Enum):
    """What a value is, in the words of messages."""

    NUMBER = "a number"
    TEXT = "text"
    BOOLEAN = "true or false"
    NULL = "null"
    OTHER = "no finite number, text, true, false or null"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a config has to satisfy.

    Numbers are computed as floats, so integers are exact below 2**53. `and`, `or` and chains of comparisons end at the
    first part that decides them, as in Python: `n == 0 or 1 / n < 0.5` never divides by zero.

    Attributes:
        text: As it stands in the space file.
        names: The parameters and constants that it reads, in the order of the text.
    """

    text: str
    names: tuple[str, ...]
    _test: _Test = field(repr=False, compare=False)

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config satisfies it.

        It holds if one of its names is absent from the config, for then there is nothing to restrict. It doesn't hold,
        whatever it says, if a number is needed that there isn't: a quotient by zero, a number beyond a float's range,
        the logarithm or the square root of a negative number, a value that is text or null where others of the same
        parameter are numbers.

        Args:
            config: Values by name: numbers as trained, choices by their names.
        """
        for name in self.names:
            if name not in config:
                return True
        try:
            return self._test(config)
        except (ArithmeticError, ValueError):
            return False


def parse_constraint(text: str, values: Mapping[str, Sequence[Any]], path: FieldPath) -> Constraint:
    """Return the constraint that a text describes.

    Args:
        text: An expression of at most 500 characters.
        values: What each parameter and constant can be: all names of a choice, any one value of a range, the value of
            a constant. Their types decide what may be done with it.
        path: Where the text stands in the file, for messages.

    Raises:
        FieldError: It is no such expression, is nested too deeply, reads an unknown name, or computes with text.
    """
    return _Reader(text, values, path).constraint()


class _Reader:
    """Makes functions of one text; takes what `parse_constraint` takes."""

    def __init__(self, text: str, values: Mapping[str, Sequence[Any]], path: FieldPath) -> None:
        self._text, self._values, self._path = text.strip(), values, path
        self._usable = [name for name in values if _is_usable(name)]
        self._names: dict[str, None] = {}  # a set in the order of the text

    def constraint(self) -> Constraint:
        """Return the whole text as a constraint."""
        test = self._truth(self._tree())
        return Constraint(self._text, tuple(self._names), test)

    def _tree(self) -> ast.expr:
        if not self._text:
            raise FieldError(self._path, "is empty", _FORM)
        if len(self._text) > _MAX_CHARACTERS:
            raise FieldError(self._path, f"has {len(self._text)} characters", f"at most {_MAX_CHARACTERS}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on escapes in text, or numbers that touch a word
                tree = ast.parse(self._text, mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error) from None
        except (ValueError, RecursionError, MemoryError):  # surrogates and NUL; nested beyond what the parser takes
            raise FieldError(self._path, f"{shown(self._text)} can't be read", _FORM) from None
        if _depth(tree) > _MAX_DEPTH:
            raise FieldError(self._path, f"{shown(self._text)} is nested too deeply", f"at most {_MAX_DEPTH} levels")
        return tree

    def _unreadable(self, error: SyntaxError) -> FieldError:
        offset = 1 if error.offset is None else error.offset  # from 1 in its line; 0 is the end of the text
        rest = self._text.split("\n", (error.lineno or 1) - 1)[-1][offset - 1 :] if offset else ""
        found = (
            f"{shown(self._text)} can't be read from {shown(rest)} on" if rest else f"{shown(self._text)} breaks off"
        )
        return self._misnamed() or FieldError(self._path, found, _FORM)

    def _truth(self, node: ast.expr) -> _Test:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return _all([self._truth(part) for part in parts])
            case ast.BoolOp(values=parts):
                tests = [self._truth(part) for part in parts]
                return lambda config: any(test(config) for test in tests)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                test = self._truth(inner)
                return lambda config: not test(config)
            case ast.Compare(left=left, ops=operators, comparators=rights):
                lefts = [left, *rights]
                pairs = zip(operators, lefts, rights, strict=False)  # the last of the lefts has nothing to its right
                return _all([self._comparison(*pair) for pair in pairs])
        kinds = self._kinds(node)  # what is wrong inside comes first
        found = f"{self._piece(node)} is {_listed(kinds)}, not a comparison"
        hint = f"{self._source(node)} == true, " if _Kind.BOOLEAN in kinds else ""
        raise FieldError(self._path, found, f"{hint}comparisons, joined by and, or, not")

    def _comparison(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> _Test:
        if compare := _ORDER.get(type(sign)):
            return _compared(compare, self._number(left), self._number(right))
        if not isinstance(sign, ast.Eq | ast.NotEq):
            found = f"{self._piece(left)} and {self._piece(right)} have in or is between them"
            raise FieldError(self._path, found, "< <= > >= == !=")
        kinds = self._kinds(left), self._kinds(right)
        if not kinds[0] & kinds[1]:
            found = f"{self._piece(left)} is {_listed(kinds[0])}, and {self._piece(right)} is {_listed(kinds[1])}"
            raise FieldError(self._path, f"{found}: they are never equal", "values of one type on both sides")
        self._check_text(left, right)
        self._check_text(right, left)
        if kinds[0] == kinds[1] == {_Kind.NUMBER}:
            same = operator.eq if isinstance(sign, ast.Eq) else operator.ne
            return _compared(same, self._number(left), self._number(right))
        return _equal(self._value(left), self._value(right), wanted=isinstance(sign, ast.Eq))

    def _check_text(self, name: ast.expr, text: ast.expr) -> None:
        """Refuse text that a choice does not have: a misspelt one would never be equal."""
        if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or _dotted(name) not in self._values:
            return
        choices = self._values[_dotted(name)]
        # A single value is left alone: a constant may get another one on the command line.
        if text.value not in choices and len(choices) > 1:
            known = [choice for choice in choices if isinstance(choice, str)]
            found = f"{self._piece(text)} is no choice of {_dotted(name)}"
            raise FieldError(self._path, found, ", ".join(map(repr, known)), nearest(text.value, known))

    def _kinds(self, node: ast.expr) -> set[_Kind]:
        """Return the types that a part can have; its names count as read."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {_Kind.TEXT}
        if isinstance(node, ast.Name | ast.Attribute):
            name = self._name(node)
            return {_kind(value) for value in ([_WORDS[name]] if name in _WORDS else self._values[name])}
        self._number(node)
        return {_Kind.NUMBER}

    def _value(self, node: ast.expr) -> _Value:
        """Return what reads one side of an equality that is not between numbers alone."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            return lambda _: text
        if not isinstance(node, ast.Name | ast.Attribute):
            return self._number(node)
        name = self._name(node)
        return (lambda _: _WORDS[name]) if name in _WORDS else _value_of(name)

    def _number(self, node: ast.expr) -> _Number:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._literal(value, node)
            case ast.Name() | ast.Attribute():
                kinds = self._kinds(node)
                if _Kind.NUMBER not in kinds:
                    raise FieldError(self._path, f"{self._piece(node)} is {_listed(kinds)}", "numbers here")
                return _number_of(self._name(node))
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self._number(inner)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                positive = self._number(inner)
                return lambda config: -positive(config)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                return _computed(_ARITHMETIC[type(sign)], self._number(left), self._number(right))
            case ast.Call():
                return self._call(node)
        raise self._refusal(node)

    def _literal(self, value: float, node: ast.expr) -> _Number:
        if abs(value) > _LARGEST:
            raise FieldError(self._path, f"{self._piece(node)} is too large", f"numbers up to {_LARGEST:.2g}")
        number = float(value)
        return lambda _: number

    def _call(self, node: ast.Call) -> _Number:
        name = _dotted(node.func)
        if name not in _FUNCTION_NAMES:
            near = nearest(name.rpartition(".")[2], _FUNCTION_NAMES)
            found = f"{self._piece(node.func)} is not a function that constraints have"
            raise self._misnamed() or FieldError(self._path, found, ", ".join(_FUNCTION_NAMES), near)
        form = f"{name}(A, B, ...)" if name in _EXTREMES else f"{name}(A)"
        enough = len(node.args) > 1 if name in _EXTREMES else len(node.args) == 1
        if node.keywords or not enough:
            raise FieldError(self._path, f"{self._piece(node)} has the wrong arguments", form)
        arguments = [self._number(argument) for argument in node.args]
        if name in _EXTREMES:
            pick = _EXTREMES[name]
            return lambda config: pick([argument(config) for argument in arguments])
        function, argument = _FUNCTIONS[name], arguments[0]
        return lambda config: function(argument(config))

    def _name(self, node: ast.expr) -> str:
        """Return a known name, or one of the words, and note that it is read."""
        name = _dotted(node)
        if name in _WORDS and name not in self._values:
            return name
        if not name:
            raise self._refusal(node)
        if name not in self._usable:
            raise self._misnamed() or self._unknown(name)
        if any(_kind(value) is _Kind.OTHER for value in self._values[name]):
            raise FieldError(self._path, f"{name} is {_Kind.OTHER.value}", "parameters and constants of these types")
        self._names[name] = None
        return name

    def _unknown(self, name: str) -> FieldError:
        if name in _FUNCTION_NAMES:
            return FieldError(self._path, f"{name} is a function and has no arguments here", f"{name}(...)")
        if any(name == value for values in self._values.values() for value in values):
            return FieldError(self._path, f"{name} is a choice, not a parameter", f"text in quotes, '{name}'")
        found = f"unknown name {shown(name)} in {shown(self._text)}"
        return FieldError(self._path, found, ", ".join(self._usable), nearest(name, self._usable))

    def _misnamed(self) -> FieldError | None:
        """Return what to say if the text has a name in it that no expression can have."""
        for name in self._values:
            if name not in self._usable and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", self._text):
                reserved = name in _WORDS or keyword.iskeyword(name)
                reading = "is a reserved word" if reserved else "reads as something else"
                found = f"the name {name!r} can't stand in a constraint, where it {reading}"
                return FieldError(self._path, found, "names of letters, digits, _ and dots; rename it in the space")
        return None

    def _refusal(self, node: ast.expr) -> FieldError:
        match node:
            case ast.Constant(value=str()):
                return FieldError(self._path, f"{self._piece(node)} is text", "numbers here")
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                found = f"{self._piece(node)} is a comparison, where a number or a parameter is needed"
                return FieldError(self._path, found, "comparisons joined by and, or, not")
            case ast.BinOp(op=ast.BitXor()):
                return FieldError(self._path, f"{self._piece(node)} has an unknown operator", "+ - * / // % **", "**")
        near = {"True": "true", "False": "false", "None": "null"}.get(self._source(node), "")
        return self._misnamed() or FieldError(self._path, f"{self._piece(node)} is not allowed", _FORM, near)

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._text, node) or self._text

    def _piece(self, node: ast.expr) -> str:
        return shown(self._source(node))


def _is_usable(name: str) -> bool:
    # The parser turns names into their NFKC form.
    parts = name.split(".")
    words = any(keyword.iskeyword(part) for part in parts) or name in _WORDS
    return all(map(str.isidentifier, parts)) and not words and unicodedata.normalize("NFKC", name) == name


def _dotted(node: ast.expr) -> str:
    """Return a name with its dots, such as optimizer.lr; an empty string for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _depth(tree: ast.AST) -> int:
    level, depth = [tree], 0
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _kind(value: object) -> _Kind:
    if value is None:
        return _Kind.NULL
    if isinstance(value, bool):
        return _Kind.BOOLEAN
    if isinstance(value, str):
        return _Kind.TEXT
    # An integer beyond a float's range has no isfinite().
    return _Kind.NUMBER if isinstance(value, (int, float)) and abs(value) <= _LARGEST else _Kind.OTHER


def _listed(kinds: set[_Kind]) -> str:
    return " or ".join(kind.value for kind in _Kind if kind in kinds)


def _all(tests: list[_Test]) -> _Test:
    return tests[0] if len(tests) == 1 else lambda config: all(test(config) for test in tests)


def _compared(compare: _Compare, left: _Number, right: _Number) -> _Test:
    return lambda config: compare(left(config), right(config))


def _equal(left: _Value, right: _Value, *, wanted: bool) -> _Test:
    def test(config: _Config) -> bool:
        one, other = left(config), right(config)
        # To Python true is 1.
        return (isinstance(one, bool) == isinstance(other, bool) and one == other) is wanted

    return test


def _computed(compute: Callable[[float, float], float], left: _Number, right: _Number) -> _Number:
    def number(config: _Config) -> float:
        result = compute(left(config), right(config))
        if not -_LARGEST <= result <= _LARGEST:
            raise OverflowError
        return result

    return number


def _number_of(name: str) -> _Number:
    def number(config: _Config) -> float:
        value = config[name]
        if type(value) is float and -_LARGEST <= value <= _LARGEST:
            return value
        if _kind(value) is not _Kind.NUMBER:
            raise ValueError
        return float(value)

    return number


def _value_of(name: str) -> _Value:
    def value(config: _Config) -> Any:
        found = config[name]
        return float(found) if _kind(found) is _Kind.NUMBER else found

    return value
