"""Constraints on configs: comparisons and arithmetic in text, such as `lr * weight_decay <= 1e-4`.

The text is never run: a few kinds of nodes of its syntax tree become functions, all others are errors.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.space.expressions import ARITHMETIC, EXTREMES, FUNCTIONS, ORDER, WORDS, Expression, dotted
from hpsearch.space.kinds import LARGEST, Kind, check, kind_of
from hpsearch.text import FieldPath

_Config = Mapping[str, Any]
_Test = Callable[[_Config], bool]
_Number = Callable[[_Config], float]
_Value = Callable[[_Config], Any]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A test that every config satisfies.

    Numbers are computed as floats, so integers are exact below 2**53. `and`, `or` and chains of comparisons end at the
    first part that decides them, as in Python: `n == 0 or 1 / n < 0.5` never divides by zero.

    Attributes:
        text: As it stands in the space file.
        names: Its parameters and constants, in the order of the text.
    """

    text: str
    names: tuple[str, ...]
    _test: _Test = field(repr=False, compare=False)

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config satisfies it.

        It holds if the config lacks one of its names, for then there is nothing to restrict. It doesn't hold if it
        needs a number that doesn't exist: a quotient by zero, a number beyond a float's range, the logarithm or square
        root of a negative number, or text or null for a parameter whose other values are numbers.

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
        values: For each name, one value or more of each possible type: all names of a choice, any value of a range,
            the value of a constant.
        path: Where the text stands in the file, for messages.

    Raises:
        FieldError: The text is no such expression, is nested too deeply, has an unknown name, or computes with text.
    """
    expression = Expression(text, values, path)
    tree = expression.tree()
    names = check(tree, expression, values)
    numeric = {name for name in names if all(kind_of(value) is Kind.NUMBER for value in values[name])}
    return Constraint(expression.text, names, Compiler(numeric).truth(tree))


@dataclass(frozen=True, slots=True)
class Compiler:
    """Makes functions of a checked tree; the names in `numeric` are always numbers."""

    numeric: set[str]

    def truth(self, node: ast.expr) -> _Test:
        """Return the test that comparisons, joined by and, or, not, stand for."""
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return _all([self.truth(part) for part in parts])
            case ast.BoolOp(op=ast.Or(), values=parts):
                tests = [self.truth(part) for part in parts]
                return lambda config: any(test(config) for test in tests)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                test = self.truth(inner)
                return lambda config: not test(config)
            case ast.Compare(left=left, ops=signs, comparators=rights):
                pairs = zip(signs, [left, *rights], rights, strict=False)  # the last has nothing to its right
                return _all([self._comparison(*pair) for pair in pairs])
        raise TypeError(ast.dump(node))

    def _comparison(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> _Test:
        if compare := ORDER.get(type(sign)):
            return _compared(compare, self.number(left), self.number(right))
        if self._is_number(left) and self._is_number(right):
            same = operator.eq if isinstance(sign, ast.Eq) else operator.ne
            return _compared(same, self.number(left), self.number(right))
        return _equal(self._value(left), self._value(right), wanted=isinstance(sign, ast.Eq))

    def _is_number(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name | ast.Attribute):
            return dotted(node) in self.numeric
        return not (isinstance(node, ast.Constant) and isinstance(node.value, str))

    def _value(self, node: ast.expr) -> _Value:
        """Return the reader of one side of an equality that is not only between numbers."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            return lambda _: text
        if not isinstance(node, ast.Name | ast.Attribute):
            return self.number(node)
        name = dotted(node)
        return (lambda _: WORDS[name]) if name in WORDS else _value_of(name)

    def number(self, node: ast.expr) -> _Number:
        """Return the function that arithmetic stands for."""
        match node:
            case ast.Constant(value=int() | float() as value):
                number = float(value)
                return lambda _: number
            case ast.Name() | ast.Attribute():
                return _number_of(dotted(node))
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.number(inner)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                positive = self.number(inner)
                return lambda config: -positive(config)
            case ast.BinOp(left=left, op=sign, right=right):
                return _computed(ARITHMETIC[type(sign)], self.number(left), self.number(right))
            case ast.Call(func=ast.Name(id=name), args=parts):
                return _called(name, [self.number(part) for part in parts])
        raise TypeError(ast.dump(node))


def _all(tests: list[_Test]) -> _Test:
    return tests[0] if len(tests) == 1 else lambda config: all(test(config) for test in tests)


def _compared(compare: Callable[[float, float], bool], left: _Number, right: _Number) -> _Test:
    return lambda config: compare(left(config), right(config))


def _equal(left: _Value, right: _Value, *, wanted: bool) -> _Test:
    def test(config: _Config) -> bool:
        one, other = left(config), right(config)
        # In Python true equals 1.
        return (isinstance(one, bool) == isinstance(other, bool) and one == other) is wanted

    return test


def _computed(compute: Callable[[float, float], float], left: _Number, right: _Number) -> _Number:
    def number(config: _Config) -> float:
        result = compute(left(config), right(config))
        if not -LARGEST <= result <= LARGEST:
            raise OverflowError
        return result

    return number


def _called(name: str, parts: list[_Number]) -> _Number:
    if name in EXTREMES:
        pick = EXTREMES[name]
        return lambda config: pick([part(config) for part in parts])
    function, part = FUNCTIONS[name], parts[0]
    return lambda config: function(part(config))


def _number_of(name: str) -> _Number:
    def number(config: _Config) -> float:
        value = config[name]
        if type(value) is float and -LARGEST <= value <= LARGEST:
            return value
        if kind_of(value) is not Kind.NUMBER:
            raise ValueError
        return float(value)

    return number


def _value_of(name: str) -> _Value:
    def value(config: _Config) -> Any:
        found = config[name]
        return float(found) if kind_of(found) is Kind.NUMBER else found

    return value
