"""Epochs without the study's metric: they count as trained, and an error comes only if no epoch had it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpsearch.errors import ObjectiveError
from hpsearch.text import did_you_mean, shown_in_python
from hpsearch.trial.trial import Measurement

_SHOWN_METRICS = 10


def check_came(history: Sequence[Measurement], metric: str) -> None:
    """Refuse the end of a trial that has measured other things only.

    Args:
        history: All its measurements; none is another error.
        metric: The study's.

    Raises:
        ObjectiveError: No epoch had the metric.
    """
    if history and not any(metric in measurement.metrics for measurement in history):
        found = dict.fromkeys(name for measurement in history for name in measurement.metrics)
        near = did_you_mean(metric, list(found))
        msg = f"the objective yielded {listed(found)}, in no epoch the study's metric {metric!r}{near}"
        raise ObjectiveError(msg)


def listed(names: Iterable[str]) -> str:
    """Return some names of metrics, or that there are none."""
    shown = [shown_in_python(name) for name in names]
    more = ", ..." if len(shown) > _SHOWN_METRICS else ""
    return f"{', '.join(shown[:_SHOWN_METRICS])}{more}" or "nothing"
