"""What a search shows about its space: tight bounds, bounds that have grown, and how the first configs did."""

from __future__ import annotations

from rich.console import Group, RenderableType

from hpsearch.report.layout import cell
from hpsearch.samplers.edges import in_words, shown_number
from hpsearch.space.distributions import Range
from hpsearch.study.outcome import Best
from hpsearch.study.study import Study
from hpsearch.text import counted, value_format
from hpsearch.trial.trial import Stage


def bounds_in_words(study: Study) -> list[str]:
    """Return a line for each bound that has grown, and for each that the best trials crowd."""
    space = study.explored_space
    lines = []
    for name, axis in space.parameters.items():
        given = study.config.space.parameters[name]
        if isinstance(axis, Range) and isinstance(given, Range) and axis != given:
            before, after = (f"[{shown_number(one.low)}, {shown_number(one.high)}]" for one in (given, axis))
            lines.append(f"{name}: has grown from {before} to {after}")
    return lines + in_words(study.edges(study.rounds), space)


def region(study: Study) -> RenderableType | None:
    """Return the lines on the bounds of a study's space; None without any."""
    lines = bounds_in_words(study)
    return Group(*(cell(line) for line in lines)) if lines else None


def first_in_words(study: Study) -> str:
    """Return how the winner compares with the configs that the space file wants tried first; empty without such."""
    best = study.best
    records = study.store.records(Stage.SEARCH)[: len(study.config.search.first)]
    tried = [study.best_of_trial(record.number) for record in records if record.eligible]
    found = [one for one in tried if one is not None]
    if best is None or not found:
        return ""
    # A mean over seeds says more than a value of one seed.
    leader = max(found, key=lambda one: (one.n > 0, study.config.direction.sign * one.mean))
    written = value_format([best.mean, leader.mean])
    value = f"trial {leader.trial}, {study.config.metric} {written(leader.mean)} {_seeds(leader)}"
    if leader.trial == best.trial:
        return f"{value}: it is the best"
    epochs = study.full_epochs(Stage.SEARCH, leader.trial)
    if not leader.n and epochs < _epochs_of_best(study, best):
        return f"{value} after {counted(epochs, 'epoch')}; the best had more, so their difference says nothing"
    gain = study.config.direction.sign * (best.mean - leader.mean)
    return f"{value}: the best is {written(abs(gain))} {'better' if gain >= 0 else 'worse'}"


def _epochs_of_best(study: Study, best: Best) -> int:
    return study.config.objective.epochs if best.n else study.full_epochs(Stage.SEARCH, best.trial)


def _seeds(one: Best) -> str:
    return f"over {counted(one.n, 'seed')}" if one.n else "with one seed"
