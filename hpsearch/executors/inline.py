"""Trials in this process, one at a time: for tests, debuggers and machines without Ray."""

from __future__ import annotations

import os
import secrets
from collections import deque
from contextlib import ExitStack

from hpsearch.errors import InputError
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.machine.processes import MARK, end_all, end_marked, forked, kill_all_started
from hpsearch.executors.worker.worker import Events, Worker
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import TrialEvent
from hpsearch.trial.trial import Answer, Key, StopReason


class InlineExecutor:
    """Steps the running trial by one event at each poll.

    Args:
        workplace: What the worker is given. There is no fresh process for each trial here.
        interrupts: Signals raise while an objective's code runs, for it may run for long.
        gpu: The GPUs that were chosen, as `CUDA_VISIBLE_DEVICES` calls them; empty for those that are visible.

    Raises:
        InputError: A fresh process was asked for.
    """

    def __init__(self, workplace: Workplace, interrupts: Interrupts, gpu: str = "") -> None:
        if workplace.fresh_process:
            raise InputError("--fresh-process: the inline executor has one process; allowed: --executor ray")
        self._mark = f"inline-{os.getpid()}-{secrets.token_hex(4)}"
        changes = {"OMP_NUM_THREADS": str(workplace.process_threads), "CUDA_VISIBLE_DEVICES": gpu, MARK: self._mark}
        if workplace.gpu:
            changes["CUDA_DEVICE_ORDER"] = os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as in a Ray worker
            if not gpu:
                del changes["CUDA_VISIBLE_DEVICES"]
        self._before = {name: os.environ.get(name) for name in changes}
        interrupts.on_second(self._force, in_process=True)
        self._stack = ExitStack()
        self._guard = self._stack.enter_context(interrupts.guarded(self._mark))
        self._forked = forked()
        os.environ |= changes  # CUDA reads them at its first use, a command at its start
        self._worker = Worker(workplace, check=interrupts.check)
        self._interrupts = interrupts
        self._waiting: deque[Task] = deque()
        self._running: Events | None = None
        self._answer: Answer | None = None

    @property
    def slots(self) -> int:
        """One."""
        return 1

    @property
    def free(self) -> int:
        """One if nothing runs."""
        return 0 if self._running or self._waiting else 1

    def submit(self, task: Task) -> None:
        """Take a task; it runs inside of `poll`."""
        self._waiting.append(task)

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        """Return the next event of the running task: it works instead of waiting, but not with a timeout of 0."""
        if not timeout_s:
            return []
        if self._running is None:
            if not self._waiting:
                return []
            self._running = self._worker.run(self._waiting.popleft())
        answer, self._answer = self._answer, None
        try:
            with self._interrupts.raising():
                return [self._running.send(answer)]
        except StopIteration:
            self._running = None
            return []

    def answer(self, key: Key, answer: Answer) -> None:
        """Keep the answer for the next `poll`, in which the trial goes on."""
        del key  # one trial runs
        self._answer = answer

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        """Do nothing: code in this process can't be ended."""

    def close(self) -> None:
        """End the running objective by its `finally` blocks, and end the processes that objectives have left behind."""
        if broken_off := self._running is not None:
            with self._interrupts.breaking_off():  # its `finally` blocks may wait for what has ended
                self._running.close()
        self._running = None
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._stack.close()
        if broken_off:
            end_all(forked() - self._forked)  # these have no mark
        end_marked(self._mark)
        self._interrupts.on_second(None)

    def _force(self, *, hard: bool) -> None:
        """Kill what objectives have started; this process itself is the worker."""
        del hard  # there is nothing else
        kill_all_started(self._mark, spared=self._guard)
