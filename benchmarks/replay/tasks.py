"""From names to tasks, and the regret's reference of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import lcbench
import recorded
from curves import MissingDataError, Reference, Task
from files import needs

ALL = f"{lcbench.FAMILY}-all"
GROUPS = (lcbench.FAMILY, ALL, recorded.TASKSET, recorded.ALEXNET)


def names_of(data: Path, wanted: Sequence[str]) -> list[str]:
    """Return the names of single tasks for names of tasks and groups.

    Args:
        data: The folder of the data.
        wanted: `lcbench` (the 12 tasks that rules were tuned on), `lcbench-all`, `taskset`, `alexnet`, the code of an
            LCBench task, or the name of a file of TaskSet.

    Raises:
        MissingDataError: A folder is not there, or a name is not known.
    """
    needs(data)
    names: list[str] = []
    for name in wanted:
        names += _named(data, name)
    return list(dict.fromkeys(names))


def _named(data: Path, name: str) -> list[str]:
    if name == lcbench.FAMILY:
        return [code for code in lcbench.TUNED_ON if code in lcbench.known(data)]
    if name == ALL:
        return lcbench.known(data)
    if name == recorded.TASKSET:
        return recorded.known_tasksets(data)
    if name.isdigit() and name not in lcbench.known(data):
        raise MissingDataError(f"task {name}: allowed: {', '.join(lcbench.known(data))}")
    if not name.isdigit() and name != recorded.ALEXNET:
        name = Path(name).name.removesuffix(".json.gz")
        if name not in recorded.known_tasksets(data):
            allowed = ", ".join((*GROUPS, "an LCBench code", *recorded.known_tasksets(data)))
            raise MissingDataError(f"task {name}: allowed: {allowed}")
    return [name]


def load(data: Path, name: str) -> Task:
    """Return a single task.

    Raises:
        MissingDataError: A file is not there, or has another form.
    """
    if name == recorded.ALEXNET:
        return recorded.load_alexnet(data)
    return lcbench.load(data, name) if name.isdigit() else recorded.load_taskset(data, name)


def reference(task: Task, cache: Path | None) -> Reference:
    """Return what a task's regret is measured by.

    Args:
        cache: A folder that keeps it; None to compute it now, which takes some seconds.
    """
    if cache is None:
        return Reference.of(task.curves.sample(), task.sign)
    stats = [(path, Path(path).stat().st_size, Path(path).stat().st_mtime_ns) for path in task.files]
    key = hashlib.blake2b(repr((task.name, task.raw, task.epochs, stats)).encode(), digest_size=8).hexdigest()
    kept = cache / f"{task.family}-{key}.json"
    if kept.exists():
        return Reference(**json.loads(kept.read_text(encoding="utf-8")))
    found = Reference.of(task.curves.sample(), task.sign)
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(vars(found)), encoding="utf-8")
    return found
