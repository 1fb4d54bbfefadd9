"""The search: proposes configs, trains them, ends what stalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.config import StudyConfig
from hpsearch.errors import StudyError
from hpsearch.events import StageEnded, StageStarted
from hpsearch.pruning.divergence import DivergenceRule
from hpsearch.pruning.stall import StallRule
from hpsearch.ranking import top
from hpsearch.samplers import SpaceSampler, choose_levels, make_sampler
from hpsearch.seeding import derive_seed
from hpsearch.stages.context import Context
from hpsearch.stages.dispatch import Dispatcher, Planned
from hpsearch.trial import Stage, State, StopReason, StopRule, TrialRecord


def stored_levels(config: StudyConfig, trials: int) -> dict[str, int]:
    """Return a grid's levels, to be stored when the study is made: extending it must not change its configs."""
    if config.search.sampler != "jittered_grid":
        return {}
    return choose_levels(config.space, trials, config.search.levels)


def sampler_of(config: StudyConfig, levels: Mapping[str, int]) -> SpaceSampler:
    """Return the study's sampler.

    Args:
        levels: As stored.
    """
    return make_sampler(config.search, config.space, config.seed, levels)


def local_rules(config: StudyConfig) -> tuple[StopRule, ...]:
    """Return the rules that end a search trial and need no rivals."""
    stall = config.prune.stall if config.prune is not None else None
    if stall is None:
        return (DivergenceRule(),)
    rule = StallRule(
        metric=config.metric,
        direction=config.direction,
        patience_epochs=stall.patience_epochs(config.objective.epochs),
        min_delta=stall.min_delta,
        warmup_epochs=stall.warmup,
    )
    return (DivergenceRule(), rule)


def search(context: Context) -> None:
    """Train the configs of trials 0 to `context.trials` - 1 that are not done yet.

    Raises:
        StudyError: No trial ended with a value.
    """
    config, store = context.config, context.store
    sampler = sampler_of(config, store.get("levels", {}))

    def seed_of(number: int) -> int:
        return derive_seed(config.seed, Stage.SEARCH, number, 0)

    store.repair(config.space, sampler.draw, seed_of)
    before = store.records(Stage.SEARCH)
    done = sum(record.state is not State.RUNNING for record in before)
    total = max(context.trials, len(before))
    context.publish(StageStarted(stage="search", total=total, done=done, epochs=config.objective.epochs))

    def plan(number: int) -> Planned:
        params: Mapping[str, Any] = sampler.draw(number)
        return Planned(number=number, params=params, seed=seed_of(number))

    Dispatcher(context, Stage.SEARCH, local_rules(config)).run(range(context.trials), plan)
    records = store.records(Stage.SEARCH)
    best = top(records, config.direction, 1)
    if not best:
        first = next((f"; the first error: {r.error}" for r in records if r.error), "")
        raise StudyError(
            f"none of {len(records)} trials ended with a value ({_counted(records)}){first}; "
            "see their logs; these trials stay as they are, so mend it and start anew, or resume with more --trials"
        )
    found = f"best {config.metric} {best[0].value:.4f}, trial {best[0].number}"
    context.publish(StageEnded(stage="search", summary=f"{len(records)} trials ({_counted(records)}); {found}"))


def _counted(records: Sequence[TrialRecord]) -> str:
    counts = [(reason, sum(r.stop_reason is reason for r in records)) for reason in StopReason]
    return ", ".join(f"{count} {reason}" for reason, count in counts if count)
