"""Trials in warm Ray actors, one for each slot; the only importer of ray."""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from hpsearch.errors import DiskFullError, ResourceError, StudyError
from hpsearch.events import TrialEvent, WorkerLost
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.resources import Resources
from hpsearch.executors.worker import Worker
from hpsearch.interrupts import Interrupts
from hpsearch.trial import PredictSpec, Stage, StopReason
from hpsearch.trial_dir import LOG

# Else `uv run` makes Ray ship the working directory to each worker, which is an error above 512 MiB.
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # we set CUDA_VISIBLE_DEVICES of CPU workers ourselves

import ray


def _forget_uv() -> None:
    """Turn that off where the user's code has imported Ray before, as Trainables do: it looked at its environment."""
    with suppress(ImportError):  # a module of Ray's own, which another version may not have
        vars(importlib.import_module("ray._private.ray_constants"))["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = False


_forget_uv()

_PREFIX = "hps-ray-"  # short: socket paths end at 107 bytes
_OBJECT_STORE_BYTES = 100 * 1024 * 1024  # events are small, and a store of Ray's default size takes memory and time
_MAX_FAILED_STARTS = 3
_CONNECT_TIMEOUT_S = 10.0
_START_TIMEOUT_S = 120.0


class _Actor:
    """A worker process; Ray makes an actor class of it."""

    def __init__(self, workplace: Workplace) -> None:
        if not workplace.gpu:
            # Ray leaves it unset for CPU workers, so that they would see every GPU.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["OMP_NUM_THREADS"] = str(workplace.threads)
        with suppress(FileNotFoundError):  # a node that doesn't share it says so when a trial needs a file
            os.chdir(workplace.folder)
        for folder in (workplace.module_folder, workplace.folder):
            if folder is not None:
                sys.path.insert(0, folder)
        if workplace.place is not None:
            # A package of the repository that is installed in editable mode is on the path by the original.
            sys.path[:] = [workplace.place.of(entry) if entry else entry for entry in sys.path]
        self._worker = Worker(workplace)

    def ready(self) -> bool:
        """Tell that the process is up."""
        return True

    def run(self, task: Task) -> Iterator[TrialEvent]:
        """Run a task as a stream of events."""
        if isinstance(task, PredictSpec):
            yield from self._worker.run(task)
            return
        with _output_to(Path(task.folder) / LOG):
            yield from self._worker.run(task)


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Append what this process and its children print to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = [os.dup(1), os.dup(2)]
    with path.open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, before in zip((1, 2), saved, strict=True):
            os.dup2(before, descriptor)
            os.close(before)


@dataclass(slots=True)
class _Slot:
    """A worker and what it does. `stream` is there while a task runs, `starting` until the process is up."""

    actor: Any
    starting: Any = None
    task: Task | None = None
    stream: Any = None
    ended_for: tuple[StopReason, str] | None = None


class RayExecutor:
    """Runs tasks on Ray actors.

    Args:
        workplace: What every worker is given.
        resources: How many workers, with what.
        interrupts: Looked at while Ray starts.

    Raises:
        ResourceError: The cluster can't be reached or has no GPU.
        StudyError: Ray does not start here.
        Interrupted: A signal came meanwhile.
    """

    def __init__(self, workplace: Workplace, resources: Resources, interrupts: Interrupts) -> None:
        self._resources = resources
        self._interrupts = interrupts
        self._folder: Path | None = None
        self._failed_starts = 0
        self._closed = False
        self._slots: list[_Slot] = []
        self._initialiser = _Initialiser()
        try:
            self._connect()
            self._cpus = self._cpus_per_slot()
            self._workplace = replace(workplace, threads=max(1, self._cpus))
            for _ in range(resources.slots):
                interrupts.check()
                self._slots.append(self._start())
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """Workers, started or starting."""
        return len(self._slots)

    @property
    def free(self) -> int:
        """Workers that are up and idle."""
        return sum(slot.starting is None and slot.task is None for slot in self._slots)

    def submit(self, task: Task) -> None:
        """Start a task on an idle worker."""
        slot = next(slot for slot in self._slots if slot.starting is None and slot.task is None)
        slot.task, slot.ended_for = task, None
        slot.stream = slot.actor.run.remote(task)

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        """Return what has happened; waits for at most the timeout if nothing has."""
        waiting = [slot.starting or slot.stream for slot in self._slots if slot.starting or slot.stream]
        if not waiting:
            return []
        ray.wait(waiting, num_returns=1, timeout=timeout_s, fetch_local=False)
        events: list[TrialEvent] = []
        for position, slot in enumerate(self._slots):
            if slot.starting is not None:
                self._greet(position, slot)
            elif slot.stream is not None:
                self._drain(position, slot, events)
        return events

    def end(self, key: tuple[Stage, int], reason: StopReason, detail: str) -> None:
        """Kill the worker of a task; `WorkerLost` with this reason follows."""
        for slot in self._slots:
            if slot.task is not None and slot.task.key == key:
                slot.ended_for = (reason, detail)
                ray.kill(slot.actor)

    def close(self) -> None:
        """End all workers, and the cluster if it is ours, with its files."""
        if self._closed:
            return
        self._closed = True
        for slot in self._slots:
            with suppress(Exception):  # it is going either way
                ray.kill(slot.actor)
        if ray.is_initialized():
            ray.shutdown()
        self._initialiser.end()
        if self._folder is not None:
            _end_processes_of(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _connect(self) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._resources.address is None:
            _sweep()
            # Ray asks for a token; one of our own keeps it from writing one into the user's home.
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_short_temporary_folder()))
            options |= self._local_options(self._folder)
        else:
            options["address"] = self._resources.address
            _check_listening(self._resources.address)
        try:
            with _visible(self._resources.visible_gpus):
                self._initialiser.run(options, self._interrupts)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            if self._resources.address is None:
                raise StudyError(f"Ray doesn't start on this machine: {error}") from None
            raise _no_cluster(self._resources.address, _first_line(error)) from None

    def _local_options(self, folder: Path) -> dict[str, Any]:
        resources = self._resources
        return {
            "address": "local",  # never a stray cluster that an environment variable names
            "num_cpus": resources.slots * (resources.cpus_per_slot or 1),
            "num_gpus": len(resources.visible_gpus) if resources.gpus_per_slot else 0,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": str(folder),
        }

    def _cpus_per_slot(self) -> int:
        resources = self._resources
        if resources.address is None:
            return resources.cpus_per_slot or 1
        cluster = ray.cluster_resources()
        if resources.gpus_per_slot and not cluster.get("GPU"):
            raise ResourceError(f"--gpus: the Ray cluster at {resources.address} has no GPU; allowed: --workers N")
        if resources.cpus_per_slot is not None:
            return resources.cpus_per_slot
        # A cluster with fewer CPUs than slots takes them all the same: 0 asks Ray for none.
        return int(cluster.get("CPU", 0) // resources.slots)

    def _start(self) -> _Slot:
        options = {"num_cpus": self._cpus, "num_gpus": self._resources.gpus_per_slot, "max_restarts": 0}
        actor = ray.remote(_Actor).options(**options).remote(self._workplace)
        return _Slot(actor=actor, starting=actor.ready.remote())

    def _greet(self, position: int, slot: _Slot) -> None:
        if not ray.wait([slot.starting], timeout=0)[0]:
            return
        try:
            ray.get(slot.starting)
        except ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise StudyError(f"workers don't start: {_first_line(error)}") from None
            self._slots[position] = self._start()
            return
        self._failed_starts = 0
        slot.starting = None

    def _drain(self, position: int, slot: _Slot, events: list[TrialEvent]) -> None:
        try:
            while slot.stream.next_ready():
                # At the end of the stream next_ready may be true once more, and next then raises.
                reference = next(slot.stream, None)
                if reference is None:
                    break
                events.append(ray.get(reference))
            if not slot.stream.is_finished():
                return
        except ray.exceptions.RayError as error:
            if isinstance(cause := getattr(error, "cause", None), DiskFullError):
                raise cause from None
            events.append(self._lost(slot, error))
            with suppress(Exception):  # it may be dead already
                ray.kill(slot.actor)
            self._slots[position] = self._start()
            return
        slot.task = slot.stream = None
        if self._workplace.fresh_process:
            ray.kill(slot.actor)
            self._slots[position] = self._start()

    def _lost(self, slot: _Slot, error: Exception) -> WorkerLost:
        task = slot.task
        assert task is not None  # noqa: S101 - a stream belongs to a task
        reason, detail = slot.ended_for or (StopReason.LOST, _first_line(getattr(error, "cause", None) or error))
        return WorkerLost(stage=task.stage, number=task.number, attempt=task.attempt, reason=reason, detail=detail)


class _Initialiser:
    """Runs `ray.init` in a thread, so that signals are answered meanwhile: it spends seconds where Python can't.

    There it also leaves the handlers of signals alone. The thread lives until `end`, for Ray's processes ask the kernel
    to be killed when their parent thread ends.
    """

    def __init__(self) -> None:
        self._done, self._leave = threading.Event(), threading.Event()
        self._failure: BaseException | None = None

    def run(self, options: dict[str, Any], interrupts: Interrupts) -> None:
        """Initialise Ray.

        Raises:
            Interrupted: A signal came meanwhile.
            TimeoutError: It takes too long.
        """
        threading.Thread(target=self._initialise, args=(options,), name="ray.init", daemon=True).start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._done.wait(0.1):
            interrupts.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"it did not answer within {_START_TIMEOUT_S:.0f} s")
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Let the thread end."""
        self._leave.set()

    def _initialise(self, options: dict[str, Any]) -> None:
        try:
            ray.init(**options)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._failure = error
        self._done.set()
        self._leave.wait()


def _check_listening(address: str) -> None:
    """Look whether anything listens at HOST:PORT: Ray itself tries for five minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address:
        return  # "auto", or a form that only Ray knows
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, reason: str) -> ResourceError:
    return ResourceError(
        f"--ray-address: no Ray cluster answers at {address}: {reason}; "
        "allowed: HOST:PORT of its head (with RAY_AUTH_MODE=token if it asks for a token)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _visible(names: tuple[str, ...]) -> Iterator[None]:
    """Let Ray hand out these GPUs in this order: it reads the variable when it starts."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names)
    try:
        yield
    finally:
        if names and before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        elif names and before is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


def _short_temporary_folder() -> str | None:
    folder = tempfile.gettempdir()
    return folder if len(folder) < 20 or not Path("/tmp").is_dir() else "/tmp"  # noqa: S108, PLR2004 - mkdtemp makes it safe


def _sweep() -> None:
    """Remove what a driver that was killed has left: Ray's processes and its folder."""
    for folder in Path(_short_temporary_folder() or tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _end_processes_of(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _end_processes_of(folder: Path) -> None:
    """Kill the processes of a Ray that was started with this folder; its name is in their command lines."""
    for process in psutil.process_iter(["cmdline", "pid"]):
        if process.info["pid"] != os.getpid() and any(folder.name in part for part in process.info["cmdline"] or []):
            with suppress(psutil.Error):
                process.kill()
