"""Fixtures that several test files share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.cli import Cli
from support.cli import invoke as invoke_command
from support.documents import write_yaml
from support.factories import sample_raw
from support.paths import OBJECTIVES, TESTS
from support.postgres import Postgres, serving
from support.speed import keep_what_is_there, read_migrations_once
from support.waiting import wait_until
from support.warm import Server

if TYPE_CHECKING:
    from typer.testing import Result

    from support.bench import Bench

read_migrations_once()


@pytest.fixture(scope="module", autouse=True)
def kept() -> None:
    """Look for garbage among what a module's tests make, and not among what the imports of all before it have made."""
    keep_what_is_there()


@pytest.fixture
def space_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a space file for a sample objective; the sample objectives are found beside it."""

    def write(function: str = "climb", **changes: object) -> Path:
        (tmp_path / "sample_objectives.py").write_bytes((OBJECTIVES / "sample_objectives.py").read_bytes())
        return write_yaml(tmp_path / "sample.yaml", sample_raw(function, **changes))

    return write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A working directory for studies in this process."""
    from support.bench import begin

    made = begin(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def invoke(bench: Bench) -> Callable[..., Result]:
    """The command line in this process, in the bench's folder."""
    del bench
    return invoke_command


@pytest.fixture(autouse=True)
def claims(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let studies of other tests, which run beside this one, take no devices and no cores."""
    monkeypatch.setenv("HPSEARCH_CLAIMS", str(tmp_path_factory.getbasetemp() / "claims"))


@pytest.fixture(scope="session")
def left_behind() -> Iterator[list[Cli]]:
    """Commands whose `ends_by` no test waits for: looked at when all other tests of this process are through."""
    commands: list[Cli] = []
    yield commands
    for command in commands:
        try:
            left_s = max(1.0, command.ends_by - time.monotonic())
            wait_until(lambda command=command: not command.processes(), left_s, f"the end of {command.processes()}")
        finally:
            command.kill_all()


@pytest.fixture
def cli(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    warm_server: Callable[[], Server],
    left_behind: list[Cli],
) -> Iterator[Cli]:
    """The command line in a temporary directory; whatever it left running is killed in the end."""
    command = Cli(tmp_path, tmp_path_factory.mktemp("outputs"), warm_server)
    yield command
    if command.ends_by is None:
        command.kill_all()
    else:
        left_behind.append(command)


@pytest.fixture(scope="session")
def warm_server() -> Iterator[Callable[[], Server]]:
    """The process that warm commands are forked from, started by the first of them."""
    started: list[Server] = []

    def server() -> Server:
        if not started:
            started.append(Server())
        return started[0]

    yield server
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def ray_address() -> str:
    """Start a Ray cluster with 4 logical GPUs and 8 logical CPUs, and return its address."""
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "support/ray_cluster.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().strip()
    assert address, "the cluster did not start"
    yield address
    process.communicate("", timeout=60)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server for the tests of this process; each takes a `new_database` of it."""
    yield from serving()


@pytest.fixture
def git_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git commit as a user, whatever this machine's configuration is."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A user")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "user@example.org")
