"""The benchmarks run, measure what they say, and their tables are those of benchmarks/README.md."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hpsearch.objectives.space_files import parse_config
from support.paths import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def coarse_to_fine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__("coarse_to_fine")


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def section(title: str) -> str:
    return (FOLDER / "README.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def trial_at(module: ModuleType, **changes: float) -> dict:
    """Return a config at the peak, but for what is changed."""
    config = parse_config(module.study_file("random", 0.0, 3, (), 4))
    constants = dict(config.space.constants)
    best = {name: constants[f"best_{name}"] for name in ("lr", "weight_decay")}
    return {**constants, **best, "dropout": 0.2, "batch_size": 64, **changes}


def test_coarse_to_fine_prints_the_table_of_the_readme(
    coarse_to_fine: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    small = ["--seeds", "2", "--cap", "20", "--samplers", "jittered_grid", "--rounds", "12x5", "6x20"]
    monkeypatch.setattr(sys, "argv", ["coarse_to_fine.py", *small])
    coarse_to_fine.main()
    printed = capsys.readouterr().out
    assert printed.startswith("api.run gives the same trials: jittered_grid\n\n")
    header, _, *measured = rows(printed)
    documented, _, *published = rows(section("coarse_to_fine.py"))
    assert [row[:2] for row in measured] == [["centred", "jittered_grid"], ["beside", "jittered_grid"]]
    assert all(len(row) == len(header) for row in measured)
    assert header[2] == "flat: in 180"
    assert [re.sub(r"\d+", "N", name) for name in header] == [re.sub(r"\d+", "N", name) for name in documented]
    samplers = ("jittered_grid", "random", "sobol", "tpe")
    expected = [[hill, name] for hill in ("centred", "beside") for name in samplers]
    assert [row[:2] for row in published if row[0] in ("centred", "beside")][:7] == expected[:7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rounds", "8x5", "8x10"), "--rounds: the last one has 10 epochs; allowed: 20"),
        (("--rounds", "8x21"), "'8x21': allowed: TRIALSxEPOCHS with 1 to 20 epochs, such as 24x5"),
        (("--seeds", "0"), "'0': allowed: an integer >= 1"),
    ],
)
def test_coarse_to_fine_refuses_what_it_cannot_measure(
    coarse_to_fine: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
):
    monkeypatch.setattr(sys, "argv", ["coarse_to_fine.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        coarse_to_fine.main()
    assert message in capsys.readouterr().err


def test_the_peak_is_where_and_as_wide_as_it_is_said_to_be(coarse_to_fine: ModuleType):
    best = trial_at(coarse_to_fine)
    assert coarse_to_fine.accuracy(best, 20) == pytest.approx(0.96)
    assert coarse_to_fine.accuracy(best, 5) == pytest.approx(0.1 + 0.56 * 0.86, abs=0.01)
    for width, name in ((1 / 3, "lr"), (1 / 2, "weight_decay")):
        inner, outer = (
            trial_at(coarse_to_fine, **{name: best[name] * 10 ** (width * share)}) for share in (0.49, 0.51)
        )
        assert coarse_to_fine.is_inside(inner)
        assert not coarse_to_fine.is_inside(outer)
        flank = trial_at(coarse_to_fine, **{name: best[name] * 10 ** (width / 2)})
        hill = math.exp(-((width / 2 / {"lr": 1.0, "weight_decay": 1.25}[name]) ** 2) / 2)
        assert coarse_to_fine.accuracy(flank, 20) == pytest.approx(0.1 + 0.5 * hill + 0.15 + 0.06)


def test_bounds_that_leave_the_peak_out_are_told(coarse_to_fine: ModuleType):
    space = parse_config(coarse_to_fine.study_file("random", 0.0, 3, (), 4)).space
    best = trial_at(coarse_to_fine)
    assert coarse_to_fine.holds_peak(space, best)
    for share, expected in ((0.49, True), (0.51, False)):
        beyond = space.with_bounds({"lr": (best["lr"] * 10 ** (share / 3), 0.1)})
        assert coarse_to_fine.holds_peak(beyond, trial_at(coarse_to_fine, lr=0.1)) is expected


def test_only_full_trainings_arrive_and_all_epochs_count(coarse_to_fine: ModuleType):
    rounds = ((12, 5), (8, 20))
    config = parse_config(coarse_to_fine.study_file("random", 0.0, 0, rounds, 0))
    trials = [record for record, _ in coarse_to_fine.played(config, more=400)]
    assert [record.epochs for record in trials[:21]] == [5] * 12 + [20] * 9
    inside = [coarse_to_fine.is_inside(config.space.config_of(one.params)) and one.epochs == 20 for one in trials]
    first = inside.index(True)
    spent = sum(record.epochs for record in trials[: first + 1])
    assert coarse_to_fine.epochs_to_peak(config, 8000) == spent
    assert coarse_to_fine.epochs_to_peak(config, spent - 1) == math.inf


def test_coarse_to_fine_takes_at_most_half_the_epochs(coarse_to_fine: ModuleType):
    medians = []
    for rounds in ((), ((24, 5), (16, 10), (8, 20))):
        files = [coarse_to_fine.study_file("jittered_grid", 0.0, seed, rounds, 100) for seed in range(9)]
        spent = [coarse_to_fine.epochs_to_peak(parse_config(file), 2000) for file in files]
        medians.append(min(coarse_to_fine.quartiles(spent)[1], 2000))
    assert medians[1] <= medians[0] / 2


def test_the_table_of_edges_is_that_of_its_docstring():
    assert rows(section("edges.py")) == rows((FOLDER / "edges.py").read_text().split('"""')[1])


def test_told_prints_the_table_of_the_readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.syspath_prepend(str(FOLDER))
    told = __import__("told")
    monkeypatch.setattr(told, "_RANDOM", 50)
    small = ["--tasks", "1", "--seeds", "2", "--budgets", "3", "5"]
    monkeypatch.setattr(sys, "argv", ["told.py", *small])
    told.main()
    header, _, *measured = rows(capsys.readouterr().out)
    documented, _, *published = rows(section("told.py"))
    assert header == ["rule", "told", "regret at 3", "regret at 5"]
    assert documented[:2] == header[:2]
    wanted = [[rule, telling] for rule in ("median", "halving") for telling in ("truncated", "failed", "projected")]
    assert [row[:2] for row in measured] == wanted
    assert [row[:2] for row in published][:6] == wanted


def test_the_rules_of_told_stop_what_they_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    told = __import__("told")
    monkeypatch.setattr(told, "_RANDOM", 50)
    task = told.simulated(0)
    sampler = told.RandomSampler(task.space, 0)
    records: list = []
    for number in range(40):
        records.append(told._trained(task, "halving", sampler.draw(number), records))
    assert {record.epochs for record in records} == {3, 9, 27}
    assert 2 <= sum(record.epochs == 27 for record in records) < sum(record.epochs == 9 for record in records) + 8
    assert told.stopped_at("median", [0.1] * 27, [one for one in records if one.epochs == 27] * 5) == 3
    best = [2.0] * 27
    assert told.stopped_at("median", best, records) == told.stopped_at("halving", best, records) == 27


def test_same_job_compares_with_the_fastest_peer_of_each_column(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    same_job = __import__("same_job")
    given = (("hpsearch", 12.0, 3.0), ("Optuna, random, median", 10.0, 8.0), ("Ray Tune, ASHA", 15.0, 5.0))
    took = [
        same_job.Took(method=method, seed=seed, whole_s=whole_s, search_s=search_s, epochs=100, best=0.5 + seed / 2)
        for method, whole_s, search_s in given
        for seed in range(2)
    ]
    header, _, *measured = rows(same_job.table(took))
    documented, _, *published = rows(section("same_job.py"))
    assert header == documented
    assert [row[0] for row in published] == ["hpsearch", *same_job.PEERS]
    assert measured[0][2::2] == ["1.20", "0.60", "0.7500"]
    assert [row[2] for row in measured[1:]] == ["1.00", "1.50"]


def test_all_benchmarks_are_in_the_readme():
    names = [path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text()]
    for name in names:
        assert f"uv run python benchmarks/{name}" in section(name)
    assert "benchmarks/replay/run.py --data" in section("replay/")
    assert Path(FOLDER / "README.md").read_text().count("\n## ") == len(names) + 1
