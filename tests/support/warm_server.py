"""Runs the command line in processes forked from this one, which imports the heavy libraries once.

Each input line is a request in JSON and gets one line as its answer: `{"start": ...}` gets the new process's id,
`{"poll": id, "wait": bool}` gets its exit code as in `subprocess`, or null while it runs. The server ends with its
input.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import sys
import tempfile
import threading
import warnings
from typing import Any

from support.paths import TESTS
from support.speed import keep_what_is_there, read_migrations_once

MODULES = (
    *(
        "hpsearch.cli.app",
        "hpsearch.api",
        "hpsearch.cli.progress",
        "hpsearch.executors.inline",
        "hpsearch.report.tables",
    ),
    *("lightning", "omegaconf", "pandas", "ray.tune", "torch._dynamo"),
    *("sklearn.datasets", "sklearn.linear_model", "sklearn.model_selection"),
    *("transformers.models.bert.modeling_bert", "transformers.trainer"),
)
NAMESPACES = {"TEST_MOUNTS_OF": "mnt", "TEST_CLOCKS_OF": "time_for_children"}


def load() -> None:
    """Import the libraries of the command line and the examples; nothing computes, for threads are not forked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in MODULES:
            importlib.import_module(name)
        read_migrations_once()
        optuna = importlib.import_module("optuna")
        optuna.logging.disable_default_handler()
        # In memory: the first one imports and configures parts that all later ones need.
        optuna.create_study(storage=optuna.storages.RDBStorage("sqlite://"))
    keep_what_is_there()


def become_command(arguments: list[str], folder: str, environment: dict[str, str], outputs: list[str]) -> None:
    """Run the command in this process, in the state of a fresh process."""
    os.environ.clear()
    os.environ.update(environment)
    for name, kind in NAMESPACES.items():
        if name in environment:
            enter_namespace(environment[name], kind)
    os.chdir(folder)
    tempfile.tempdir = None  # an import may have set it, from another TMPDIR
    sys.path[:] = [path for path in sys.path if path != str(TESTS)]
    for number, path in enumerate([os.devnull, *outputs]):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["hpsearch", *arguments]
    from hpsearch.cli.app import app

    app(arguments, prog_name="hpsearch")


def enter_namespace(pid: str, kind: str) -> None:
    """Share a namespace of another process: the mounts that it sees, or its clocks."""
    namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), f"the namespace {kind} of another process can't be entered")
    os.close(namespace)


def serve() -> dict[str, Any] | None:
    """Answer requests; in a forked process, return its command."""
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                return request["start"]
            answer: int | None = pid
        else:
            pid, status = os.waitpid(request["poll"], 0 if request["wait"] else os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)
    return None


def end(code: Any) -> None:
    """End this process as Python does, without the last step, where unused libraries would complain of leaks."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


def main() -> None:
    load()
    task = serve()
    if task is not None:
        try:
            become_command(**task)
        except SystemExit as ended:
            end(ended.code)
    end(0)


if __name__ == "__main__":
    main()
