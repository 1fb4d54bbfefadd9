"""Changes inside Ray: it has no public switch for some of what it ships, prints and starts."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

# Each is a Python process, takes about a second of CPU and delays the first trial. Without a dashboard, an autoscaler
# and logs that are sent to the driver they have nothing to do.
_HELPERS = ("start_monitor", "start_log_monitor", "start_api_server")

# What the agents of a node would listen to. The node waits for them.
_AGENTS = {
    "dashboard_agent": "metrics_agent_port,metrics_export_port,dashboard_agent_listen_port",
    "runtime_env_agent": "runtime_env_agent_port",
}
_STAND_IN = Path(__file__).with_name("standin.py")
_LOOK_S, _LOOKS = 0.02, 500

_SETTINGS = {
    # A node that connects to its own object store a moment too early tries again after this time.
    "RAY_raylet_client_connect_timeout_milliseconds": "50",
    "RAY_raylet_client_num_connect_attempts": "200",
    # Ray gives way to other processes by default. A training is what its user waits for.
    "RAY_worker_niceness": "0",
}


def forget_uv() -> None:
    """Keep Ray from shipping the working directory even if the user's code imported Ray before, as Trainables do."""
    with suppress(ImportError):  # another version of Ray may not have the module
        vars(importlib.import_module("ray._private.ray_constants"))["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = False


@contextmanager
def silent() -> Iterator[None]:
    """Keep Ray from printing the last words of nodes on standard output: `log_to_driver` does not reach them."""
    with ExitStack() as stack:
        with suppress(ImportError):
            _without(importlib.import_module("ray._private.worker"), "print_to_stdstream", stack)
        yield


@contextmanager
def quick_start(modules: Sequence[str], threads: int) -> Iterator[None]:
    """Start Ray for trainings, as in `without_helpers`.

    Args:
        modules: What workers import as soon as they are up, while the driver does other things.
        threads: CPU threads of a worker. Libraries read their number when they are imported.
    """
    settings = {name: os.environ.get(name, value) for name, value in _SETTINGS.items()}
    settings |= {"RAY_preload_python_modules": ",".join(modules), "OMP_NUM_THREADS": str(threads)}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with without_helpers():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def without_helpers() -> Iterator[None]:
    """Start Ray without what only its dashboard, autoscaler and log streams need, and without its pauses."""
    with ExitStack() as stack:
        with suppress(ImportError, AttributeError):
            node = importlib.import_module("ray._private.node").Node
            for name in _HELPERS:
                _without(node, name, stack)
        with suppress(ImportError, AttributeError):
            services = importlib.import_module("ray._private.services")
            # A Ray whose nodes do not wait for files with ports needs its own agents.
            if hasattr(importlib.import_module("ray._raylet"), "persist_port"):
                # It asks for what a dashboard needs by importing it.
                utils, error = importlib.import_module("ray._private.utils"), ImportError("no dashboard is started")
                _put(utils, "get_dashboard_dependency_error", lambda _: lambda: error, stack)
                _put(services, "_build_python_executable_command_memory_profileable", _standing_in, stack)
                _put(services, "get_node", lambda found: _awaiting(services, found), stack)
        yield


def _standing_in(build: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def built(component: str, *arguments: Any, **named: Any) -> list[str]:
        command, ports = build(component, *arguments, **named), _AGENTS.get(component)
        return command if ports is None else [sys.executable, "-I", "-S", str(_STAND_IN), ports, *command]

    return built


def _awaiting(services: Any, get_node: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """Return Ray's `get_node` for a node that may not be up yet: it would look once a second."""

    def found(gcs_address: str, node_id: str) -> Any:
        with suppress(AttributeError, ImportError, KeyError):
            state = importlib.import_module("ray._private.state").GlobalState()
            state._initialize_global_state(services._get_gcs_client_options(gcs_address))  # noqa: SLF001 - as above
            for _ in range(_LOOKS):
                if any(node["NodeID"] == node_id for node in state.node_table()):
                    break
                time.sleep(_LOOK_S)
            state.disconnect()
        return get_node(gcs_address, node_id)

    return found


def _put(owner: Any, name: str, made: Callable[[Any], Any], stack: ExitStack) -> None:
    """Put another function in the place of one of Ray's until the stack is closed.

    Args:
        made: Makes it from Ray's.
    """
    before = getattr(owner, name)
    stack.callback(setattr, owner, name, before)
    setattr(owner, name, made(before))


def _without(owner: Any, name: str, stack: ExitStack) -> None:
    """Let a function of Ray do nothing until the stack is closed; nothing changes if this version lacks it."""
    if hasattr(owner, name):
        _put(owner, name, lambda _: lambda *_arguments, **_named: None, stack)
