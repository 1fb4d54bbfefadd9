"""Changes inside Ray: it has no public switch for some of what it ships, prints and starts."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

# Each is a Python process, takes about a second of CPU and delays the first trial. Without a dashboard, an autoscaler
# and logs that are sent to the driver they have nothing to do.
_HELPERS = ("start_monitor", "start_log_monitor", "start_api_server")


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
def without_helpers() -> Iterator[None]:
    """Start Ray without the processes that only its dashboard, autoscaler and log streams need."""
    with ExitStack() as stack:
        with suppress(ImportError, AttributeError):
            node = importlib.import_module("ray._private.node").Node
            for name in _HELPERS:
                _without(node, name, stack)
        yield


def _without(owner: Any, name: str, stack: ExitStack) -> None:
    """Let a function of Ray do nothing until the stack is closed; nothing changes if this version lacks it."""
    if hasattr(owner, name):
        stack.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, lambda *_arguments, **_named: None)
