"""A trial as its objective sees it: epochs, reports, checkpoints, and what an attempt's folder holds after them."""

import functools
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from hpsearch.errors import CheckpointError, ObjectiveError, TrialStopped
from hpsearch.objectives import base
from hpsearch.trial.checkpoint import load_state
from hpsearch.trial.folder import MANIFEST, read_manifest
from hpsearch.trial.handle import inside
from hpsearch.trial.trial import GO_ON, Decision, Direction, Measurement, StopReason
from support.attempts import EPOCHS, drive, make, saving


def test_epochs_are_measured_and_committed_from_1(tmp_path):
    trial, writer = make(tmp_path)
    assert drive(saving, trial, writer) == [1, 2, 3, 4]
    manifest = read_manifest(tmp_path / "attempt-1")
    assert manifest is not None
    assert [(m.epoch, m.metrics["accuracy"], m.seconds) for m in manifest.measurements] == [
        (1, 0.1, 0.5),
        (2, 0.2, 0.5),
        (3, 0.3, 0.5),
        (4, 0.4, 0.5),
    ]
    assert load_state(writer.folder / manifest.last.file) == {"steps": 4}


def test_a_lost_attempt_is_resumed_after_its_last_checkpoint(tmp_path):
    drive(saving, *make(tmp_path), stop_after=2)
    trial, writer = make(tmp_path, attempt=2)
    assert drive(saving, trial, writer) == [3, 4]
    assert [m.epoch for m in writer.manifest.measurements] == [1, 2, 3, 4]
    assert load_state(writer.folder / writer.manifest.last.file) == {"steps": 4}


def test_what_came_after_the_last_checkpoint_is_trained_again(tmp_path):
    def saving_once(_config, trial):
        trial.load_checkpoint()
        for epoch in trial.epochs():
            if epoch == 1:
                trial.save_checkpoint({"epoch": epoch})
            yield {"accuracy": 0.1}

    drive(saving_once, *make(tmp_path), stop_after=3)
    assert drive(saving_once, *make(tmp_path, attempt=2)) == [2, 3, 4]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    def falling(_config, trial):
        state = trial.load_checkpoint()
        for epoch in trial.epochs():
            trial.save_checkpoint({"epoch": epoch, "from": state and state["epoch"]})
            yield {"accuracy": 1 / epoch}

    _, writer = first = make(tmp_path)
    drive(falling, *first, stop_after=3)
    (writer.folder / "epoch-00003.pt").write_bytes(b"torn")
    trial, writer = make(tmp_path, attempt=2)
    assert drive(falling, trial, writer, stop_after=2) == [2]
    assert load_state(writer.folder / writer.manifest.last.file) == {"epoch": 2, "from": 1}


def test_a_best_checkpoint_that_is_gone_does_not_stop_a_resume(tmp_path):
    def falling(_config, trial):
        trial.load_checkpoint()
        for epoch in trial.epochs():
            trial.save_checkpoint({"epoch": epoch})
            yield {"accuracy": 1 / epoch}

    _, writer = first = make(tmp_path)
    drive(falling, *first, stop_after=2)
    (writer.folder / "epoch-00001.pt").unlink()
    assert drive(falling, *make(tmp_path, attempt=2)) == [3, 4]


@pytest.mark.parametrize(("direction", "best"), [(Direction.MAXIMIZE, 4), (Direction.MINIMIZE, 2)])
def test_the_best_checkpoint_is_the_best_of_the_epochs_that_have_one(tmp_path, direction, best):
    values = {1: 0.9, 2: 0.5, 3: 0.1, 4: 0.6}

    def every_second(_config, trial):
        for epoch in trial.epochs():
            if epoch % 2 == 0:
                trial.save_checkpoint({"epoch": epoch})
            yield {"accuracy": values[epoch]}

    trial, writer = make(tmp_path, direction=direction)
    drive(every_second, trial, writer)
    assert writer.manifest.best.epoch == best
    writer.finish(Decision(StopReason.FINISHED))
    assert [path.name for path in writer.folder.glob("*.pt")] == [f"epoch-0000{best}.pt"]


def test_a_checkpoint_of_a_diverged_epoch_gives_way_to_a_finite_one(tmp_path):
    values = {1: math.nan, 2: 0.1, 3: math.nan, 4: math.inf}

    def diverging(_config, trial):
        for epoch in trial.epochs():
            trial.save_checkpoint({"epoch": epoch})
            yield {"accuracy": values[epoch]}

    trial, writer = make(tmp_path)
    drive(diverging, trial, writer)
    assert writer.manifest.best.epoch == 2


def test_a_checkpoint_without_its_measurement_goes_when_the_trial_ends(tmp_path):
    trial, writer = make(tmp_path)
    trial.save_checkpoint({"epoch": 1})
    writer.finish(Decision(StopReason.ERROR), "Boom")
    assert [path.name for path in writer.folder.iterdir()] == [MANIFEST]


def test_saving_after_the_yield_of_the_same_epoch_is_refused(tmp_path):
    def late(_config, trial):
        for _ in trial.epochs():
            yield {"accuracy": 0.1}
            trial.save_checkpoint({})

    with pytest.raises(ObjectiveError, match="after the yield of epoch 1"):
        drive(late, *make(tmp_path))


def test_loading_after_the_first_epoch_began_is_refused(tmp_path):
    def late(_config, trial):
        for _ in trial.epochs():
            trial.load_checkpoint()
            yield {"accuracy": 0.1}

    drive(saving, *make(tmp_path), stop_after=2)
    with pytest.raises(ObjectiveError, match=r"before trial\.epochs"):
        drive(late, *make(tmp_path, attempt=2))


def test_a_second_yield_in_an_epoch_is_refused(tmp_path):
    def twice(_config, trial):
        for _ in trial.epochs():
            yield {"accuracy": 0.1}
            yield {"accuracy": 0.2}

    with pytest.raises(ObjectiveError, match="epoch 1 was measured twice"):
        drive(twice, *make(tmp_path))


@pytest.mark.parametrize(
    ("state", "culprit"),
    [({"scores": [1, np.float64(0.5)]}, r"\['scores'\]\[1\]"), ({"path": Path()}, r"\['path'\]")],
)
def test_a_checkpoint_that_could_not_be_read_back_is_refused_by_name(tmp_path, state, culprit):
    trial, _ = make(tmp_path)
    with pytest.raises(CheckpointError, match=culprit):
        trial.save_checkpoint(state)
    assert list(trial.dir.iterdir()) == []


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        (0.5, "a float"),
        ({"accuracy": "0.5"}, "'accuracy' is '0.5'"),
        ({"accuracy": True}, "'accuracy' is True"),
        ({"accuracy": np.zeros(2)}, "'accuracy' is array"),
        ({"accuracy": 10**400}, "'accuracy' is 1000"),
        ({"accuracy": 1.0, 3: 1.0}, "metric 3"),
    ],
)
def test_what_is_no_mapping_of_names_to_numbers_is_refused(tmp_path, metrics, problem):
    trial, _ = make(tmp_path)
    with pytest.raises(ObjectiveError, match=problem):
        trial.measure(metrics, 0.0)


@pytest.mark.parametrize("metrics", [{}, {"loss": 1.0}, {"accuracy": None, "loss": 1.0}])
def test_an_epoch_may_lack_the_metric(tmp_path, metrics):
    trial, writer = make(tmp_path)
    writer.commit(trial.measure(metrics, 0.0))
    assert "accuracy" not in writer.manifest.measurements[0].metrics


def test_only_a_checkpoint_of_an_epoch_with_the_metric_is_the_best(tmp_path):
    def every_second(_config, trial):
        for epoch in trial.epochs():
            trial.save_checkpoint({"epoch": epoch})
            yield {"loss": 1.0} if epoch % 2 else {"accuracy": -epoch}

    trial, writer = make(tmp_path)
    drive(every_second, trial, writer, stop_after=1)
    assert (writer.manifest.last.epoch, writer.manifest.best) == (1, None)
    trial, writer = make(tmp_path, attempt=2)
    drive(every_second, trial, writer)
    assert writer.manifest.best.epoch == 2


def test_manifests_tell_infinity_from_nan(tmp_path):
    trial, writer = make(tmp_path)
    metrics = {"accuracy": 0.5, "high": math.inf, "low": -math.inf, "none": math.nan}
    writer.commit(trial.measure(metrics, 0.0))
    (measurement,) = read_manifest(writer.folder).measurements
    assert {name: str(value) for name, value in measurement.metrics.items()} == {
        "accuracy": "0.5",
        "high": "inf",
        "low": "-inf",
        "none": "nan",
    }


@pytest.mark.parametrize("number", [1, 1.0, np.float32(1), np.int64(1), np.ones(1), np.array(1)])
def test_numbers_of_any_kind_become_floats(tmp_path, number):
    measurement = make(tmp_path)[0].measure({"accuracy": number}, 0.0)
    assert type(measurement.metrics["accuracy"]) is float
    assert measurement.metrics["accuracy"] == 1.0


def test_tensors_of_one_element_are_numbers_and_others_are_not(tmp_path):
    import torch

    trial, _ = make(tmp_path)
    assert trial.measure({"accuracy": torch.tensor(0.5, requires_grad=True)}, 0.0).metrics["accuracy"] == 0.5
    with pytest.raises(ObjectiveError, match="'accuracy' is tensor"):
        trial.measure({"accuracy": torch.zeros(2)}, 0.0)


def test_a_function_that_reports_is_an_objective_and_is_told_to_stop(tmp_path):
    log = []

    def reporting(_config, trial):
        try:
            for epoch in trial.epochs():
                trial.report({"accuracy": epoch / 10}, checkpoint={"epoch": epoch})
                log.append(epoch)
        except TrialStopped:
            log.append("stopped")
            raise
        finally:
            log.append("finally")

    trial, writer = make(tmp_path)
    before = threading.active_count()
    assert drive(reporting, trial, writer, stop_after=2) == [1, 2]
    assert log == [1, "stopped", "finally"]
    assert threading.active_count() == before
    assert writer.manifest.last.epoch == 2


def test_an_error_in_a_function_arrives_with_its_traceback(tmp_path):
    def failing(_config, trial):
        trial.report({"accuracy": 0.1})
        raise KeyError("boom")

    with pytest.raises(KeyError, match="boom") as caught:
        drive(failing, *make(tmp_path))
    assert caught.traceback[-1].name == "failing"


def test_a_function_that_swallows_the_stop_is_named_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(base, "_JOIN_TIMEOUT_S", 0.01)
    release = threading.Event()

    def stubborn(_config, trial):
        try:
            trial.report({"accuracy": 0.1})
        except TrialStopped:
            release.wait(10)

    drive(stubborn, *make(tmp_path), stop_after=1)
    release.set()
    assert caplog.messages == ["the objective still trains although its trial has ended; don't catch TrialStopped"]


def test_reports_and_yields_do_not_mix(tmp_path):
    def mixed(_config, trial):
        trial.report({"accuracy": 0.1})
        yield {"accuracy": 0.1}

    with pytest.raises(ObjectiveError, match="yield the metrics instead"):
        drive(mixed, *make(tmp_path))


def plainly_wrapped(train):
    @functools.wraps(train)
    def wrapper(*arguments):
        return train(*arguments)

    return wrapper


class Callable:
    def __call__(self, config, trial):
        yield from saving(config, trial)


@pytest.mark.parametrize("train", [plainly_wrapped(saving), Callable(), functools.partial(saving)])
def test_a_generator_in_disguise_is_an_objective(tmp_path, train):
    assert drive(train, *make(tmp_path)) == [1, 2, 3, 4]


def test_a_report_in_a_generator_in_disguise_is_an_error_not_a_deadlock(tmp_path):
    @plainly_wrapped
    def mixed(_config, trial):
        trial.report({"accuracy": 0.1})
        yield {"accuracy": 0.1}

    with pytest.raises(ObjectiveError, match="yield the metrics instead"):
        drive(mixed, *make(tmp_path))


def silent_generator(config, trial):
    for _ in trial.epochs():
        if config is None:
            yield


def silent_function(_config, _trial):
    return {"accuracy": 0.5}


@pytest.mark.parametrize("train", [silent_generator, silent_function])
def test_an_objective_that_never_measures_is_refused(tmp_path, train):
    with pytest.raises(ObjectiveError, match=r"yield metrics or call trial\.report"):
        drive(train, *make(tmp_path))


def test_an_attempt_that_resumes_from_the_last_epoch_has_nothing_left_to_measure(tmp_path):
    drive(saving, *make(tmp_path))
    trial, writer = make(tmp_path, attempt=2)
    assert drive(saving, trial, writer) == []
    assert len(writer.manifest.measurements) == EPOCHS


def test_closing_a_generator_runs_its_finally_blocks(tmp_path):
    ended = []

    def train(_config, _trial):
        try:
            yield {"accuracy": 0.1}
            yield {"accuracy": 0.1}
        finally:
            ended.append(True)

    assert drive(train, *make(tmp_path), stop_after=1) == [1]
    assert ended == [True]


def accuracies(folder, attempt, *epochs):
    trial, writer = make(folder, attempt)
    for epoch in epochs:
        inside(trial).at_epoch(epoch)
        writer.commit(trial.measure({"accuracy": epoch + attempt / 10}, 0.0))
    return [m.metrics["accuracy"] for m in writer.manifest.measurements]


def test_given_epochs_take_over_what_an_earlier_attempt_measured_before_them(tmp_path):
    accuracies(tmp_path, 1, 1, 2, 3)
    assert accuracies(tmp_path, 2, 3, 4) == [1.1, 2.1, 3.2, 4.2]
    accuracies(tmp_path, 3, 1)  # lost at once
    assert accuracies(tmp_path, 4, 4) == [1.1, 2.1, 3.2, 4.4]  # of the newest that got as far as epoch 3


def test_given_epochs_may_leave_gaps_but_not_go_back(tmp_path):
    assert accuracies(tmp_path, 1, 2, 5) == [2.1, 5.1]
    with pytest.raises(ObjectiveError, match="epoch 2, but it came after epoch 2"):
        accuracies(tmp_path, 2, 2, 2)
    with pytest.raises(ObjectiveError, match="epoch 0, but epochs count from 1"):
        accuracies(tmp_path, 3, 0)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b'{"stage": "search"}'])
def test_a_damaged_manifest_is_one_error_and_a_resume_goes_past_it(tmp_path, content):
    drive(saving, *make(tmp_path), stop_after=2)
    make(tmp_path, attempt=2)
    (tmp_path / "attempt-2" / MANIFEST).write_bytes(content)
    with pytest.raises(CheckpointError, match="not a manifest"):
        read_manifest(tmp_path / "attempt-2")
    assert drive(saving, *make(tmp_path, attempt=3), stop_after=3) == [3]
    assert accuracies(tmp_path, 4, 3) == [0.1, 0.2, 3.4]


def test_a_power_cut_may_cost_a_second_of_training_and_never_the_end(tmp_path, monkeypatch):
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
    )
    _, writer = make(tmp_path, epochs=9)

    def commit(epoch: int, decision: Decision = GO_ON) -> list[str]:
        synced.clear()
        writer.stage({"steps": epoch})
        writer.commit(Measurement(epoch=epoch, metrics={"accuracy": epoch / 10}, seconds=0.4), decision)
        return [name.split(".json")[0].lstrip(".") for name in synced]

    assert commit(1) == commit(2) == []
    assert commit(3) == ["epoch-00003.pt", "manifest", writer.folder.name]
    assert commit(4) == []
    assert commit(5, Decision(StopReason.FINISHED)) == ["epoch-00005.pt", "manifest", writer.folder.name]
