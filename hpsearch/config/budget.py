"""A study's budget: what it may spend, and what it has spent."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from hpsearch.errors import InputError
from hpsearch.text import counted, did_you_mean, format_duration

HOUR_S = 3600.0
DURATION = "a duration such as 2h, 1h 30min, 45min, 90s, 1.5h or 2d"
_UNITS_S = {"d": 86400.0, "h": HOUR_S, "min": 60.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
_LIFTED = "none"
_MORE = 1.5  # times what is spent: the budget that a message suggests for a resume


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: Numbers with `d`, `h`, `min` (or `m`) and `s`, each unit at most once, the largest first.

    Raises:
        ValueError: It is no duration, or 0.
    """
    found, position, before = 0.0, 0, math.inf
    stripped = text.strip()
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None or _UNITS_S[part[2]] >= before:
            break
        before = _UNITS_S[part[2]]
        found += float(part[1]) * before
        position = part.end()
    if position < len(stripped) or not 0 < found < math.inf:
        msg = f"{text!r} is not {DURATION}"
        raise ValueError(msg)
    return found


def compact_duration(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it, rounded up to seconds, such as `1h30min`."""
    left = math.ceil(seconds)
    parts = []
    for unit in ("d", "h", "min", "s"):
        count, left = divmod(left, int(_UNITS_S[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a study has spent so far.

    Attributes:
        time_s: Wall time of the commands that ran it, in seconds.
        gpu_s: Seconds of its trials, each multiplied by its GPUs, or its share of one.
        epochs: Epochs that its trials have trained, finalists included.
    """

    time_s: float = 0.0
    gpu_s: float = 0.0
    epochs: int = 0

    def __str__(self) -> str:
        parts = [format_duration(self.time_s), _hours(self.gpu_s) if self.gpu_s else "", _epochs(self.epochs)]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a study may spend; None for no limit. The limit that is reached first ends the search.

    Attributes:
        time_s: Wall time, in seconds.
        gpu_s: GPU time, in seconds.
        epochs: Epochs of all trials together, finalists included.
        trials: Trials of the search.
        stop: `auto` ends the search when going on is expected to bring less than the noise of a seed.
    """

    time_s: float | None = None
    gpu_s: float | None = None
    epochs: int | None = None
    trials: int | None = None
    stop: Literal["auto"] | None = None

    @property
    def any(self) -> bool:
        """Whether any amount is limited."""
        return any(value is not None for value in (self.time_s, self.gpu_s, self.epochs, self.trials))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)

    def changed(self, changes: Mapping[str, Any]) -> Limits:
        """Return these limits with some of them changed, as `parse_changes` gives them."""
        return replace(self, **changes)

    def reached(self, spent: Spent) -> bool:
        """Return whether time, GPU time or epochs are spent in full."""
        return any(limit is not None and used >= limit for limit, used in self._beside(spent))

    def _beside(self, spent: Spent) -> list[tuple[float | None, float]]:
        return [(self.time_s, spent.time_s), (self.gpu_s, spent.gpu_s), (self.epochs, spent.epochs)]

    def used(self, spent: Spent) -> str:
        """Return what is spent of each limit, such as `10 min of 2 h, 812 of 5,000 epochs`."""
        parts = []
        if self.time_s is not None:
            parts.append(f"{format_duration(spent.time_s)} of {format_duration(self.time_s)}")
        if self.gpu_s is not None:
            parts.append(f"{spent.gpu_s / HOUR_S:.2g} of {_hours(self.gpu_s)}")
        if self.epochs is not None:
            parts.append(f"{spent.epochs:,} of {_epochs(self.epochs)}")
        return ", ".join(parts)

    def more_than(self, spent: Spent) -> str:
        """Return a budget to go on with, as `--budget` takes it: 1.5 times what is spent of each reached limit."""
        parts = []
        if self.time_s is not None and spent.time_s >= self.time_s:
            parts.append(compact_duration(_MORE * spent.time_s))
        if self.gpu_s is not None and spent.gpu_s >= self.gpu_s:
            parts.append(f"gpu_hours={_MORE * spent.gpu_s / HOUR_S:.2g}")
        if self.epochs is not None and spent.epochs >= self.epochs:
            parts.append(f"epochs={math.ceil(_MORE * spent.epochs)}")
        return ",".join(parts)

    @property
    def doubled(self) -> str:
        """Twice these limits, as `--budget` takes them; the trials stay."""
        parts = []
        if self.time_s is not None:
            parts.append(compact_duration(2 * self.time_s))
        if self.gpu_s is not None:
            parts.append(f"gpu_hours={2 * self.gpu_s / HOUR_S:g}")
        if self.epochs is not None:
            parts.append(f"epochs={2 * self.epochs}")
        return ",".join(parts)

    def __str__(self) -> str:
        parts = [
            "" if self.time_s is None else format_duration(self.time_s),
            "" if self.gpu_s is None else _hours(self.gpu_s),
            "" if self.epochs is None else _epochs(self.epochs),
            "" if self.trials is None else counted(self.trials, "trial"),
        ]
        return ", ".join(part for part in parts if part)


def in_gpu_hours(gpu_s: float) -> str:
    """Return GPU time in words, such as `7.4 GPU hours`."""
    return _hours(gpu_s)


def _hours(gpu_s: float) -> str:
    hours = gpu_s / HOUR_S
    number = f"{hours:.2g}" if hours < 1 else f"{hours:,.1f}".removesuffix(".0")
    return f"{number} GPU {'hour' if number == '1' else 'hours'}"


def _epochs(count: int) -> str:
    return f"{count:,} {'epoch' if count == 1 else 'epochs'}"


def parse_changes(text: str) -> dict[str, Any]:
    """Return the limits that `--budget` sets, by the names of `Limits`; None for one that it lifts.

    Args:
        text: Limits with commas between them: a duration, or `NAME=VALUE` with `time`, `gpu_hours`, `epochs`, `trials`
            or `stop`; `none` lifts one.

    Raises:
        InputError: It is anything else.
    """
    found: dict[str, Any] = {}
    for name, value in _pieces(text):
        if name not in _FIELDS:
            hint = did_you_mean(name, list(_FIELDS))
            raise InputError(f"--budget {text}: unknown limit {name!r}; allowed: {', '.join(_FIELDS)}{hint}")
        field, read, allowed = _FIELDS[name]
        try:
            changed = None if value == _LIFTED else read(value)
        except ValueError:
            raise InputError(f"--budget {text}: {name} is {value!r}; allowed: {allowed}, or {_LIFTED}") from None
        if field in found:
            raise InputError(f"--budget {text}: {name} is given twice; allowed: once")
        found[field] = changed
    return found


def _gpu_seconds(text: str) -> float:
    hours = float(text)
    if not 0 < hours < math.inf:
        raise ValueError(text)
    return hours * HOUR_S


def _auto(text: str) -> str:
    if text != "auto":
        raise ValueError(text)
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(text)
    return int(text)


_FIELDS: dict[str, tuple[str, Callable[[str], float | str], str]] = {
    "time": ("time_s", parse_duration, DURATION),
    "gpu_hours": ("gpu_s", _gpu_seconds, "a number > 0"),
    "epochs": ("epochs", _count, "an integer >= 1"),
    "trials": ("trials", _count, "an integer >= 1"),
    "stop": ("stop", _auto, "auto"),
}


def as_overrides(text: str) -> list[str]:
    """Return the settings of a space file that say the same as `--budget`, each as `PATH=VALUE`.

    Raises:
        InputError: For the reasons of `parse_changes`.
    """
    parse_changes(text)
    return [f"budget.{name}={'null' if value == _LIFTED else value}" for name, value in _pieces(text)]


def _pieces(text: str) -> list[tuple[str, str]]:
    """Return names and values; a value by itself is a time."""
    parts = [part.partition("=") for part in text.split(",")]
    return [(name.strip(), value.strip()) if equals else ("time", name.strip()) for name, equals, value in parts]
