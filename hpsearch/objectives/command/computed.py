"""Metrics that are computed of others, such as `acc: "correct / total"`. The reader of constraints reads them."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator, Mapping

from hpsearch.errors import FieldError
from hpsearch.objectives.command.fields import Fields
from hpsearch.objectives.command.section import Metrics
from hpsearch.space.expressions import ARITHMETIC_FORM, Expression, dotted
from hpsearch.space.formulas import Formula, parse_formula
from hpsearch.text import nearest

_FIELD = ("objective", "metrics")
_ODD = re.compile(r"[^\w.]")
_ODD_OR_DOT = re.compile(r"\W")


class Computed:
    """The computed metrics of a command.

    Args:
        texts: Arithmetic by the name of the metric. The names in it are fields of the line or row: keys of JSON, named
            groups, columns or tags. A character that names in formulas can't have is `_` there: `val/acc` is `val_acc`.
        known: The names of all fields; None if they are not known before the command runs.

    Attributes:
        names: The fields that are needed.

    Raises:
        FieldError: A text is no arithmetic, or has an unknown name.
    """

    def __init__(self, texts: Mapping[str, str], known: Iterable[str] | None = None) -> None:
        fields = None if known is None else list(known)
        self._formulas = {name: _formula(name, text, fields) for name, text in texts.items()}
        self.names = tuple(dict.fromkeys(name for formula in self._formulas.values() for name in formula.names))

    def __contains__(self, name: object) -> bool:
        """Return whether a metric is computed."""
        return name in self._formulas

    def added_to(self, fields: Fields) -> Fields:
        """Return the fields with the computed metrics among them.

        A metric whose fields are not all there is missing too. Where there is no such number, as for a quotient by
        zero, it is NaN, as if the command had printed that.
        """
        if not self._formulas:
            return fields
        named = {spelling: value for name, value in fields.items() for spelling in _spellings(name)} | fields
        found = {name: _value(formula, named) for name, formula in self._formulas.items() if _has(formula, named)}
        return fields | found

    def lacking(self, metric: str, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the fields that a computed metric needs and that are not there."""
        formula = self._formulas.get(metric)
        named = {spelling for name in fields for spelling in _spellings(name)}
        return () if formula is None else tuple(name for name in formula.names if name not in named)


def computed_of(settings: Metrics | None) -> Computed:
    """Return the computed metrics that a space file names.

    Raises:
        FieldError: A text is no arithmetic, or names a group that the regular expression lacks.
    """
    if settings is None:
        return Computed({})
    groups = None if settings.regex is None else list(re.compile(settings.regex).groupindex)
    return Computed(settings.computed, groups)


def _formula(name: str, text: str, known: list[str] | None) -> Formula:
    path = (*_FIELD, name)
    settings = list(Metrics.model_fields)
    try:
        names = _names(Expression(text, (), path, ARITHMETIC_FORM).tree()) if known is None else known
        return parse_formula(text, dict.fromkeys(names, (1.0,)), path)
    except FieldError as error:
        near = nearest(name, settings)
        if not near:
            raise
        found = f"{name!r} is no setting, and as a metric that is computed: {error.problem}"
        raise FieldError(path, found, f"{', '.join(settings)}; or {error.allowed}", near) from None


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names in a formula that are no functions."""
    if name := (dotted(node) if isinstance(node, ast.expr) else ""):
        yield name
        return
    inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in inner:
        yield from _names(child)


def _spellings(name: str) -> tuple[str, ...]:
    return name, _ODD.sub("_", name), _ODD_OR_DOT.sub("_", name)


def _has(formula: Formula, fields: Fields) -> bool:
    return all(name in fields for name in formula.names)


def _value(formula: Formula, fields: Fields) -> float:
    try:
        return formula.value(fields)
    except ValueError:
        return math.nan
