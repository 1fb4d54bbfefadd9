"""The outcome of a study as a pure function of its store: finalists, winner, and work that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.config.budget import Limits, Spent
from hpsearch.config.config import StudyConfig
from hpsearch.errors import FieldError, InputError
from hpsearch.selection.ranking import Finalist, finalist, rank_finalists, top, winner
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.store.reader import StoreReader
from hpsearch.study.ensemble import Ensemble, Reading
from hpsearch.trial.trial import Config, Stage, State, TrialRecord

if TYPE_CHECKING:
    from hpsearch.samplers.edges import Edge
    from hpsearch.samplers.past import Past
    from hpsearch.samplers.rounds import Round


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The config to ship.

    Attributes:
        trial: The search trial that found it.
        config: Rounded, constants included.
        mean: Of the metric over seeds; without finalists the search trial's value, which flatters.
        std: None for fewer than 2 seeds.
        n: Seeds; 0 without finalists.
    """

    trial: int
    config: Config
    mean: float
    std: float | None
    n: int


@dataclass(frozen=True)
class Outcome:
    """A study's store, and everything that follows from it.

    Attributes:
        name: The name in the store. The folder has the same name, unless it was moved.
        folder: Absolute path.
        config: The study's space file.
        store: The study's database.
    """

    name: str
    folder: Path
    config: StudyConfig
    store: StoreReader = field(repr=False)

    @property
    def state(self) -> str:
        """`done`, or `unfinished`: it is running, or can be resumed."""
        running = any(r.state is State.RUNNING for stage in Stage for r in self.store.records(stage))
        return "done" if self.store.get("done") and not running else "unfinished"

    def replicates(self, source: int) -> list[TrialRecord]:
        """Return the trials that retrain a search trial's config."""
        return [record for record in self.store.records(Stage.FINALISTS) if record.source == source]

    @property
    def ranked_finalists(self) -> list[Finalist]:
        """The finalists of the search as it stands, best first; empty without that stage."""
        section, direction = self.config.finalists, self.config.direction
        if section is None:
            return []
        best = top(self.store.records(Stage.SEARCH), direction, section.configs)
        found = [(record, self.replicates(record.number)) for record in best]
        return rank_finalists(
            [finalist(record, replicates, direction) for record, replicates in found if replicates], direction
        )

    @property
    def best(self) -> Best | None:
        """The winner by the finalists' mean, or the best search trial if no finalist has all of its seeds yet.

        If the budget has ended the finalists, the trained seeds are enough. None before any trial has a value.
        """
        seeds = 0 if self.config.finalists is None else self.config.finalists.seeds
        if self.store.get("finalists_end"):
            seeds = 1
        # The mean of the seeds that happen to end first is no basis for a choice.
        complete = [f for f in self.ranked_finalists if f.statistics.n + f.statistics.n_failed >= seeds]
        won = winner(complete, self.config.direction)
        if won is not None and won.statistics.mean is not None:
            stats, resolved = won.statistics, self.config.space.config_of(won.params)
            return Best(trial=won.source, config=resolved, mean=won.statistics.mean, std=stats.std, n=stats.n)
        best = top(self.store.records(Stage.SEARCH), self.config.direction, 1)
        if not best or best[0].value is None:
            return None
        resolved = self.config.space.config_of(best[0].params)
        return Best(trial=best[0].number, config=resolved, mean=best[0].value, std=None, n=0)

    def best_of_trial(self, number: int) -> Best | None:
        """Return a search trial's config as `best` does, with the mean of its seeds if it was a finalist.

        Raises:
            InputError: There is no such trial.
        """
        records = self.store.records(Stage.SEARCH)
        record = next((one for one in records if one.number == number), None)
        if record is None:
            raise InputError(f"--trial {number}: no such trial; allowed: 0 to {len(records) - 1}")
        resolved = self.config.space.config_of(record.params)
        stats = next((one.statistics for one in self.ranked_finalists if one.source == number), None)
        if stats is not None and stats.mean is not None:
            return Best(trial=number, config=resolved, mean=stats.mean, std=stats.std, n=stats.n)
        return None if record.value is None else Best(trial=number, config=resolved, mean=record.value, std=None, n=0)

    @property
    def ensemble(self) -> Ensemble | None:
        """The checkpoints that vote; None before they are chosen."""
        stored = self.store.get("ensemble")
        return None if stored is None else Ensemble.from_dict(stored)

    @property
    def test_readings(self) -> list[Reading]:
        """All readings of the test split, in their order."""
        return [Reading.from_dict(one) for one in self.store.get("test_readings", [])]

    @property
    def current_reading(self) -> Reading | None:
        """The stored ensemble's reading of the test split."""
        ensemble = self.ensemble
        if ensemble is None:
            return None
        return next((reading for reading in self.test_readings if reading.is_of(ensemble)), None)

    @property
    def limits(self) -> Limits:
        """The limits of the study's budget."""
        return Limits(**(self.store.get("budget") or {}))

    @property
    def spent(self) -> Spent:
        """The amounts spent so far, by the store: epochs exactly, times to within seconds."""
        stored: dict[str, Any] = self.store.get("spent") or {}
        epochs = sum(_epochs_spent(record) for stage in Stage for record in self.store.records(stage))
        return Spent(time_s=stored.get("time_s", 0.0), gpu_s=stored.get("gpu_s", 0.0), epochs=epochs)

    @property
    def total(self) -> int | None:
        """The search's total, which a resume may have changed; None if the budget decides."""
        return known_total(self.config, int(self.store.get("trials", self.config.search.total)), self.limits)

    @property
    def rounds(self) -> list[Round]:
        """The search's rounds so far; one round for a study from before rounds existed."""
        from hpsearch.samplers.rounds import Round

        stored = self.store.get("rounds")
        if stored is not None:
            return [Round.from_dict(one) for one in stored]
        levels, trials = self.store.get("levels", {}), self.store.get("trials", self.config.search.total)
        return [Round(start=0, trials=trials, epochs=self.config.objective.epochs, levels=levels)]

    def full_epochs(self, stage: Stage, number: int) -> int:
        """Return the epochs of a trial that nothing ends early."""
        from hpsearch.samplers.rounds import full_epochs

        return full_epochs(self.config, self.rounds, stage, number)

    @property
    def explored_space(self) -> Space:
        """The space with bounds around everything sampled."""
        from hpsearch.samplers.rounds import explored

        return explored(self.config.space, self.rounds)

    @property
    def past(self) -> list[Past]:
        """The trials as rounds are drawn around them: first earlier trials of a warm start, then the study's own."""
        from hpsearch.samplers.past import Past

        return self._warm + [Past.of(record) for record in self.store.records(Stage.SEARCH)]

    @property
    def told(self) -> list[Past]:
        """The same for samplers that learn: what was stopped early has a projected final value."""
        from hpsearch.samplers.past import told
        from hpsearch.samplers.rounds import round_of

        rounds = self.rounds
        records = self.store.records(Stage.SEARCH)
        return self._warm + told(records, self.config.direction, lambda number: round_of(rounds, number)[1].epochs)

    @property
    def _warm(self) -> list[Past]:
        from hpsearch.samplers.past import Past

        return [Past(params=one["params"], value=one["value"]) for one in self.store.get("warm_start", [])]

    def edges(self, rounds: Sequence[Round]) -> list[Edge]:
        """Return the bounds that the best trials crowd; a bound does not grow where the objective would refuse it."""
        from hpsearch.samplers.edges import crowded_edges
        from hpsearch.samplers.rounds import explored

        space = explored(self.config.space, rounds)
        return [_allowed(edge, space, self.config) for edge in crowded_edges(space, self.past, self.config.direction)]


def known_total(config: StudyConfig, trials: int, limits: Limits) -> int | None:
    """Return a search's total of trials; None if only time, GPU time or epochs end the search.

    Args:
        trials: The total as stored.
        limits: Of the study's budget.
    """
    if limits.trials is not None:
        return min(trials, limits.trials)
    return None if config.search.is_open and trials == config.search.total else trials


def _epochs_spent(record: TrialRecord) -> int:
    if record.stop_reason is not None:
        return record.epochs
    return max(record.epochs, max(record.values, default=0))


def _allowed(edge: Edge, space: Space, config: StudyConfig) -> Edge:
    from hpsearch.objectives.loading import check_bounds  # few studies have edges

    axis = space.parameters[edge.name]
    assert isinstance(axis, Range)  # noqa: S101 - others have no edges
    bounds = (axis.low, edge.proposed) if edge.side == "high" else (edge.proposed, axis.high)
    try:
        check_bounds(config.objective, space.with_bounds({edge.name: bounds}), edge.name)
    except FieldError as error:
        return replace(edge, proposed=edge.bound, held_by=f"the objective takes {error.allowed}")
    return edge
