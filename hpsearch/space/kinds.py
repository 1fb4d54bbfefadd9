"""The types of the parts of a constraint or a formula. A part of the wrong type is refused before anything runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.expressions import ARITHMETIC, EXTREMES, FORM, FUNCTION_NAMES, ORDER, WORDS, Expression, dotted
from hpsearch.text import nearest, shown

LARGEST = sys.float_info.max


class Kind(Enum):
    """What a value is, in the words of messages."""

    NUMBER = "a number"
    TEXT = "text"
    BOOLEAN = "true or false"
    NULL = "null"
    OTHER = "no finite number, text, true, false or null"


def kind_of(value: object) -> Kind:
    """Return the type of one value."""
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, str):
        return Kind.TEXT
    # An integer beyond a float's range has no isfinite().
    return Kind.NUMBER if isinstance(value, (int, float)) and abs(value) <= LARGEST else Kind.OTHER


def check(tree: ast.expr, expression: Expression, values: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Refuse what a constraint can't have, and return the names in it, in the order of the text.

    Args:
        tree: Of the whole text.
        expression: The text, for messages.
        values: The possible values of each parameter and constant.

    Raises:
        FieldError: A part is no comparison or arithmetic, has an unknown name, or has values of the wrong type.
    """
    checker = _Checker(expression, values)
    checker.truth(tree)
    return tuple(checker.names)


def check_number(tree: ast.expr, expression: Expression, values: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Refuse what arithmetic can't have, and return the names in it, in the order of the text.

    Args:
        tree: Of the whole text.
        expression: The text, for messages.
        values: The possible values of each name.

    Raises:
        FieldError: A part is no arithmetic, has an unknown name, or has a value that is not a number.
    """
    checker = _Checker(expression, values)
    checker.number(tree)
    for name in checker.names:
        odd = next((value for value in values[name] if kind_of(value) is not Kind.NUMBER), ...)
        if odd is not ...:
            raise expression.error(f"{name} may be {shown(odd)}", "numbers here")
    return tuple(checker.names)


class _Checker:
    """Walks one tree, and collects its names."""

    def __init__(self, expression: Expression, values: Mapping[str, Sequence[Any]]) -> None:
        self._expression, self._values = expression, values
        self._piece, self._error = expression.piece, expression.error
        self.names: dict[str, None] = {}  # a set in the order of the text

    def truth(self, node: ast.expr) -> None:
        """Check comparisons, joined by and, or, not."""
        match node:
            case ast.BoolOp(values=parts):
                for part in parts:
                    self.truth(part)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                self.truth(inner)
            case ast.Compare(left=left, ops=signs, comparators=rights):
                for sign, one, other in zip(signs, [left, *rights], rights, strict=False):  # the last is only a right
                    self._comparison(sign, one, other)
            case _:
                kinds = self._kinds(node)  # errors inside the part come first
                hint = f"{self._expression.source(node)} == true, " if Kind.BOOLEAN in kinds else ""
                found = f"{self._piece(node)} is {_listed(kinds)}, not a comparison"
                raise self._error(found, f"{hint}comparisons, joined by and, or, not")

    def _comparison(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> None:
        if type(sign) in ORDER:
            self.number(left)
            self.number(right)
            return
        if not isinstance(sign, ast.Eq | ast.NotEq):
            found = f"{self._piece(left)} and {self._piece(right)} have in or is between them"
            raise self._error(found, "< <= > >= == !=")
        kinds = self._kinds(left), self._kinds(right)
        if not kinds[0] & kinds[1]:
            found = f"{self._piece(left)} is {_listed(kinds[0])}, and {self._piece(right)} is {_listed(kinds[1])}"
            raise self._error(f"{found}: they are never equal", "values of one type on both sides")
        self._text(left, right)
        self._text(right, left)

    def _text(self, name: ast.expr, text: ast.expr) -> None:
        """Refuse text that is not among the choices: it would never be equal."""
        if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or dotted(name) not in self._values:
            return
        choices = self._values[dotted(name)]
        # A single value is left alone: a constant may get another one on the command line.
        if text.value not in choices and len(choices) > 1:
            known = [choice for choice in choices if isinstance(choice, str)]
            found = f"{self._piece(text)} is no choice of {dotted(name)}"
            raise self._error(found, ", ".join(map(repr, known)), nearest(text.value, known))

    def _kinds(self, node: ast.expr) -> set[Kind]:
        """Return the possible types of a part."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {Kind.TEXT}
        if isinstance(node, ast.Name | ast.Attribute):
            name = self._name(node)
            return {kind_of(value) for value in ([WORDS[name]] if name in WORDS else self._values[name])}
        self.number(node)
        return {Kind.NUMBER}

    def number(self, node: ast.expr) -> None:
        """Check arithmetic."""
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if abs(value) > LARGEST:
                    raise self._error(f"{self._piece(node)} is too large", f"numbers up to {LARGEST:.2g}")
            case ast.Name() | ast.Attribute():
                kinds = self._kinds(node)
                if Kind.NUMBER not in kinds:
                    raise self._error(f"{self._piece(node)} is {_listed(kinds)}", "numbers here")
            case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=inner):
                self.number(inner)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                self.number(left)
                self.number(right)
            case ast.Call():
                self._call(node)
            case _:
                raise self._refusal(node)

    def _call(self, node: ast.Call) -> None:
        name = dotted(node.func)
        if name not in FUNCTION_NAMES:
            near = nearest(name.rpartition(".")[2], FUNCTION_NAMES)
            found = f"{self._piece(node.func)} is not a function that can stand here"
            raise self._expression.misnamed() or self._error(found, ", ".join(FUNCTION_NAMES), near)
        form = f"{name}(A, B, ...)" if name in EXTREMES else f"{name}(A)"
        enough = len(node.args) > 1 if name in EXTREMES else len(node.args) == 1
        if node.keywords or not enough:
            raise self._error(f"{self._piece(node)} has the wrong arguments", form)
        for argument in node.args:
            self.number(argument)

    def _name(self, node: ast.expr) -> str:
        """Return a known name or one of the words."""
        name = dotted(node)
        if name in WORDS and name not in self._values:
            return name
        if not name:
            raise self._refusal(node)
        if name not in self._expression.usable:
            raise self._expression.misnamed() or self._unknown(name)
        if any(kind_of(value) is Kind.OTHER for value in self._values[name]):
            raise self._error(f"{name} is {Kind.OTHER.value}", "parameters and constants of these types")
        self.names[name] = None
        return name

    def _unknown(self, name: str) -> FieldError:
        if name in FUNCTION_NAMES:
            return self._error(f"{name} is a function and has no arguments here", f"{name}(...)")
        if any(name == value for values in self._values.values() for value in values):
            return self._error(f"{name} is a choice, not a parameter", f"text in quotes, '{name}'")
        usable = self._expression.usable
        found = f"unknown name {shown(name)} in {shown(self._expression.text)}"
        return self._error(found, ", ".join(usable), nearest(name, usable))

    def _refusal(self, node: ast.expr) -> FieldError:
        form = self._expression.form
        match node:
            case ast.Constant(value=str()):
                return self._error(f"{self._piece(node)} is text", "numbers here")
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                found = f"{self._piece(node)} is a comparison, where a number or a parameter is needed"
                return self._error(found, "comparisons joined by and, or, not" if form == FORM else form)
            case ast.BinOp(op=ast.BitXor()):
                return self._error(f"{self._piece(node)} has an unknown operator", "+ - * / // % **", "**")
        near = {"True": "true", "False": "false", "None": "null"}.get(self._expression.source(node), "")
        return self._expression.misnamed() or self._error(f"{self._piece(node)} is not allowed", form, near)


def _listed(kinds: set[Kind]) -> str:
    return " or ".join(kind.value for kind in Kind if kind in kinds)
