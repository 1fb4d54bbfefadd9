"""A trial's curve: a sparkline of the metric, and a table of its epochs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table

from hpsearch.config.config import StudyConfig
from hpsearch.report.layout import FirstThatFits, cell, text_table
from hpsearch.text import format_duration, value_format
from hpsearch.trial.trial import Measurement

_BARS = "▁▂▃▄▅▆▇█"
_GAP = "·"  # stands for a value that is not finite
_BARS_WIDE = 60
_ROWS = 16  # a longer table omits epochs
_EDGE_ROWS = 5


def curve(history: Sequence[Measurement], config: StudyConfig) -> RenderableType:
    """Return the curve of a trial.

    Args:
        history: Not empty.
    """
    values = [measurement.metrics.get(config.metric, math.nan) for measurement in history]
    finite = [value for value in values if math.isfinite(value)]
    written = value_format(finite)
    span = f"  {written(min(finite))} to {written(max(finite))}" if finite else "  no finite value"
    others = dict.fromkeys(name for m in history for name in m.metrics if name != config.metric)
    names = [config.metric, *others]
    # The study's own metric comes first, then as many others as fit.
    tables = [_epochs(history, names[:count], config, len(names) - count) for count in range(len(names), 0, -1)]
    return Group(cell(f"{config.metric}  {sparkline(values)}{span}"), FirstThatFits(*tables))


def sparkline(values: Sequence[float], width: int = _BARS_WIDE) -> str:
    """Return values as bars, one character each; a value that is not finite is a dot.

    Args:
        values: If there are more than `width`, neighbours are averaged.
        width: The largest number of characters.
    """
    count = min(width, len(values))
    cuts = [len(values) * position // count for position in range(count + 1)] if count else [0]
    means = [_mean(values[start:end]) for start, end in pairwise(cuts)]
    finite = [mean for mean in means if mean is not None]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_GAP if mean is None else _bar(mean, low, high) for mean in means)


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return statistics.fmean(finite) if finite else None


def _bar(value: float, low: float, high: float) -> str:
    # Of halves, since the span of huge values would overflow.
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
    return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]


def _epochs(history: Sequence[Measurement], names: Sequence[str], config: StudyConfig, left_out: int) -> RenderableType:
    table = text_table((), ("epoch", *names, "time"))
    forms = {name: value_format(m.metrics.get(name) for m in history) for name in names}
    best = config.direction.best([m.metrics.get(config.metric, math.nan) for m in history])
    before = -1
    for position in _shown_rows(len(history), best[0] if best else 0):
        if position != before + 1:
            table.add_row(cell("…"))
        one = history[position]
        style = "bold" if best and position == best[0] else ""
        texts = [str(one.epoch), *(forms[name](one.metrics.get(name)) for name in names), format_duration(one.seconds)]
        table.add_row(*(cell(text, style) for text in texts))
        before = position
    return _noting(table, left_out)


def _noting(table: Table, left_out: int) -> RenderableType:
    return Group(table, cell(f"{left_out} more metrics are in its manifest.json", "dim")) if left_out else table


def _shown_rows(count: int, best: int) -> list[int]:
    """Return the positions of the rows to show: all, or of a long table both ends and those around the best."""
    if count <= _ROWS:
        return list(range(count))
    near = range(max(0, best - 1), min(count, best + 2))
    return sorted({*range(_EDGE_ROWS), *near, *range(count - _EDGE_ROWS, count)})
