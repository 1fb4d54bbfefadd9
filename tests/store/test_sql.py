"""Rows that are written in batches are the rows that Optuna itself would have written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.store import rows as store_rows
from hpsearch.store import sql as store_sql
from hpsearch.store.backend import Backend, Changes
from hpsearch.store.records import StoredTrial
from hpsearch.store.sql import DatabaseBackend, SqlBackend, backend_of

DISTRIBUTIONS = {
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "size": IntDistribution(1, 9),
    "head": CategoricalDistribution(("small", "large", None, 3, 0.5, True)),
}
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.floats(1e-4, 1.0),
        "size": st.integers(1, 9),
        "head": st.sampled_from(DISTRIBUTIONS["head"].choices),
    },
)
JSON = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text()
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=20), JSON, max_size=4)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
ENDS = st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[FrozenTrial], list[Changes]]:
    """Trials, and what becomes of them in several batches."""
    trials = [template(draw(PARAMS), draw(ATTRIBUTES)) for _ in range(draw(st.integers(1, 3)))]
    numbers = st.integers(0, len(trials) - 1)
    batches = []
    for _ in range(draw(st.integers(1, 3))):
        steps = st.dictionaries(st.tuples(numbers, st.integers(1, 4)), FLOATS, max_size=5)
        attributes = st.dictionaries(st.tuples(numbers, st.sampled_from("abc")), JSON, max_size=5)
        batches.append(Changes(values=draw(steps), attributes=draw(attributes)))
    finite = st.floats(allow_nan=False)
    ends = draw(st.dictionaries(numbers, st.tuples(ENDS, finite), max_size=3))
    batches[-1].ends = {
        number: (state, None if state is TrialState.FAIL else value) for number, (state, value) in ends.items()
    }
    return trials, batches


def template(params: dict[str, object], attributes: dict[str, object]) -> FrozenTrial:
    distributions = {name: DISTRIBUTIONS[name] for name in params}
    return create_trial(state=TrialState.RUNNING, params=params, distributions=distributions, user_attrs=attributes)


def write(backend: Backend, trials: list[FrozenTrial], batches: list[Changes]) -> int:
    """Make a study of them; return its id."""
    study_id = backend.storage.create_new_study([StudyDirection.MAXIMIZE], None)
    ids = [backend.create_trial(study_id, number, trial)[0] for number, trial in enumerate(trials)]
    for batch in batches:
        backend.apply(
            Changes(
                values={(ids[number], step): value for (number, step), value in batch.values.items()},
                attributes={(ids[number], name): value for (number, name), value in batch.attributes.items()},
                ends={ids[number]: end for number, end in batch.ends.items()},
            )
        )
    return study_id


def rows(backend: DatabaseBackend, study_id: int) -> dict[str, list[tuple[object, ...]]]:
    """Return a study's rows of all tables, with numbers for the ids and without the times."""
    found = {}
    with backend._engine.connect() as connection:
        trials = sa.select(store_sql._TRIALS).where(store_sql._TRIALS.c.study_id == study_id)
        numbers = {row.trial_id: (row.number, row.state) for row in connection.execute(trials)}
        found["trials"] = sorted(map(str, numbers.values()))
        for table in (store_sql._PARAMS, store_sql._ATTRIBUTES, store_sql._STEPS, store_sql._VALUES):
            columns = [column for column in table.columns if not column.primary_key]
            selected = connection.execute(sa.select(*columns).where(table.c.trial_id.in_(numbers)))
            found[table.name] = sorted(str((numbers[row[0]], *row[1:])) for row in selected)
    return found


def texts(trials: list[StoredTrial]) -> list[str]:
    """Return trials without their ids as text, for a NaN equals nothing."""
    return [
        str(replace(t, id=0, values=sorted(t.values.items()), attributes=sorted(t.attributes.items()))) for t in trials
    ]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RDBStorage]:
    storage = RDBStorage(f"sqlite:///{tmp_path_factory.mktemp('sql')}/a.db")
    yield storage
    storage.remove_session()
    storage.engine.dispose()


@settings(deadline=None, max_examples=60)
@given(histories())
def test_both_ways_write_the_same_rows_and_read_the_same_trials(storage, history):
    fast, slow = backend_of(storage), DatabaseBackend(storage)
    assert type(fast) is SqlBackend
    ours, theirs = write(fast, *history), write(slow, *history)
    assert rows(fast, ours) == rows(fast, theirs)
    assert texts(fast.trials(ours)) == texts(slow.trials(ours)) == texts(fast.trials(theirs))
    study = storage.get_study_name_from_id(ours)
    assert len(optuna.load_study(study_name=study, storage=storage).trials) == len(history[0])


def test_times_are_those_of_this_moment(storage):
    backend = backend_of(storage)
    study_id = write(backend, [template({}, {})], [Changes(ends={0: (TrialState.COMPLETE, 0.5)})])
    (trial,) = storage.get_all_trials(study_id)
    for moment in (trial.datetime_start, trial.datetime_complete):
        assert abs(datetime.now() - moment) < timedelta(minutes=1)  # noqa: DTZ005 - Optuna gives local time


def test_a_batch_is_written_as_a_whole_or_not_at_all(storage):
    backend = backend_of(storage)
    study_id = write(backend, [template({}, {}), template({}, {})], [Changes(ends={0: (TrialState.COMPLETE, 0.5)})])
    before = texts(backend.trials(study_id))
    first, second = (trial.id for trial in backend.trials(study_id))
    with pytest.raises(UpdateFinishedTrialError, match="something else writes this store"):
        backend.apply(
            Changes(values={(second, 1): 0.5}, attributes={(second, "a"): 1}, ends={first: (TrialState.FAIL, None)})
        )
    assert texts(backend.trials(study_id)) == before


def test_a_number_that_is_taken_writes_nothing(storage):
    backend = backend_of(storage)
    study_id = write(backend, [template({}, {})], [])
    assert backend.create_trial(study_id, 0, template({"size": 3}, {"a": 1}))[1] == 1
    assert len(backend.trials(study_id)) == 1


def test_an_unknown_schema_is_left_to_optuna(tmp_path: Path, monkeypatch):
    storage = RDBStorage(f"sqlite:///{tmp_path}/a.db")
    monkeypatch.setattr(store_rows, "SCHEMAS", frozenset({(1, "v0.9.0.a")}))
    backend = backend_of(storage)
    assert type(backend) is DatabaseBackend
    study_id = write(backend, [template({"lr": 0.5}, {"a": 1})], [Changes(values={(0, 1): math.nan})])
    assert texts(backend.trials(study_id)) == texts(SqlBackend(storage).trials(study_id))
    backend.close()
