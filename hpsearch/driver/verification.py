"""`verify`: does the config in a training repo still reach the value of the study?"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hpsearch.driver.dispatch import Dispatcher
from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.session import Caller, Session, Start, in_session
from hpsearch.driver.stages.finalists import new_replicate
from hpsearch.errors import InputError, StudyError
from hpsearch.executors.planning import claimed_resources
from hpsearch.export.read import read_config
from hpsearch.objectives.loading import check_objective
from hpsearch.selection.ranking import Finalist, SeedStatistics, prediction_interval, seed_statistics, winner
from hpsearch.selection.rules import divergence_rule
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.system.git import CodeState
from hpsearch.text import counted
from hpsearch.trial.events import StageStarted
from hpsearch.trial.trial import Direction, Params, Stage, TrialRecord

_EQUAL = 1e-9  # relative: another order of summing may change a value by this


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The result of a comparison.

    Attributes:
        trial: The finalist to compare with.
        config: From the file.
        differences: By name, the file's value and the finalist's.
        outside: Values outside of the space, by name.
        promised: The results of the finalist's seeds.
        found: The results of the new seeds.
        interval: Holds the mean of as many new seeds in 95 of 100 cases; None for a finalist of one seed.
        code: The states of the trained code and of the study's code; None for one that is unknown.
        left_out: The parameters that were not to be read from the file. The finalist's values were trained.
    """

    trial: int
    metric: str
    direction: Direction
    config: Mapping[str, Any]
    differences: Mapping[str, tuple[Any, Any]]
    outside: Mapping[str, Any]
    promised: SeedStatistics
    found: SeedStatistics
    interval: tuple[float, float] | None
    code: tuple[CodeState | None, CodeState | None]
    left_out: tuple[str, ...] = ()

    @property
    def within(self) -> bool | None:
        """Whether the new mean lies in the interval; None without an interval."""
        if self.interval is None or self.found.mean is None:
            return None if self.interval is None else False
        low, high = self.interval
        margin = _EQUAL * max(abs(low), abs(high))
        return low - margin <= self.found.mean <= high + margin


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """The place of an exported config.

    Attributes:
        path: The file; None for the space file's `export.to`.
        key: The mapping in the file. None: the space file's key for the same file, the top level for another.
        names: As `export` takes them; they override the space file's.
        only: The parameters that the file has; empty for all, or for what the space file says.
    """

    path: Path | None = None
    key: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()


def verify(
    study: Study, exported: Exported, caller: Caller, *, trial: int | None = None, seeds: int | None = None
) -> Verification:
    """Retrain an exported config like a finalist, with new seeds, and compare.

    The training runs in a temporary directory, which is removed. The study stays unchanged, and the test split is not
    read.

    Args:
        caller: Its `opened` takes the study in the temporary directory.
        trial: The finalist to compare with; None for the winner.
        seeds: The number of new seeds; None for that finalist's number.

    Raises:
        InputError: There is nothing to compare with, or the config can't be trained.
        StudyError: No seed ended with a value.
        Interrupted: A signal came.
    """
    finalist = _finalist(study, trial)
    expected = study.config.space.config_of(finalist.params)
    config, left_out = _read(study, exported, expected)
    count = seeds or len(study.replicates(finalist.source))
    check_objective(study.config, study.store.get("module_folder"))
    ended = _retrain(study, config, finalist, count, caller)
    values = [record.value for record in ended if record.eligible and record.value is not None]
    return Verification(
        trial=finalist.source,
        metric=study.config.metric,
        direction=study.config.direction,
        config=config,
        differences={
            name: (config.get(name), expected.get(name))
            for name in {**expected, **config}
            if config.get(name) != expected.get(name)
        },
        outside=_outside(config, study.explored_space),
        promised=finalist.statistics,
        found=seed_statistics(values, count - len(values)),
        interval=prediction_interval(finalist.statistics.values, len(values)),
        code=(CodeState.from_dict(ended[0].code), CodeState.from_dict(study.store.get("code"))),
        left_out=left_out,
    )


def _finalist(study: Study, trial: int | None) -> Finalist:
    found = [one for one in study.ranked_finalists if one.statistics.n]
    if not found:
        raise InputError(
            f"study {study.name}: has no finalists to compare with; allowed: a study with retrained finalists"
        )
    if trial is None:
        best = winner(found, study.config.direction)
        assert best is not None  # noqa: S101 - each of them has a value
        return best
    chosen = next((one for one in found if one.source == trial), None)
    if chosen is None:
        raise InputError(f"--trial {trial}: is no finalist; allowed: {', '.join(str(one.source) for one in found)}")
    return chosen


def _read(study: Study, exported: Exported, expected: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the config to train, and which of its values are the finalist's because the file was not to have them."""
    default = study.config.export
    path, key, names, only = exported.path, exported.key, exported.names, exported.only
    if path is None:
        if default is None:
            raise InputError(f"study {study.name}: its space file has no export; allowed: --from PATH")
        path = Path(default.to)
    if default is not None and path.resolve() == Path(default.to).resolve():
        key, names, only = key or default.key, {**default.map, **names}, only or tuple(default.only)
    config = read_config(path, key or ".", names, study.config.space, only=only, otherwise=expected)
    return config, tuple(name for name in config if names.get(name) == "" or (only and name not in only))


def _outside(config: Mapping[str, Any], space: Space) -> dict[str, Any]:
    found = {}
    for name, value in config.items():
        distribution = space.parameters.get(name)
        if distribution is None:
            inside = value == space.constants[name]
        elif isinstance(distribution, Range):
            inside = _is_inside(distribution, value, name, config, space)
        else:
            inside = value in distribution.values
        if not inside:
            found[name] = value
    return found


def _is_inside(axis: Range, value: float, name: str, config: Mapping[str, Any], space: Space) -> bool:
    try:
        searched = value / space.scale_of(name, config)
    except (TypeError, ValueError, ZeroDivisionError, KeyError):  # no usable size to scale by
        return False
    margin = _EQUAL * abs(searched)
    return axis.low - margin <= searched <= axis.high + margin


def _retrain(
    study: Study, config: Mapping[str, Any], finalist: Finalist, count: int, caller: Caller
) -> list[TrialRecord]:
    """Return the new trials; at least one of them has ended well."""
    # A space of constants trains the file's config as it is, also unrounded or outside of the bounds.
    fixed = replace(study.config, space=Space({}, dict(config), tuple(config)))
    with (
        claimed_resources(caller.request.for_study(fixed.gpus_per_trial), count, study.name) as resources,
        tempfile.TemporaryDirectory(prefix="hpsearch-verify-") as temporary,
        caller.interrupts.listening(),
        closing(Start(caller, resources)) as start,
    ):
        start.begin(fixed.objective)
        folder = Path(temporary).resolve() / study.name
        folder.mkdir()
        attributes = {"module_folder": study.store.get("module_folder")}
        store = Store.create(folder, study.name, None, study.config.direction, attributes)
        try:
            retrained = DrivenStudy(study.name, folder, fixed, store)
            caller.opened(retrained)
            with in_session(retrained, start, count, caller) as session:
                _train(session, finalist.source, len(study.replicates(finalist.source)), count)
            ended = store.records(Stage.FINALISTS)
        finally:
            store.close()
    if not any(record.eligible for record in ended):
        error = next((f": {record.error}" for record in ended if record.error), "")
        raise StudyError(f"none of {counted(count, 'trial')} ended with a value{error}")
    return ended


def _train(session: Session, source: int, used: int, count: int) -> None:
    config = session.study.config

    def plan(number: int) -> TrialRecord:
        # Earlier replicates were the finalist's own.
        return new_replicate(number, Params({}), config.seed, source, used + number)

    session.publish(StageStarted(stage="finalists", total=count, done=0, epochs=config.objective.epochs))
    Dispatcher(session, Stage.FINALISTS, (divergence_rule(config),)).run(range(count), plan)
