"""What is changed inside Ray: it has no public switch for some of what it ships, prints and starts."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

# Each is a Python process, about a second of CPU and a part of the wait for the first trial. Without a dashboard, an
# autoscaler and logs that are sent to the driver they have nothing to do.
_HELPERS = ("start_monitor", "start_log_monitor", "start_api_server")


def forget_uv() -> None:
    """Keep Ray from shipping the working directory, where the user's code has imported it before, as Trainables do."""
    with suppress(ImportError):  # a module of Ray's own, which another version may not have
        vars(importlib.import_module("ray._private.ray_constants"))["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = False


@contextmanager
def silent() -> Iterator[None]:
    """Keep Ray from printing on standard output what nodes say as they die: `log_to_driver` does not reach it."""
    with ExitStack() as stack:
        with suppress(ImportError):
            _without(importlib.import_module("ray._private.worker"), "print_to_stdstream", stack)
        yield


@contextmanager
def without_helpers() -> Iterator[None]:
    """Start a node of Ray without the processes that only its dashboard, autoscaler and log streams need."""
    with ExitStack() as stack:
        with suppress(ImportError, AttributeError):
            node = importlib.import_module("ray._private.node").Node
            for name in _HELPERS:
                _without(node, name, stack)
        yield


def _without(owner: Any, name: str, stack: ExitStack) -> None:
    """Let a function do nothing until the stack is closed; where this version of Ray has it not, there is no change."""
    if hasattr(owner, name):
        stack.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, lambda *_arguments, **_named: None)
