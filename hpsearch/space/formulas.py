"""Formulas: a number from other numbers, as text such as `20 * epochs`. They are read as constraints are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.space.constraints import Compiler
from hpsearch.space.expressions import ARITHMETIC_FORM, Expression
from hpsearch.space.kinds import check_number
from hpsearch.text import FieldPath


@dataclass(frozen=True, slots=True)
class Formula:
    """Arithmetic on floats, so integers are exact below 2**53.

    Attributes:
        text: As it stands in the file.
        names: The names in it, in the order of the text.
    """

    text: str
    names: tuple[str, ...]
    _number: Callable[[Mapping[str, Any]], float] = field(repr=False, compare=False)

    def value(self, values: Mapping[str, Any]) -> float:
        """Return the number for values by name.

        Raises:
            ValueError: There is no such number: a quotient by zero, a number beyond a float's range, the logarithm or
                square root of a negative number, or a value that is not a number.
            KeyError: A value is missing.
        """
        try:
            return float(self._number(values))
        except (ArithmeticError, ValueError) as error:
            given = ", ".join(f"{name} = {values[name]}" for name in self.names)
            reason = str(error) or "beyond a float's range"
            msg = f"{self.text} is no number with {given}: {reason}" if given else f"{self.text} is no number: {reason}"
            raise ValueError(msg) from None


def parse_formula(text: str, values: Mapping[str, Sequence[Any]], path: FieldPath) -> Formula:
    """Return the formula that a text describes.

    Args:
        text: Arithmetic of at most 500 characters.
        values: For each name that may stand in it, its possible values, or one for all those that are numbers.
        path: Where the text stands in the file, for messages.

    Raises:
        FieldError: The text is no arithmetic, is nested too deeply, has an unknown name, or one that may be no number.
    """
    expression = Expression(text, values, path, ARITHMETIC_FORM)
    tree = expression.tree()
    names = check_number(tree, expression, values)
    return Formula(expression.text, names, Compiler(set(names)).number(tree))
