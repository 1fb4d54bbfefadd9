"""The output of a command, however late it is read."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from hpsearch.objectives.command import process
from hpsearch.objectives.command.metrics import source_of
from hpsearch.objectives.command.process import RunningCommand


def test_lines_that_are_read_after_the_end_of_the_command_count(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(process, "_ESCAPED_S", 0.2)
    looked = threading.Event()
    source = source_of(None, "loss", tmp_path, None)
    wants = source.wants

    def wants_late(line: str) -> bool:
        assert looked.wait(60)
        return wants(line)

    monkeypatch.setattr(source, "wants", wants_late)
    command = [sys.executable, "-c", "print('{\"loss\": 1.0}')"]
    with RunningCommand(command, None, {}, logging.getLogger("test"), source) as running:
        poll = running._process.poll

        def seen_poll() -> int | None:
            code = poll()
            if code is not None:
                looked.set()
            return code

        monkeypatch.setattr(running._process, "poll", seen_poll)
        running._process.wait()
        assert list(running.output()) == ['{"loss": 1.0}']
