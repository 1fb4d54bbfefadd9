"""A cluster as `ray start --head` makes it asks for a token: its address is enough to join it, or an error says why."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from support.documents import write_yaml
from support.factories import sample_raw
from support.waiting import wait_until

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
TOKEN = "0f" * 32
# Each case in one process, as a notebook may join one cluster after another.
ASK = """
import json, os, sys
from hpsearch.errors import ResourceError
from hpsearch.executors.ray.start import ray
from hpsearch.executors.ray.token import enter, kept
for case in json.loads(sys.argv[2]):
    with kept():
        os.environ.update(case)
        try:
            enter(sys.argv[1])
            print("joined with", os.environ.get("RAY_AUTH_MODE"))
        except ResourceError as error:
            print(error)
print(sorted(name for name in os.environ if name.startswith("RAY_AUTH")))
"""


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a shell that says nothing of Ray's tokens."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    return {**kept, "HOME": str(home), "COLUMNS": "120"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A user's home with Ray's token file."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".ray").mkdir()
    (folder / ".ray/auth_token").write_text(TOKEN)
    return folder


@pytest.fixture(scope="module")
def address(home) -> Iterator[str]:
    """The address of a cluster that `ray start --head` has made; it ends with all its processes."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="hpt-", dir="/tmp")
    start = ["--head", f"--port={port}", "--num-cpus=1", "--include-dashboard=false", f"--temp-dir={folder}", "--block"]
    head = subprocess.Popen(
        [BIN / "ray", "start", *start, "--disable-usage-stats", "--object-store-memory=100000000"],
        env={**environment(home), "RAY_health_check_failure_threshold": "100"},  # a busy machine is not a dead node
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(port))
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()
        for process in psutil.process_iter(["cmdline"]):
            if any(folder in part for part in process.info["cmdline"] or []):
                with suppress(psutil.Error):
                    process.kill()
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def asked(address: str, home: Path, *cases: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, address, json.dumps(cases)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    *lines, left = done.stdout.splitlines()
    assert left == "[]"
    return lines


def test_the_token_of_the_file_is_used_and_wrong_ones_are_named(address, home, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    lines = asked(
        address,
        home,
        {},
        {"RAY_AUTH_TOKEN": "wrong"},
        {"RAY_AUTH_MODE": "token"},
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_TOKEN_PATH": str(path)},
    )
    asks = f"--ray-address: the Ray cluster at {address} asks for a token, and"
    assert lines == [
        "joined with token",
        f"{asks} RAY_AUTH_TOKEN has another one; allowed: the one that its head was started with",
        "joined with token",
        f"{asks} RAY_AUTH_MODE is disabled; allowed: RAY_AUTH_MODE=token",
        "joined with token",
    ]


def test_a_home_without_a_token(address, tmp_path):
    lines = asked(address, tmp_path, {}, {"RAY_AUTH_MODE": "token"}, {"RAY_AUTH_TOKEN": TOKEN})
    none = (
        f"--ray-address: the Ray cluster at {address} asks for a token, and none is here; "
        "allowed: its token in RAY_AUTH_TOKEN, or in ~/.ray/auth_token as on its head"
    )
    assert lines == [none, none, "joined with token"]


@pytest.mark.parametrize("has_token", [True, False])
def test_a_study_on_the_cluster(address, home, tmp_path, has_token):
    command = [sys.executable, "-c", "print('{{\"score\": 1}}')", "{args}", "{seed}"]
    raw = {**sample_raw(search={"trials": 1}, finalists=None), "objective": {"epochs": 1, "command": command}}
    space = write_yaml(tmp_path / "sample.yaml", raw)
    done = subprocess.run(
        [BIN / "hpsearch", "run", space, "--ray-address", address, "--workers", "1"],
        cwd=tmp_path,
        env=environment(home if has_token else tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    if has_token:
        assert done.returncode == 0, done.stderr
        assert not any("gcs_client" in line or "WARNING" in line for line in lines)
    else:
        assert done.returncode == 2, done.stderr
        assert [line.split(":")[0] for line in lines] == [
            "study sample",
            "a trial that is resumed begins again",
            "search",
            "error",
        ]
