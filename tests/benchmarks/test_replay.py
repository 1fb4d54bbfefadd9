"""The replay of recorded curves: its data, its arithmetic, its simulated workers and its peers."""

from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hpsearch import api
from hpsearch.executors.resources import ResourceRequest
from hpsearch.trial.events import LegEnded, TrialMeasured, TrialPaused, TrialStarted
from hpsearch.trial.folder import read_manifest
from hpsearch.trial.trial import PAUSE, Answer, Direction, Stage, StopReason
from support.factories import spec
from support.paths import ROOT

FOLDER = ROOT / "benchmarks" / "replay"
NAME = "text_rnn"
EPOCHS = 12


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a recorded task: the loss falls to 0.1 where lr is 0.01, and some trials diverge."""
    rng = random.Random(3)
    folder = tmp_path / "data"
    (folder / "taskset").mkdir(parents=True)
    rows = []
    for number in range(60):
        hp = {"learning_rate": 10 ** rng.uniform(-4, 0), "beta2": 1 - 10 ** rng.uniform(-4, -0.01)}
        end = 0.1 + abs(math.log10(hp["learning_rate"]) + 2) / 2
        losses = [end + 1 / (epoch + 1) for epoch in range(EPOCHS)]
        rows.append({"hp": hp, "valid": {"loss": losses if number % 9 else [losses[0], *[math.nan] * (EPOCHS - 1)]}})
    (folder / "taskset" / f"{NAME}.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    return folder


def called(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, FOLDER / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_missing_data_is_one_clear_message(replay, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    run = replay("run")
    for folder, task, message in (
        (tmp_path / "nowhere", "lcbench", f"{tmp_path / 'nowhere'}: is not there; --data takes a folder with lcbench/"),
        (data, "3945", f"{data / 'lcbench' / 'encoding.json'}: is not there"),
        (data, "alexnet", "alexnet_tuning.results.jsonl: is not there"),
        (data, "other", f"task other: allowed: lcbench, lcbench-all, taskset, alexnet, an LCBench code, {NAME}"),
    ):
        with pytest.raises(SystemExit, match="2"):
            run.main(["--data", str(folder), "--tasks", task, "--methods", "random+none", "--seeds", "1"])
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "nni"), "method nni: allowed: "),
        (("--budgets", "5,0"), "'5,0': allowed: numbers of full trainings above 0"),
        (("--seeds", "0"), "'0': allowed: an integer >= 1"),
    ],
)
def test_it_refuses_what_it_cannot_play(replay, data: Path, capsys: pytest.CaptureFixture[str], arguments, message):
    with pytest.raises(SystemExit, match="2"):
        replay("run").main(["--data", str(data), "--tasks", NAME, *arguments])
    assert message in capsys.readouterr().err


def test_damaged_data_is_named(replay, data: Path):
    path = data / "taskset" / f"{NAME}.json.gz"
    recorded, error = replay("recorded"), replay("curves").MissingDataError
    path.write_bytes(gzip.compress(b'[{"hp": {"lr": 1}}]'))
    with pytest.raises(error, match=r"is no list of configs with hp and valid\.loss"):
        recorded.load_taskset(data, NAME)
    path.write_bytes(b"no gzip")
    with pytest.raises(error, match="Not a gzipped file"):
        recorded.load_taskset(data, NAME)


def test_regret_goes_from_the_best_config_to_the_median_one(replay):
    reference_of = replay("curves").Reference.of
    up = np.array([[1.0, 5.0, 3.0], [2.0, 2.0, math.nan], [math.nan] * 3])
    reference = reference_of(up, 1)
    assert (reference.best, reference.median) == (5.0, 2.0)
    assert [reference.regret(value) for value in (5.0, 3.5, 2.0, 9.0, -1.0, None)] == [0, 50, 100, 0, 100, 100]
    down = reference_of(-up, -1)
    assert (down.best, down.median) == (-5.0, -2.0)
    assert [down.regret(value) for value in (-5.0, -3.5, -2.0)] == [0, 50, 100]


def result(replay, method: str, steps: list[tuple[int, float]], seed: int = 0):
    given = {"task": "t", "family": "f", "epochs": 10, "spent": 200, "decisions": 2, "trials": 2, "cpu_s": 0.5}
    return replay("traces").Result(method=method, seed=seed, steps=tuple(steps), **given)


def test_a_regret_is_that_of_the_epochs_so_far(replay):
    one = result(replay, "a", [(1, 80.0), (20, 40.0), (21, 5.0)])
    assert [one.regret_at(trainings) for trainings in (0.05, 0.1, 1.9, 2, 2.1)] == [100, 80, 80, 40, 5]


def test_a_ratio_is_of_the_epochs_that_are_needed(replay):
    ratio = replay("scoring").ratio
    peer = [result(replay, "p", [(1, 60.0), (100, 20.0)], seed) for seed in (0, 1)]
    ours = [result(replay, "o", [(10, 30.0), (50, 20.0 - seed)], seed) for seed in (0, 1, 2)]
    found = ratio(ours, peer, 20)
    assert (found.value, found.studies) == (5 / 20, 2)
    assert found.low <= found.value <= found.high
    assert ratio(peer, ours, 20).value == math.inf
    assert ratio(ours, [], 20) is None


def test_a_mean_has_the_interval_of_student(replay):
    mean = replay("scoring").Mean.of([1.0, 2.0, 3.0])
    assert mean.value == 2.0
    assert mean.half == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert math.isnan(replay("scoring").Mean.of([1.0]).half)


def test_a_recorded_config_is_played_once_and_nearest_first(replay, data: Path):
    task = replay("recorded").load_taskset(data, NAME)
    assert list(task.raw) == ["learning_rate", "one_minus_beta2"]
    assert all("loguniform" in one for one in task.raw.values())
    play = task.curves.player()
    config = {"learning_rate": 0.01, "one_minus_beta2": 0.01}
    played = [play(config) for _ in range(60)]
    assert len({curve.tobytes() for curve in played}) == 60
    assert np.isfinite(played[0]).all()
    assert task.curves.player()(config).tobytes() == played[0].tobytes()
    assert play(config).tobytes() == played[0].tobytes()  # all were used: it begins anew


def test_trainings_of_different_lengths_become_whole_ones(replay, tmp_path: Path):
    rows = []
    for epochs, measured in ((4, 4), (8, 8), (8, 3)):
        curve = [{"top_1": epoch / epochs} for epoch in range(1, measured + 1)]
        names = ("batch_size", "lr", "momentum", "weight_decay", "label_smoothing")
        given = {name: 0.1 * (len(rows) + 1) for name in names}
        rows.append({"epochs": epochs, "lr_peak_epoch": len(rows), "learning_curve": curve, **given})
    (tmp_path / "alexnet").mkdir()
    lines = "\n".join(map(json.dumps, rows))
    (tmp_path / "alexnet" / "alexnet_tuning.results.jsonl").write_text(lines)
    task = replay("recorded").load_alexnet(tmp_path)
    assert task.epochs == 4
    expected = [[0.25, 0.5, 0.75, 1], [0.25, 0.5, 0.75, 1], [0.25, *[math.nan] * 3]]
    np.testing.assert_allclose(task.curves.sample(), expected)


OBJECTIVE = """\
def train(config, trial):
    trial.load_checkpoint()
    for epoch in trial.epochs():
        trial.save_checkpoint({})
        yield {"value": config["x"] * epoch + (config["x"] > 0.8) * (-epoch if epoch > 3 else epoch)}
"""


class Formula:
    """The same curves as the objective's."""

    def player(self):
        return lambda config: np.array(
            [
                config["x"] * epoch + (config["x"] > 0.8) * (-epoch if epoch > 3 else epoch)
                for epoch in range(1, EPOCHS + 1)
            ]
        )

    def sample(self):
        raise NotImplementedError


@pytest.mark.parametrize("method", ["jittered_grid+stall", "tpe+stall", "jittered_grid+asha"])
def test_simulated_workers_give_the_study_of_an_inline_one(replay, tmp_path: Path, method: str):
    ours, curves, traces, workers = map(replay, ("ours", "curves", "traces", "workers"))
    raw = {"x": {"uniform": [0.0, 1.0]}}
    task = curves.Task(name="f", family="f", raw=raw, epochs=EPOCHS, maximize=True, curves=Formula())
    content = ours.space_file(task, method, 5, 2.8)
    (tmp_path / "played").mkdir()
    trace = traces.Trace(task, 10_000)
    played = ours.study_of(tmp_path / "played", content, workers.ReplayExecutor(1, task, trace))
    (tmp_path / "formula.py").write_text(OBJECTIVE)
    content["objective"]["python"] = "formula:train"
    (tmp_path / "space.yaml").write_text(json.dumps(content))
    request = ResourceRequest(executor="inline")
    trained = api.run(tmp_path / "space.yaml", request=request, studies=tmp_path / "inline")
    records = []
    for study in (played, trained):
        records.append([(r.params, r.values, r.stop_reason, r.value) for r in study.store.records(Stage.SEARCH)])
        study.close()
    assert records[0] == records[1]
    assert len({reason for _, _, reason, _ in records[0]}) > 1
    assert trace.spent == sum(len(values) for _, values, _, _ in records[0])
    assert trace.trials == 14
    assert trace.steps[-1][1] == max(value for *_, value in records[0])


def test_a_simulated_worker_pauses_a_trial_and_goes_on(replay, data: Path, tmp_path: Path):
    task = replay("recorded").load_taskset(data, NAME)
    trace = replay("traces").Trace(task, 1000)
    executor = replay("workers").ReplayExecutor(2, task, trace)
    config = {"learning_rate": 0.01, "one_minus_beta2": 0.01}
    values = {"config": config, "epochs": EPOCHS, "metric": "loss", "direction": Direction.MINIMIZE}
    first = spec(tmp_path, until=4, **values)
    executor.submit(first)
    seen = [event for _ in range(6) for event in executor.poll(1.0)]
    assert [type(event) for event in seen] == [TrialStarted, *[TrialMeasured] * 4, LegEnded]
    assert (seen[-1].epoch, seen[-1].saved) == (4, 4)
    assert executor.poll(1.0) == []
    executor.answer(first.key, PAUSE)
    assert executor.free == 1
    (paused,) = executor.poll(1.0)
    assert isinstance(paused, TrialPaused)
    assert executor.free == 2
    executor.submit(spec(tmp_path, attempt=2, until=5, **values))
    seen = [event for _ in range(3) for event in executor.poll(1.0)]
    assert [event.measurement.epoch for event in seen if isinstance(event, TrialMeasured)] == [5]
    executor.answer(first.key, Answer(until=EPOCHS))
    seen = [event for _ in range(EPOCHS - 4) for event in executor.poll(1.0)]
    assert (seen[-1].reason, seen[-1].measured, executor.free) == (StopReason.FINISHED, EPOCHS, 2)
    assert (trace.spent, trace.trials, trace.decisions) == (EPOCHS, 1, 3)
    assert [len(read_manifest(tmp_path / f"attempt-{one}").measurements) for one in (1, 2)] == [4, EPOCHS]


def test_simulated_workers_share_the_epochs_and_stop_when_they_are_spent(replay, data: Path):
    task = replay("recorded").load_taskset(data, NAME)
    trace = replay("ours").play(task, "random+none", 0, replay("traces").Setting(workers=3, trainings=2.5))
    assert trace.spent == 2.5 * EPOCHS
    assert trace.trials >= 3
    assert trace.cpu_s > 0


PEERS = ["optuna-random+none", "optuna-tpe+median", "optuna-tpe+hyperband", "optuna-random+halving"]
RAY_PEERS = ["ray-fifo", "ray-asha", "ray-asha-ninth", "ray-hyperband"]


@pytest.mark.parametrize("method", [*PEERS, *RAY_PEERS])
def test_peers_spend_the_same_epochs(replay, data: Path, method: str):
    methods = replay("methods")
    methods.check_name(method)
    methods.check_package(method)
    task = replay("recorded").load_taskset(data, NAME)
    setting = replay("traces").Setting(workers=3, trainings=4, spread=0.5)
    traces = [methods.play(task, method, 0, setting) for _ in range(2)]
    assert traces[0].spent == 4 * EPOCHS
    assert traces[0].steps == traces[1].steps
    assert [value for _, value in traces[0].steps] == sorted((v for _, v in traces[0].steps), reverse=True)
    if "none" in method or "fifo" in method:
        assert traces[0].decisions == traces[0].trials


class Pausing:
    """A peer that has two trials take turns, and pauses each after every epoch."""

    def __init__(self, asked: ModuleType) -> None:
        self._asked, self._turn = asked, 0
        self.seen: list[tuple[int, int]] = []
        self._ended: set[int] = set()

    def job(self):
        self._turn += 1
        if len(self._ended) == 2 or (trial := self._turn % 2) in self._ended:
            return None
        return self._asked.Job(trial, {"learning_rate": 0.01, "one_minus_beta2": 0.01})

    def told(self, trial, epoch, value):
        self.seen.append((trial, epoch))
        return self._asked.Answer.LEAVE

    def finished(self, trial, epoch, value):
        self.seen.append((trial, epoch))
        self._ended.add(trial)

    def failed(self, trial):
        raise NotImplementedError


def test_a_paused_trial_goes_on_where_it_was(replay, data: Path):
    asked, traces = replay("asked"), replay("traces")
    task = replay("recorded").load_taskset(data, NAME)
    peer, trace = Pausing(asked), traces.Trace(task, 1000)
    asked.Simulation(peer, task, 1, trace).run()
    assert peer.seen[:4] == [(1, 1), (0, 1), (1, 2), (0, 2)]
    assert (trace.trials, trace.decisions) == (2, trace.spent)


@pytest.mark.slow
def test_it_prints_tables_and_goes_on_with_its_file(data: Path, tmp_path: Path):
    file = tmp_path / "found.json"
    common = ["--data", data, "--tasks", NAME, "--budgets", "1,2", "--seeds", "2", "--json", file]
    common += ["--cache", tmp_path / "cache"]
    first = called(*common, "--methods", "random+none,optuna-random+none")
    assert first.returncode == 0, first.stderr
    assert "| method | studies | 1 | 2 | trials | CPU ms a decision |" in first.stdout
    assert "| for a peer's regret at 2 | random+none |" in first.stdout
    assert first.stderr.count(" of 4: ") == 4
    again = called(*common, "--methods", "random+none,optuna-random+none,random+stall", "--jobs", "2")
    assert again.stderr.count(" of 2: ") == 2
    content = json.loads(file.read_text())
    assert [content["workers"], content["trainings"], len(content["studies"])] == [4, 2, 6]
    other = called(*common, "--workers", "3")
    assert other.returncode == 2
    assert "has studies with workers 4; allowed: 3, or a new file" in other.stderr
