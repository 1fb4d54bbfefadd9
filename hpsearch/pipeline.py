"""The stages in order. Each skips what the store says is done, so running a finished study changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hpsearch.config import StudyConfig
from hpsearch.events import Event, Forecast, TrialScored
from hpsearch.outcome import rounds_of
from hpsearch.samplers.rounds import planned_epochs
from hpsearch.stages.context import Context
from hpsearch.stages.ensemble import ensemble
from hpsearch.stages.finalists import finalists
from hpsearch.stages.search import search
from hpsearch.store import Store
from hpsearch.trial import Stage, State

_FEWEST_FOR_FORECAST = 3


def run_pipeline(context: Context, slots: int) -> None:
    """Run a study to its end.

    Args:
        slots: How many trials run at once, for the forecast.

    Raises:
        StudyError: It can't go on.
        Interrupted: A signal came.
    """
    forecasting = replace(context, publish=_forecasting(context, slots))
    search(forecasting)
    finalists(forecasting)
    ensemble(forecasting)
    context.store.put("done", True)  # noqa: FBT003 - an attribute's value


def _forecasting(context: Context, slots: int) -> Callable[[Event], None]:
    """Return a publisher that adds a forecast after each trial, once a few have ended."""

    def publish(event: Event) -> None:
        context.publish(event)
        if isinstance(event, TrialScored):
            seconds = remaining_s(context.store, context.config, context.store.get("trials", context.trials), slots)
            if seconds is not None:
                context.publish(Forecast(seconds=seconds))

    return publish


def remaining_s(store: Store, config: StudyConfig, trials: int, slots: int) -> float | None:
    """Return how long the rest of a study will take, or None before the first trials have ended.

    What is left of the search costs, for each epoch that it may have, what its trials have cost so far, those that
    ended early among them; finalists run all of their epochs.

    Args:
        trials: The search's total.
        slots: Trials that run at once.

    Returns:
        Wall time, in seconds.
    """
    ended = [r for r in store.records(Stage.SEARCH) if r.state is not State.RUNNING]
    epochs = sum(r.epochs for r in ended)
    if len(ended) < _FEWEST_FOR_FORECAST or not epochs:
        return None
    seconds = sum(r.seconds for r in ended)
    planned = planned_epochs(config, rounds_of(store, config), trials)
    begun = sum(planned[r.number] for r in ended if r.number < trials)
    left = seconds * (sum(planned) - begun) / begun if begun else 0.0
    if config.finalists is not None:
        retrained = sum(r.epochs for r in store.records(Stage.FINALISTS))
        wanted = config.finalists.configs * config.finalists.seeds * config.objective.epochs
        left += max(0, wanted - retrained) * seconds / epochs
    return left / slots
