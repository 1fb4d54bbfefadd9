"""The benchmarks of overhead, scale and start-up run, and their figures are what they say."""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import torch

from hpsearch.study.study import load_study
from hpsearch.trial.events import TrialEnded, TrialMeasured
from hpsearch.trial.trial import Stage, TrialSpec
from support.factories import spec
from support.paths import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    for folder in (FOLDER / "simulated", FOLDER / "peers", FOLDER):
        monkeypatch.syspath_prepend(str(folder))
    return __import__


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs a benchmark, and returns the tables that it prints."""

    def run(module: ModuleType, *arguments: str) -> list[list[list[str]]]:
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *arguments])
        module.main()
        return tables(capsys.readouterr().out)

    return run


def tables(text: str) -> list[list[list[str]]]:
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def section(name: str) -> str:
    return (FOLDER / "README.md").read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]


def published(name: str) -> list[list[str]]:
    """Return the headers of the tables of a benchmark in the README."""
    return [table[0] for table in tables(section(name))]


def simulated(number: int = 0, epochs: int = 3) -> TrialSpec:
    return spec(number=number, config={}, seed=number, epochs=epochs, metric="val_accuracy")


def test_figures_are_slopes_without_the_start(benchmark, printed, monkeypatch: pytest.MonkeyPatch):
    overhead = benchmark("overhead")
    each = {peer.script: 0.004 * place for place, peer in enumerate(overhead.PEERS, start=1)}  # driver's and worker's

    def seconds(peer, trials: int, epoch_s: float, workers: int) -> float:
        return 7.0 + trials * (each[peer.script] + 5 * epoch_s / workers)

    monkeypatch.setattr(overhead, "seconds", seconds)
    ((header, _, *rows),) = printed(overhead, "--workers", "4")
    assert published("overhead.py") == [header]
    assert [row[0] for row in rows] == [peer.name for peer in overhead.PEERS]
    assert [row[0] for row in rows].count("hpsearch") == 1
    first, second = rows[:2]
    assert first[1:] == ["200 to 2200", *_cells("4.00", "250", "20 to 220", "16.00", "1")]
    assert second[1:] == ["2 to 12", *_cells("8.00", "125", "2 to 12", "32.00", "2")]


def _cells(noop: str, rate: str, sizes: str, idle: str, times: str) -> list[str]:
    """Return the cells of a peer whose repeats were all the same."""
    return [f"{noop} ({noop} to {noop})", rate, times, sizes, f"{idle} ({idle} to {idle})", times]


def test_a_figure_that_noise_made_negative_has_no_ratio(benchmark):
    overhead = benchmark("overhead")
    ours = overhead.Figure((0.004, 0.003, 0.009)), overhead.Figure((0.01,))
    cells = overhead.row(overhead.PEERS[1], overhead.Figure((-0.001,)), overhead.Figure((0.02,)), ours).split(" | ")
    assert cells[2:5] == ["-1.00", "-", "-"]
    assert cells[6:] == ["20.00", "2 |"]
    assert ours[0].in_ms() == "4.00 (3.00 to 9.00)"


@pytest.mark.slow
def test_a_peer_does_the_work(benchmark):
    overhead = benchmark("overhead")
    # Ray Tune's fastest; the others take minutes more, and the test of start-up runs ours.
    peer = next(peer for peer in overhead.PEERS if peer.script == "tune_class")
    assert overhead.seconds(peer, 4, 0.02, 2) > 5 * 0.02


def test_a_peer_that_fails_says_so(benchmark):
    overhead = benchmark("overhead")
    (optuna,) = (peer for peer in overhead.PEERS if peer.script == "optuna_processes")
    with pytest.raises(SystemExit, match="Optuna, a process for each worker: exit code 1"):
        overhead.seconds(optuna, 1, -1.0, 1)  # no sleep is that long


def test_simulated_trials_take_their_time(benchmark):
    executor = benchmark("executor").SimulatedExecutor(2, epoch_s=0.02)
    assert executor.free == executor.slots == 2
    executor.submit(simulated(0))
    assert executor.began is None
    executor.submit(simulated(1))
    assert executor.free == 0
    happened = []
    while executor.free < 2:
        happened += executor.poll(1.0)
    for number in (0, 1):
        mine = [event for event in happened if event.number == number]
        assert [event.measurement.epoch for event in mine if isinstance(event, TrialMeasured)] == [1, 2, 3]
        assert isinstance(mine[-1], TrialEnded)
        assert mine[-1].measured == 3
    assert executor.waits == []
    now = executor.began + 1.0
    waited = executor.waiting_s(now)
    assert 1.0 < waited < 2 * (1.0 - 3 * 0.02 * 0.8) + 0.001  # each since its own end
    executor.submit(simulated(2))
    assert len(executor.waits) == 1
    assert executor.waits[0] > 0
    assert executor.waiting_s(now) < waited


def test_simulated_trials_may_take_none(benchmark):
    executor = benchmark("executor").SimulatedExecutor(1)
    executor.submit(simulated(epochs=20))
    submitted = time.monotonic()
    while time.monotonic() < submitted + 0.02:
        pass
    assert len(executor.poll(0.0)) == 22
    assert executor.free == 1
    executor.submit(simulated(1))
    assert executor.waits[0] >= 0.02  # since its end, not since the driver has heard of it


def test_a_simulated_driver_stops_when_the_time_is_up(benchmark):
    simulated = benchmark("executor")
    executor = simulated.SimulatedExecutor(1, ends_at=lambda: 0.0)
    with pytest.raises(simulated.TimeIsUp):
        executor.poll(0.0)


def test_a_grown_study_is_copied_at_each_size(benchmark, tmp_path: Path):
    scale = benchmark("scale")
    (tmp_path / "sobol").mkdir()
    found = scale.grown(tmp_path / "sobol", "sobol", [10, 30])
    assert [one["size"] for one in found] == [10, 30]
    for one in found:
        assert one["wall_ms"] >= 0.9 * one["cpu_ms"] > 0
        assert one["rss_mib"] > 10
        study = load_study(scale.copy_of(tmp_path, "sobol", one["size"]))
        ended = [record for record in study.store.records(Stage.SEARCH) if record.value is not None]
        study.close()
        assert len(ended) == one["size"]
        assert all(record.epochs == 20 for record in ended)


@pytest.mark.slow
def test_scale_prints_the_tables_of_the_readme(benchmark, printed):
    costs, reading, busy = printed(benchmark("scale"), "--quick", "--samplers", "random")
    assert [table[0] for table in (costs, reading, busy)] == published("scale.py")
    for table in (costs, reading):
        assert [row[:2] for row in table[2:]] == [["random", "20"]]
        assert all(float(cell) > 0 for row in table[2:] for cell in row[2:])
    assert [row[:4] for row in busy[2:]] == [["random", "20", "4", "0.01"]]
    assert all(0 < float(row[4].removesuffix(" %")) < 100 for row in busy[2:])


@pytest.mark.slow
def test_startup_prints_the_table_of_the_readme(benchmark, printed):
    (header, _, *rows), (second, _, *reads) = printed(benchmark("startup"), "--quick", "--starts", "no-op")
    assert published("startup.py") == [header, second]
    assert [row[0] for row in rows] == ["no-op"]
    assert all(0 < float(first) < float(end) for _, first, end in rows)
    assert [row[0] for row in reads] == ["list", "show", "load_study"]
    assert all(float(row[1]) > 0 for row in reads)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("overhead", ("--workers", "0"), "'0': allowed: an integer >= 1"),
        ("overhead", ("--peers", "nni"), "invalid choice: 'nni'"),
        ("scale", ("--sizes", "1e3"), "'1e3': allowed: an integer >= 1"),
        ("startup", ("--repeats", "-1"), "'-1': allowed: an integer >= 1"),
    ],
)
def test_benchmarks_refuse_what_they_cannot_measure(benchmark, printed, capsys, name, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        printed(benchmark(name), *arguments)
    assert message in capsys.readouterr().err


def test_optimizer_prints_the_tables_of_the_readme(benchmark, printed, tmp_path):
    module, threads = benchmark("optimizer"), torch.get_num_threads()
    try:
        (steps,) = printed(module, "--quick", "--no-starts")
    finally:
        torch.set_num_threads(threads)
    small, large, starts = tables(section("optimizer.py"))
    assert [row[:2] for row in steps] == [row[:2] for row in small] == [row[:2] for row in large]
    assert [row[0] for row in starts[2:]] == [*module.STARTS]
    for code in module.STARTS.values():
        (tmp_path / "start.py").write_text(code)
        runpy.run_path(str(tmp_path / "start.py"))
    took_s, cpu_s = module.start("pass")
    assert cpu_s > 0
    assert took_s > 0
