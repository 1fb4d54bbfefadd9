"""The command line: as a user runs it, and in the tests' own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from typer.testing import CliRunner, Result

from hpsearch.cli.app import app
from support.warm import Server, Warm


def invoke(*arguments: object, code: int | tuple[int, ...] = 0) -> Result:
    """Run the command in this process; only an objective's error may show a traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    codes = code if isinstance(code, tuple) else (code,)
    assert isinstance(result.exception, SystemExit | None), (arguments, result.exception)
    assert result.exit_code in codes, f"{arguments}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr or result.exit_code == 1
    return result


def said(*arguments: object, code: int = 0) -> str:
    """Run the command in this process; return its output, or its message on an error."""
    result = invoke(*arguments, code=code)
    return result.stderr if code else result.stdout


class Cli:
    """The installed command, as a user runs it."""

    def __init__(self, folder: Path, outputs: Path, server: Callable[[], Server]) -> None:
        self.folder, self.outputs, self._server = folder, outputs, server
        self._started = 0
        self.ends_by: float | None = None  # on the monotonic clock: nothing of a killed command may be left then
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
        """Start the command without its seconds of imports, for tests of something else than the command."""
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

    def let_go(self) -> None:
        """Let waiting trials go on: see SAMPLE_HOLD in `sample_objectives`."""
        self.audit.with_suffix(".go").touch()

    def audited(self) -> list[str]:
        return self.audit.read_text().splitlines()
