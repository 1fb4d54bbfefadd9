"""The store: one suite for every database it may be in, and what is special about SQLite in the study's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from hpsearch.errors import InputError, StudyError, StudyNotFoundError
from hpsearch.store import store as store_module
from hpsearch.store.store import FORMAT, STUDY_FILE, Store
from hpsearch.trial.trial import Direction
from support.conformance.stores import InItsFolder, SharedDatabase, add


class TestSqlite(InItsFolder):
    """In the study's folder, as by default."""

    def url(self, tmp_path: Path) -> None:
        del tmp_path

    def test_a_database_that_is_read_only_is_one_clear_error(self, create):
        store = create()
        add(store, 0, None)
        store.close()
        sa.event.listen(store._storage.engine, "connect", lambda c, _: c.execute("PRAGMA query_only=ON"))
        with pytest.raises(StudyError, match="can't be written: attempt to write a readonly database; repair that"):
            store.put("done", value=True)
        with pytest.raises(StudyError, match=r"can't be locked in .*: attempt to write a readonly database"):
            store.lock().acquire()

    def test_readers_do_not_wait_for_the_writer(self, create, reopen):
        store = create()
        with store._storage.engine.begin() as connection:
            connection.execute(sa.text("UPDATE studies SET study_name = study_name"))
            assert reopen().get("format") == FORMAT
        with store._storage.engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"

    def test_a_missing_database_is_no_study(self, create, folder):
        create().close()
        (folder / "study.db").unlink()
        with pytest.raises(StudyNotFoundError, match=r"its store study\.db is missing"):
            Store.open(folder)
        assert not (folder / "study.db").exists()

    def test_a_database_of_something_else_is_refused(self, create, folder):
        create().close()
        (folder / "study.db").write_bytes(b"not a database, but long enough to look at\n" * 50)
        with pytest.raises(InputError, match="can't be opened as a store: file is not a database"):
            Store.open(folder)

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"study": "x"}', "null"])
    def test_a_pointer_file_that_is_not_ours_is_no_study(self, create, folder, text):
        create().close()
        (folder / STUDY_FILE).write_text(text)
        with pytest.raises(StudyNotFoundError, match=r"study\.json"):
            Store.open(folder)


class TestUrl(SharedDatabase):
    """A database that several studies may share."""

    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/shared.db"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr3t%2Fword@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=s3cr3t%2Fword",
        "postgresql://me:s3cr3t/word@127.0.0.1:1/db",
        "postgresql://me:s3cr3t/word@127.0.0.1:port/db",
        "postgresql://me:s3@cr3t/word@127.0.0.1:1/db",
        "mysql+nothing://me:s3cr3t%2Fword@127.0.0.1:1/db",
        "nothing://me:s3cr3t%2Fword@127.0.0.1:1/db",
        "s3cr3t/word",
    ],
)
def test_a_password_never_shows(url, tmp_path):
    with pytest.raises(InputError, match=": can't be opened as a store: ") as caught:
        Store.create(tmp_path, "sample", url, Direction.MAXIMIZE, {})
    message = str(caught.value)
    assert "cr3t" not in message
    assert "t/word" not in message
    assert "\n" not in message
    assert not (tmp_path / STUDY_FILE).exists()


def test_a_password_is_not_in_the_pointer_file(tmp_path, monkeypatch):
    # SQLite has no passwords; the same file under the name of a database that has is as good for what is written.
    connect = store_module.connect
    monkeypatch.setattr(store_module, "connect", lambda _, make: connect(f"sqlite:///{tmp_path}/a.db", make=make))
    url = "postgresql://me:s3cr3t@host/db?sslpassword=s3cr3t"
    Store.create(tmp_path, "sample", url, Direction.MAXIMIZE, {}).close()
    pointer = json.loads((tmp_path / STUDY_FILE).read_text())
    assert pointer["storage"] == "postgresql://me:***@host/db?sslpassword=***"
    with pytest.raises(InputError) as caught:
        Store.open(tmp_path)
    assert "s3cr3t" not in str(caught.value)


def test_write_errors_show_no_password(tmp_path, monkeypatch):
    store = Store.create(tmp_path, "sample", None, Direction.MAXIMIZE, {})
    monkeypatch.setattr(store._backend, "url", "postgresql://me:s3cr3t@host/db")

    def refused(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("password s3cr3t refused\nsecond line"))

    monkeypatch.setattr(store._storage, "set_study_user_attr", refused)
    with pytest.raises(StudyError) as caught:
        store.put("done", value=True)
    store.close()
    assert str(caught.value) == (
        "study sample: its store postgresql://me:***@host/db can't be written: password *** refused; "
        "repair that, then resume"
    )
