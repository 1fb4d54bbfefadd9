"""How messages write numbers, durations, lists and names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from hpsearch.errors import printable

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b."
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\ud800-\udfff]"  # surrogates: no terminal takes half a character
)
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_FEW_MINUTES_S = 600  # below, seconds still matter
_EXACT_S = 9.95
_DECIMALS = 4
_MAX_DECIMALS = 8
_FEWEST_DIGITS = 6  # large values such as 12345.68 keep some decimals
_LARGEST_EXPONENT = 9  # beyond it, a power of ten says more than digits
_SHOWN_CHARACTERS = 60

FieldPath = tuple[str | int, ...]
"""Where something stands in a space file: keys, and positions in lists."""


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the known word nearest to a mistyped one, or an empty string."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the end of a message on an unknown name, with the nearest known one; empty if none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def shown(value: object) -> str:
    """Return a value as YAML would show it, cut to part of a line."""
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else shown_in_python(value)


def shown_in_python(value: object) -> str:
    """Return a value as Python would show it, cut to part of a line."""
    try:
        text = repr(value)
    except ValueError:  # an integer has more digits than Python writes
        text = f"a huge {'integer' if isinstance(value, int) else type(value).__name__}"
    text = printable(re.sub(r"\s*\n\s*", " ", text))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def clean(text: object) -> str:
    """Return text without codes that move a terminal's cursor, colour or clear it; newlines and tabs stay."""
    return _CONTROL.sub("", str(text))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 trial` or `48 trials`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as `1 h 50 min`; a negative one counts as 0."""
    if not math.isfinite(seconds):
        return "unknown time"
    seconds = max(0.0, seconds)
    if seconds < _EXACT_S:
        return f"{seconds:.1f} s"
    if round(seconds) < _FEW_MINUTES_S:
        return _two_units(round(seconds), _MINUTE_S, "min", "s")
    if round(seconds / _MINUTE_S) * _MINUTE_S < _DAY_S:
        return _two_units(round(seconds / _MINUTE_S), _HOUR_S // _MINUTE_S, "h", "min")
    return _two_units(round(seconds / _HOUR_S), _DAY_S // _HOUR_S, "d", "h")


def _two_units(count: int, size: int, large: str, small: str) -> str:
    whole, rest = divmod(count, size)
    parts = [f"{number} {unit}" for number, unit in ((whole, large), (rest, small)) if number]
    return " ".join(parts)


def value_format(values: Iterable[float | None]) -> Callable[[float | None], str]:
    """Return a function that writes values of one metric with equal decimals, enough to tell these values apart.

    There are four decimals, or four significant digits if all values are small. If two different values would look
    the same, there are more, up to eight. A missing value is `-`. The function also writes deviations and differences
    of the metric, so that all of them line up.
    """
    finite = {value for value in values if value is not None and math.isfinite(value)}
    largest = max(map(abs, finite), default=0.0)
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    scientific = not _DECIMALS - 1 - _MAX_DECIMALS <= exponent <= _LARGEST_EXPONENT
    digits = _DECIMALS if scientific else max(_DECIMALS - 1 - exponent, min(_DECIMALS, _FEWEST_DIGITS - exponent), 0)
    form = "e" if scientific else "f"
    while digits < _MAX_DECIMALS and len({f"{value:.{digits}{form}}" for value in finite}) < len(finite):
        digits += 1
    return lambda value: "-" if value is None else f"{value:.{digits}{form}}"


def mean_and_std(mean: float | None, std: float | None, written: Callable[[float | None], str]) -> str:
    """Return a mean with its standard deviation, if there is one."""
    return written(mean) if std is None else f"{written(mean)} ± {written(std)}"


def reason_of(error: Exception) -> str:
    """Return why the system refused a file, in its own words if it has any."""
    return getattr(error, "strerror", None) or str(error)


def format_value(value: float | None) -> str:
    """Return one value by itself."""
    return value_format([value])(value)
