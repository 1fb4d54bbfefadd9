"""The rules of a study's space file: those for which a trial's own history is enough, and those that compare rivals."""

from __future__ import annotations

from hpsearch.config.config import StudyConfig
from hpsearch.config.prune import MIN_SHARE_EPOCHS, Asha, Prune, epochs_of, share_of
from hpsearch.selection.asha import AshaRule, rung_epochs
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.hyperband import HyperbandRule
from hpsearch.selection.median import MedianRule
from hpsearch.selection.rivals import RivalRule
from hpsearch.selection.screen import ScreenRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.trial import Direction, StopRule

FEWEST = 9
"""Epochs, and trials, of a round that `prune: auto` compares: with less there is little to save, and too few rivals."""

_AUTO_ETA, _AUTO_SHARE = 3, 1 / 9


def local_rules(config: StudyConfig, epochs: int) -> tuple[StopRule, ...]:
    """Return the rules that end a search trial by its own history.

    Args:
        epochs: The trial's full length.
    """
    stall = config.prune.stall if config.prune is not None else None
    if stall is None:
        return (divergence_rule(config),)
    rule = StallRule(
        metric=config.metric,
        direction=config.direction,
        patience_epochs=stall.patience_epochs(epochs),
        min_delta=stall.min_delta,
        warmup_epochs=stall.warmup,
    )
    return (divergence_rule(config), rule)


def divergence_rule(config: StudyConfig) -> DivergenceRule:
    """Return the rule that ends diverged trials, finalists too: by the metric, and by others that a study watches.

    These are those that its space file names, or else those that the objective itself knows as losses.
    """
    named = None if config.prune is None else config.prune.diverged
    others = config.objective.losses if named is None else named
    return DivergenceRule(metrics=tuple(dict.fromkeys((config.metric, *others))))


def rival_rule(
    config: StudyConfig, epochs: int, start: int, total: int | None, direction: Direction
) -> RivalRule | None:
    """Return the rule that compares the trials of a round, as new; None if nothing does.

    Args:
        config: Says which rule, if any. `prune: auto` is asha with eta 3 and rungs at a ninth (but not before epoch 2)
            and a third of the epochs, for rounds with at least 9 epochs and 9 trials.
        epochs: The full length of the round's trials.
        start: The number of its first trial.
        total: How many trials it has; None for an open end.
        direction: Of the metric.
    """
    prune = config.prune
    if prune is None:
        return None
    if not prune.is_auto:
        return _named_rule(prune, epochs, start, total, direction)
    if epochs < FEWEST or (total is not None and total < FEWEST):
        return None
    rungs = rung_epochs(epochs, _AUTO_ETA, _AUTO_SHARE, MIN_SHARE_EPOCHS)
    return AshaRule(rungs=rungs, direction=direction, members=start.__add__, eta=_AUTO_ETA)


def _named_rule(prune: Prune, epochs: int, start: int, total: int | None, direction: Direction) -> RivalRule | None:
    """Return the rule that a mapping names."""
    if (asha := prune.asha) is not None:
        rungs, members = _halving_rungs(asha, epochs), start.__add__
        return AshaRule(
            rungs=rungs, direction=direction, members=members, eta=asha.eta, mode=asha.mode, order=asha.order
        )
    if (band := prune.hyperband) is not None:
        rungs = _halving_rungs(band, epochs)
        return HyperbandRule(
            rungs=rungs, direction=direction, start=start, eta=band.eta, mode=band.mode, order=band.order
        )
    if (median := prune.median) is not None:
        rungs = (*range(epochs_of(epochs, median.warmup), epochs, epochs_of(epochs, median.interval)), epochs)
        return MedianRule(
            rungs=rungs, direction=direction, start=start, min_trials=median.min_trials, order=median.order
        )
    if (screen := prune.screen) is not None:
        rungs = (*range(epochs_of(epochs, screen.epochs), epochs)[:1], epochs)
        return ScreenRule(rungs=rungs, direction=direction, keep=screen.keep, start=start, total=total)
    return None


def _halving_rungs(asha: Asha, epochs: int) -> tuple[int, ...]:
    lowest = asha.first if isinstance(asha.first, int) else MIN_SHARE_EPOCHS
    return rung_epochs(epochs, asha.eta, share_of(epochs, asha.first), lowest)
