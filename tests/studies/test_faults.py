"""What objectives, their processes and their checkpoints may do to a study: the real faults, and what becomes of them.

Workers that are killed from outside are in test_chaos.py; what each executor makes of an exception, a worker that dies
and one that hangs is in test_executors.py, retries and time limits in test_dispatch.py, and identical errors of the
first trials in test_stages.py.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fault_objectives import EPOCHS, FAULTS
from hpsearch.driver.driven import DrivenStudy
from hpsearch.errors import CheckpointError
from hpsearch.executors.inline import InlineExecutor
from hpsearch.trial.checkpoint import load_state, save_state
from hpsearch.trial.events import StageEnded, StageStarted, TrialMeasured, WorkerLost
from hpsearch.trial.folder import MANIFEST, AttemptWriter, read_manifest
from hpsearch.trial.trial import Measurement, PredictSpec, Stage
from support.bench import Bench, Stop, results
from support.factories import spec
from support.paths import OBJECTIVES
from support.waiting import wait_until

SURVIVED = {
    "none": ("finished", None),
    "raise": ("error", "ValueError: the data is bad"),
    "exit": ("error", "SystemExit: 3"),
    "keyboard": ("error", "KeyboardInterrupt"),
    "base": ("error", "NoException: none of yours"),
    "generator_exit": ("error", "ObjectiveError: the objective raised GeneratorExit"),
    "stop_iteration": ("error", "RuntimeError: generator raised StopIteration"),
    "recursion": ("error", "RecursionError: maximum recursion depth exceeded"),
    "unprintable": ("error", "UnprintableError: (its text can't be read)"),
    "unpicklable": ("error", "UnpicklableError: holds a lock"),
    "long": ("error", f"ValueError: {'z' * 487}…"),
    "surrogate": ("error", "ValueError: half a \\ud83d character"),
    "remove_folder": ("error", "ObjectiveError: {folder}"),
    "need_memory": ("oom", "MemoryError"),
    "nan": ("diverged", None),
    "infinite": ("diverged", None),
    "leave_directory": ("finished", None),
    "make_noise": ("finished", None),
    "start_child": ("finished", None),
}
SURVIVED_BY_RAY = {
    "replace_outputs": ("finished", None),
    "start_thread": ("finished", None),
    "close_outputs": ("finished", None),
    "exit_0": ("lost", "process "),
    "segfault": ("lost", "process "),
    "abort": ("lost", "process "),
    "hang": ("timeout", "longer than epoch_timeout_s, 8 s"),
    "hang_in_c": ("timeout", "longer than epoch_timeout_s, 8 s"),
}


@pytest.fixture
def fault_file(cli, space_file) -> Callable[..., Path]:
    """Write a space file for one of the objectives that misbehave."""

    def write(function: str, space: dict, trials: int, **changes: object) -> Path:
        shutil.copy(OBJECTIVES / "fault_objectives.py", cli.folder)
        objective = {"python": f"fault_objectives:{function}", "epochs": EPOCHS}
        constants = {"lr": 0.1, "wd": 0.1}
        changes = {"search": {"trials": trials}, "finalists": None, "ensemble": None, **changes}
        return space_file(objective=objective, space={**constants, **space}, **changes)

    return write


def trials_of(cli) -> list[dict]:
    return json.loads(cli.run_warm("show", "sample", "--json").stdout)["trials"]


def run_faults(cli, fault_file, expected: dict, *options: str):
    """Run a trial for each fault, check what became of all of them, and return the command's result."""
    first = [{"fault": fault} for fault in expected]
    search = {"trials": len(first), "first": first}
    faults = {"epoch_timeout_s": 8, "max_retries": 0}
    fault_file("misbehave", {"fault": {"choice": list(expected)}}, len(first), search=search, faults=faults)
    done = cli.run_warm("run", "sample.yaml", *options)
    trials = trials_of(cli)
    found = {t["params"]["fault"]: (t["stop_reason"], t["error"]) for t in trials}
    for fault, (_, text) in expected.items():
        reason, error = found[fault]
        folder = cli.folder / f"studies/sample/trials/{list(expected).index(fault):05d}/attempt-1"
        begin = None if text is None else text.format(folder=folder)
        if error is not None and begin is not None and error.startswith(begin):
            found[fault] = (reason, text)
    assert found == expected
    assert {t["value"] for t in trials if t["stop_reason"] == "finished"} == {
        t["number"] + EPOCHS for t in trials if t["stop_reason"] == "finished"
    }
    # Each was started in the same directory, whatever the one before it did.
    assert sorted(cli.audited()) == sorted(f"{number} {cli.folder}" for number in range(len(expected)))
    assert not [*cli.folder.glob("studies/**/*.tmp")]
    return done


def assert_logged(cli, expected: dict) -> None:
    """Check that the traceback of each exception is where the docs say, of a size that can be read."""
    for number, (fault, (reason, text)) in enumerate(expected.items()):
        folder = cli.folder / f"studies/sample/trials/{number:05d}/attempt-1"
        if reason == "error":
            manifest = read_manifest(folder)
            assert manifest.error.startswith(text.format(folder=folder)), fault
            assert "Traceback (most recent call last)" in manifest.traceback
            assert len(manifest.traceback) < 70_000
        if reason == "error" and fault != "remove_folder":
            assert manifest.traceback in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_what_workers_survive_and_what_ends_one_leaves_the_other_trials_alone(cli, fault_file):
    expected = SURVIVED | SURVIVED_BY_RAY
    assert expected.keys() | {"take_memory"} == FAULTS.keys()
    done = run_faults(cli, fault_file, expected, "--workers", "2")
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert done.stderr.count("given up after 0 retries") == 5
    assert "yyyy" not in done.stderr
    assert "xxxx" not in done.stdout
    assert_logged(cli, expected)
    noise = list(expected).index("make_noise")
    assert (cli.folder / f"studies/sample/trials/{noise:05d}/attempt-1/log.txt").stat().st_size > 4 << 20
    wait_until(lambda: not cli.processes(), 5, f"the end of {cli.processes()}")


@pytest.mark.slow
def test_what_the_drivers_own_process_survives(cli, fault_file):
    done = run_faults(cli, fault_file, SURVIVED, "--executor", "inline")
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert_logged(cli, SURVIVED)
    wait_until(lambda: not cli.processes(), 5, f"the end of {cli.processes()}")


@pytest.mark.slow
def test_a_worker_that_takes_all_memory_is_ended_before_the_machine_is(cli, fault_file):
    memory = psutil.virtual_memory()
    room = 3 << 30
    if memory.available < room + (2 << 30):
        pytest.skip("there is too little memory to take some of it")
    threshold = (memory.total - memory.available + room) / memory.total
    first = [{"fault": "take_memory"}, {"fault": "none"}]
    search = {"trials": 2, "first": first}
    space = {"fault": {"choice": ["take_memory", "none"]}}
    fault_file("misbehave", space, 2, search=search, faults={"max_retries": 0})
    done = cli.run_warm("run", "sample.yaml", "--workers", "1", RAY_memory_usage_threshold=str(threshold))
    hungry, other = trials_of(cli)
    assert (hungry["stop_reason"], other["stop_reason"]) == ("oom", "finished")
    assert "ran out of memory" in hungry["error"]
    assert "ran out of memory" in done.stderr


@pytest.mark.slow
def test_a_trial_that_ends_its_driver_again_and_again_is_named(cli, fault_file):
    fault_file("end_process", {"spare": {"uniform": [0, 1]}}, 2)
    inline = ("--executor", "inline")
    errors = [cli.run_warm("run", "sample.yaml", *inline, code=3).stderr]
    errors += [cli.run_warm("resume", "sample", *inline, code=3).stderr for _ in range(2)]
    assert not any("attempts all ended" in text for text in errors)
    (cli.folder / "fixed").touch()
    done = cli.run_warm("resume", "sample", *inline)
    assert "trial 0: its last 3 attempts all ended after epoch 2 without an error" in done.stderr
    assert "--executor ray" in done.stderr
    assert cli.audited() == [
        "0 1 attempt-1",
        "0 2 attempt-1",
        "0 3 attempt-4",
        *(f"1 {e} attempt-1" for e in (1, 2, 3)),
    ]
    assert [t["stop_reason"] for t in trials_of(cli)] == ["finished"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("then", ["raise", "return", "go on"])
def test_a_signal_that_an_objective_catches_ends_the_command_and_not_the_trial(cli, fault_file, then):
    fault_file("catch_signals", {"then": then, "spare": {"uniform": [0, 1]}}, 1)
    process = cli.start_warm("run", "sample.yaml", "--executor", "inline")
    wait_until(lambda: cli.audited() == ["hangs"], 60, "epoch 2")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert [t["state"] for t in trials_of(cli)] == ["RUNNING"]
    cli.run_warm("resume", "sample", "--executor", "inline")
    (trial,) = trials_of(cli)
    assert (trial["stop_reason"], trial["epochs"]) == ("finished", EPOCHS)


def test_what_an_objective_raises_when_it_is_closed_does_not_change_how_its_trial_ends(bench: Bench):
    objective = {"python": "fault_objectives:raise_when_closed", "epochs": EPOCHS}
    space = bench.space(objective=objective, search={"trials": 1}, finalists=None, ensemble=None)
    bench.stop_at(TrialMeasured, 2)
    with pytest.raises(Stop):
        bench.run(space)
    folder = bench.studies / "sample/trials/00000"
    assert read_manifest(folder / "attempt-1").reason is None
    bench.watch = lambda _: None
    (record,) = bench.resume().store.records(Stage.SEARCH)
    assert (record.stop_reason, record.epochs, record.error) == ("finished", EPOCHS, None)
    assert "the bath is full" in (folder / "attempt-2/log.txt").read_text()


def tensors(epoch: int) -> dict:
    import torch

    return {"weights": torch.arange(64, dtype=torch.float32) + epoch, "epoch": epoch}


def attempt(folder: Path, number: int) -> AttemptWriter:
    return AttemptWriter(spec(folder, attempt=number, epochs=9), "host:1")


def falling(folder: Path, epochs: int) -> AttemptWriter:
    """Commit epochs that get worse: the first is the best, so two checkpoints are kept."""
    writer = attempt(folder, 1)
    for epoch in range(1, epochs + 1):
        writer.stage(tensors(epoch))
        writer.commit(Measurement(epoch=epoch, metrics={"score": 1 / epoch}))
    return writer


def cut(share: float) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def flip(content: bytes, position: int, bit: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]


def flip_a_weight(path: Path) -> None:
    """Flip the lowest bit of a checkpoint's first number, which is as plausible then, or of its pickle."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        records = {Path(info.filename).name: info for info in archive.infolist()}
    header = records.get("0", records["data.pkl"]).header_offset
    start = header + 30 + sum(struct.unpack_from("<HH", content, header + 26))  # after the names in the header
    path.write_bytes(flip(content, start, 0))


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "empty": cut(0),
    "cut": cut(0.5),
    "cut at the end": cut(0.999),
    "a flipped bit": flip_a_weight,
    "removed": Path.unlink,
    "a folder": replace_by_a_folder,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_never_loaded_and_the_one_before_it_is(tmp_path, damage):
    first = falling(tmp_path, 3)
    damage(first.folder / "epoch-00003.pt")
    warnings: list[str] = []
    second = attempt(tmp_path, 2)
    epoch, state = second.resume(warnings.append)
    assert (epoch, state["epoch"], state["weights"].tolist()) == (1, 1, tensors(1)["weights"].tolist())
    assert [m.epoch for m in second.manifest.measurements] == [1]
    (warning,) = warnings
    assert "epoch-00003.pt" in warning
    damage(first.folder / "epoch-00001.pt")
    assert attempt(tmp_path, 3).resume(warnings.append) is None
    assert "epoch 1" in warnings[-1]
    assert not [*tmp_path.glob("**/*.tmp")]


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "state.pt"
    save_state(tensors(1), path)
    content = path.read_bytes()
    chosen, found = random.Random(0), 0
    for position in sorted(chosen.sample(range(len(content)), 250)):
        path.write_bytes(flip(content, position, chosen.randrange(8)))
        try:
            state = load_state(path)
        except CheckpointError:
            found += 1
            continue
        assert state.keys() == tensors(1).keys()
        assert state["weights"].tolist() == tensors(1)["weights"].tolist()
        assert state["epoch"] == 1
    assert found > 50


def test_a_checkpoint_is_checked_though_the_objective_turns_checksums_off(tmp_path):
    import torch

    path = tmp_path / "state.pt"
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        save_state(tensors(1), path)
        assert torch.serialization.get_crc32_options() is False
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)
    assert load_state(path)["epoch"] == 1
    flip_a_weight(path)
    with pytest.raises(CheckpointError, match="checksum"):
        load_state(path)


def test_a_manifest_with_a_flipped_bit_anywhere_is_none(tmp_path):
    falling(tmp_path, 2)
    path = tmp_path / "attempt-1" / MANIFEST
    content = path.read_bytes()
    chosen = random.Random(0)
    for position in range(len(content)):
        path.write_bytes(flip(content, position, chosen.randrange(8)))
        with pytest.raises(CheckpointError, match="not a manifest"):
            read_manifest(path.parent)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(CheckpointError, match="not a manifest"):
            read_manifest(path.parent)
    path.write_bytes(content)
    assert read_manifest(path.parent).measurements[-1].epoch == 2


@pytest.mark.parametrize(
    ("name", "damage", "resumed"),
    [
        ("epoch-00003.pt", "cut", 2),
        ("epoch-*.pt", "a flipped bit", 1),
        (MANIFEST, "cut", 1),
        (MANIFEST, "a folder", 1),
    ],
)
def test_a_study_whose_files_are_damaged_comes_out_the_same(bench: Bench, name, damage, resumed):
    objective = {"python": "fault_objectives:descend", "epochs": 4}
    space = bench.space(objective=objective, search={"trials": 2}, finalists=None, ensemble=None)
    whole = results(bench.run(space, name="whole"))
    bench.audit.write_text("")
    bench.stop_at(TrialMeasured, 3)
    with pytest.raises(Stop):
        bench.run(space)
    bench.watch = lambda _: None
    folder = bench.studies / "sample/trials/00000/attempt-1"
    damaged = [*folder.glob(name)]
    assert damaged
    for path in damaged:
        DAMAGES[damage](path)
    assert results(bench.resume()) == whole
    assert bench.audited("0")[3] == f"0 {resumed} attempt-2"
    told = "\n".join(bench.notices()) + (folder.parent / "attempt-2/log.txt").read_text()
    assert all(path.name in told for path in damaged)


@pytest.mark.parametrize("damage", ["a flipped bit", "removed"])
def test_a_vote_goes_without_a_member_whose_checkpoint_is_damaged(bench: Bench, damage):
    def stop(event):
        if isinstance(event, StageStarted) and event.stage == "ensemble":
            raise Stop

    bench.watch = stop
    with pytest.raises(Stop):
        bench.run(bench.space())
    bench.watch = lambda _: None
    (path,) = (bench.studies / "sample/finalists/00002/attempt-1").glob("epoch-*.pt")
    DAMAGES[damage](path)
    study = bench.resume()
    assert study.state == "done"
    assert sorted(study.store.get("ensemble")["candidates"]) == [["finalists", number] for number in (0, 1, 3)]
    (notice,) = [text for text in bench.notices() if path.name in text]
    assert "the vote goes without it" in notice
    assert len(bench.audited("read test")) == len(study.store.get("ensemble")["members"])


def test_no_member_is_left_when_all_checkpoints_are_damaged(bench: Bench):
    def damage(event):
        if isinstance(event, StageStarted) and event.stage == "ensemble":
            for path in bench.studies.glob("sample/finalists/*/*/epoch-*.pt"):
                path.write_bytes(b"")

    bench.watch = damage
    assert bench.run(bench.space()).state == "done"
    summaries = [e.summary for e in bench.events if isinstance(e, StageEnded) and e.stage == "ensemble"]
    assert summaries == ["skipped: no checkpoint of a trial that can win is on disk and can be read"]


def test_damaged_predictions_are_made_again(bench: Bench):
    def stop(event):
        if isinstance(event, StageEnded) and event.stage == "ensemble":
            raise Stop

    space = bench.space()
    expected = bench.run(space, name="whole").document()["ensemble"]
    bench.watch = stop
    with pytest.raises(Stop):
        bench.run(space)
    bench.watch = lambda _: None
    loaded = bench._keep(DrivenStudy.of(bench.load()))
    loaded.store.put("ensemble", None)
    for path in bench.studies.glob("sample/finalists/*/*/predictions-val.npz"):
        path.write_bytes(path.read_bytes()[:100])
    study = bench.resume()
    assert study.document()["ensemble"] == expected


def test_a_prediction_that_hangs_is_ended_by_the_time_limit_of_trials(bench: Bench, monkeypatch):
    # A real worker would need a limit that the import of torch on a busy machine can't reach.
    hung: list[PredictSpec] = []
    lost: list[WorkerLost] = []
    submit, poll = InlineExecutor.submit, InlineExecutor.poll

    def submitted(executor, task):
        if isinstance(task, PredictSpec) and not hung:
            hung.append(task)
        else:
            submit(executor, task)

    def ended(_executor, key, reason, detail):
        if hung and key == hung[0].key:
            event = WorkerLost(stage=key[0], number=key[1], attempt=hung[0].attempt, reason=reason, detail=detail)
            lost.append(event)

    monkeypatch.setattr(InlineExecutor, "submit", submitted)
    monkeypatch.setattr(InlineExecutor, "end", ended)
    monkeypatch.setattr(InlineExecutor, "poll", lambda one, timeout_s: [lost.pop()] if lost else poll(one, timeout_s))
    study = bench.run(bench.space(faults={"trial_timeout_s": 0.5}))
    assert study.state == "done"
    assert len(study.store.get("ensemble")["candidates"]) == 4
    (notice,) = [text for text in bench.notices() if text.startswith("predict(")]
    assert notice == (
        f"predict(checkpoint, 'val') of finalists trial {hung[0].number}: its worker ended "
        "(timeout: longer than trial_timeout_s, 0.5 s); tried again on another"
    )
