"""What stands in for Ray's agents: the files that a node waits for, the agent at its first call, and its end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hpsearch.executors.ray import standin
from support.waiting import wait_until

# Starts a stand-in as a node would, says its pid, and lives until its own input ends.
NODE = """
import subprocess, sys
print(subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""
AGENT = "import json, pathlib, sys; pathlib.Path(sys.argv[1], 'asked').write_text(json.dumps(sys.argv))"
PORTS = "metrics_agent_port,dashboard_agent_listen_port,runtime_env_agent_port"


class Node:
    """A node with one stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        agent = [sys.executable, "-c", AGENT, str(folder), f"--session-dir={folder}", "--node-id=abc"]
        agent += ["--node-ip-address=127.0.0.1", "--runtime-env-agent-port=0"]
        command = [sys.executable, "-c", NODE, sys.executable, "-I", "-S", standin.__file__, PORTS, *agent]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.standin = psutil.Process(int(self.process.stdout.readline()))

    def port(self, name: str) -> int:
        path = self.folder / f"{name}_abc"
        wait_until(path.is_file, 30, "the file with the port")
        return int(path.read_text())

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    made.end()


def test_only_the_agent_of_environments_is_listened_for(node):
    assert node.port("metrics_agent_port") == node.port("dashboard_agent_listen_port") == -1
    assert node.port("runtime_env_agent_port") > 0
    assert not list(node.folder.glob("*.tmp"))


def test_the_first_call_starts_the_agent_on_the_same_port(node):
    port = node.port("runtime_env_agent_port")
    socket.create_connection(("127.0.0.1", port)).close()
    wait_until((node.folder / "asked").is_file, 30, "the agent")
    wait_until(lambda: (node.folder / "asked").read_text() != "", 30, "its words")
    assert json.loads((node.folder / "asked").read_text())[-1] == f"--runtime-env-agent-port={port}"


def test_it_ends_with_its_node(node):
    node.port("runtime_env_agent_port")
    node.end()
    wait_until(lambda: not node.standin.is_running(), 10, "the end of the stand-in")
