"""The stop rules of a study's space file."""

from __future__ import annotations

from hpsearch.config.config import StudyConfig
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.trial import StopRule


def local_rules(config: StudyConfig, epochs: int) -> tuple[StopRule, ...]:
    """Return the rules that end a search trial by its own history.

    Args:
        epochs: The trial's full length.
    """
    stall = config.prune.stall if config.prune is not None else None
    if stall is None:
        return (DivergenceRule(),)
    rule = StallRule(
        metric=config.metric,
        direction=config.direction,
        patience_epochs=stall.patience_epochs(epochs),
        min_delta=stall.min_delta,
        warmup_epochs=stall.warmup,
    )
    return (DivergenceRule(), rule)
