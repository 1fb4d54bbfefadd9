"""Parameters that are scaled, or absent: what shows and exports a study tells what its trials had."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hpsearch import api
from hpsearch.driver.verification import _outside
from hpsearch.export.frozen import load_frozen_trial
from hpsearch.export.read import read_config
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.cli import invoke, said
from support.documents import read_yaml, with_sections

SPACE = {
    "optimizer": {"choice": {"plain": "sgd", "fast": "adamw"}},
    "momentum": {"choice": [0.8, 0.9], "when": {"optimizer": "plain"}},
    "lr": {"loguniform": [1e-3, 1e-1], "per": "batch_size", "reference": 64},
    "batch_size": {"choice": [16, 64, 256]},
}


@pytest.fixture
def study(bench: Bench) -> api.Study:
    path = bench.space(
        "any_config", space=SPACE, search={"trials": 8}, objective={"epochs": 1}, finalists=None, ensemble=None
    )
    return bench.run(path)


@pytest.fixture
def trained(study: api.Study, bench: Bench) -> list[dict]:
    """Return the configs as the objective got them, by number."""
    return [json.loads(line) for line in bench.audited()]


def test_the_study_has_what_it_is_about(study, trained):
    assert {"momentum" in one for one in trained} == {True, False}
    assert all(("momentum" in one) == (one["optimizer"] == "sgd") for one in trained)
    stored = [record.params for record in study.store.records(Stage.SEARCH)]
    scales = {one["lr"] / params["lr"] for one, params in zip(trained, stored, strict=True)}
    assert {round(scale, 6) for scale in scales} == {0.25, 1.0, 4.0}
    assert all(("momentum" in params) == (params["optimizer"] == "plain") for params in stored)


def test_what_is_shown_is_what_was_trained(study, trained, bench):
    document = json.loads(said("show", "sample", "--json"))
    assert [trial["params"] for trial in document["trials"]] == trained
    said("show", "sample", "--csv", "trials.csv")
    with Path("trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["params.lr"]) for row in rows] == [one["lr"] for one in trained]
    assert [row["params.momentum"] for row in rows] == [str(one.get("momentum", "")) for one in trained]
    lines = said("show", "sample", "--top", "8").splitlines()
    column = lines[0].split().index("momentum")
    best = document["best"]["params"]
    assert lines[1].split()[column] == str(best.get("momentum", "-"))
    assert f"{best['lr']:.1e}" in lines[1]
    for number, config in enumerate(trained):
        assert str(config["lr"]) in said("show", "sample", "--trial", number)


def test_what_is_exported_is_what_was_trained(study, trained):
    for number, config in enumerate(trained):
        check_exports(study, number, config)


def check_exports(study: api.Study, number: int, config: dict) -> None:
    said("export", "sample", "--to", f"{number}.yaml", "--trial", number)
    assert read_yaml(Path(f"{number}.yaml")) == config
    assert read_config(Path(f"{number}.yaml"), ".", {}, study.config.space) == config
    assert _outside(config, study.config.space) == {}
    said("export", "sample", "--to", f"{number}.json", "--trial", number)
    assert {k: v for k, v in json.loads(Path(f"{number}.json").read_text()).items() if k != "_hpsearch"} == config
    said("export", "sample", "--to", f"{number}.txt", "--format", "args", "--trial", number)
    words = Path(f"{number}.txt").read_text().split()
    assert words[words.index("--lr") + 1] == str(config["lr"])
    assert ("--momentum" in words) == ("momentum" in config)
    said("export", "sample", "--to", f"{number}-trial.json", "--format", "optuna", "--trial", number)
    frozen = load_frozen_trial(f"{number}-trial.json")
    assert frozen.params["lr"] == pytest.approx(config["lr"], rel=1e-12)
    assert set(frozen.params) == set(config)


def test_a_file_with_a_value_too_many_is_read_without_it(study, trained):
    config = next(one for one in trained if "momentum" not in one)
    Path("kept.json").write_text(json.dumps(config | {"momentum": 0.9}))
    assert read_config(Path("kept.json"), ".", {}, study.config.space) == config


def test_what_lies_outside_is_named(study, trained):
    config = next(one for one in trained if one["batch_size"] == 256)
    assert _outside(config | {"lr": 0.5}, study.config.space) == {"lr": 0.5}  # 0.125 at 64
    assert _outside(config | {"lr": 0.3}, study.config.space) == {}
    assert set(_outside(config | {"batch_size": 0}, study.config.space)) == {"lr", "batch_size"}


def test_a_command_can_not_name_what_not_every_config_has(bench: Bench):
    command = "python train.py --lr {lr} --batch {batch_size} --optimizer {optimizer} --momentum {momentum}"
    path = with_sections(bench.space(space=SPACE), objective={"command": command, "epochs": 2})
    done = invoke("run", path, "--executor", "inline", code=2)
    assert "{momentum} stands for a parameter that not every config has; allowed: {args}" in done.stderr
