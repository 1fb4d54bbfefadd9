"""Studies that earlier releases made, as they were recorded then (`old_studies/record.py`): each opens and goes on."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage

from hpsearch.store.store import FORMAT, STUDY_FILE
from hpsearch.study.study import load_study
from support.documents import read_yaml
from support.paths import TESTS

OLD = TESTS / "store/old_studies"
FORMATS = sorted(path.name for path in OLD.glob("format-*"))
INLINE = ("--executor", "inline")
TIMES = {"seconds": 0, "dir": None}


def expected(form: str, study: str) -> dict[str, Any]:
    return json.loads((OLD / form / "expected.json").read_text())[study]


@pytest.fixture(params=FORMATS)
def form(request, cli) -> str:
    """Put the studies of an earlier release where its user left them."""
    shutil.copy(OLD / "objective.py", cli.folder)
    for folder in (OLD / request.param).iterdir():
        if folder.is_dir():
            study = cli.folder / "studies" / folder.name
            shutil.copytree(folder, study)
            script = (study / "study.sql").read_text().replace("@FOLDER@", str(cli.folder))
            (study / "study.sql").unlink()
            sql(study, "PRAGMA journal_mode=WAL")
            sql(study, script)
    return request.param


def sql(study: Path, script: str) -> None:
    with closing(sqlite3.connect(study / "study.db")) as connection:
        connection.executescript(script)


def document(cli, study: str) -> dict[str, Any]:
    return json.loads(cli.run_warm("show", study, "--json").stdout)


def assert_has(found: Any, recorded: Any, where: str = "") -> None:
    """Look whether all that an earlier release said is still said; there may be more."""
    if isinstance(recorded, dict):
        assert isinstance(found, dict), where
        for key, value in recorded.items():
            assert_has(found.get(key, "missing"), value, f"{where}.{key}")
    elif isinstance(recorded, list):
        assert isinstance(found, list), where
        assert len(found) == len(recorded), where
        for number, pair in enumerate(zip(found, recorded, strict=True)):
            assert_has(*pair, f"{where}[{number}]")
    elif isinstance(recorded, float):  # the last digits of a quantile depend on SciPy's version
        assert found == pytest.approx(recorded, rel=1e-11, nan_ok=True), where
    else:
        assert found == recorded, where


def outcome(said: dict[str, Any]) -> dict[str, Any]:
    """Return what kills and resumes may not change: not how many trials a round was planned with, say."""
    changing = ("schema_version", "study", "budget", "rounds", "test_readings")
    kept = {key: value for key, value in said.items() if key not in changing}
    return {**kept, "trials": [{**trial, **TIMES} for trial in said["trials"]]}


def test_there_is_a_record_of_each_format():
    assert [f"format-{number}" for number in range(1, FORMAT + 1)] == FORMATS
    for form in FORMATS:
        for study in ("done", "killed"):
            assert json.loads((OLD / form / study / STUDY_FILE).read_text())["format"] == int(form[-1])


def test_records_say_nothing_of_the_machine_that_made_them():
    for path in OLD.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".sql"):
            assert not re.search(r'["\'](/|[^"\']*:(?!1\b)\d+["\'])', path.read_text()), path
    assert sum(path.stat().st_size for path in OLD.rglob("*") if path.is_file()) < 200 << 10


def test_all_that_it_said_is_still_said(cli, form):
    listed = cli.run_warm("list").stdout
    assert re.search(r"done .*5", listed)
    assert re.search(r"killed .*unfinished", listed)
    for study in ("done", "killed"):
        recorded = {key: value for key, value in expected(form, study).items() if key != "schema_version"}
        assert_has(document(cli, study), recorded)
        assert "config" in cli.run_warm("show", study, "--trial", "1").stdout.lower()
        assert study in cli.run_warm("show", study).stdout


def test_it_is_loaded_and_exported(cli, form):
    said = expected(form, "done")
    study = load_study(cli.folder / "studies/done")
    assert study.state == "done"
    assert list(study.trials["value"]) == [trial["value"] for trial in said["trials"]]
    assert len(study.finalists) == sum(len(one["values"]) for one in said["finalists"])
    assert study.best.config == said["best"]["params"]
    study.close()
    cli.run_warm("export", "done", "--to", "best.yaml")
    assert read_yaml(cli.folder / "best.yaml") == said["best"]["params"]


def test_one_whose_driver_was_killed_comes_to_what_it_would_have_come_to(cli, form):
    before = document(cli, "killed")
    resumed = cli.run_warm("resume", "killed", *INLINE)
    assert "warning" not in resumed.stderr.lower()
    after = document(cli, "killed")
    assert_has(outcome(after), outcome(expected(form, "done")))
    assert outcome(after)["trials"][:2] == outcome(before)["trials"][:2]
    assert [Path(trial["dir"]).name for trial in after["trials"]] == [f"attempt-{n}" for n in (1, 1, 2, 1, 1)]


def test_one_that_was_done_goes_on_with_the_same_configs_as_then(cli, form):
    cli.run_warm("resume", "done", "--trials", "7", *INLINE)
    after = document(cli, "done")
    assert_has(outcome(after), outcome(expected(form, "more")))
    assert after["test_readings"] == 2 or after["ensemble"]["members"] == expected(form, "done")["ensemble"]["members"]


@pytest.mark.parametrize("form", FORMATS[-1:], indirect=True)
@pytest.mark.parametrize("where", ["pointer", "store"])
def test_one_of_a_later_release_is_left_as_it_is(cli, form, where):
    study = cli.folder / "studies/done"
    if where == "store":
        sql(study, "UPDATE study_user_attributes SET value_json = value_json + 1 WHERE key = 'format'")
    else:
        (study / STUDY_FILE).write_text(json.dumps({"format": FORMAT + 1, "study": "done", "place": "elsewhere"}))
    files = {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    for arguments in (
        ("show", "done"),
        ("resume", "done", *INLINE),
        ("export", "done"),
        ("run", str(OLD / "space.yaml"), "--name", "done", "--resume", *INLINE),
    ):
        refused = cli.run_warm(*arguments, code=2).stderr
        assert "made by a newer hpsearch" in refused
        assert "allowed: upgrade hpsearch" in refused
        assert refused.count("\n") == 1
    listed = cli.run_warm("list")
    assert "warning: " in listed.stderr
    assert "killed" in listed.stdout
    for path, content in files.items():
        assert path.read_bytes() == content, path


@pytest.mark.parametrize("form", FORMATS[:1], indirect=True)
def test_one_that_an_earlier_optuna_made(cli, form):
    study = cli.folder / "studies/done"
    sql(study, "UPDATE version_info SET library_version = '4.0.0'")  # its tables are those of Optuna 5
    assert "done" in cli.run_warm("show", "done").stdout
    # As Optuna 3.1 made them: one index fewer.
    sql(study, "DROP INDEX ix_trials_study_id; UPDATE alembic_version SET version_num = 'v3.0.0.d'")
    refused = cli.run_warm("show", "done", code=2).stderr
    assert "optuna storage upgrade --storage" in refused
    assert refused.count("\n") == 1
    storage = RDBStorage(f"sqlite:///{study}/study.db", skip_compatibility_check=True, skip_table_creation=True)
    storage.upgrade()  # what that command does
    storage.remove_session()
    storage.engine.dispose()
    assert_has(outcome(document(cli, "done")), outcome(expected(form, "done")))
