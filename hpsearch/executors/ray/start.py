"""Starts Ray here, or joins a running cluster. Only this module imports ray; the executor takes it from here."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.errors import ResourceError, StudyError
from hpsearch.executors.machine.processes import has_mark, is_left_over, marking
from hpsearch.executors.ray import internals
from hpsearch.executors.ray.token import enter, kept, own_token
from hpsearch.executors.resources import Resources
from hpsearch.system.signals import Interrupts

# Else `uv run` makes Ray ship the working directory to each worker, and above 512 MiB that is an error.
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # we set CUDA_VISIBLE_DEVICES of CPU workers ourselves

import ray

internals.forget_uv()

__all__ = ["Connection", "first_line", "modules_of", "ray"]

_ACTOR = "hpsearch.executors.ray.actor"
_PREFIX = "hps-ray-"  # short: socket paths end at 107 bytes
_OBJECT_STORE_BYTES = 100 * 1024 * 1024  # events are small, and Ray's default size takes memory and time
_CONNECT_TIMEOUT_S = 10.0
_START_TIMEOUT_S = 120.0
_LOOK_S = 0.1


class Connection:
    """Ray during the life of an executor: started here, or a cluster that runs already.

    Ray starts while the caller does other things, such as importing what is large; `wait` returns once it is up.

    Args:
        resources: What is taken. Without the address of a cluster Ray is started here.
        runtime_environment: What Ray sends to the workers; None for nothing.
        modules: What workers that are started here import as soon as they are up.

    Raises:
        ResourceError: The cluster can't be reached.
    """

    def __init__(
        self, resources: Resources, runtime_environment: dict[str, Any] | None = None, modules: Sequence[str] = ()
    ) -> None:
        self._resources, self._runtime_environment = resources, runtime_environment
        self._folder: Path | None = None
        self._closed = False
        self._initialiser = _Initialiser()
        self._stack, self._starting = ExitStack(), ExitStack()
        self._stack.enter_context(internals.silent())
        try:
            self._begin(modules)
        except BaseException:
            self.close()
            raise

    def wait(self, interrupts: Interrupts) -> None:
        """Wait until Ray is up.

        Args:
            interrupts: Checked meanwhile.

        Raises:
            ResourceError: The cluster can't be reached, or the code is too large to be sent.
            StudyError: Ray does not start here.
            Interrupted: A signal came.
        """
        try:
            self._initialiser.wait(interrupts)
        except ray.exceptions.RuntimeEnvSetupError as error:
            raise _not_sent(self._runtime_environment, str(error)) from None
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
            if self._resources.address is None:
                raise StudyError(f"Ray doesn't start on this machine: {error}") from None
            raise _no_cluster(self._resources.address, first_line(error)) from None
        self._starting.close()

    def close(self) -> None:
        """Leave the cluster; end it, with its files, if it was started here. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        ray.shutdown()  # also after half a start
        self._initialiser.end()
        self._starting.close()
        self._stack.close()
        if self._folder is not None:
            _end_processes_of(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def mark(self) -> str:
        """The mark of the processes of a Ray that was started here; one that no process has if none was."""
        return f"{_PREFIX}{os.getpid()}" if self._folder is None else self._folder.name

    def kill(self) -> None:
        """Kill a Ray that was started here, with all that its workers have started, and remove its files."""
        if self._folder is not None:
            _end_processes_of(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, modules: Sequence[str]) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        first = _nothing
        if self._resources.address is None:
            _sweep()
            self._stack.enter_context(own_token(secrets.token_hex(32)))
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_short_temporary_folder()))
            options |= self._local_options(self._folder)
            self._starting.enter_context(marking(self._folder.name))
            self._starting.enter_context(internals.quick_start(modules, self._resources.cpus_per_slot or 1))
        else:
            options |= {"address": self._resources.address, "runtime_env": self._runtime_environment}
            first = self._check_in(self._resources.address)
        self._starting.enter_context(_visible(self._resources.visible_gpus))
        self._initialiser.begin(options, first)

    def _check_in(self, address: str) -> Callable[[], None]:
        """Look whether something listens at an address, and return what finds out whether it is a Ray that lets us in.

        Raises:
            ResourceError: Nothing listens there.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or "/" in address:
            return _nothing  # "auto", or a form that only Ray knows
        self._stack.enter_context(kept())
        try:  # Ray itself would try for five minutes
            socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise _no_cluster(address, str(error)) from None
        return lambda: enter(address)

    def _local_options(self, folder: Path) -> dict[str, Any]:
        resources = self._resources
        return {
            "address": "local",  # never a cluster that an environment variable happens to name
            "num_cpus": resources.slots,  # as many workers as start with it
            "num_gpus": len(resources.visible_gpus) if resources.gpus_per_slot else 0,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": str(folder),
        }


class _Initialiser:
    """Runs `ray.init` in a thread, so that signals are answered: it spends seconds outside of Python.

    In a thread it also leaves signal handlers alone. The thread lives until `end`: Ray's processes ask the kernel to be
    killed when the thread that started them ends.
    """

    def __init__(self) -> None:
        self._done, self._leave = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._deadline_s = 0.0

    def begin(self, options: dict[str, Any], first: Callable[[], None]) -> None:
        """Begin to initialise Ray.

        Args:
            options: For `ray.init`.
            first: Called before that; what it raises is raised by `wait`.
        """
        self._deadline_s = time.monotonic() + _START_TIMEOUT_S
        threading.Thread(target=self._initialise, args=(options, first), name="ray.init", daemon=True).start()

    def wait(self, interrupts: Interrupts) -> None:
        """Wait until Ray is initialised.

        Raises:
            Interrupted: A signal came.
            TimeoutError: It takes too long.
        """
        while not self._done.wait(_LOOK_S):
            interrupts.check()
            if time.monotonic() > self._deadline_s:
                raise TimeoutError(f"it did not answer within {_START_TIMEOUT_S:.0f} s")
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Let the thread end."""
        self._leave.set()

    def _initialise(self, options: dict[str, Any], first: Callable[[], None]) -> None:
        try:
            first()
            ray.init(**options)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._failure = error
        self._done.set()
        self._leave.wait()


def _nothing() -> None:
    """Do nothing before Ray starts."""


def _no_cluster(address: str, reason: str) -> ResourceError:
    return ResourceError(
        f"--ray-address: no Ray cluster answers at {address}: {reason}; allowed: HOST:PORT of its head"
    )


def _not_sent(environment: dict[str, Any] | None, text: str) -> ResourceError:
    folder = (environment or {}).get("working_dir")
    allowed = "or a path that all machines share, without --ship-code"
    if found := re.search(r"Package size \((\S+)\) exceeds the maximum size of ([\d.]+)", text):
        size, limit = found.groups()
        return ResourceError(
            f"--ship-code: {folder} is too large to be sent, {size}, where Ray's limit is {limit} MiB; allowed: large "
            f"files in .gitignore, {allowed}"
        )
    return ResourceError(
        f"--ship-code: {folder} can't be sent: {text.splitlines()[-1]}; allowed: another folder, {allowed}"
    )


def modules_of(objective: ObjectiveSection) -> tuple[str, ...]:
    """Return what a worker for an objective imports."""
    return (_ACTOR, *objective.modules)


def first_line(error: Exception) -> str:
    """Return the first line of an error, or its type if it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _visible(names: tuple[str, ...]) -> Iterator[None]:
    """Let Ray give out these GPUs in this order: it reads the variable at its start."""
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
    """Remove what killed drivers have left: Ray's processes and folders."""
    for folder in Path(_short_temporary_folder() or tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        if is_left_over(folder.name, _PREFIX):
            _end_processes_of(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _end_processes_of(folder: Path) -> None:
    """Kill the processes of a Ray that was started with this folder, and those that its workers' objectives started.

    The command lines of the former have the folder's name; for the latter it is the mark.
    """
    for process in psutil.process_iter(["cmdline", "pid"]):
        if process.info["pid"] == os.getpid():
            continue
        if any(folder.name in part for part in process.info["cmdline"] or []) or has_mark(process, folder.name):
            with suppress(psutil.Error):
                process.kill()
