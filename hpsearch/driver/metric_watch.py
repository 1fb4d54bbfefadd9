"""Tells once what the metrics of a study's trials lack."""

from __future__ import annotations

from hpsearch.driver.session import Session
from hpsearch.selection.rules import divergence_rule
from hpsearch.text import did_you_mean
from hpsearch.trial.events import Notice, TrialEnded, TrialMeasured
from hpsearch.trial.metric import listed
from hpsearch.trial.trial import StopReason

# Attributes of the study, so that a later stage or a resume does not tell the same again.
_TOLD, _TOLD_OF_NAMES = "told_of_missing_metric", "told_of_diverged"


class MetricWatch:
    """Looks at the metrics of each epoch.

    Args:
        session: The study.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        config = session.study.config
        self._metric = config.metric
        self._told = session.study.store.get(_TOLD) is not None
        named = config.prune is not None and config.prune.diverged
        watched = named and session.study.store.get(_TOLD_OF_NAMES) is None
        self._unseen = set(divergence_rule(config).metrics) if watched else set()
        self._seen: dict[str, None] = {}

    def measured(self, event: TrialMeasured) -> None:
        """Tell of the first epoch without the study's metric."""
        metrics = event.measurement.metrics
        if self._unseen:
            self._unseen.difference_update(metrics)
            self._seen.update(dict.fromkeys(metrics))
        if self._told or self._metric in metrics:
            return
        self._told = True
        self._session.study.store.put(_TOLD, event.number)
        self._tell(
            f"trial {event.number}: epoch {event.measurement.epoch} has {listed(metrics)}, and no {self._metric!r}; "
            "such an epoch counts as trained, and the metric counts where it is"
        )

    def ended(self, event: TrialEnded) -> None:
        """Tell which metrics that the space file names no epoch of a whole trial had."""
        if not self._seen or event.reason is not StopReason.FINISHED:
            return
        for name in sorted(self._unseen):
            near = did_you_mean(name, list(self._seen))
            self._session.study.store.put(_TOLD_OF_NAMES, event.number)
            self._tell(f"prune.diverged: no epoch of trial {event.number} had {name!r}, so it ends no trial{near}")
        self._unseen.clear()

    def _tell(self, message: str) -> None:
        self._session.publish(Notice(message=message))
