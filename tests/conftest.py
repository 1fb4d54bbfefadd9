"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from postgres import Postgres, serving
from speed import keep_what_is_there, read_migrations_once
from warm_cli import Server, Warm

from hpsearch.config.config import StudyConfig, parse_config

TESTS = Path(__file__).parent

# The tests' cluster and its clients share a token; Ray reads it when it is imported.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}

# A shell starts what runs in the background with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


read_migrations_once()


@pytest.fixture(scope="module", autouse=True)
def kept() -> None:
    """Look for garbage among what a module's tests make, and not among what the imports of all before it have made."""
    keep_what_is_there()


def wait_until(
    condition: Callable[[], bool], timeout_s: float = 60.0, what: str = "the condition", every_s: float = 0.02
) -> None:
    """Poll until a condition holds; the timeout is generous, for it only bounds a failure."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(every_s)


def sample_raw(function: str = "climb", **changes: object) -> dict:
    """Return the content of a space file for one of the sample objectives."""
    raw = {
        "study": "sample",
        "metric": "score",
        "direction": "maximize",
        "objective": {"python": f"sample_objectives:{function}", "epochs": 6},
        "space": {"lr": {"loguniform": [1e-3, 1.0]}, "wd": {"uniform": [0.0, 1.0]}},
        "search": {"trials": 6},
        "finalists": {"configs": 2, "seeds": 2},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(raw.get(name), dict):
            raw[name] = {**raw[name], **value}
        else:
            raw[name] = value
    return raw


def sample_config(function: str = "climb", **changes: object) -> StudyConfig:
    return parse_config(sample_raw(function, **changes))


@pytest.fixture
def space_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a space file for a sample objective; the sample objectives are found beside it."""

    def write(function: str = "climb", **changes: object) -> Path:
        from ruamel.yaml import YAML

        (tmp_path / "sample_objectives.py").write_bytes((TESTS / "sample_objectives.py").read_bytes())
        path = tmp_path / "sample.yaml"
        with path.open("w") as file:
            YAML(typ="safe", pure=True).dump(sample_raw(function, **changes), file)
        return path

    return write


@pytest.fixture(autouse=True)
def claims(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let studies of other tests, which run beside this one, take no devices and no cores."""
    monkeypatch.setenv("HPSEARCH_CLAIMS", str(tmp_path_factory.getbasetemp() / "claims"))


class Cli:
    """The installed command, run as a user runs it."""

    def __init__(self, folder: Path, outputs: Path, server: Callable[[], Server]) -> None:
        self.folder, self.outputs, self._server = folder, outputs, server
        self._started = 0
        self.ends_by: float | None = None  # on the monotonic clock: when what a killed command leaves is to be gone
        self.tag = f"hpsearch-test-{folder.name}-{os.getpid()}"
        self.audit = folder / "audit.txt"
        self.audit.touch()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HPSEARCH")}
        own = {"HPSEARCH_TEST_TAG": self.tag, "HPSEARCH_CLAIMS": str(self.outputs), "SAMPLE_AUDIT": str(self.audit)}
        return {**kept, **own, "COLUMNS": "120", **more}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).parent / "hpsearch"), *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=240)
        if code is not None:
            assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start_warm(self, *arguments: str, **environment: str) -> Warm:
        """Start the command without its seconds of imports: where the command itself is not what is shown."""
        self._started += 1
        outputs = [self.outputs / f"{self._started}.{name}" for name in ("out", "err")]
        return self._server().start(
            *arguments, folder=self.folder, environment=self.environment(**environment), outputs=outputs
        )

    def run_warm(self, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start_warm(*arguments, **environment)
        out, err = process.communicate()
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, code, out, err)

    def processes(self) -> list[psutil.Process]:
        """Return all living processes that this command started, at any depth: they inherit its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                tagged = process.environ().get("HPSEARCH_TEST_TAG") == self.tag
                if tagged and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill_all(self) -> None:
        for process in self.processes():
            process.kill()

    def audited(self) -> list[str]:
        return self.audit.read_text().splitlines()


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
        [sys.executable, str(TESTS / "ray_cluster.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
