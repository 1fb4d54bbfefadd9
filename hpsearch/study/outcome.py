"""What a study has come to, as a pure function of its store: finalists, winner, what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.config.budget import Limits, Spent
from hpsearch.config.config import StudyConfig
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.loading import check_bounds
from hpsearch.samplers.edges import Edge, crowded_edges
from hpsearch.samplers.past import Past
from hpsearch.samplers.rounds import Round, explored, round_of
from hpsearch.selection.ranking import Finalist, finalist, rank_finalists, top, winner
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.store.store import Store
from hpsearch.trial.trial import Config, Stage, State, TrialRecord


def replicates_of(store: Store, source: int) -> list[TrialRecord]:
    """Return the trials that retrain a search trial's config."""
    return [record for record in store.records(Stage.FINALISTS) if record.source == source]


def finalists_of(store: Store, config: StudyConfig) -> list[Finalist]:
    """Return the finalists of the search as it stands, best first; empty without that stage."""
    if config.finalists is None:
        return []
    best = top(store.records(Stage.SEARCH), config.direction, config.finalists.configs)
    found = [(record, replicates_of(store, record.number)) for record in best]
    return rank_finalists(
        [finalist(record, replicates, config.direction) for record, replicates in found if replicates], config.direction
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The config to ship.

    Attributes:
        trial: The search trial that found it.
        config: Rounded, constants included.
        mean: Of the metric over seeds; without finalists the search's own value, which flatters.
        std: None for fewer than 2 seeds.
        n: Seeds; 0 without finalists.
    """

    trial: int
    config: Config
    mean: float
    std: float | None
    n: int


def best_of(store: Store, config: StudyConfig) -> Best | None:
    """Return the winner by the finalists' mean, or the best search trial where no finalist has all of its seeds yet.

    Where the budget has ended the finalists, those seeds count that there are.
    """
    seeds = 0 if config.finalists is None else config.finalists.seeds
    if store.get("finalists_end"):
        seeds = 1
    # The mean of the first seeds to end is no basis to choose by.
    complete = [f for f in finalists_of(store, config) if f.statistics.n + f.statistics.n_failed >= seeds]
    won = winner(complete, config.direction)
    if won is not None and won.statistics.mean is not None:
        resolved = config.space.config(won.params)
        stats = won.statistics
        return Best(trial=won.source, config=resolved, mean=won.statistics.mean, std=stats.std, n=stats.n)
    best = top(store.records(Stage.SEARCH), config.direction, 1)
    if not best or best[0].value is None:
        return None
    return Best(trial=best[0].number, config=config.space.config(best[0].params), mean=best[0].value, std=None, n=0)


def trial_of(store: Store, config: StudyConfig, number: int) -> Best | None:
    """Return a search trial's config as `best_of` does, with the mean of its seeds where it was a finalist.

    Raises:
        InputError: There is no such trial.
    """
    records = store.records(Stage.SEARCH)
    record = next((one for one in records if one.number == number), None)
    if record is None:
        raise InputError(f"--trial {number}: no such trial; allowed: 0 to {len(records) - 1}")
    resolved = config.space.config(record.params)
    stats = next((one.statistics for one in finalists_of(store, config) if one.source == number), None)
    if stats is not None and stats.mean is not None:
        return Best(trial=number, config=resolved, mean=stats.mean, std=stats.std, n=stats.n)
    return None if record.value is None else Best(trial=number, config=resolved, mean=record.value, std=None, n=0)


def current_reading(store: Store) -> dict[str, Any] | None:
    """Return the reading of the test split that belongs to the stored ensemble: `scores` (or None), `seen_before`."""
    ensemble = store.get("ensemble")
    if ensemble is None:
        return None
    members = [[member["stage"], member["number"]] for member in ensemble["members"]]
    weights = [member["weight"] for member in ensemble["members"]]
    wanted = {"members": members, "weights": weights, "vote": ensemble["vote"]}
    readings: list[dict[str, Any]] = store.get("test_readings", [])
    return next((r for r in readings if all(r[key] == value for key, value in wanted.items())), None)


def state_of(store: Store) -> str:
    """Return `done`, or `unfinished`: it is running, or can be resumed."""
    running = any(r.state is State.RUNNING for stage in Stage for r in store.records(stage))
    return "done" if store.get("done") and not running else "unfinished"


def limits_of(store: Store) -> Limits:
    """Return what a study may spend."""
    return Limits(**(store.get("budget") or {}))


def known_total(config: StudyConfig, trials: int, limits: Limits) -> int | None:
    """Return how many trials a search is to have; None if only time, GPU time or epochs end it.

    Args:
        trials: The search's total as it is stored.
        limits: What the study may spend.
    """
    if limits.trials is not None:
        return min(trials, limits.trials)
    return None if config.search.is_open and trials == config.search.total else trials


def spent_of(store: Store) -> Spent:
    """Return what a study has spent, as its store has it: epochs to the last one, times to within seconds."""
    stored: dict[str, Any] = store.get("spent") or {}
    epochs = sum(max(r.epochs, max(r.values, default=0)) for stage in Stage for r in store.records(stage))
    return Spent(time_s=stored.get("time_s", 0.0), gpu_s=stored.get("gpu_s", 0.0), epochs=epochs)


def rounds_of(store: Store, config: StudyConfig) -> list[Round]:
    """Return the search's rounds so far; one of them for a study that was made before there were any."""
    stored = store.get("rounds")
    if stored is not None:
        return [Round.from_dict(one) for one in stored]
    levels, trials = store.get("levels", {}), store.get("trials", config.search.total)
    return [Round(start=0, trials=trials, epochs=config.objective.epochs, levels=levels)]


def full_epochs(store: Store, config: StudyConfig, record: TrialRecord) -> int:
    """Return how many epochs a trial has when nothing ends it early."""
    if record.stage is not Stage.SEARCH:
        return config.objective.epochs
    return round_of(rounds_of(store, config), record.number)[1].epochs


def explored_space(store: Store, config: StudyConfig) -> Space:
    """Return the space with the bounds that hold all that was sampled."""
    return explored(config.space, rounds_of(store, config))


def past_of(store: Store) -> list[Past]:
    """Return what samplers are told: the trials of an earlier study that this one starts from, then its own."""
    earlier = [Past(params=one["params"], value=one["value"]) for one in store.get("warm_start", [])]
    return earlier + [Past.of(record) for record in store.records(Stage.SEARCH)]


def edges_of(store: Store, config: StudyConfig, rounds: Sequence[Round]) -> list[Edge]:
    """Return where the best trials crowd a bound; one that the objective is known to refuse does not grow."""
    space = explored(config.space, rounds)
    return [_allowed(edge, space, config) for edge in crowded_edges(space, past_of(store), config.direction)]


def _allowed(edge: Edge, space: Space, config: StudyConfig) -> Edge:
    axis = space.parameters[edge.name]
    assert isinstance(axis, Range)  # noqa: S101 - others have no edges
    bounds = (axis.low, edge.proposed) if edge.side == "high" else (edge.proposed, axis.high)
    try:
        check_bounds(config.objective, space.with_bounds({edge.name: bounds}), edge.name)
    except FieldError as error:
        return replace(edge, proposed=edge.bound, held_by=f"the objective takes {error.allowed}")
    return edge
