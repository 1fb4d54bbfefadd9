"""Objectives that a signal finds blocked in something, named by `how` in the config."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import signal
import subprocess
import threading
import time

from sample_objectives import audit

HANG_S = 600


def sleep() -> None:
    time.sleep(HANG_S)


def lock() -> None:
    held = threading.Lock()
    with held:
        held.acquire()


def child() -> None:
    subprocess.run(["sleep", str(HANG_S)], check=True)


def pool() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        workers.map(time.sleep, [HANG_S, HANG_S])


def forked_pool() -> None:
    with multiprocessing.get_context("fork").Pool(2) as workers:
        workers.map(time.sleep, [HANG_S, HANG_S])


def c_call() -> None:
    """Wait in C without the lock of the interpreter, again after each signal."""
    wait = ctypes.CFUNCTYPE(ctypes.c_int)(("pause", ctypes.CDLL(None)))
    while True:
        try:
            wait()
        except BaseException:  # noqa: BLE001, S112 - that is the fault
            continue


def locked_c_call() -> None:
    """Compute in C with the lock of the interpreter: no handler and no thread runs."""
    sum(range(10**14))


def swallow() -> None:
    while True:
        try:
            time.sleep(HANG_S)
        except BaseException:  # noqa: BLE001, S112 - that is the fault
            continue


def own_handlers() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    while True:
        time.sleep(HANG_S)


def event_loop() -> None:
    asyncio.run(asyncio.sleep(HANG_S))


def clean_up_forever() -> None:
    try:
        time.sleep(HANG_S)
    finally:
        time.sleep(HANG_S)


BLOCKS = {
    one.__name__: one
    for one in (
        sleep,
        lock,
        child,
        pool,
        forked_pool,
        c_call,
        locked_c_call,
        swallow,
        own_handlers,
        event_loop,
        clean_up_forever,
    )
}


def block(config, trial):
    """Block in epoch 3 of the first attempt at trial 0."""
    trial.load_checkpoint()
    for epoch in trial.epochs():
        audit(f"{trial.number} {epoch} {trial.dir.name}")
        if (trial.number, epoch, trial.dir.name) == (0, 3, "attempt-1"):
            BLOCKS[config["how"]]()
        trial.save_checkpoint({"epoch": epoch})
        yield {"score": config["lr"] * epoch}
