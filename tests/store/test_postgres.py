"""A study in PostgreSQL: a real server, which is restarted, killed and cut off while studies run."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
from optuna.storages import RDBStorage

from hpsearch.errors import InputError, StudyError
from hpsearch.store import connection as store_connection
from hpsearch.store.backend import Backend
from hpsearch.store.sql import SqlBackend
from hpsearch.store.store import Store
from hpsearch.study.study import load_study
from hpsearch.trial.events import TrialScored
from hpsearch.trial.trial import Direction, Stage, StopReason
from support.bench import results
from support.conformance.locks import DatabasePlace, Races
from support.conformance.stores import Conformance, SharedDatabase, add, contents
from support.postgres import PASSWORD
from support.waiting import wait_until

SECRETS = [form.encode() for form in (PASSWORD, quote(PASSWORD, safe=""), quote_plus(PASSWORD), "s3cr3t")]
SMALL = {"objective": {"epochs": 3}, "search": {"trials": 4}, "finalists": {"configs": 1, "seeds": 2}, "ensemble": None}


def assert_no_secret(*texts: str | bytes) -> None:
    for text in texts:
        content = text.encode() if isinstance(text, str) else text
        assert not [secret for secret in SECRETS if secret in content], content


class OnServer:
    """A place of its own for each test."""

    @pytest.fixture(autouse=True)
    def database(self, postgres, monkeypatch):
        # Some tests put a plain backend in the place of the one that closes all connections.
        close = Backend.close
        monkeypatch.setattr(Backend, "close", lambda backend: (close(backend), backend.storage.engine.dispose()))
        self.server, self.address, self._storages = postgres, postgres.new_schema(), []
        yield
        for storage in self._storages:
            storage.remove_session()
            storage.engine.dispose()

    def url(self, tmp_path: Path) -> str:
        return self.address

    def optuna_storage(self, store: Store) -> RDBStorage:
        self._storages.append(RDBStorage(self.address))
        return self._storages[-1]


class TestPostgres(OnServer, Conformance):
    """What every database has to do."""

    def test_it_is_written_in_batches(self, create):
        assert type(create()._backend) is SqlBackend

    def test_readers_do_not_wait_for_the_writer(self, create, reopen):
        store = create()
        add(store, 0, None)
        with store._storage.engine.begin() as connection:
            connection.execute(sa.text("UPDATE trials SET state = state"))
            assert contents(reopen()) == contents(store)

    def test_what_was_cut_off_before_it_was_committed_is_written_again(self, create, reopen):
        store = create()
        add(store, 0, None)
        awaited: list[str] = []

        def cut(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
            if awaited and statement.startswith(awaited[0]):
                awaited.clear()
                self.server.drop_connections(self.address)

        sa.event.listen(store._storage.engine, "before_cursor_execute", cut)
        beginnings = ("INSERT INTO trial_params", "INSERT INTO trial_intermediate_values", "UPDATE trials")
        for number, beginning in enumerate(beginnings, 1):
            awaited.append(beginning)
            add(store, number, StopReason.FINISHED, 0.5, 0.75)
            assert not awaited
        assert contents(reopen()) == contents(store)
        assert [r.number for r in store.records(Stage.SEARCH)] == [0, 1, 2, 3]

    def test_a_server_that_is_back_in_time_is_waited_for(self, create, reopen, monkeypatch, caplog):
        store = create()
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                self.server.start()

        monkeypatch.setattr(store_connection, "SLEEP", pause)
        self.server.stop()
        add(store, 0, StopReason.FINISHED, 0.5)
        store.put("done", value=True)
        assert len(pauses) == 3
        assert [r.message for r in caplog.records] == ["the study's database takes no connections; waiting 30 s for it"]
        assert contents(reopen()) == contents(store)

    def test_a_server_that_stays_away_is_one_clear_error_and_then_no_more_waiting(self, create, monkeypatch):
        store = create()
        add(store, 0, None)
        lock = store.lock()
        lock.acquire()
        pauses: list[float] = []
        monkeypatch.setattr(store_connection, "CLOCK", lambda: sum(pauses))
        monkeypatch.setattr(store_connection, "SLEEP", pauses.append)
        with self.server.away():
            with pytest.raises(StudyError, match=r"can't be written: .*; fix that, then resume") as caught:
                store.put("done", value=True)
            assert 30 <= sum(pauses) <= 32
            lock.release()
            assert sum(pauses) <= 32
        assert "\n" not in str(caught.value)
        assert_no_secret(str(caught.value))
        store.put("done", value=True)
        assert store.get("done") is True


class TestPostgresUrl(OnServer, SharedDatabase):
    """Several studies in one database."""

    def test_the_url_has_to_be_given_again(self, create, folder):
        create()
        with pytest.raises(InputError, match=r"store is at postgresql:.*; give it with --storage") as caught:
            Store.open(folder)
        assert_no_secret(str(caught.value), (folder / "study.json").read_bytes())

    def test_several_that_are_the_first_at_the_same_moment(self, tmp_path):
        together = threading.Barrier(3)

        def make(number: int) -> None:
            folder = tmp_path / f"study-{number}"
            folder.mkdir()
            together.wait()
            Store.create(folder, folder.name, self.address, Direction.MAXIMIZE, {}).close()

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(make, range(3)))
        for number in range(3):
            Store.open(tmp_path / f"study-{number}", self.address).close()


class PostgresPlace(DatabasePlace):
    """Locks in a database of the server."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        self._now = 1_000_000.0


@pytest.fixture
def place(postgres):
    place = PostgresPlace(postgres.new_schema())
    yield place
    place.close()


class TestRaces(Races):
    """What depends on how the database orders what several do at once."""


@pytest.fixture
def undisturbed(bench) -> list[tuple]:
    """What a study comes to when nothing happens to it, in SQLite."""
    return results(bench.run(bench.space("climb", **SMALL), name="undisturbed"))


def after_each_trial(bench, *happens: Callable[[], object]) -> list[Callable[[], object]]:
    """Let things happen when a trial has ended, one after another; return those that are still to happen."""
    left = list(happens)

    def watch(event: object) -> None:
        if isinstance(event, TrialScored) and left:
            left.pop(0)()

    bench.watch = watch
    return left


@pytest.mark.slow
def test_restarts_kills_and_lost_connections_change_nothing(bench, postgres, undisturbed):
    url = postgres.new_database()

    def kill() -> None:
        postgres.kill()
        postgres.start()

    left = after_each_trial(bench, postgres.restart, lambda: postgres.drop_connections(url), kill)
    study = bench.run(bench.space("climb", **SMALL), storage=url)
    assert (study.state, left) == ("done", [])
    assert results(study) == undisturbed


@pytest.mark.slow
def test_a_server_that_stays_away_stops_the_study_until_a_resume(bench, postgres, undisturbed, monkeypatch):
    url, before = postgres.new_database(), len(bench.audited())
    monkeypatch.setattr(store_connection, "_OUTAGE_S", 0.0)
    monkeypatch.setattr(store_connection, "SLEEP", lambda _: None)
    go_on = partial(bench.run, bench.space("climb", **SMALL))
    for driver in range(3):
        # A resume takes in what the driver before could not store.
        after_each_trial(bench, *[lambda: None] * (driver > 0), postgres.stop)
        with pytest.raises(StudyError, match=r"its store .* can't be written: .*; fix that, then resume") as caught:
            go_on(storage=url)
        assert_no_secret(str(caught.value))
        assert "\n" not in str(caught.value)
        postgres.start()
        go_on = bench.resume
    bench.watch = lambda _: None
    study = bench.resume(storage=url)
    assert study.state == "done"
    assert results(study) == undisturbed
    audited = bench.audited()[before:]
    assert len(audited) == len(set(audited)), "an epoch was trained twice"


def steady(document: dict) -> dict:
    """Return a study's document without its name and times."""
    trials = [{**trial, "seconds": 0} for trial in document["trials"]]
    return {**document, "study": "", "budget": None, "trials": trials}


@pytest.mark.slow
def test_all_commands_say_the_same_as_with_sqlite_and_no_secret(cli, space_file, postgres):
    space_file(**SMALL)
    url = postgres.new_database()
    inline = ("--executor", "inline")
    cli.run_warm("run", "sample.yaml", *inline, "--name", "plain")
    outputs = [cli.run_warm("run", "sample.yaml", *inline, "--name", "shared", "--storage", url)]
    cli.run_warm("resume", "plain", *inline, "--trials", "6")
    commands = (
        ("resume", "shared", *inline, "--trials", "6"),
        ("list",),
        ("show", "shared"),
        ("show", "shared", "--trial", "1"),
        ("show", "shared", "--csv", "trials.csv"),
        ("export", "shared", "--to", "best.yaml"),
        ("show", "shared", "--json"),
    )
    outputs += [cli.run_warm(*arguments, HPSEARCH_STORAGE=url) for arguments in commands]
    wanted = cli.run_warm("show", "plain", "--json").stdout
    assert steady(json.loads(outputs[-1].stdout)) == steady(json.loads(wanted))
    assert "shared" in outputs[2].stdout
    outputs.append(cli.run_warm("show", "shared", code=2))
    assert "give it with --storage or HPSEARCH_STORAGE" in outputs[-1].stderr
    outputs.append(cli.run_warm("list"))
    assert_no_secret(*(text for done in outputs for text in (done.stdout, done.stderr)))
    assert_no_secret(*(path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()))


@pytest.mark.slow
def test_drivers_on_two_hosts(cli, space_file, postgres):
    space_file("hang", search={"trials": 2})
    url = {"HPSEARCH_STORAGE": postgres.new_database()}
    process = cli.start_warm("run", "sample.yaml", "--executor", "inline", **url)
    wait_until(lambda: [*cli.folder.glob("studies/sample/trials/*/*/manifest.json")], 60, "the first trial")

    def lock(**values: object) -> None:
        changes = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        postgres.execute(f"UPDATE hpsearch_lock SET {changes}", url["HPSEARCH_STORAGE"])  # noqa: S608 - ours

    lock(host="elsewhere")
    refused = cli.run_warm("resume", "sample", "--executor", "inline", code=2, **url)
    assert f"is being run by process {process.pid} on host elsewhere" in refused.stderr
    process.kill()
    refused = cli.run_warm("resume", "sample", "--executor", "inline", code=2, **url)
    assert "wait 60 s if it is gone" in refused.stderr
    lock(host=socket.gethostname())  # where it can be seen that its process is gone
    third = cli.start_warm("resume", "sample", "--executor", "inline", **url)
    wait_until(lambda: [*cli.folder.glob("studies/sample/trials/*/attempt-2/manifest.json")], 60, "the second attempt")
    third.kill()


@pytest.mark.slow
def test_a_restart_while_ray_workers_train(cli, space_file, postgres):
    space_file(space={"saves": False}, **SMALL)
    cli.run_warm("run", "sample.yaml", "--executor", "inline", "--name", "undisturbed")
    url = postgres.new_database()
    before = len(cli.audited())
    process = cli.start_warm("run", "sample.yaml", "--workers", "2", HPSEARCH_STORAGE=url, SAMPLE_HOLD=str(before + 4))
    wait_until(lambda: len(cli.audited()) > before + 3 or process.poll() is not None, 120, "some epochs")
    with postgres.away():
        cli.let_go()
        commands = [" ".join(one.cmdline()) for one in cli.processes()]
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert_no_secret(out, err, *commands)
    assert len(commands) > 3
    found = [load_study(cli.folder / "studies/sample", storage=url), load_study(cli.folder / "studies/undisturbed")]
    assert results(found[0]) == results(found[1])
    for study in found:
        study.close()


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "s3cr3t-wrong"}, "password authentication failed"),
        ({"username": "nobody"}, "password authentication failed"),
        ({"database": "absent"}, 'database "absent" does not exist'),
        ({"port": closed_port}, "Connection refused"),
        ({"host": "localhost", "port": closed_port}, "Connection refused"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"drivername": "postgresql+psycopg2"}, "'psycopg2'; allowed: after pip install psycopg2-binary"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_line(cli, space_file, postgres, change, said):
    space_file(**SMALL)
    url = sa.make_url(postgres.url()).set(**{k: v() if callable(v) else v for k, v in change.items()})
    text = url.render_as_string(hide_password=False)
    refused = cli.run_warm("run", "sample.yaml", "--executor", "inline", "--storage", text, code=2)
    assert refused.stderr.startswith("error: postgresql")
    assert refused.stderr.count("\n") == 1
    assert "can't be opened as a store: " in refused.stderr
    assert said in refused.stderr
    assert_no_secret(refused.stdout, refused.stderr)
    assert not (cli.folder / "studies").exists()


@pytest.mark.slow
def test_a_server_that_is_away_when_a_study_is_opened(cli, space_file, postgres):
    space_file(**SMALL)
    url = {"HPSEARCH_STORAGE": postgres.new_database()}
    cli.run_warm("run", "sample.yaml", "--executor", "inline", **url)
    files = sorted(path for path in cli.folder.rglob("*"))
    with postgres.away():
        for arguments in (("show", "sample"), ("resume", "sample", "--executor", "inline"), ("export", "sample")):
            refused = cli.run_warm(*arguments, code=2, **url)
            assert "can't be opened as a store: " in refused.stderr
            assert refused.stderr.count("\n") == 1
            assert_no_secret(refused.stderr)
        listed = cli.run_warm("list", **url)
        assert "warning: postgresql" in listed.stderr
        assert_no_secret(listed.stderr)
    assert sorted(path for path in cli.folder.rglob("*")) == files
    assert "done" in cli.run_warm("show", "sample", **url).stdout


def test_a_server_that_says_nothing_is_away(tmp_path, monkeypatch):
    monkeypatch.setitem(store_connection._SILENCE, "connect_timeout", 2)  # the least that it takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:s3cr3t@127.0.0.1:{silent.getsockname()[1]}/db"
        with pytest.raises(InputError, match=r"can't be opened as a store: .*timeout") as caught:
            Store.create(tmp_path, "sample", url, Direction.MAXIMIZE, {})
    assert_no_secret(str(caught.value))
