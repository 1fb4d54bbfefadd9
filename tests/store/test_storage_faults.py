"""Stores that are held, damaged, deleted or lost, and the file that says where a store is; one clear error for each."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import Result

from hpsearch.errors import StudyError
from hpsearch.store import sqlite as store_sqlite
from hpsearch.trial.events import TrialMeasured, TrialScored
from support.bench import Bench, Stop, begin, results
from support.cli import invoke
from support.waiting import wait_until

INLINE = ("--executor", "inline")
SMALL = {"objective": {"epochs": 2}, "search": {"trials": 3}, "finalists": {"configs": 1, "seeds": 2}}
PAGE = 4096


class Commands:
    """The command line in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "studies/sample/study.db"

    def __call__(self, *arguments: object, code: int | tuple[int, ...] = 0) -> Result:
        return invoke(*arguments, code=code)

    def error(self, *arguments: object, code: int = 2) -> str:
        """Return the one line of an error."""
        result = self(*arguments, code=code)
        error = result.stderr.splitlines()[-1]
        assert error.startswith("error: ")
        assert code != 2 or result.stderr == f"{error}\n", result.stderr
        return error.removeprefix("error: ")


@pytest.fixture
def command(bench: Bench) -> Commands:
    return Commands(bench.folder)


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> Iterator[Bench]:
    """A study that was stopped in its second trial; tests copy it."""
    folder = tmp_path_factory.mktemp("half")
    with pytest.MonkeyPatch.context() as patch:
        one = begin(folder, patch)
        path = one.space("climb", **SMALL)
        one.run(path, name="whole")
        one.stop_at(TrialMeasured, 3)
        with pytest.raises(Stop):
            one.run(path)
        one.watch = lambda _: None
        yield one
        one.close()


@pytest.fixture
def study(half: Bench, bench: Bench) -> Path:
    shutil.copytree(half.studies / "sample", bench.studies / "sample")
    shutil.copy(half.folder / "sample.yaml", bench.folder)
    return bench.studies / "sample"


@pytest.fixture
def undisturbed(half: Bench) -> list[tuple]:
    return results(half.load("whole"))


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold a database as another program does that writes it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.slow
def test_a_store_that_is_held_is_waited_for_with_a_word(cli, space_file):
    space_file(**SMALL)
    process = cli.start_warm("run", "sample.yaml", *INLINE, SAMPLE_HOLD="2")
    wait_until(lambda: len(cli.audited()) >= 2, 60, "two epochs")
    with held(cli.folder / "studies/sample/study.db"):
        cli.let_go()
        wait_until(lambda: "another process holds it" in process.so_far()[1], 60, "the word")
        assert process.poll() is None
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert said.count("study.db: another process holds it; waiting for it, 30 s at most") == 1


def test_a_store_that_stays_held_is_one_clear_error(bench, command, study, undisturbed, monkeypatch):
    monkeypatch.setattr(store_sqlite, "BUSY_S", 0.2)
    monkeypatch.setattr(store_sqlite, "_TELL_S", 0.05)
    with held(command.store):
        error = command.error("resume", "sample", *INLINE, code=1)
        command("show", "sample")  # who reads need not wait
    assert error == (
        f"study sample: can't be locked in sqlite:///{command.store}: database is locked; "
        "end the process that holds it, then resume"
    )
    command("resume", "sample", *INLINE)
    assert results(bench.load()) == undisturbed


def test_a_store_that_is_held_in_mid_study_is_one_clear_error(bench, command, study, undisturbed, monkeypatch):
    monkeypatch.setattr(store_sqlite, "BUSY_S", 0.2)
    monkeypatch.setattr(store_sqlite, "_TELL_S", 0.05)
    with closing(sqlite3.connect(command.store, isolation_level=None, check_same_thread=False)) as other:
        bench.watch = lambda e: other.execute("BEGIN EXCLUSIVE") if isinstance(e, TrialScored) else None
        with pytest.raises(StudyError, match="can't be written: database is locked; end the process that holds it"):
            bench.resume()
        other.execute("ROLLBACK")
    bench.watch = lambda _: None
    assert results(bench.resume()) == undisturbed


def header(database: Path) -> None:
    database.write_bytes(b"\xff" * 100 + database.read_bytes()[100:])


def cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: 3 * PAGE + 100])


def empty(database: Path) -> None:
    database.write_bytes(b"")


def text(database: Path) -> None:
    database.write_text("the quick brown fox\n" * 1000)


def another(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE mine (a)")


DAMAGES = {
    header: "can't be opened as a store: file is not a database; fix it",
    cut: "database disk image is malformed; fix it",
    empty: "can't be opened as a store: it is empty; put back a copy",
    text: "can't be opened as a store: file is not a database; fix it",
    another: "can't be opened as a store: it has no table of Optuna's",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_one_clear_error_and_stays_as_it_is(command, study, damage):
    fold(command.store)
    damage(command.store)
    before = command.store.read_bytes()
    for arguments in (("resume", "sample", *INLINE), ("show", "sample"), ("show", "sample", "--json")):
        error = command.error(*arguments)
        assert error.startswith(f"sqlite:///{command.store}: ")
        assert DAMAGES[damage] in error
    listed = command("list")
    assert listed.stderr.startswith(f"warning: sqlite:///{command.store}: ")
    assert "name" in command.error("run", "sample.yaml", "--name", "sample", *INLINE)
    assert command.store.read_bytes() == before


def fold(database: Path) -> None:
    """Put all of a store into its one file."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_any_page_may_be_damaged(bench, command, half):
    """Whatever is overwritten, no command ends in a traceback, and what SQLite can tell is refused."""
    noise, resumed = random.Random(5), []
    pages = (half.studies / "sample/study.db").stat().st_size // PAGE
    for page in range(0, pages, 2):
        shutil.copytree(half.studies / "sample", bench.studies / "sample")
        fold(command.store)
        with command.store.open("r+b") as file:
            file.seek(page * PAGE + noise.randrange(0, PAGE - 512))
            file.write(noise.randbytes(512) if page % 4 else bytes(512))
        codes = [command(*reader, code=(0, 2)).exit_code for reader in (("show", "sample", "--json"), ("list",))]
        assert codes[1] == 0
        if page % 12 == 0 or codes[0] == 2:
            resumed.append((codes[0], command("resume", "sample", *INLINE, code=(0, 1, 2)).exit_code))
        shutil.rmtree(bench.studies)
    refused = [code for shown, code in resumed if shown == 2]
    assert refused
    assert set(refused) == {2}


def test_a_store_that_was_deleted_in_mid_study_ends_it(bench, command, study):
    def delete(event: object) -> None:
        if isinstance(event, TrialScored):
            for path in study.glob("study.db*"):
                path.unlink()

    bench.watch = delete
    with pytest.raises(StudyError, match=r"can't be written: it was deleted or replaced while the study ran; fix"):
        bench.resume()
    assert not [*study.glob("study.db*")]
    assert command.error("resume", "sample", *INLINE) == f"{study}: its store study.db is missing"


def test_a_store_that_was_put_back_from_a_copy_goes_on(bench, command, study, undisturbed):
    """What the copy does not know is done again; what it knows stays."""
    fold(command.store)
    copy = command.store.read_bytes()
    bench.stop_at(TrialScored, 2)
    with pytest.raises(Stop):
        bench.resume()
    bench.watch = lambda _: None
    for path in study.glob("study.db*"):
        path.unlink()
    command.store.write_bytes(copy)
    assert results(bench.resume()) == undisturbed


def test_a_lost_log_costs_only_what_it_held(bench, command, study, undisturbed):
    """A copy without `study.db-wal`, of a study whose driver was killed."""
    (study / "study.db-wal").unlink(missing_ok=True)
    (study / "study.db-shm").unlink(missing_ok=True)
    assert results(bench.resume()) == undisturbed


NEWER = {
    "UPDATE study_user_attributes SET value_json = '99' WHERE key = 'format'": (
        r"study sample: was made by a newer hpsearch \(store format 99, this one knows \d+\); allowed: upgrade hpsearch"
    ),
    "UPDATE alembic_version SET version_num = 'v99.0.0.a'": r"can't be opened as a store: The runtime optuna version",
    "UPDATE study_user_attributes SET value_json = '{}' WHERE key = 'space'": (
        r"study sample: the space in its store is damaged: .*; fix it"
    ),
    "UPDATE trial_user_attributes SET value_json = '\"odd\"' WHERE key = 'stop_reason'": r"a row can't be read .*odd",
    "UPDATE trial_user_attributes SET value_json = '{\"' WHERE key = 'seed'": r"a row can't be read",
    "UPDATE trial_params SET distribution_json = '{}'": r"a row can't be read",
    "UPDATE trial_intermediate_values SET intermediate_value_type = 'LARGE'": r"a row can't be read .*LARGE",
    "UPDATE studies SET study_name = 'mine' || study_id": r"has no study sample",
}


@pytest.mark.parametrize("statement", NEWER)
def test_rows_that_this_version_cannot_read_are_one_clear_error(command, study, statement):
    with closing(sqlite3.connect(command.store)) as connection:
        connection.execute(statement)
        connection.commit()
    for arguments in (("resume", "sample", *INLINE), ("show", "sample")):
        assert re.search(NEWER[statement], command.error(*arguments))
    assert command("list").stderr.startswith("warning: ")


POINTERS = {
    None: "sample: no study is there (it has no readable study.json); its store study.db is there: write ",
    "": "sample: no study is there (it has no readable study.json); its store study.db is there: write ",
    '{"study": "sa': "sample: no study is there (it has no readable study.json); its store study.db is there: write ",
    "[]": "sample: study.json is not hpsearch's; its store study.db is there: write ",
    '{"study": 7, "storage": null}': "sample: study.json names no study; its store study.db is there: write ",
    '{"study": "sample", "storage": {}}': "sample: study.json names no study; its store study.db is there: write ",
    '{"study": "other", "storage": null}': "study.db: has no study other",
    '{"study": "sample", "storage": null, "file": "/etc/passwd"}': "study.json names a store that this hpsearch does",
    '{"study": "sample", "storage": "nowhere"}': "sample: the study's store is at ",
}


@pytest.mark.parametrize("content", POINTERS)
def test_a_study_file_that_is_lost_or_changed_is_one_clear_error(bench, command, study, undisturbed, content):
    pointer = study / "study.json"
    pointer.unlink()
    if content is not None:
        pointer.write_text(content)
    for arguments in (("resume", "sample", *INLINE), ("show", "sample")):
        assert POINTERS[content] in command.error(*arguments)
    assert command("list").stderr.startswith("warning: ")
    assert "--name sample" in command.error("run", "sample.yaml", "--name", "sample", *INLINE)
    if ": write " in POINTERS[content]:  # what it says helps
        _, _, told = command.error("show", "sample").partition(": write ")
        pointer.write_text(told.partition(" into study.json")[0])
        assert results(bench.resume()) == undisturbed
