"""The command line as its users meet it: what it prints where, its exit codes, and what it loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from hpsearch.config.file import find_space, shipped_spaces
from hpsearch.errors import Interrupted
from hpsearch.objectives.space_files import load_space_file
from hpsearch.trial.events import TrialScored
from support.bench import Bench, Stop, begin
from support.documents import read_yaml
from support.paths import ROOT

INLINE = ("--executor", "inline")
TINY = {"search": {"trials": 3, "sampler": "random"}, "finalists": {"configs": 1, "seeds": 2}}
Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A directory with a finished study; tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        one = begin(folder, patch)
        one.run(one.space(**TINY))
        one.close()
    return folder / "studies"


@pytest.fixture
def studies(finished: Path, bench: Bench) -> Path:
    shutil.copytree(finished, bench.studies)
    return bench.studies


def one_line_error(result: Result) -> str:
    """Return the only line of an error."""
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_run_prints_its_result_on_standard_output_and_progress_on_standard_error(bench: Bench, invoke: Invoke):
    result = invoke("run", bench.space(**TINY), *INLINE)
    assert "search" not in result.stderr.splitlines()[0]
    assert result.stderr.startswith("study sample: ")
    assert "trial 0" in result.stderr
    assert "sample" in result.stdout
    assert "trial 0  " not in result.stdout
    assert (bench.studies / "sample" / "study.db").is_file()


def test_resume_extends(bench: Bench, invoke: Invoke, studies: Path):
    result = invoke("resume", "sample", "--trials", 4, *INLINE)
    assert "4 trials" in result.stderr
    assert len(bench.load().trials) == 4
    del studies


def test_set_and_trials_change_the_study(bench: Bench, invoke: Invoke):
    space = bench.space(**TINY)
    invoke(
        "run", space, *INLINE, "--set", "finalists=null", "--set", "objective.epochs=1", "--trials", 2, "--name", "x"
    )
    study = bench.load("x")
    assert (len(study.trials), study.config.objective.epochs, study.config.finalists) == (2, 1, None)


def test_list_shows_studies_and_warns_of_broken_ones(invoke: Invoke, studies: Path):
    (studies / "broken").mkdir()
    (studies / "broken" / "study.json").write_text("{}")
    result = invoke("list")
    assert "sample" in result.stdout
    assert "done" in result.stdout
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert "broken" in warning


def test_list_of_nothing_says_so(invoke: Invoke):
    result = invoke("list")
    assert result.stdout == ""
    assert "no studies in studies" in result.stderr


def test_show_gives_json_for_tools(invoke: Invoke, studies: Path):
    document = json.loads(invoke("show", "sample", "--json").stdout)
    assert list(document) == [
        *("schema_version", "study", "state", "metric", "direction", "trials", "finalists", "ensemble"),
        *("rounds", "edges", "test_readings", "best", "budget", "going_on", "pruning"),
    ]
    assert (document["state"], len(document["trials"]), document["test_readings"]) == ("done", 3, 1)
    by_path = invoke("show", studies / "sample", "--json").stdout
    assert json.loads(by_path) == document
    elsewhere = invoke("show", "sample", "--json", "--studies", studies).stdout
    assert json.loads(elsewhere) == document


def test_show_shows_a_trial_and_the_best(invoke: Invoke, studies: Path):
    assert "sample" in invoke("show", "sample").stdout
    detail = invoke("show", "sample", "--trial", 1).stdout
    assert detail.startswith("Trial 1 of study sample\n")
    assert "lr" in detail
    assert "finished" in detail
    top = invoke("show", "sample", "--top", 1).stdout
    assert len([line for line in top.splitlines() if "finished" in line]) == 1
    del studies


def test_show_writes_csv(bench: Bench, invoke: Invoke, studies: Path):
    result = invoke("show", "sample", "--csv", "trials.csv")
    lines = (bench.folder / "trials.csv").read_text().splitlines()
    assert lines[0].startswith("number,state,stop_reason,value")
    assert len(lines) == 4
    assert result.stdout == ""
    assert "written to trials.csv" in result.stderr
    del studies


def test_export_writes_the_best_config(bench: Bench, invoke: Invoke, studies: Path):
    best = json.loads(invoke("show", "sample", "--json").stdout)["best"]
    invoke("export", "sample", "--to", "best.json")
    written = json.loads((bench.folder / "best.json").read_text())
    assert {key: written[key] for key in best["params"]} == best["params"]
    result = invoke("export", "sample", "--to", "best.yaml")
    assert f"trial {best['trial']} of study sample written to best.yaml" in result.stdout
    assert load_yaml(bench.folder / "best.yaml")["lr"] == best["params"]["lr"]
    invoke("export", "sample", "--to", "other.txt", "--format", "json")
    assert json.loads((bench.folder / "other.txt").read_text())["lr"] == best["params"]["lr"]
    del studies


def test_export_merges_under_a_key(bench: Bench, invoke: Invoke, studies: Path):
    path = bench.folder / "train.yaml"
    path.write_text("# ours\nmodel: {depth: 3}\noptimizer:\n  lr: 0.5  # by hand\n  momentum: 0.9\n")
    best = json.loads(invoke("show", "sample", "--json").stdout)["best"]
    assert "under optimizer" in invoke("export", "sample", "--to", path, "--key", "optimizer").stdout
    merged = load_yaml(path)
    assert merged["optimizer"] == {"lr": best["params"]["lr"], "momentum": 0.9, "wd": best["params"]["wd"]}
    assert "# ours" in path.read_text()
    assert "# by hand" in path.read_text()
    del studies


def load_yaml(path: Path) -> dict:

    return read_yaml(path)


@pytest.mark.parametrize(
    ("function", "ensemble"), [("Classifier", "an ensemble of 2"), ("climb", "no ensemble"), ("report", "no ensemble")]
)
def test_smoke_says_that_it_passed_and_leaves_nothing(bench: Bench, invoke: Invoke, monkeypatch, function, ensemble):
    temporary = bench.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    space = bench.space(function, **TINY)
    before = {path for path in bench.folder.rglob("*") if "__pycache__" not in path.parts}
    result = invoke("run", space, "--smoke", *INLINE)
    assert result.stdout == f"smoke test passed: 2 trials, 2 finalists, {ensemble}; nothing was kept\n"
    assert {path for path in bench.folder.rglob("*") if "__pycache__" not in path.parts} == before


BAD = [
    (("run", "cnnn"), "cnnn: no such space file; allowed: a YAML file, or one that ships with hpsearch: "),
    (("run", "sample.yaml", "--set", "search.trails=3"), "did you mean 'trials'?"),
    (("run", "sample.yaml", "--set", "search.trials"), "allowed: PATH=VALUE"),
    (("run", "sample.yaml", "--set", "search.trials=many"), "--set search.trials=many: search.trials: found 'many'"),
    (("run", "sample.yaml", "--set", "objective.python=nowhere:f"), "there is no module 'nowhere'"),
    (("run", "sample.yaml", "--name", "../x"), "--name '../x': not a study's name; allowed: "),
    (("run", "sample.yaml", "--name", "sample"), "--name sample: "),
    (("run", "sample.yaml", "--gpus", "4"), "--gpus 4: this machine has 0 visible GPUs; allowed: --workers N"),
    (("run", "sample.yaml", "--gpus", "1", "--workers", "1"), "--gpus and --workers: both were given; allowed: one"),
    (("run", "sample.yaml", "--executor", "inline", "--workers", "2"), "--workers 2: the inline executor"),
    (("run", "sample.yaml", "--executor", "inline", "--fresh-process"), "--fresh-process: the inline executor"),
    (("run", "sample.yaml", "--storage", "nothing://me:secret@host/db"), "nothing://me:***@host/db: can't be opened"),
    (("resume", "sampel"), "sampel: no such study in studies; allowed: sample, or a path; did you mean 'sample'?"),
    (("resume", "sample", "--gpus", "1", "--workers", "1"), "--gpus and --workers"),
    (("show", "nowhere"), "nowhere: no such study"),
    (("show", "sample", "--trial", "99"), "99"),
    (("show", "sample", "--csv", "no/such/folder.csv"), "no/such/folder.csv: can't be written"),
    (("export", "sample", "--to", "no/such/folder.yaml"), "no/such/folder.yaml"),
    (("export", "sample", "--to", "best.ini"), "best.ini"),
    (("export", "sample", "--to", "sample.yaml", "--key", "no.such.key"), "no"),
    (("export", "nowhere", "--to", "best.yaml"), "nowhere: no such study"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(bench: Bench, invoke: Invoke, studies: Path, arguments, message):
    bench.space(**TINY)
    before = sorted(path.name for path in studies.iterdir())
    error = one_line_error(invoke(*arguments, code=2))
    assert message in error
    assert "secret" not in error
    assert sorted(path.name for path in studies.iterdir()) == before


def test_a_cluster_that_is_not_there_leaves_no_study(cli, space_file):
    space_file()
    done = cli.run("run", "sample.yaml", "--ray-address", "127.0.0.1:1", "--workers", "1", code=2)
    *_, error = done.stderr.splitlines()
    assert error.startswith("error: --ray-address: no Ray cluster answers at 127.0.0.1:1")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (cli.folder / "studies").exists()


@pytest.mark.parametrize(
    "arguments", [("run",), ("--no-such-option",), ("no-such-command",), ("run", "x", "--gpus", "0")]
)
def test_bad_usage_is_exit_code_2(invoke: Invoke, arguments):
    assert "Usage" in invoke(*arguments, code=2).stderr


def test_a_study_that_fails_is_exit_code_1_with_the_traceback_once(bench: Bench, invoke: Invoke):
    result = invoke("run", bench.space("fail", **TINY), *INLINE, code=1)
    assert result.stdout == ""
    assert result.stderr.count("Traceback (most recent call last)") == 1
    assert result.stderr.count("ValueError: the data is bad") >= 1
    *_, hint, error = result.stderr.splitlines()
    assert hint == "stopped; all ended trials are kept. To go on: hpsearch resume sample"
    assert error.startswith("error: the first 3 trials failed with the same error: ValueError: the data is bad; ")


def test_the_hint_to_go_on_works_as_it_is_printed(bench: Bench, invoke: Invoke):
    (bench.folder / "broken").touch()
    space = bench.space("fail_on_demand", **TINY)
    result = invoke("run", space, *INLINE, "--studies", "my studies", code=1)
    line = next(line for line in result.stderr.splitlines() if line.startswith("stopped"))
    words = line.split("hpsearch ")[1]
    assert words == "resume sample --studies 'my studies'"
    (bench.folder / "broken").unlink()
    invoke("resume", "sample", "--studies", "my studies", "--trials", 4, *INLINE)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143), (1, 129)])
def test_a_signal_is_told_by_the_exit_code(bench: Bench, invoke: Invoke, monkeypatch, number, code):
    from hpsearch.system.signals import Interrupts

    def interrupted(self: Interrupts) -> None:
        del self
        raise Interrupted(number)

    monkeypatch.setattr(Interrupts, "check", interrupted)
    result = invoke("run", bench.space(**TINY), *INLINE, code=code)
    assert result.stderr.splitlines()[-1] == "interrupted; nothing is lost. To go on: hpsearch resume sample"
    assert result.stdout == ""


def test_export_before_any_value_is_one_clear_error(bench: Bench, invoke: Invoke):
    bench.stop_at(TrialScored, 1)
    with pytest.raises(Stop):
        bench.run(bench.space("fail", **TINY))
    error = one_line_error(invoke("export", "sample", "--to", "best.yaml", code=2))
    assert "no trial has a value yet" in error


def test_environment_variables_stand_for_options(bench: Bench, invoke: Invoke, studies: Path, monkeypatch):
    studies.rename(bench.folder / "elsewhere")
    monkeypatch.setenv("HPSEARCH_STUDIES", "elsewhere")
    assert "sample" in invoke("list").stdout
    monkeypatch.setenv("HPSEARCH_STORAGE", "")
    invoke("show", "sample")
    monkeypatch.setenv("HPSEARCH_STORAGE", f"sqlite:///{bench.folder}/shared.db")
    invoke("show", "sample")  # its store is in its folder, whatever new ones get
    invoke("run", bench.space(**TINY), *INLINE, "--name", "shared")
    assert (bench.folder / "shared.db").is_file()
    assert not (bench.folder / "elsewhere" / "shared" / "study.db").exists()
    invoke("show", "shared")
    monkeypatch.delenv("HPSEARCH_STORAGE")
    assert "give it with --storage or HPSEARCH_STORAGE" in one_line_error(invoke("show", "shared", code=2))


HEAVY = """
import json
import sys

from hpsearch.cli.app import app

for arguments in json.loads(sys.argv[1]):
    try:
        app(arguments)
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
    large = ["torch", "torchvision", "ray", "sklearn", "scipy", "pandas", "numpy", "optuna", "sqlalchemy", "alembic"]
    own = ["hpsearch.api", "hpsearch.driver", "hpsearch.executors", "hpsearch.store.store", "hpsearch.samplers.base"]
    heavy = {*large, "ruamel.yaml", "psutil", *own} & set(sys.modules)
    print(json.dumps(sorted(heavy)), file=sys.stderr)
"""


def test_commands_that_only_look_load_nothing_heavy(bench: Bench, studies: Path):
    # In one process, for what one command loads it needs in any: those that may load less come first.
    allowed = {
        ("--help",): set(),
        ("run", "--help"): set(),
        ("list",): set(),
        ("show", "sample"): set(),
        ("show", "sample", "--json"): set(),
        ("show", "sample", "--trial", "0"): set(),
        ("export", "sample", "--to", "best.yaml"): {"ruamel.yaml"},
        ("show", "sample", "--csv", "a.csv"): {"ruamel.yaml", "pandas", "numpy"},
    }
    command = [sys.executable, "-c", HEAVY, json.dumps(list(allowed))]
    done = subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, check=True)
    loaded = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(loaded) == len(allowed), done.stderr
    for (arguments, needed), modules in zip(allowed.items(), loaded, strict=True):
        assert set(modules) <= needed, arguments
    del studies


def test_a_terminal_that_lacks_a_character_ends_no_command(cli, space_file):
    space_file(study="s", space={"größe": {"choice": ["klein", "groß"]}}, search={"trials": 1}, finalists=None)
    cli.run_warm("run", "sample.yaml", *INLINE)
    shown = cli.run("show", "s", PYTHONIOENCODING="ascii")
    assert "gr\\xf6\\xdfe" in shown.stdout
    printed = cli.run("export", "s", "--to", "-", "--format", "yaml", PYTHONIOENCODING="ascii")
    assert "größe" in printed.stdout


def test_the_installed_command_runs_a_study(cli, space_file):
    space_file("climb", objective={"epochs": 1}, search={"trials": 2}, finalists=None)
    done = cli.run("run", "sample.yaml", *INLINE)
    assert "sample" in done.stdout
    assert "study sample: " in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_spaces_ship_with_the_package():
    shipped = shipped_spaces()
    assert sorted(shipped) == sorted(path.stem for path in (ROOT / "spaces").glob("*.yaml"))
    assert "cnn" in shipped
    assert find_space("cnn") == shipped["cnn"]
    for name, path in shipped.items():
        assert load_space_file(path).study == name
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"spaces": "hpsearch/spaces"}
    assert project["project"]["scripts"] == {"hpsearch": "hpsearch.cli.app:main"}
