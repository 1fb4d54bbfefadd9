"""The loop that joins the executor and the store, stepped with a scripted executor and a clock of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch.driver.dispatch import Dispatcher
from hpsearch.errors import Interrupted, StudyError
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.store.backend import Changes
from hpsearch.store.store import Store
from hpsearch.trial.events import (
    Notice,
    TrialEvent,
    TrialMeasured,
    TrialScored,
    TrialStarted,
    WorkerLost,
)
from hpsearch.trial.folder import AttemptWriter
from hpsearch.trial.trial import Decision, Stage, State, StopReason, TrialRecord, TrialSpec
from support.factories import history, measured, trained
from support.scripted import Script, Scripted, ScriptedStudy


class Bench(ScriptedStudy):
    """A study in a store, and a dispatcher for one of its stages."""

    def dispatcher(self, executor: Scripted | None, stage: Stage = Stage.SEARCH) -> Dispatcher:
        return Dispatcher(self.session(executor), stage, (DivergenceRule(metrics=("score",)),), clock=lambda: self.now)

    def run(self, script: Script, trials: int = 1, slots: int = 1) -> Scripted:
        executor = Scripted(script, slots)
        self.dispatcher(executor).run(range(trials), plan)
        return executor

    def running(self, number: int, attempt: int = 1) -> TrialSpec:
        """Add a trial as a killed driver leaves it, and return what was sent out."""
        self.store.create_trial(plan(number), self.config.space)
        self.store.start_attempt(Stage.SEARCH, number, attempt)
        return self.dispatcher(None)._spec(self.store.record(Stage.SEARCH, number))

    def record(self, number: int = 0) -> TrialRecord:
        return self.store.record(Stage.SEARCH, number)


def plan(number: int) -> TrialRecord:
    params = {"lr": 0.01 * (number + 1), "wd": 0.5}
    return TrialRecord(stage=Stage.SEARCH, number=number, state=State.RUNNING, params=params, seed=number)


def started(spec: TrialSpec) -> TrialStarted:
    return TrialStarted(stage=spec.stage, number=spec.number, attempt=spec.attempt, worker="host:1", device="cpu")


def lost(spec: TrialSpec, reason: StopReason = StopReason.LOST) -> WorkerLost:
    return WorkerLost(
        stage=spec.stage, number=spec.number, attempt=spec.attempt, reason=reason, detail="killed by signal 9"
    )


def commit(spec: TrialSpec, *values: float, reason: StopReason | None = None, checkpoints: bool = False) -> None:
    """Write what a worker would have: the manifest, and a checkpoint for each epoch."""
    writer = AttemptWriter(spec, "host:1")
    for measurement in history(*values):
        if checkpoints:
            writer.stage({"epoch": measurement.epoch})
        writer.commit(measurement)
    if reason is not None:
        writer.finish(Decision(reason))


@pytest.fixture
def bench(tmp_path):
    made: list[Bench] = []

    def bench(**changes: object) -> Bench:
        made.append(Bench(tmp_path, **changes))
        return made[-1]

    yield bench
    for one in made:
        one.store.close()


def finish(executor: Scripted) -> Iterator[list[TrialEvent]]:
    """End each trial as it comes, with a value of its own."""
    done = 0
    while True:
        assert len(executor.submitted) > done
        spec = executor.submitted[done]
        done += 1
        yield trained(spec, 0.1, 0.2, 0.3 + spec.number)


def test_trials_run_in_the_order_of_their_numbers_as_slots_are_free(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        assert executor.sent == [(0, 1), (1, 1)]
        yield [started(executor.submitted[0]), measured(executor.submitted[1], 1, score=0.5)]
        yield trained(executor.submitted[1], 0.5, 0.6, 0.7, told=1)
        assert executor.sent == [(0, 1), (1, 1), (2, 1)]
        yield trained(executor.submitted[2], 0.1)
        yield []
        yield trained(executor.submitted[0], 0.2)

    one.run(script, trials=3, slots=2)
    assert [r.state for r in one.store.records(Stage.SEARCH)] == [State.COMPLETE] * 3
    assert [e.number for e in one.of(TrialScored)] == [1, 2, 0]
    assert [e.best for e in one.of(TrialScored)] == [True, False, False]
    assert (len(one.of(TrialStarted)), len(one.of(TrialMeasured))) == (1, 5)


def test_a_measurement_is_stored_as_it_comes(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        yield [measured(executor.submitted[0], 1, score=0.25)]
        assert one.record().values == {1: 0.25}
        assert one.record().state is State.RUNNING
        yield trained(executor.submitted[0], 0.25, 0.5, told=1)

    one.run(script)
    assert one.record().values == {1: 0.25, 2: 0.5}


def test_what_an_older_attempt_says_is_ignored(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        first = executor.submitted[0]
        yield [lost(first)]
        yield [measured(first, 1, score=9.0), started(first), *trained(first, 9.0, 9.0, 9.0), lost(first)]
        assert one.record().values == {}
        yield trained(executor.submitted[1], 0.5)

    executor = one.run(script)
    assert executor.sent == [(0, 1), (0, 2)]
    assert (one.record().value, one.record().attempt) == (0.5, 2)
    assert not one.of(TrialStarted)


def test_the_attempt_is_stored_before_it_is_sent_out(bench):
    one = bench()
    seen = []

    def stored(spec: TrialSpec) -> None:
        store = Store.open(one.folder)
        record = store.record(spec.stage, spec.number)
        seen.append((record.attempt, spec.attempt, dict(record.params), Path(spec.folder).name))
        store.close()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        yield [lost(executor.submitted[0])]
        yield trained(executor.submitted[1], 0.5)

    executor = Scripted(script)
    executor.on_submit = stored
    one.dispatcher(executor).run(range(1), plan)
    params = {"lr": 0.01, "wd": 0.5}
    assert seen == [(1, 1, params, "attempt-1"), (2, 2, params, "attempt-2")]
    assert [Path(folder).name for folder in executor.submitted[1].earlier] == ["attempt-1"]


@pytest.mark.parametrize("reason", [StopReason.LOST, StopReason.TIMEOUT])
def test_a_lost_worker_is_replaced_so_many_times(bench, reason):
    one = bench(faults={"max_retries": 2})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for attempt in range(3):
            assert len(executor.submitted) == attempt + 1
            commit(executor.submitted[0], 0.5)
            yield [lost(executor.submitted[-1], reason)]

    executor = one.run(script)
    assert executor.sent == [(0, 1), (0, 2), (0, 3)]
    record = one.record()
    assert (record.state, record.stop_reason, record.error) == (State.FAIL, reason, "killed by signal 9")
    assert (record.values, record.epochs, record.eligible) == ({1: 0.5}, 1, False)
    first, second, last = (n.message for n in one.of(Notice))
    assert first == second == f"trial 0: its worker ended ({reason}: killed by signal 9); tried again on another"
    assert last.endswith("given up after 2 retries")


def test_a_worker_lost_in_every_trial_does_not_count_for_the_others(bench):
    one = bench(faults={"max_retries": 1})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for _ in range(3):
            yield [lost(executor.submitted[-1])]
            yield trained(executor.submitted[-1], 0.5)

    executor = one.run(script, trials=3)
    assert executor.sent == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]


@pytest.mark.parametrize("reason", [StopReason.FINISHED, None])
def test_a_worker_lost_after_it_had_committed_all_is_not_replaced(bench, reason):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        commit(executor.submitted[0], 0.5, 0.75, 0.25, reason=reason)
        yield [lost(executor.submitted[0])]

    executor = one.run(script)
    assert executor.sent == [(0, 1)]
    assert (one.record().stop_reason, one.record().value, one.record().epochs) == (StopReason.FINISHED, 0.75, 3)
    assert not one.of(Notice)


def test_epochs_that_a_lost_worker_committed_are_stored(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        commit(executor.submitted[0], 0.5, 0.75)
        yield [lost(executor.submitted[0])]
        assert one.record().values == {1: 0.5, 2: 0.75}
        yield trained(executor.submitted[1], 0.5, 0.75, 0.25, told=2)

    one.run(script)


def test_an_attempt_that_went_on_from_another_ends_with_what_its_manifest_has(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        commit(executor.submitted[0], 0.5, 0.9)
        yield [lost(executor.submitted[0])]
        commit(executor.submitted[1], 0.5, 0.6)  # from the checkpoint of epoch 1
        yield trained(executor.submitted[1], 0.5, 0.6, told=1)

    one.run(script)
    record = one.record()
    assert (record.value, record.best_epoch, record.epochs, record.seconds) == (0.6, 2, 2, 2.0)
    assert record.values == {1: 0.5, 2: 0.6}


def test_a_measurement_whose_event_is_missing_is_read_from_the_manifest(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        spec = executor.submitted[0]
        commit(spec, 0.5, 0.9, 0.7, reason=StopReason.FINISHED)
        first, _, *others = trained(spec, 0.5, 0.9, 0.7)
        yield [first, *others]

    one.run(script)
    record = one.record()
    assert (record.value, record.best_epoch, record.epochs, record.seconds) == (0.9, 2, 3, 3.0)


def test_a_trial_whose_manifest_is_damaged_ends_with_what_was_committed_before_and_told_since(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        commit(executor.submitted[0], 0.9, 0.8)
        yield [lost(executor.submitted[0])]
        folder = Path(executor.submitted[1].folder)
        folder.mkdir()
        (folder / "manifest.json").write_text("{")
        yield trained(executor.submitted[1], 0.9, 0.7, 0.6, told=1)  # from the checkpoint of epoch 1

    one.run(script)
    record = one.record()
    assert (record.values, record.value, record.seconds) == ({1: 0.9, 2: 0.7, 3: 0.6}, 0.9, 3.0)
    assert one.of(Notice)[-1].message.endswith("going on from an earlier attempt")


def test_epochs_between_which_nothing_is_measured_are_no_gap(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        spec = executor.submitted[0]
        Path(spec.folder).mkdir(parents=True)
        Path(spec.folder, "manifest.json").write_text("{")  # which nobody reads
        yield [measured(spec, 5, score=0.5), measured(spec, 10, score=0.9), trained(spec, 0.5, 0.9, told=2)[-1]]

    one.run(script)
    assert (one.record().values, one.record().best_epoch, one.record().epochs) == ({5: 0.5, 10: 0.9}, 10, 10)
    assert not one.of(Notice)


def test_an_epoch_that_takes_too_long_ends_its_worker_once(bench):
    one = bench(faults={"epoch_timeout_s": 10.0, "trial_timeout_s": 11.0})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        one.now = 9
        yield [measured(executor.submitted[0], 1, score=0.5)]
        one.now = 10.5
        yield []
        assert executor.ended == []
        one.now = 20
        yield []  # both limits are exceeded now
        yield []
        yield [lost(executor.submitted[0], StopReason.TIMEOUT)]
        one.now = 29
        yield trained(executor.submitted[1], 0.5)

    executor = one.run(script)
    assert executor.ended == [((Stage.SEARCH, 0), StopReason.TIMEOUT, "longer than epoch_timeout_s, 10 s")]
    assert executor.sent == [(0, 1), (0, 2)]


def test_processes_that_end_may_take_longer_than_an_epoch_after_the_last_one(bench):
    one = bench(faults={"epoch_timeout_s": 10.0})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        measurement = measured(executor.submitted[0], 1, score=0.5)
        yield [replace(measurement, last=True, ending_s=20.0)]
        one.now = 29
        yield []
        assert executor.ended == []
        one.now = 31
        yield []
        yield trained(executor.submitted[0], 0.5)[1:]

    assert len(one.run(script).ended) == 1


def test_what_objectives_say_is_told_once(bench):
    one = bench(search={"trials": 2})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for number in (0, 1):
            *before, ended = trained(executor.submitted[number], 0.5)
            yield [*before, replace(ended, notices=("numbers are text",))]

    one.run(script)
    assert [notice.message for notice in one.of(Notice)] == ["trial 0: numbers are text"]


def test_a_trial_that_takes_too_long_ends_its_worker_once(bench):
    one = bench(faults={"trial_timeout_s": 25.0})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for epoch in (1, 2, 3):
            one.now += 10
            yield [measured(executor.submitted[0], epoch, score=0.5)]
        yield []
        yield [lost(executor.submitted[0], StopReason.TIMEOUT)]
        one.now += 20
        yield trained(executor.submitted[1], 0.5)

    executor = one.run(script)
    assert executor.ended == [((Stage.SEARCH, 0), StopReason.TIMEOUT, "longer than trial_timeout_s, 25 s")]


def failing(*traces: str) -> Script:
    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for trace in traces:
            spec = executor.submitted[-1]
            reason = StopReason.ERROR if trace else StopReason.FINISHED
            yield trained(spec, *(() if trace else (0.5,)), reason=reason, trace=trace)

    return script


SAME = 'File "train.py", line 3\nValueError: bad'


def test_the_same_error_of_the_first_trials_ends_the_study(bench):
    one = bench()
    with pytest.raises(StudyError) as caught:
        one.run(failing(SAME, SAME, SAME), trials=9)
    assert str(caught.value) == (
        "the first 3 trials failed with the same error: ValueError: bad; "
        "fix it and start anew, or resume with the trials that are left (the traceback is in trial 2's log)"
    )
    assert [r.state for r in one.store.records(Stage.SEARCH)] == [State.FAIL] * 3
    assert [e.traceback for e in one.of(TrialScored)] == [SAME] * 3


@pytest.mark.parametrize(
    "traces",
    [
        (SAME, SAME, 'File "train.py", line 4\nValueError: bad', SAME),
        ("", SAME, SAME, SAME, SAME),
        (SAME, SAME, "", SAME, SAME, SAME),
    ],
)
def test_other_errors_do_not_end_it(bench, traces):
    one = bench()
    executor = one.run(failing(*traces), trials=len(traces))
    assert len(executor.submitted) == len(traces)


def test_trials_that_run_out_of_memory_are_no_bug(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for _ in range(3):
            yield trained(executor.submitted[-1], reason=StopReason.OOM, trace=SAME)

    one.run(script, trials=3)
    assert {r.stop_reason for r in one.store.records(Stage.SEARCH)} == {StopReason.OOM}


@pytest.mark.parametrize("second", [StopReason.FINISHED, StopReason.OOM])
def test_out_of_memory_beside_others_is_tried_again_alone_before_it_counts(bench, second):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        spec = executor.submitted[-1]
        assert not spec.alone
        yield [started(spec), measured(spec, 1, score=0.5)]
        yield trained(spec, 0.5, told=1, reason=StopReason.OOM, trace=SAME, packed=True)
        assert one.record().state is State.RUNNING
        spec = executor.submitted[-1]
        assert spec.alone
        yield trained(spec, 0.5, 0.75, reason=second)
        assert not executor.submitted[-1].alone  # the next trial
        yield trained(executor.submitted[-1], reason=StopReason.OOM)  # which had its GPU for itself all along

    executor = one.run(script, trials=2)
    assert executor.sent == [(0, 1), (0, 2), (1, 1)]
    assert [one.record(number).stop_reason for number in (0, 1)] == [second, StopReason.OOM]
    (notice,) = one.of(Notice)
    assert notice.message == "trial 0: out of memory beside others on its GPU; tried again alone"


def test_no_worker_waits_until_what_was_done_is_stored(bench, monkeypatch):
    one = bench()
    order: list[str] = []
    apply = one.store._backend.apply

    def logged(changes: Changes) -> None:
        order.append(f"{len(changes)} changes stored")
        apply(changes)

    monkeypatch.setattr(one.store._backend, "apply", logged)

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        executor.on_submit = lambda spec: order.append(f"trial {spec.number} sent")
        first, second = executor.submitted
        yield [measured(first, 1, score=0.5), measured(second, 1, score=0.5), *trained(first, 0.5, told=1)]
        yield [measured(executor.submitted[-1], 1, score=0.5), *trained(second, 0.5, told=1)]  # news without a pause
        one.now += 0.5
        yield []
        yield [*trained(executor.submitted[-2], 0.5, told=1), *trained(executor.submitted[-1], 0.5)]
        one.now += 0.5
        yield []

    one.run(script, trials=4, slots=2)
    sent = [entry for entry in order if "sent" in entry]
    assert sent == ["trial 2 sent", "trial 3 sent"]
    assert order[:2] == sent
    assert len(order) == 4  # one batch for two trials each


def test_what_is_not_stored_gets_a_second_old_at_most(bench, monkeypatch):
    one = bench()
    stored: list[float] = []
    apply = one.store._backend.apply
    monkeypatch.setattr(
        one.store._backend,
        "apply",
        lambda changes: (stored.append(one.now), apply(changes)),
    )

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        spec = executor.submitted[-1]
        for epoch in range(1, 41):
            one.now = 0.25 * epoch
            yield [measured(spec, epoch, score=0.5)]
        yield trained(spec, *[0.5] * 40, told=40)
        yield []

    one.run(script)
    gaps = [after - before for before, after in zip([0.0, *stored], stored, strict=False)]
    assert max(gaps) <= 1.5
    assert len(stored) < 20


def test_what_was_done_is_stored_before_an_interrupt_ends_it(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        one.interrupts.requested = signal.SIGINT
        yield [measured(executor.submitted[-1], 1, score=0.5)]

    with pytest.raises(Interrupted):
        one.run(script)
    assert one.store.pending == 0


def test_notices_of_the_executor_are_told(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent | Notice]]:
        yield [Notice(message="a node joined")]
        yield trained(executor.submitted[-1], 0.5)

    one.run(script)
    assert [notice.message for notice in one.of(Notice)] == ["a node joined"]


def test_what_was_committed_while_no_driver_lived_is_adopted_by_number(bench):
    one = bench()
    specs = [one.running(number) for number in range(4)]
    for number in (2, 0, 1):  # in another order than they began in
        commit(specs[number], 0.5, 0.25, 0.125, reason=StopReason.FINISHED if number else None)
    commit(specs[3], 0.5)

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        assert [e.number for e in one.of(TrialScored)] == [0, 1, 2]
        assert one.record(3).values == {1: 0.5}
        yield trained(executor.submitted[0], 0.5, 0.75, told=1)

    executor = one.run(script, trials=4)
    assert executor.sent == [(3, 2)]
    assert [r.worker for r in one.store.records(Stage.SEARCH)] == ["host:1"] * 4


def test_a_damaged_manifest_is_told_and_the_one_before_is_used(bench):
    one = bench()
    second = one.running(0, attempt=2)
    commit(replace(second, attempt=1, folder=second.earlier[0]), 0.5)
    folder = Path(second.folder)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    executor = one.run(finish)
    assert executor.sent == [(0, 3)]
    (notice,) = one.of(Notice)
    assert notice.message.endswith("going on from an earlier attempt")
    assert "\n" not in notice.message


def test_running_trials_come_before_new_ones(bench):
    one = bench()
    one.running(0)
    one.running(1)
    executor = one.run(finish, trials=4)
    assert executor.sent == [(0, 2), (1, 2), (2, 1), (3, 1)]


def test_no_worker_is_started_when_there_is_nothing_to_run(bench):
    one = bench()
    one.run(finish, trials=2)
    one.dispatcher(None).run(range(2), plan)
    commit(one.running(2), 0.5, 0.5, 0.5)
    one.dispatcher(None).run(range(3), plan)
    assert one.record(2).state is State.COMPLETE


def test_a_signal_ends_the_loop(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        one.interrupts.requested = 15
        yield [measured(executor.submitted[0], 1, score=0.5)]

    with pytest.raises(Interrupted) as caught:
        one.run(script)
    assert caught.value.signal_number == 15
    assert one.record().state is State.RUNNING
    assert one.record().values == {1: 0.5}


def checkpoints(one: Bench) -> list[str]:
    return sorted(str(path.relative_to(one.folder)) for path in one.folder.rglob("*.pt"))


def keeping(values: list[float], reasons: dict[int, StopReason] | None = None) -> Script:
    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for number, value in enumerate(values):
            spec = executor.submitted[-1]
            reason = (reasons or {}).get(number, StopReason.FINISHED)
            commit(spec, value, 0.0, reason=reason, checkpoints=True)
            yield trained(spec, value, 0.0, reason=reason)

    return script


def test_the_best_trials_keep_their_best_checkpoint_and_the_others_none(bench):
    one = bench(keep_checkpoints=2)
    one.run(keeping([0.5, 0.9, 0.2, 0.7, 0.99], {4: StopReason.DIVERGED}), trials=5)
    assert checkpoints(one) == ["trials/00001/attempt-1/epoch-00001.pt", "trials/00003/attempt-1/epoch-00001.pt"]


def test_a_trial_that_is_pushed_out_after_a_resume_loses_its_checkpoint(bench):
    one = bench(keep_checkpoints=1)
    one.run(keeping([0.5]), trials=1)

    def better(executor: Scripted) -> Iterator[list[TrialEvent]]:
        spec = executor.submitted[0]
        commit(spec, 0.9, reason=StopReason.FINISHED, checkpoints=True)
        yield trained(spec, 0.9)

    one.run(better, trials=2)
    assert checkpoints(one) == ["trials/00001/attempt-1/epoch-00001.pt"]


def test_older_attempts_lose_their_checkpoints_when_the_trial_ends(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        commit(executor.submitted[0], 0.5, 0.6, checkpoints=True)
        yield [lost(executor.submitted[0])]
        assert checkpoints(one) == ["trials/00000/attempt-1/epoch-00002.pt"]
        commit(executor.submitted[1], 0.5, 0.6, 0.7, reason=StopReason.FINISHED, checkpoints=True)
        yield trained(executor.submitted[1], 0.5, 0.6, 0.7)

    one.run(script)
    assert checkpoints(one) == ["trials/00000/attempt-2/epoch-00003.pt"]


def test_all_finalists_keep_theirs_but_those_that_failed(bench):
    one = bench(keep_checkpoints=1)

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for value, reason in ((0.5, StopReason.FINISHED), (0.9, StopReason.DIVERGED), (0.1, StopReason.FINISHED)):
            spec = executor.submitted[-1]
            commit(spec, value, reason=reason, checkpoints=True)
            yield trained(spec, value, reason=reason)

    def finalist(number: int) -> TrialRecord:
        return replace(plan(number), stage=Stage.FINALISTS, params=plan(0).params, source=0, replicate=number)

    one.dispatcher(Scripted(script), Stage.FINALISTS).run(range(3), finalist)
    assert checkpoints(one) == [f"finalists/0000{number}/attempt-1/epoch-00001.pt" for number in (0, 2)]
