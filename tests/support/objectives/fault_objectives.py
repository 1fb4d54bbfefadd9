"""Objectives that do what objectives must not do: real faults, one for each trial, as `fault` of its config says."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sample_objectives import audit

EPOCHS = 3
MEBIBYTE = 1 << 20
HANG_S = 600


class UnprintableError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError("no text for you")


class UnpicklableError(Exception):
    """Can't be sent to another process."""

    def __init__(self, lock: object) -> None:
        super().__init__("holds a lock")
        self.lock = lock

    def __reduce__(self) -> str:
        raise TypeError("can't be pickled")


class NoException(BaseException):
    """Passes by every `except Exception`."""


def misbehave(config, trial):
    """Train, and in epoch 2 do what `fault` names; each trial audits where it was started."""
    audit(f"{trial.number} {Path.cwd()}")
    fault = FAULTS[config["fault"]]
    for epoch in trial.epochs():
        if epoch == 2:
            yielded = fault(trial)
            if yielded is not None:
                yield {"score": yielded}
                continue
        yield {"score": trial.number + epoch}


def raising(error: Callable[[], BaseException]) -> Callable[[object], None]:
    def fault(_trial):
        raise error()

    return fault


def recurse(trial) -> None:
    recurse(trial)


def remove_folder(trial) -> None:
    shutil.rmtree(trial.dir)


@contextmanager
def little_memory() -> Iterator[None]:
    """Leave this process 64 MiB of address space more than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 64 * MEBIBYTE, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def need_memory(_trial) -> None:
    with little_memory():
        bytearray(1024 * MEBIBYTE)


def take_memory(_trial) -> None:
    """Take 4.5 GiB in small steps, and wait for what ends this process."""
    taken = []
    for _ in range(72):
        taken.append(b"1" * (64 * MEBIBYTE))
        time.sleep(0.02)
    time.sleep(60)


def leave_directory(_trial) -> None:
    os.chdir("/")


def make_noise(_trial) -> None:
    for _ in range(4):
        print("x" * MEBIBYTE)
        print("y" * 1000, file=sys.stderr)


def close_outputs(_trial) -> None:
    for descriptor in (0, 1, 2):
        os.close(descriptor)


def replace_outputs(_trial) -> None:
    sys.stdout = sys.stderr = None


def start_child(_trial) -> None:
    """Leave a process behind that keeps this one's output open, and one that left its session too."""
    subprocess.Popen(["sleep", str(HANG_S)], start_new_session=True)
    subprocess.Popen(["sh", "-c", f"sleep {HANG_S} & sleep {HANG_S}"])


def start_thread(_trial) -> None:
    threading.Thread(target=time.sleep, args=(HANG_S,)).start()


def hang(_trial) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(0.05)


def hang_in_c(_trial) -> None:
    """Sleep in C while holding the lock of the interpreter: no signal handler and no other thread runs."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.PyDLL(None).sleep(HANG_S)


def segfault(_trial) -> None:
    ctypes.string_at(0)


FAULTS: dict[str, Callable[[object], float | None]] = {
    "none": lambda _trial: None,
    "raise": raising(lambda: ValueError("the data is bad\nand more")),
    "exit": raising(lambda: SystemExit(3)),
    "keyboard": raising(KeyboardInterrupt),
    "base": raising(lambda: NoException("none of yours")),
    "generator_exit": raising(GeneratorExit),
    "stop_iteration": raising(StopIteration),
    "recursion": recurse,
    "unprintable": raising(UnprintableError),
    "unpicklable": raising(lambda: UnpicklableError(threading.Lock())),
    "long": raising(lambda: ValueError("z" * (5 * MEBIBYTE))),
    "surrogate": raising(lambda: ValueError("half a \ud83d character")),
    "remove_folder": remove_folder,
    "need_memory": need_memory,
    "nan": lambda _trial: float("nan"),
    "infinite": lambda _trial: float("-inf"),
    "leave_directory": leave_directory,
    "make_noise": make_noise,
    "close_outputs": close_outputs,
    "replace_outputs": replace_outputs,
    "start_child": start_child,
    "start_thread": start_thread,
    "exit_0": lambda _trial: os._exit(0),
    "segfault": segfault,
    "abort": lambda _trial: os.abort(),
    "hang": hang,
    "hang_in_c": hang_in_c,
    "take_memory": take_memory,
}


def raise_when_closed(config, trial):
    """Train, and raise when closed."""
    try:
        for epoch in trial.epochs():
            yield {"score": float(epoch)}
    finally:
        raise ValueError("the bath is full")


def end_process(config, trial):
    """End the process in epoch 3, as often as it is tried, until the file `fixed` exists."""
    trial.load_checkpoint()
    for epoch in trial.epochs():
        if epoch == 3 and trial.number == 0 and not Path("fixed").exists():
            os._exit(3)
        trial.save_checkpoint({"epoch": epoch})
        audit(f"{trial.number} {epoch} {trial.dir.name}")
        yield {"score": float(epoch)}


def catch_signals(config, trial):
    """Hang in epoch 2 of the first attempt, catch what a signal raises there, and then do as `then` says."""
    trial.load_checkpoint()
    for epoch in trial.epochs():
        if epoch == 2 and trial.dir.name == "attempt-1":
            audit("hangs")
            try:
                time.sleep(HANG_S)
            except BaseException:  # noqa: BLE001 - that is the fault
                if config["then"] == "raise":
                    raise ValueError("something is wrong") from None
                if config["then"] == "return":
                    return
        trial.save_checkpoint({"epoch": epoch})
        yield {"score": float(epoch)}


def descend(config, trial):
    """Be best in epoch 1, so that the best checkpoint is not the last one."""
    trial.load_checkpoint()
    for epoch in trial.epochs():
        audit(f"{trial.number} {epoch} {trial.dir.name}")
        trial.save_checkpoint({"epoch": epoch})
        yield {"score": config["lr"] / epoch}
