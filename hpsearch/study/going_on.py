"""What going on with a study's search is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpsearch.config.config import StudyConfig
from hpsearch.selection.enough import Worth, worth
from hpsearch.study.outcome import Outcome
from hpsearch.trial.trial import Stage

if TYPE_CHECKING:
    from hpsearch.samplers.rounds import Round

ENOUGH = "enough"
"""An attribute: what ended a search with `budget: {stop: auto}`; `ended` is false once the search was reopened."""

OUTLOOK = "outlook"
"""An attribute: what the model of `sampler: auto` has said at the end of the search."""

_PURE = ("random", "jittered_grid", "sobol")


def worth_of(study: Outcome, rounds: Sequence[Round], count: int | None = None) -> Worth | None:
    """Return what going on with a search is worth, by its last round; None while too little is known.

    Args:
        study: With its trials.
        rounds: The search's, so far.
        count: How many trials of the round are looked at, from its first on; None for all.
    """
    config, one = study.config, rounds[-1]
    if config.search.sampler == "auto":
        stored = study.store.get(OUTLOOK)
        return None if stored is None else Worth(**stored)
    trials = study.store.records(Stage.SEARCH)[one.start :][:count]
    return worth(
        trials,
        study.store.records(Stage.FINALISTS),
        one.epochs,
        config.direction,
        learns=config.search.sampler not in _PURE,
    )


def is_enough(study: Outcome) -> bool:
    """Return whether a search was ended because going on was not worth it, and has not been reopened."""
    return bool((study.store.get(ENOUGH) or {}).get("ended"))


def is_last(config: StudyConfig, rounds: Sequence[Round]) -> bool:
    """Return whether no other round of the search may follow: another one has bounds of its own."""
    from hpsearch.samplers.rounds import planned_rounds

    expansions = 0 if config.search.expand is None else config.search.expand.rounds
    begun = sum(one.kind == "expand" for one in rounds)
    return rounds[-1].planned + 1 >= len(planned_rounds(config.search)) and begun >= expansions
