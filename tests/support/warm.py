"""The command line without its start: see `warm_server`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from support.paths import TESTS
from support.waiting import Patience


class Warm:
    """One command, with the part of `subprocess.Popen` that tests need."""

    def __init__(self, server: Server, pid: int, outputs: list[Path]) -> None:
        self.pid, self.returncode = pid, None
        self._server, self._outputs = server, outputs

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask(poll=self.pid, wait=False)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
        if self.returncode is None:
            self.returncode = self._server.ask(poll=self.pid, wait=True)

    def communicate(self, timeout: float = 240) -> tuple[str, str]:
        """Return both outputs once the command has ended."""
        patience = Patience(timeout)
        while self.poll() is None:
            if patience.ended():
                self.kill()
                raise AssertionError(f"process {self.pid} did not end within {timeout:g} s\n{self.so_far()}")
            time.sleep(0.02)
        return self.so_far()

    def so_far(self) -> tuple[str, str]:
        """Return both outputs as they are now."""
        out, err = (path.read_text() if path.exists() else "" for path in self._outputs)
        return out, err


class Server:
    """The process from which all commands are forked."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "support.warm_server"]
        # A forked process has no pool of threads.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, cwd=TESTS, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: Any) -> Any:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that commands are forked from has ended"
        return json.loads(answer)

    def start(self, *arguments: str, folder: Path, environment: dict[str, str], outputs: list[Path]) -> Warm:
        """Start a command; its output is appended to two files, or to one that is given twice."""
        task = {"arguments": arguments, "folder": str(folder), "environment": environment}
        return Warm(self, self.ask(start={**task, "outputs": [str(path) for path in outputs]}), outputs)

    def close(self) -> None:
        self._process.communicate("", timeout=60)
