"""Files and values that mean harm: nothing of them is run, nothing outside is written, and no password shows.

Elsewhere: names (test_naming.py), paths in Trainables' checkpoints (test_tune_trainable.py), files of journals
(test_store_journal.py), what stores say of their URLs (test_store.py, test_fuzz_command_line.py; with a real server
test_postgres.py), YAML's tags (test_broken_space_files.py, test_fuzz_space_files.py), control characters in what is
printed (test_report_tables.py, test_progress.py), any value as one argument (test_command_objective.py).
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hpsearch.store.store as store_module
from hpsearch import api
from hpsearch.drafting.from_script import plan_space
from hpsearch.drafting.from_tuners import plan_import
from hpsearch.errors import CheckpointError, StudyError
from hpsearch.export import plan_export
from hpsearch.export.write import Place
from hpsearch.objectives.space_files import load_space_file
from hpsearch.store import connection
from hpsearch.trial.checkpoint import load_state
from hpsearch.trial.folder import MANIFEST, read_manifest
from hpsearch.trial.trial import Stage, StopReason
from support.attempts import drive, make, saving
from support.bench import Bench
from support.documents import read_yaml, with_sections
from support.fuzzing import listing, refusal

INLINE = ("--executor", "inline")
TINY = {"objective": {"epochs": 1}, "search": {"trials": 2, "sampler": "random"}, "finalists": None, "ensemble": None}


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._canary),)


def _bare(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": Evil(canary)}))


def _in_zip(path: Path, canary: Path) -> None:
    torch.save({"weights": [torch.zeros(2), Evil(canary)]}, path)


def _legacy(path: Path, canary: Path) -> None:
    torch.save({"weights": Evil(canary)}, path, _use_new_zipfile_serialization=False)


EVIL = {"bare pickle": _bare, "torch's zip": _in_zip, "torch's older format": _legacy}


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """What is there if something was run."""
    return tmp_path / "canary"


# Checkpoints and what lies beside them


def test_the_harmful_files_of_these_tests_do_harm(canary):
    pickle.loads(pickle.dumps(Evil(canary)))  # noqa: S301 - that it is unsafe is what is shown
    assert canary.is_dir()


@pytest.mark.parametrize("kind", EVIL)
def test_a_checkpoint_is_not_run_at_a_resume(tmp_path, canary, kind):
    trial, writer = make(tmp_path)
    drive(saving, trial, writer, stop_after=2)
    for path in writer.folder.glob("*.pt"):
        EVIL[kind](path, canary)
        with pytest.raises(CheckpointError, match="can't be read as a checkpoint"):
            load_state(path)
    assert drive(saving, *make(tmp_path, attempt=2)) == [1, 2, 3, 4]
    assert not canary.exists()


@pytest.mark.parametrize("kind", EVIL)
def test_a_checkpoint_is_not_run_by_the_ensemble_or_an_export(bench: Bench, invoke, canary, kind):
    Path("broken").touch()
    with pytest.raises(StudyError, match="no predictions today"):
        bench.run(bench.space("BreakableClassifier"))
    checkpoints = list((bench.studies / "sample").rglob("*.pt"))
    assert checkpoints
    for path in checkpoints:
        EVIL[kind](path, canary)
    Path("broken").unlink()
    assert bench.resume().document()["ensemble"] is None
    assert sum("can't be read as a checkpoint" in notice for notice in bench.notices()) > 1
    invoke("show", "sample", "--json")
    assert not canary.exists()


def test_the_members_of_an_ensemble_are_copied_and_not_run(bench: Bench, invoke, canary):
    bench.run(bench.space())
    for path in (bench.studies / "sample").rglob("*.pt"):
        _in_zip(path, canary)
    invoke("export", "sample", "--ensemble", "--to", "shipped")
    assert list(Path("shipped").glob("*.pt"))
    assert not canary.exists()


def test_predictions_are_not_run(bench: Bench, canary):
    Path("broken").touch()
    with pytest.raises(StudyError, match="no predictions today"):
        bench.run(bench.space("BreakableClassifier"))
    Path("broken").unlink()
    evil = np.array([Evil(canary)], dtype=object)
    for path in (bench.studies / "sample").rglob("epoch-*.pt"):
        np.savez(path.with_name("predictions-val.npz"), probabilities=evil, labels=evil)
    assert len(bench.resume().document()["ensemble"]["members"]) > 1
    assert not canary.exists()


@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "hidden", "folder", "number"])
def test_a_manifest_names_no_file_elsewhere(tmp_path, name, kind):
    precious = tmp_path / "precious.pt"
    torch.save({"mine": 1}, precious)
    trial, writer = make(tmp_path)
    drive(saving, trial, writer, stop_after=2)
    path = writer.folder / MANIFEST
    raw = json.loads(path.read_text())
    file: Any = {
        "absolute": str(precious),
        "relative": "../precious.pt",
        "hidden": ".precious",
        "folder": "..",
        "number": 3,
    }
    raw[name] = {"file": file[kind], "epoch": 2}
    path.write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match="not a manifest"):
        read_manifest(writer.folder)
    assert drive(saving, *make(tmp_path, attempt=2)) == [1, 2, 3, 4]
    assert torch.load(precious, weights_only=True) == {"mine": 1}


WRONG = {
    "epoch": "1", "seconds": None, "metrics": [0.5], "trial": "x", "attempt": None, "seed": 1.5,
    "config": [], "worker": 3, "error": {}, "traceback": 1, "reason": "won", "stage": "x", "measurements": {},
}  # fmt: skip


@pytest.mark.parametrize("key", WRONG)
def test_a_manifest_of_other_types_is_none(tmp_path, key):
    trial, writer = make(tmp_path)
    drive(saving, trial, writer, stop_after=2)
    path = writer.folder / MANIFEST
    raw = json.loads(path.read_text())
    (raw if key in raw else raw["measurements"][0])[key] = WRONG[key]
    path.write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match="not a manifest"):
        read_manifest(writer.folder)


# Text files

TAGS = (
    "!!python/object/apply:os.mkdir [{canary}]",
    "!!python/object/new:os.mkdir [{canary}]",
    "!!python/object/apply:subprocess.check_output [[mkdir, {canary}]]",
    "!!python/name:os.mkdir",
    "!!python/module:os",
)


@pytest.mark.parametrize("tag", TAGS)
def test_no_tag_of_yaml_makes_an_object(bench: Bench, invoke, canary, tag):
    text = tag.format(canary=canary)
    space = bench.space(**TINY)
    Path("evil.yaml").write_text(f"{space.read_text()}\nseed: {text}\n")
    assert refusal(lambda: load_space_file(Path("evil.yaml")))
    assert refusal(lambda: load_space_file(space, [f"seed={text}"]))
    Path("sweep.yaml").write_text(f"method: random\nparameters: {{x: {{min: 0, max: 1}}, y: {{value: {text}}}}}\n")
    assert refusal(lambda: plan_import("sweep.yaml"))
    Path("config.yaml").write_text(f"lr: 0.1\nother: {text}\n")
    assert refusal(lambda: plan_space(Path("config.yaml"), folder=Path()))
    plan_export({"lr": 0.2}, Path("config.yaml"), Place(key="."), provenance={}).write()
    assert Path("config.yaml").read_text() == f"lr: 0.2\nother: {text}\n"
    invoke("run", "evil.yaml", *INLINE, code=2)
    assert not canary.exists()


def test_a_script_is_read_and_not_run(tmp_path, canary):
    script = tmp_path / "train.py"
    harm = f"os.mkdir({str(canary)!r})"
    script.write_text(
        f"import argparse, os\n{harm}\nparser = argparse.ArgumentParser()\n"
        f"parser.add_argument('--lr', type=float, default=0.1)\nparser.add_argument('--x', default={harm})\n"
    )
    assert "lr" in plan_space(script, folder=tmp_path).searched
    assert not canary.exists()


def test_an_expression_of_a_constraint_is_not_run(bench: Bench, canary):
    for text in (f"__import__('os').mkdir('{canary}') == null", f"lr < exec('import os; os.mkdir(\"{canary}\")')"):
        space = bench.space(**TINY, constraints=[text])
        assert refusal(lambda space=space: load_space_file(space))
    assert not canary.exists()


# Names

NAMES = (
    *("..", ".", "../evil", "../../evil", "/tmp/evil", "~", "~/evil", "~root", "a/../../evil", "a/b", ".evil", "-x"),
    *(
        "--help",
        "x" * 101,
        "x" * 300,
        "x" * 5000,
        "a b",
        "a\n",
        "a\x1b[31m",
        "é",
        "\uff53ample",
        "\u0455ample",
        "\u202eelpmas",
    ),
    *("sample\u200b", "con:", "a\\b", "a;b", "$(x)", "%2e%2e", "..\u2215evil", "\ud800"),
)


def test_a_name_is_one_folder_or_is_refused(bench: Bench, invoke):
    space = bench.space("climb", **TINY)
    before = listing(bench.folder)
    for name in NAMES:
        invoke("run", space, f"--name={name}", *INLINE, code=2)
        invoke("run", space, f"--set=study={json.dumps(name)}", *INLINE, code=2)
        for command in (("show",), ("resume", *INLINE), ("export", "--to=best.yaml")):
            invoke(*command, "--", name, code=2)
    assert listing(bench.folder) == before


def test_a_null_character_in_a_name_is_refused(bench: Bench):
    space = bench.space(**TINY)
    before = listing(bench.folder)
    assert refusal(lambda: bench.run(space, name="a\0b"))
    assert refusal(lambda: bench.load("a\0b"))
    assert refusal(lambda: bench.run(space, overrides=['study="a\\0b"']))
    assert listing(bench.folder) == before


@pytest.mark.parametrize("number", ["-1", "99", str(10**30), "../0", "0x0", "1e0", "\u0663"])
def test_a_trial_is_a_number_that_there_is(bench: Bench, invoke, number):
    bench.run(bench.space("climb", **TINY))
    before = set(listing(bench.folder))
    for command in (
        ("show", "sample"),
        ("export", "sample", "--to=best.yaml"),
        ("verify", "sample", "--from=best.yaml"),
    ):
        invoke(*command, f"--trial={number}", code=2)
    assert set(listing(bench.folder)) == before


@pytest.mark.parametrize("content", [None, "precious.txt"])
def test_a_study_is_not_made_through_a_link(bench: Bench, invoke, tmp_path, content):
    outside = tmp_path / "outside"
    outside.mkdir()
    if content is not None:
        (outside / content).write_text("mine")
    before = listing(outside)
    bench.studies.mkdir()
    (bench.studies / "sample").symlink_to(outside)
    (bench.studies / "loop").symlink_to("loop")
    (bench.studies / "gone").symlink_to(tmp_path / "nowhere")
    space = bench.space("climb", **TINY)
    for name in ("sample", "loop", "gone"):
        assert "Traceback" not in invoke("run", space, "--name", name, *INLINE, code=2).stderr
    assert bench.run(space).folder == bench.studies / "sample-2"
    assert listing(outside) == before
    assert not (tmp_path / "nowhere").exists()


# Commands

HOSTILE = (
    *(
        "; touch {canary}",
        "$(touch {canary})",
        "`touch {canary}`",
        "| touch {canary}",
        "&& touch {canary}",
        "> {canary}",
    ),
    *(
        "a\nb",
        "'",
        '"',
        "''\"",
        "two words",
        " ",
        "",
        "-rf",
        "--help",
        "-",
        "*",
        "~",
        "$HOME",
        "\\",
        "{lr}",
        "{{}}",
        "%s",
    ),
    *("#", "é🙂", "a=b", "\t", "!!", "--name=x"),
)
ARGV = "import json, sys\nprint(json.dumps({'score': 1.0}))\njson.dump(sys.argv[1:], open('argv.json', 'w'))\n"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["list", "text"])
def test_a_value_reaches_a_command_as_one_argument(bench: Bench, canary, form):
    Path("argv.py").write_text(ARGV)
    values = {f"p{at:02d}": text.replace("{canary}", str(canary)) for at, text in enumerate(HOSTILE)}
    words = [sys.executable, "argv.py", *(f"{{{name}}}" for name in values), *(f"x={{{name}}}" for name in values)]
    words += ["{lr}", "{args}", "{overrides}"]
    # In text a placeholder needs no quotes, and may have them.
    command: Any = (
        words if form == "list" else " ".join(f'"{word}"' if at % 2 else word for at, word in enumerate(words))
    )
    space = bench.space(**TINY, space={"lr": {"choice": {"x": "; touch /"}}, **values})
    raw = read_yaml(space)
    study = bench.run(
        with_sections(space, objective={"command": command, "epochs": 1}, search={**raw["search"], "trials": 1})
    )
    assert [r.stop_reason for r in study.store.records(Stage.SEARCH)] == [StopReason.FINISHED]
    expected = [*values.values(), *(f"x={value}" for value in values.values()), "; touch /"]
    for name, value in {"lr": "; touch /", **values}.items():
        expected += [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]
    expected += [f"{name}={value}" for name, value in {"lr": "; touch /", **values}.items()]
    assert json.loads(Path("argv.json").read_text()) == expected
    assert not canary.exists()


def test_a_value_that_no_argument_can_hold_fails_its_trial(bench: Bench):
    space = bench.space(**TINY, space={"lr": {"uniform": [0, 1]}, "x": {"choice": {"bad": "a\0b", "good": "ab"}}})
    objective = {"command": [sys.executable, "-c", "print('{{\"score\": 1.0}}')", "{args}"], "epochs": 1}
    search = {"trials": 2, "sampler": "random", "first": [{"lr": 0.5, "x": "bad"}, {"lr": 0.5, "x": "good"}]}
    records = bench.run(with_sections(space, objective=objective, search=search)).store.records(Stage.SEARCH)
    assert [r.stop_reason for r in records] == [StopReason.ERROR, StopReason.FINISHED]
    assert "null" in (records[0].error or "")


# Passwords

HIDDEN = "s3cr3t/wörd"
ENCODED = "s3cr3t%2Fw%C3%B6rd"


def shows(text: str) -> bool:
    return any(part in text for part in ("s3cr3t", "wörd", "w%C3%B6rd", "w\\u00f6rd"))


@pytest.mark.parametrize("place", ["option", "environment"])
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{ENCODED}@127.0.0.1:1/db",
        f"postgresql://me@127.0.0.1:1/db?password={ENCODED}&sslpassword={ENCODED}",
    ],
)
def test_a_password_shows_in_no_error(bench: Bench, invoke, monkeypatch, url, place):
    if place == "environment":
        monkeypatch.setenv("HPSEARCH_STORAGE", url)
    options = ["--storage", url] if place == "option" else []
    for arguments in (("run", bench.space("climb", **TINY), *INLINE), ("list",), ("show", "sample")):
        result = invoke(*arguments, *options, code=0 if arguments == ("list",) else 2)
        assert not shows(result.stdout + result.stderr)


def test_a_password_is_in_nothing_that_a_study_leaves(bench: Bench, monkeypatch, capfd, caplog):
    # SQLite has no passwords: all that stands between is the URL, which a server's study would have.
    caplog.set_level(logging.DEBUG)
    connect, database = store_module.connect, f"sqlite:///{bench.folder}/server.db"
    for module in (store_module, connection):  # to write, and to read
        monkeypatch.setattr(module, "connect", lambda _, make: connect(database, make=make))
    url = f"postgresql://me:{ENCODED}@host/db?sslpassword={ENCODED}"
    space = bench.space("climb", **TINY)
    study = bench.run(space, storage=url)
    again = api.load_study("sample", studies=bench.studies, storage=url)
    assert not shows(json.dumps(study.document()) + json.dumps(again.document()))
    with pytest.raises(Exception, match="give it with --storage") as caught:
        api.load_study("sample", studies=bench.studies)
    assert not shows(str(caught.value))
    again.close()
    assert bench.run(space, storage=url).name == "sample-2"
    captured = capfd.readouterr()
    assert not shows("".join([captured.out, captured.err, caplog.text, *map(repr, bench.events)]))
    for name, content in listing(bench.folder).items():
        assert content is None or not shows(content.decode(errors="replace")), name


# What reports


def test_ray_reports_to_nobody():
    import hpsearch.executors.ray.start

    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    usage = importlib.import_module("ray._common.usage.usage_lib")
    assert not usage.usage_stats_enabled()
    del hpsearch
