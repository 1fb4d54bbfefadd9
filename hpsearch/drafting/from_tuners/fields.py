"""Checks of single fields in another tool's file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.parsing import LONGEST_NAME
from hpsearch.system.plain import LARGEST_INTEGER
from hpsearch.text import FieldPath, shown


def mapping(value: Any, path: FieldPath, allowed: str) -> Mapping[str, Any]:
    """Return a value that must be a mapping with members.

    Args:
        value: What the file has.
        path: Where it stands in the file, for messages.
        allowed: What is allowed there, for messages.

    Raises:
        FieldError: It is not a mapping, or empty.
    """
    if not isinstance(value, Mapping) or not value:
        raise FieldError(path, f"found {shown(value)}", allowed)
    return value


def items(value: Any, path: FieldPath) -> list[Any]:
    """Return a value that must be a list with items.

    Raises:
        FieldError: It is not a list, or empty.
    """
    if not isinstance(value, (list, tuple)) or not value:
        raise FieldError(path, f"found {shown(value)}", "a list of values, not empty")
    return list(value)


def number(value: Any, path: FieldPath) -> float:
    """Return a value that must be a finite number. An integer stays one; text such as '1e-4' is one.

    Raises:
        FieldError: It is not a finite number.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            value = int(value) if value.strip().lstrip("+-").isdigit() else float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(path, f"found {shown(value)}", "a number")
    if not (abs(value) < LARGEST_INTEGER if isinstance(value, int) else math.isfinite(value)):
        raise FieldError(path, f"found {shown(value)}", "finite numbers, and integers below 2**63")
    return value


def integer(value: Any, path: FieldPath) -> int:
    """Return a value that must be an integer, or a float with an integer's value.

    Raises:
        FieldError: It is not an integer.
    """
    checked = number(value, path)
    if checked != int(checked):
        raise FieldError(path, f"found {shown(value)}", "an integer")
    return int(number(int(checked), path))


def name(value: Any, path: FieldPath) -> str:
    """Return a value that must be a parameter's name.

    Raises:
        FieldError: A space file or a command can't have that name.
    """
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > LONGEST_NAME:
        raise FieldError(path, f"the name {shown(value)} can't be a parameter's", "printable text, not empty")
    if "{" in value or "}" in value:
        raise FieldError(path, f"the name {shown(value)} has braces", "names without { and }")
    return value


def exponential(value: float, path: FieldPath) -> float:
    """Return e to the power of a number.

    Raises:
        FieldError: The result is too large or too small for a float.
    """
    try:
        result = math.exp(value)
    except OverflowError:
        result = math.inf
    if not 0 < result < math.inf:
        raise FieldError(path, f"e to the power of {shown(value)} is no number", "an exponent of e, such as -9.21")
    return result


def inner(low: float, high: float) -> tuple[float, float]:
    """Return bounds with 6 digits that are inside the exact ones; these themselves if there are none."""
    ends = _inward(low, up=True), _inward(high, up=False)
    return ends if ends[0] <= ends[1] else (low, high)


def _inward(exact: float, *, up: bool) -> float:
    """Return a bound with 6 digits that is not beyond the exact one.

    A bound that is a short number but for the digits that its exponent lacks is taken for that number: 1e-4 for e to
    the power of -9.21034.
    """
    near = rounded(exact)
    if near == float(f"{exact:.3g}") or (near >= exact if up else near <= exact):
        return near
    digit = 10.0 ** (math.floor(math.log10(near)) - 5)
    return rounded(near + digit if up else near - digit)


def rounded(value: float) -> float:
    """Return a number with 6 digits, so that an exponent such as -9.21034 gives 1e-4."""
    return float(f"{value:.6g}")
