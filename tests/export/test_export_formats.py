"""The best config in the formats of training repos, and what the options of `export` do."""

import dataclasses
import json
import shlex
import subprocess
import tomllib
from pathlib import Path

import optuna
import pytest

from hpsearch.errors import InputError
from hpsearch.export import load_frozen_trial, plan_export
from hpsearch.export.write import Place
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.cli import said
from support.documents import read_yaml

CONFIG = {"lr": 1e-5, "optimizer.name": "it's", "amp": True, "steps": [1, 2], "none": None}
PROVENANCE = {"study": "cnn", "mean": 0.9}


def text(kind, config=CONFIG, target="-", trial=None, **place):
    plan = plan_export(config, Path(target), Place(format=kind, **place), provenance=PROVENANCE, trial=trial)
    assert plan.before is None
    return plan.after.decode()


NESTED = {"lr": 1e-5, "optimizer": {"name": "it's"}, "amp": True, "steps": [1, 2], "none": None}


def test_hydra_gets_a_package_of_overrides_and_the_line():
    written = text("hydra")
    assert written.startswith("# @package _global_\n")
    assert read_yaml(written) == NESTED
    (line,) = [line for line in written.splitlines() if line.startswith("# As overrides: ")]
    assert shlex.split(line.removeprefix("# As overrides: ")) == [
        *("lr=1e-05", "optimizer.name=it's", "amp=true", "steps=[1, 2]", "none=null")
    ]


def test_lightning_gets_a_nested_config():
    assert read_yaml(text("lightning")) == NESTED
    places = {"lr": "model.init_args.lr", "optimizer.name": "optimizer.class_path"}
    written = read_yaml(text("lightning", names=places))
    assert written["model"] == {"init_args": {"lr": 1e-5}}
    assert written["optimizer"] == {"class_path": "it's"}


def test_arguments_reach_a_shell_as_they_are():
    (line,) = [line for line in text("args", {**CONFIG, "low": -1e-3}).splitlines() if line and line[0] != "#"]
    printed = subprocess.run(["sh", "-c", f'printf "%s\\n" {line}'], capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == [
        *("--lr", "1e-05", "--optimizer.name", "it's", "--amp", "true", "--steps", "[1, 2]", "--none", "null"),
        "--low=-0.001",
    ]


def test_an_environment_file_can_be_sourced(tmp_path):
    path = tmp_path / "best.env"
    path.write_text(text("env", target=str(path)))
    command = ["sh", "-c", f'. {shlex.quote(str(path))}; echo "$LR|$OPTIMIZER_NAME|$AMP|$STEPS"']
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1e-05|it's|true|[1, 2]\n"
    with pytest.raises(InputError, match="two values would be A_B"):
        text("env", {"a.b": 1, "a_b": 2})


def test_python_is_a_dataclass_or_a_dict(tmp_path):
    path = tmp_path / "config.py"
    namespace = {"__name__": "config"}
    exec(text("python", {**CONFIG, "nan": float("inf")}, target=str(path)), namespace)  # noqa: S102 - what was written
    assert namespace["CONFIG"] == {**CONFIG, "nan": float("inf")}
    named = {name: value for name, value in CONFIG.items() if name.isidentifier()} | {"nan": float("inf")}
    namespace = {"__name__": "builtins"}
    exec(text("python", named, target=str(path)), namespace)  # noqa: S102 - what was written
    assert dataclasses.asdict(namespace["Config"]()) == named


def test_toml_is_read_back(tmp_path):
    values = {name: value for name, value in CONFIG.items() if value is not None}
    assert tomllib.loads(text("toml", values)) == values
    nested = tomllib.loads(text("toml", values, names={"lr": "optim.lr"}))
    assert nested["optim"] == {"lr": 1e-5}
    with pytest.raises(InputError, match="none is null, which TOML does not have"):
        text("toml", target=str(tmp_path / "new.toml"))


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"lrr": "x"}, "'lrr' is not in the config; allowed: lr, optimizer.name, amp, steps, none; did you mean 'lr'?"),
        ({"lr": "amp"}, "another value goes there too"),
        ({"lr": "amp.x"}, "would be a value and a mapping"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(names, says):
    with pytest.raises(InputError) as raised:
        text("yaml", names=names)
    assert says in str(raised.value)


# The command


@pytest.fixture
def study(bench: Bench):
    places = {"to": "repo.yaml", "key": "optim", "map": {"lr": "adam.lr"}}
    return bench.run(bench.space("climb", finalists=None, ensemble=None, export=places))


REPO = "# ours\noptim:\n  adam: {lr: 1e-1}  # by hand\n  wd: 0.5\n"


def test_the_space_file_says_where_to(bench: Bench, study):
    path = bench.folder / "repo.yaml"
    assert "is not there to merge into" in said("export", "sample", code=2)
    path.write_text(REPO)
    shown = said("export", "sample", "--diff", "--dry-run")
    assert path.read_text() == REPO
    assert "would be written to" in shown
    assert not list(bench.folder.glob("*.hpsearch.json"))
    assert said("export", "sample").endswith("under optim\n")
    best = study.best
    assert read_yaml(path.read_text()) == {"optim": {"adam": {"lr": best.config["lr"]}, "wd": best.config["wd"]}}
    assert "  # by hand\n" in path.read_text()
    removed = [line[1:] for line in shown.splitlines() if line[0] == "-" and line[:3] != "---"]
    added = [line[1:] for line in shown.splitlines() if line[0] == "+" and line[:3] != "+++"]
    assert set(removed) == set(REPO.splitlines()) - set(path.read_text().splitlines())
    assert set(added) == set(path.read_text().splitlines()) - set(REPO.splitlines())
    beside = json.loads((bench.folder / "repo.yaml.hpsearch.json").read_text())
    assert (beside["study"], beside["trial"]) == ("sample", best.trial)
    (bench.folder / "repo.yaml.hpsearch.json").unlink()
    assert "nothing changed" in said("export", "sample")
    assert not list(bench.folder.glob("*.hpsearch.json"))


def test_options_win_over_the_space_file(bench: Bench, study):
    printed = read_yaml(said("export", "sample", "--to", "-", "--format", "yaml", "--map", "wd=decay"))
    assert set(printed) == {"adam", "decay"}
    assert "--map wd: allowed: NAME=PLACE" in said("export", "sample", "--map", "wd", code=2)
    assert "no suffix" in said("export", "sample", "--to", "-", code=2)


def test_a_trial_by_its_number(bench: Bench, study):
    for record in study.store.records(Stage.SEARCH):
        printed = said("export", "sample", "--to", "-", "--format", "json", "--trial", record.number)
        written = json.loads(printed)
        assert written["wd"] == record.params["wd"]
        assert written["_hpsearch"]["trial"] == record.number
        assert written["_hpsearch"]["search_value"] == record.value
    assert "--trial 99: no such trial; allowed: 0 to 3" in said("export", "sample", "--to", "-", "--trial", 99, code=2)


def test_without_a_target_there_is_one_message(bench: Bench):
    bench.run(bench.space("climb", finalists=None, ensemble=None))
    assert "its space file has no export; allowed: --to PATH" in said("export", "sample", code=2)


def test_optuna_gets_a_trial_that_a_study_takes(bench: Bench, study):
    path = bench.folder / "best.json"
    said("export", "sample", "--to", path, "--format", "optuna")
    trial = load_frozen_trial(path)
    record = next(one for one in study.store.records(Stage.SEARCH) if one.number == study.best.trial)
    assert (trial.params, trial.value) == (dict(record.params), record.value)
    assert trial.intermediate_values == dict(record.values)
    assert trial.user_attrs["hpsearch"]["study"] == "sample"
    other = optuna.create_study(direction="maximize")
    other.add_trial(trial)
    assert other.best_params == trial.params
    path.write_text("{}")
    with pytest.raises(InputError, match="is no trial of hpsearch export"):
        load_frozen_trial(path)


SECTION = {"to": "repo.yaml", "map": {"lr": "adam.lr", "wd": ""}, "only": ["lr", "wd"]}


def test_what_has_no_place_is_said_line_by_line(bench: Bench, study):
    path = bench.folder / "other.yaml"
    path.write_text("model: {lr: 1}\nwd: 0.5\n")
    refused = said("export", "sample", "--to", path, "--map", "lr=adam.lr", code=2)
    assert refused.splitlines() == [
        f"error: {path}: has no place for lr",
        "  --map lr=model.lr (adam.lr is not there)",
        "  --map NAME= leaves one out, --only NAME writes only some, --add adds what is not there",
    ]
    assert path.read_text() == "model: {lr: 1}\nwd: 0.5\n"
    best = study.best.config
    printed = said("export", "sample", "--to", path, "--map", "lr=adam.lr", "--add")
    assert printed.endswith("\nadded: adam.lr (model.lr is there too)\n")
    assert read_yaml(path.read_text()) == {"model": {"lr": 1}, "wd": best["wd"], "adam": {"lr": best["lr"]}}
    path.write_text("wd: ${base}  # mine\n")
    printed = said("export", "sample", "--to", path, "--only", "wd", "--key", ".")
    assert printed.endswith(" under .\nno longer computed: wd (was ${base})\nleft out: lr\n")
    assert path.read_text() == f"wd: {best['wd']}  # mine\n"


def test_the_space_file_says_what_is_written(bench: Bench):
    made = bench.run(bench.space("climb", finalists=None, ensemble=None, export=SECTION))
    path = bench.folder / "repo.yaml"
    path.write_text("adam: {lr: 1e-1}\n")
    assert said("export", "sample").endswith("\nleft out: wd\n")
    assert read_yaml(path.read_text()) == {"adam": {"lr": made.best.config["lr"]}}
    assert "has no place for wd" in said("export", "sample", "--map", "wd=wd", code=2)
    message = said("export", "sample", "--ensemble", "--to", bench.folder / "x", "--only", "lr", code=2)
    assert "--only can't be combined" in message


def test_a_python_file_gets_its_assignments(bench: Bench, study):
    path = bench.folder / "config.py"
    path.write_text("lr = 1e-1  # by hand\nwd = 0.5\n")
    said("export", "sample", "--to", path, "--format", "python-assign", "--map", "lr=lr")
    values: dict[str, object] = {}
    exec(path.read_text(), values)  # noqa: S102 - what was written
    assert {name: values[name] for name in ("lr", "wd")} == study.best.config
    assert "  # by hand\n" in path.read_text()
