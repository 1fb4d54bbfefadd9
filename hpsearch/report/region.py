"""What a search says about its space: bounds that are too tight, how far they have grown, what was tried first."""

from __future__ import annotations

from rich.console import Group, RenderableType

from hpsearch.config.config import StudyConfig
from hpsearch.report.layout import cell
from hpsearch.samplers.edges import in_words, shown_number
from hpsearch.space.distributions import Range
from hpsearch.store.store import Store
from hpsearch.study.outcome import Best, best_of, edges_of, explored_space, full_epochs, rounds_of, trial_of
from hpsearch.text import counted, value_format
from hpsearch.trial.trial import Stage


def bounds_in_words(store: Store, config: StudyConfig) -> list[str]:
    """Return which bounds have grown, and which the best trials crowd, one line each."""
    space = explored_space(store, config)
    lines = []
    for name, axis in space.parameters.items():
        given = config.space.parameters[name]
        if isinstance(axis, Range) and isinstance(given, Range) and axis != given:
            before, after = (f"[{shown_number(one.low)}, {shown_number(one.high)}]" for one in (given, axis))
            lines.append(f"{name}: has grown from {before} to {after}")
    return lines + in_words(edges_of(store, config, rounds_of(store, config)), space)


def region(store: Store, config: StudyConfig) -> RenderableType | None:
    """Return what there is to say about the bounds of a study's space; None for nothing."""
    lines = bounds_in_words(store, config)
    return Group(*(cell(line) for line in lines)) if lines else None


def first_in_words(store: Store, config: StudyConfig) -> str:
    """Return how the winner compares with the configs that the space file wants tried first; empty without any."""
    best = best_of(store, config)
    records = store.records(Stage.SEARCH)[: len(config.search.first)]
    tried = [trial_of(store, config, record.number) for record in records if record.eligible]
    found = [one for one in tried if one is not None]
    if best is None or not found:
        return ""
    # One that was retrained says more than any value of one seed.
    leader = max(found, key=lambda one: (one.n > 0, config.direction.sign * one.mean))
    written = value_format([best.mean, leader.mean])
    value = f"trial {leader.trial}, {config.metric} {written(leader.mean)} {_seeds(leader)}"
    if leader.trial == best.trial:
        return f"{value}: it is the best"
    epochs = full_epochs(store, config, records[leader.trial])
    if not leader.n and epochs < _epochs_of_best(store, config, best):
        return f"{value} after {counted(epochs, 'epoch')}; the best had more, so their difference says nothing"
    gain = config.direction.sign * (best.mean - leader.mean)
    return f"{value}: the best is {written(abs(gain))} {'better' if gain >= 0 else 'worse'}"


def _epochs_of_best(store: Store, config: StudyConfig, best: Best) -> int:
    return config.objective.epochs if best.n else full_epochs(store, config, store.record(Stage.SEARCH, best.trial))


def _seeds(one: Best) -> str:
    return f"over {counted(one.n, 'seed')}" if one.n else "with one seed"
