"""The duties of every store, in any database."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa
from optuna.storages import BaseStorage

from hpsearch.errors import InputError, StudyError, StudyNotFoundError
from hpsearch.samplers import make_sampler
from hpsearch.store.backend import Backend
from hpsearch.store.reader import StoreReader
from hpsearch.store.store import FORMAT, STUDY_FILE, Store
from hpsearch.trial.trial import Decision, Direction, Stage, State, StopReason, TrialRecord
from support.factories import history, sample_config

CONFIG = sample_config(
    space={
        "lr": {"loguniform": [1e-3, 1.0]},
        "wd": {"qloguniform": [1e-3, 1.0, 1e-3]},
        "size": {"qrandint": [8, 64, 8]},
        "act": {"choice": ["relu", 3, 0.5, None]},
        "flag": {"choice": [False, True]},
        "head": {"choice": {"small": [64], "large": [256, 64]}},
        "constant": "adamw",
    },
    search={"sampler": "random"},
)
SAMPLER = make_sampler(CONFIG.search, CONFIG.space, CONFIG.seed, {})
END = {"metric": "score", "worker": "host:1", "error": None}


measurements = partial(history, seconds=0.25, loss=1.0)


class Kill(BaseException):
    """Ends a driver between two writes."""


def running(number: int, stage: Stage = Stage.SEARCH, **changes: object) -> TrialRecord:
    record = TrialRecord(
        stage=stage, number=number, state=State.RUNNING, params=SAMPLER.draw(number), seed=2**32 - 1 - number
    )
    return replace(record, **changes)


def add(store: Store, number: int, reason: StopReason | None, *values: float, **changes: object) -> None:
    record = running(number, **changes)
    store.create_trial(record, CONFIG.space)
    store.start_attempt(record.stage, number, 1)
    for measurement in measurements(*values):
        store.add_measurement(record.stage, number, measurement, "score")
    if reason is not None:
        store.end_trial(record.stage, number, Decision(reason), history=measurements(*values), **END)
    store.flush()


def contents(store: StoreReader) -> list[str]:
    """Return all records as text, for a NaN never equals another."""
    return [repr(record) for stage in Stage for record in store.records(stage)]


class Stores:
    """Subclasses give the place of the store."""

    def url(self, tmp_path: Path) -> str | None:
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "studies" / "sample"
        folder.mkdir(parents=True)
        return folder

    @pytest.fixture
    def create(self, folder, tmp_path):
        made: list[Store] = []

        def create(direction: Direction = Direction.MAXIMIZE, **attributes: object) -> Store:
            made.append(Store.create(folder, "sample", self.url(tmp_path), direction, {"seed": 0, **attributes}))
            return made[-1]

        yield create
        for store in made:
            store.close()

    @pytest.fixture
    def reopen(self, folder, tmp_path):
        opened: list[Store] = []

        def reopen() -> Store:
            opened.append(Store.open(folder, self.url(tmp_path)))
            return opened[-1]

        yield reopen
        for store in opened:
            store.close()

    def optuna_storage(self, store: Store) -> str | BaseStorage:
        return store._storage.engine.url.render_as_string(hide_password=False)

    def refuse_writes(self, store: Store) -> None:
        with store._storage.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE trial_intermediate_values"))
            connection.execute(sa.text("DROP TABLE trial_user_attributes"))


class Conformance(Stores):
    """The duties of every database; a subclass only needs a `url` that gives an empty one."""

    def test_every_field_is_the_same_after_reopening(self, create, reopen):
        store = create()
        add(store, 0, StopReason.FINISHED, 0.5, 0.75, 0.625)
        add(store, 1, StopReason.STALLED, 0.1 + 0.2, 0.1)
        add(store, 2, StopReason.DIVERGED, 0.5, math.nan)
        add(store, 3, StopReason.OUTCLASSED, 0.25)
        for number, reason in enumerate((StopReason.ERROR, StopReason.OOM, StopReason.TIMEOUT, StopReason.LOST), 4):
            add(store, number, None, 0.5)
            end = END | {"worker": None, "error": 'ValueError: "quoted"\té 你'}
            store.end_trial(Stage.SEARCH, number, Decision(reason), history=measurements(0.5), **end)
        add(store, 8, None, 0.5, 0.25)
        store.start_attempt(Stage.SEARCH, 8, 3)
        add(store, 9, None)
        add(store, 0, StopReason.FINISHED, 0.5, stage=Stage.FINALISTS, source=1, replicate=0, params=SAMPLER.draw(1))
        add(store, 1, None, 0.5, stage=Stage.FINALISTS, source=1, replicate=1, params=SAMPLER.draw(1))
        assert contents(reopen()) == contents(store)
        record = store.record(Stage.SEARCH, 1)
        assert (record.state, record.value, record.best_epoch, record.epochs) == (State.COMPLETE, 0.1 + 0.2, 1, 2)
        assert (record.seconds, record.seed, record.attempt, record.worker) == (0.5, 2**32 - 2, 1, "host:1")
        assert store.record(Stage.SEARCH, 3).state is State.PRUNED
        assert store.record(Stage.SEARCH, 4).state is State.FAIL
        assert not [r for r in store.records(Stage.SEARCH) if r.eligible and r.number > 1]

    def test_a_reader_sees_what_a_store_holds(self, create, reopen, folder, tmp_path):
        store = create(note="kept")
        add(store, 0, StopReason.FINISHED, 0.5, 0.75, 0.625)
        add(store, 1, StopReason.DIVERGED, 0.5, math.nan)
        add(store, 2, None, 0.5, 0.25, math.inf)
        add(store, 3, None)
        add(store, 4, None, 0.5, 0.75, 0.875)  # its first attempt went further than the one that ended it
        store.end_trial(Stage.SEARCH, 4, Decision(StopReason.STALLED), history=measurements(0.5), **END)
        store.flush()
        add(store, 5, None, 0.5, 0.75)  # a driver was killed before it told Optuna of the end
        ended = {"stop_reason": "finished", "epochs": 2, "best_epoch": 1}
        for name, value in ended.items():
            store._storage.set_trial_user_attr(store._mirror.id_of(Stage.SEARCH, 5), name, value)
        add(store, 0, StopReason.LOST, 0.5, stage=Stage.FINALISTS, source=0, replicate=1)
        with closing(StoreReader.open(folder, self.url(tmp_path))) as reader:
            written = reopen()
            assert reader.get("note") == "kept"
            assert contents(reader) == contents(written)
            one, other = reader.record(Stage.SEARCH, 0), written.record(Stage.SEARCH, 0)
            assert (one, one.value, one.values) == (other, 0.75, {1: 0.5, 2: 0.75, 3: 0.625})
            assert reader.record(Stage.SEARCH, 4).values == {1: 0.5}
            assert reader.record(Stage.SEARCH, 5).value == 0.5
            add(store, 6, StopReason.FINISHED, 0.5)
            reader.reload()
            assert [r.values for r in reader.records(Stage.SEARCH)][6] == {1: 0.5}

    def test_params_keep_their_types(self, create, reopen):
        store = create()
        for number in range(20):
            add(store, number, None)
        for record in reopen().records(Stage.SEARCH):
            drawn = SAMPLER.draw(record.number)
            assert {k: (type(v), v) for k, v in record.params.items()} == {k: (type(v), v) for k, v in drawn.items()}
            assert CONFIG.space.config_of(record.params) == CONFIG.space.config_of(drawn)

    def test_what_is_not_finite_is_kept_and_never_the_value(self, create, reopen):
        store = create()
        add(store, 0, StopReason.FINISHED, math.inf, 0.5, -math.inf, math.nan)
        add(store, 1, StopReason.FINISHED, math.nan, math.inf)
        assert contents(reopen()) == contents(store)
        first, second = store.records(Stage.SEARCH)
        assert [str(v) for v in first.values.values()] == ["inf", "0.5", "-inf", "nan"]
        assert (first.value, first.best_epoch, first.epochs) == (0.5, 2, 4)
        assert (second.value, second.stop_reason, second.state) == (None, StopReason.DIVERGED, State.PRUNED)

    def test_a_number_that_is_not_the_next_means_another_writer(self, create):
        store = create()
        add(store, 0, None)
        with pytest.raises(StudyError, match="trial 5 became 1; something else writes its store"):
            store.create_trial(running(5), CONFIG.space)

    def test_attributes_are_json(self, create, reopen):
        store = create(levels={"lr": 7})
        store.put("readings", [{"members": (("search", 1),), "scores": None, "weight": 0.1}])
        store.put("done", value=True)
        store.put("done", value=False)
        for one in (store, reopen()):
            assert one.get("readings") == [{"members": [["search", 1]], "scores": None, "weight": 0.1}]
            assert (one.get("levels"), one.get("done"), one.get("format")) == ({"lr": 7}, False, FORMAT)
            assert one.get("no such", "default") == "default"

    def test_a_study_of_that_name_is_refused(self, create):
        create()
        with pytest.raises(InputError, match="has a study sample already; give another --name"):
            create()

    def test_a_study_whose_creation_was_killed_is_made_anew(self, create, reopen, folder, monkeypatch):
        put, left = Store.put, [0]

        def killed(*arguments: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Kill
            put(*arguments)

        monkeypatch.setattr(Store, "put", killed)
        for writes in (0, 1, 3):
            left[0] = writes
            with pytest.raises(Kill):
                create(space={}, trials=3)
            with pytest.raises(StudyNotFoundError):
                reopen()
            assert not (folder / STUDY_FILE).exists() or writes == 3
        left[0] = 99
        create(space={}, trials=3)
        assert reopen().get("trials") == 3

    def test_only_half_of_a_study_is_none(self, create, reopen):
        store = create()
        storage = self.optuna_storage(store)
        optuna.delete_study(study_name="sample/finalists", storage=storage)
        with pytest.raises(StudyNotFoundError, match="has no study sample"):
            reopen()

    def test_somebody_elses_optuna_study_is_left_alone(self, create):
        storage = self.optuna_storage(create())
        for stage in Stage:
            optuna.delete_study(study_name=f"sample/{stage}", storage=storage)
        theirs = optuna.create_study(storage=storage, study_name="sample/search")
        theirs.add_trial(optuna.trial.create_trial(value=1.0))
        with pytest.raises(InputError, match="has a study sample already"):
            create()
        assert len(optuna.load_study(study_name="sample/search", storage=storage).trials) == 1

    def test_a_newer_format_is_refused_before_anything_of_it_is_read(self, create, reopen):
        store = create()
        add(store, 0, None)
        store._storage.set_trial_user_attr(store._mirror.id_of(Stage.SEARCH, 0), "stop_reason", "of the future")
        store.put("format", FORMAT + 1)
        with pytest.raises(InputError, match=r"made by a newer hpsearch .* allowed: upgrade hpsearch") as caught:
            reopen()
        assert "\n" not in str(caught.value)

    def test_repair_fills_a_trial_without_params_with_those_of_its_number(self, create, reopen):
        store = create()
        add(store, 0, StopReason.FINISHED, 0.5)
        study = optuna.load_study(study_name="sample/search", storage=self.optuna_storage(store))
        study.ask()
        study.sampler = SAMPLER
        half = study.ask()  # killed while it was asked, parameter by parameter
        half.suggest_float("lr", 1e-3, 1.0, log=True)
        again = reopen()
        assert [r.state for r in again.records(Stage.SEARCH)] == [State.COMPLETE, State.RUNNING, State.RUNNING]
        again.repair(lambda _: CONFIG.space, SAMPLER.draw, lambda number: 1000 + number)
        for number in (1, 2):
            record = again.record(Stage.SEARCH, number)
            assert record.params == SAMPLER.draw(number)
            assert record.seed == 1000 + number
        assert contents(reopen()) == contents(again)

    def test_repair_tells_a_trial_that_has_its_stop_reason(self, create, reopen):
        store = create()
        study = optuna.load_study(study_name="sample/search", storage=self.optuna_storage(store))
        study.sampler = SAMPLER
        trial = study.ask(CONFIG.space.optuna_distributions())
        for epoch, value in enumerate((0.25, 0.75, 0.5), 1):
            trial.report(value, epoch)
        for key, value in {"best_epoch": 2, "epochs": 3, "seed": 9, "attempt": 1, "stop_reason": "stalled"}.items():
            trial.set_user_attr(key, value)
        again = reopen()
        again.repair(lambda _: CONFIG.space, SAMPLER.draw, lambda number: number)
        record = again.record(Stage.SEARCH, 0)
        assert (record.state, record.value, record.seed) == (State.COMPLETE, 0.75, 9)
        assert study.best_trial.value == 0.75
        assert contents(reopen()) == contents(again)

    def test_an_end_that_was_cut_short_anywhere_is_the_same_in_the_end(self, create, reopen, monkeypatch):
        def end(store: Store, number: int) -> None:
            store.repair(lambda _: CONFIG.space, SAMPLER.draw, lambda number: number)
            if store.record(Stage.SEARCH, number).state is State.RUNNING:
                store.end_trial(
                    Stage.SEARCH, number, Decision(StopReason.STALLED), history=measurements(0.5, 0.75, 0.25), **END
                )
            store.flush()

        store = create()
        # Optuna's own way has no transaction for several writes; a backend with one makes all of them or none.
        store._backend = Backend(store._storage, store._backend.url)
        storage, left = store._storage, [0]

        def counted(write: Callable[..., None], *arguments: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Kill
            write(*arguments)

        for name in ("set_trial_user_attr", "set_trial_intermediate_value", "set_trial_state_values"):
            monkeypatch.setattr(storage, name, partial(counted, getattr(storage, name)))
        for writes in range(10):
            left[0] = 99
            add(store, writes, None, 0.5)
            left[0] = writes
            if writes < 8:
                with pytest.raises(Kill):
                    end(store, writes)
            else:
                end(store, writes)
            again = reopen()
            end(again, writes)
            record = again.record(Stage.SEARCH, writes)
            assert (record.state, record.stop_reason) == (State.COMPLETE, StopReason.STALLED)
            assert (record.value, record.best_epoch, record.epochs, record.seconds) == (0.75, 2, 3, 0.75)
            assert record.worker == "host:1"
        assert contents(reopen()) == contents(again)

    def test_an_error_of_an_end_that_was_cut_short_does_not_stay(self, create, reopen, monkeypatch):
        store = create()
        add(store, 0, None, 0.5)
        store._backend = Backend(store._storage, store._backend.url)
        write = store._storage.set_trial_user_attr

        def killed(trial_id: int, key: str, value: object) -> None:
            if key == "stop_reason":
                raise Kill
            write(trial_id, key, value)

        monkeypatch.setattr(store._storage, "set_trial_user_attr", killed)
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.LOST), history=[], **END | {"error": "the worker ended"})
        with pytest.raises(Kill):
            store.flush()
        again = reopen()
        again.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END)
        again.flush()
        assert again.record(Stage.SEARCH, 0).error is None
        assert contents(reopen()) == contents(again)

    def test_epochs_of_earlier_attempts_do_not_count(self, create, reopen):
        store = create()
        add(store, 0, None, 0.9, 0.9, 0.9, 0.9)
        sparse = [m for m in measurements(0.1, 0.2, 0.3) if m.epoch != 2]
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=sparse, **END)
        store.flush()
        record = store.record(Stage.SEARCH, 0)
        assert (record.value, record.best_epoch, record.epochs) == (0.3, 3, 3)
        assert [str(v) for v in record.values.values()] == ["0.1", "nan", "0.3"]
        assert contents(reopen()) == contents(store)

    def test_a_trial_that_was_lost_before_it_measured_has_nothing(self, create, reopen):
        store = create()
        add(store, 0, None, 0.9)
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.LOST), history=[], **END)
        store.flush()
        record = reopen().record(Stage.SEARCH, 0)
        assert (record.state, record.value, record.values, record.epochs) == (State.FAIL, None, {}, 0)

    @pytest.mark.parametrize("direction", list(Direction))
    def test_optuna_opens_both_studies_and_agrees_on_the_best(self, create, direction):
        store = create(direction)
        histories = [(StopReason.FINISHED, (0.5, 0.4)), (StopReason.STALLED, (0.1, 0.9, 0.5)), (StopReason.LOST, (2,))]
        for stage in Stage:
            for number, (reason, values) in enumerate(histories):
                add(store, number, None, stage=stage, source=0 if stage is Stage.FINALISTS else None)
                store.end_trial(stage, number, Decision(reason), history=measurements(*values), **END)
            store.flush()
            study = optuna.load_study(study_name=f"sample/{stage}", storage=self.optuna_storage(store))
            best = max if direction is Direction.MAXIMIZE else min
            ours = best((r for r in store.records(stage) if r.eligible), key=lambda r: r.value)
            assert ours.stop_reason is StopReason.STALLED
            assert (study.best_trial.number, study.best_value) == (ours.number, ours.value)
            assert study.best_trial.params == ours.params
            assert len(study.trials_dataframe()) == 3

    def test_a_pruned_trial_cannot_be_optunas_best(self, create):
        store = create()
        add(store, 0, StopReason.OUTCLASSED, 0.9)
        add(store, 1, StopReason.FINISHED, 0.1)
        study = optuna.load_study(study_name="sample/search", storage=self.optuna_storage(store))
        assert study.best_trial.number == 1

    def test_a_store_that_refuses_writes_is_one_clear_error(self, create):
        store = create()
        add(store, 0, None)
        self.refuse_writes(store)

        def flushed(write: Callable[[], object]) -> None:
            write()
            store.flush()

        for write in (
            lambda: store.add_measurement(Stage.SEARCH, 0, measurements(0.5)[0], "score"),
            lambda: store.start_attempt(Stage.SEARCH, 0, 2),
            lambda: store.create_trial(running(1), CONFIG.space),
            lambda: store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END),
        ):
            with pytest.raises(StudyError, match=r"study sample: its store .* can't be written: ") as caught:
                flushed(write)
            assert "\n" not in str(caught.value)
            assert "then resume" in str(caught.value)

    def test_an_attempt_is_stored_before_it_can_be_sent_out(self, create, reopen):
        store = create()
        add(store, 0, None)
        store.add_measurement(Stage.SEARCH, 0, measurements(0.5)[0], "score")
        store.start_attempt(Stage.SEARCH, 0, 2)
        assert reopen().record(Stage.SEARCH, 0).attempt == 2
        store.create_trial(replace(running(1), attempt=1), CONFIG.space)
        assert reopen().record(Stage.SEARCH, 1).attempt == 1

    def test_what_is_noted_is_stored_by_a_flush_and_by_all_that_decides(self, create, reopen):
        store = create()
        add(store, 0, None)
        store.add_measurement(Stage.SEARCH, 0, measurements(0.5)[0], "score")
        assert (store.pending, store.record(Stage.SEARCH, 0).values) == (1, {1: 0.5})
        assert not reopen().record(Stage.SEARCH, 0).values
        store.flush()
        assert (store.pending, reopen().record(Stage.SEARCH, 0).values) == (0, {1: 0.5})
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END)
        assert reopen().record(Stage.SEARCH, 0).state is State.RUNNING
        store.put("done", value=True)  # written after the trials, never before them
        assert reopen().record(Stage.SEARCH, 0).state is State.COMPLETE

    def test_a_trial_that_something_else_ended_or_deleted_is_one_clear_error(self, create):
        store = create()
        add(store, 0, None)
        study = optuna.load_study(study_name="sample/search", storage=self.optuna_storage(store))
        study.tell(0, 1.0)
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END)
        with pytest.raises(StudyError, match="can't be written"):
            store.flush()
        optuna.delete_study(study_name="sample/search", storage=self.optuna_storage(store))
        with pytest.raises(StudyError, match="can't be written"):
            store.put("done", value=True)

    def test_a_driver_that_waited_for_the_lock_reads_again(self, create, reopen):
        store = create()
        waiting = reopen()
        assert waiting.is_empty
        add(store, 0, StopReason.FINISHED, 0.5)
        store.put("trials", 48)
        assert not waiting.records(Stage.SEARCH)
        waiting.reload()
        assert contents(waiting) == contents(store)
        assert waiting.get("trials") == 48
        add(waiting, 1, StopReason.FINISHED, 0.5)


class InItsFolder(Conformance):
    """The duties of every store in its study's folder."""

    def test_the_folder_may_be_moved(self, create, folder, tmp_path):
        store = create()
        add(store, 0, StopReason.FINISHED, 0.5)
        before = contents(store)
        store.close()
        shutil.move(folder, tmp_path / "elsewhere")
        moved = Store.open(tmp_path / "elsewhere")
        assert contents(moved) == before
        add(moved, 1, StopReason.FINISHED, 0.5)
        moved.close()
        assert not folder.exists()


class SharedDatabase(Stores):
    """A database that several studies may share."""

    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/shared.db"

    def test_the_url_has_to_be_given_again(self, create, folder):
        create()
        with pytest.raises(InputError, match=r"store is at sqlite:.*; give it with --storage or HPSEARCH_STORAGE"):
            Store.open(folder)

    def test_studies_share_it(self, create, tmp_path):
        one = create()
        add(one, 0, StopReason.FINISHED, 0.5)
        (tmp_path / "other").mkdir()
        other = Store.create(tmp_path / "other", "other", self.url(tmp_path), Direction.MINIMIZE, {})
        add(other, 0, StopReason.LOST)
        assert len(one.records(Stage.SEARCH)) == len(other.records(Stage.SEARCH)) == 1
        other.close()
        pointer = {"study": "third", "storage": "elsewhere"}
        (tmp_path / "other" / STUDY_FILE).write_text(json.dumps(pointer))
        with pytest.raises(StudyNotFoundError, match="has no study third"):
            Store.open(tmp_path / "other", self.url(tmp_path))
