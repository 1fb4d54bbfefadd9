"""`verify`: does the config in a training repo still reach what the study promised?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.driver.context import Context
from hpsearch.driver.dispatch import Dispatcher, Planned
from hpsearch.driver.session import Publish, nothing, prepared, silent
from hpsearch.errors import InputError, StudyError
from hpsearch.executors.planning import claimed_resources
from hpsearch.executors.resources import ResourceRequest
from hpsearch.export.read import read_config
from hpsearch.objectives.loading import check_objective
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.ranking import Finalist, SeedStatistics, prediction_interval, seed_statistics, winner
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.store.store import Store
from hpsearch.study.outcome import explored_space, finalists_of, replicates_of
from hpsearch.study.study import DEFAULT_STUDIES, Study, load_study
from hpsearch.system.git import CodeState
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import StageStarted
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Direction, Stage, TrialRecord

_EQUAL = 1e-9  # relative: what summing in another order may change


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What came out.

    Attributes:
        trial: The finalist that the file is compared with.
        config: As the file has it.
        differences: By name, the file's value and the finalist's.
        outside: Names whose value lies outside of the space, with it.
        promised: The finalist's seeds.
        found: The new ones.
        interval: Where the mean of so many new seeds lies in 95 of 100 cases; None for a finalist of one seed.
        code: The state of the code that was trained, and of the study's; each None where there is none.
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

    @property
    def within(self) -> bool | None:
        """Whether the new mean is where it was to be expected; None if one seed says nothing of that."""
        if self.interval is None or self.found.mean is None:
            return None if self.interval is None else False
        low, high = self.interval
        margin = _EQUAL * max(abs(low), abs(high))
        return low - margin <= self.found.mean <= high + margin


def verify(  # noqa: PLR0913 - named options of one command, each with a default
    study: str | Path,
    path: str | Path | None = None,
    *,
    key: str | None = None,
    names: Mapping[str, str] | None = None,
    trial: int | None = None,
    seeds: int | None = None,
    request: ResourceRequest | None = None,
    studies: str | Path = DEFAULT_STUDIES,
    storage: str | None = None,
    publish: Publish = silent,
    opened: Callable[[Study], None] = nothing,
) -> Verification:
    """Retrain the config of an exported file with new seeds, as finalists are, and compare.

    It trains in a temporary directory that is removed; the study stays as it is, and the test split is not read.

    Args:
        path: The file; None for the space file's `export.to`.
        key: The mapping in it; None for the space file's if it is the same file, else the top level.
        names: As `export` takes them, over those of the space file.
        trial: The finalist to compare with; None for the winner.
        seeds: How many; None for as many as that finalist had.
        request: Workers; None for idle GPUs, or else CPU workers.

    Raises:
        InputError: There is nothing to compare, or nothing that can be trained.
        StudyError: No seed ended with a value.
        Interrupted: A signal came.
    """
    loaded = load_study(study, studies=studies, storage=storage)
    try:
        finalist = _finalist(loaded, trial)
        config = _read(loaded, path, key, names or {})
        count = seeds or len(replicates_of(loaded.store, finalist.source))
        check_objective(loaded.config, loaded.store.get("module_folder"))
        ended = _retrain(loaded, config, finalist, count, request or ResourceRequest(), publish, opened)
        values = [record.value for record in ended if record.eligible and record.value is not None]
        expected = loaded.config.space.config(finalist.params)
        return Verification(
            trial=finalist.source,
            metric=loaded.config.metric,
            direction=loaded.config.direction,
            config=config,
            differences={
                name: (config.get(name), expected.get(name))
                for name in {**expected, **config}
                if config.get(name) != expected.get(name)
            },
            outside=_outside(config, explored_space(loaded.store, loaded.config)),
            promised=finalist.statistics,
            found=seed_statistics(values, count - len(values)),
            interval=prediction_interval(finalist.statistics.values, len(values)),
            code=(CodeState.from_dict(ended[0].code), CodeState.from_dict(loaded.store.get("code"))),
        )
    finally:
        loaded.close()


def _finalist(study: Study, trial: int | None) -> Finalist:
    found = [one for one in finalists_of(study.store, study.config) if one.statistics.n]
    if not found:
        raise InputError(
            f"study {study.name}: has no finalists to compare with; allowed: a study that has retrained some"
        )
    if trial is None:
        best = winner(found, study.config.direction)
        assert best is not None  # noqa: S101 - each of them has a value
        return best
    chosen = next((one for one in found if one.source == trial), None)
    if chosen is None:
        raise InputError(f"--trial {trial}: is no finalist; allowed: {', '.join(str(one.source) for one in found)}")
    return chosen


def _read(study: Study, path: str | Path | None, key: str | None, names: Mapping[str, str]) -> dict[str, Any]:
    default = study.config.export
    if path is None:
        if default is None:
            raise InputError(f"study {study.name}: its space file has no export; allowed: --from PATH")
        path = default.to
    source = Path(path)
    same = default is not None and source.resolve() == Path(default.to).resolve()
    if default is not None and same:
        key, names = key or default.key, {**default.map, **names}
    return read_config(source, key or ".", names, study.config.space)


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
    except (TypeError, ValueError, ZeroDivisionError, KeyError):  # a size that nothing can be scaled by
        return False
    margin = _EQUAL * abs(searched)
    return axis.low - margin <= searched <= axis.high + margin


def _retrain(
    study: Study,
    config: Mapping[str, Any],
    finalist: Finalist,
    count: int,
    request: ResourceRequest,
    publish: Publish,
    opened: Callable[[Study], None],
) -> list[TrialRecord]:
    """Return the trainings, at least one of which has ended well."""
    # A space of constants: what trains is the file's config, rounded or not, within the bounds or not.
    fixed = replace(study.config, space=Space({}, dict(config), tuple(config)))
    interrupts = Interrupts()
    with (
        claimed_resources(request, count, study.name) as resources,
        tempfile.TemporaryDirectory(prefix="hpsearch-verify-") as temporary,
        interrupts.listening(),
    ):
        folder = Path(temporary).resolve() / study.name
        folder.mkdir()
        attributes = {"module_folder": study.store.get("module_folder")}
        store = Store.create(folder, study.name, None, study.config.direction, attributes)
        try:
            opened(Study(study.name, folder, fixed, store))
            arguments = (store, fixed, folder, request, resources, count, publish, interrupts)
            with prepared(*arguments) as context:
                _train(context, finalist.source, len(replicates_of(study.store, finalist.source)), count)
            ended = store.records(Stage.FINALISTS)
        finally:
            store.close()
    if not any(record.eligible for record in ended):
        error = next((f": {record.error}" for record in ended if record.error), "")
        raise StudyError(f"none of {count} trainings ended with a value{error}")
    return ended


def _train(context: Context, source: int, used: int, count: int) -> None:
    config = context.config

    def plan(number: int) -> Planned:
        replicate = used + number  # those before were the finalists' own
        seed = derive_seed(config.seed, Stage.FINALISTS, source, replicate)
        return Planned(number=number, params={}, seed=seed, source=source, replicate=replicate)

    context.publish(StageStarted(stage="finalists", total=count, done=0, epochs=config.objective.epochs))
    Dispatcher(context, Stage.FINALISTS, (DivergenceRule(),)).run(range(count), plan)
