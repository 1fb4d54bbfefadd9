"""hpsearch's own studies on simulated workers: driver, store and all."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from curves import Task
from traces import Setting, TimeIsUp, Trace
from workers import ReplayExecutor

from hpsearch import api
from hpsearch.driver import session as driver
from hpsearch.executors.resources import ResourceRequest

METRIC = "value"
SAMPLERS = ("auto", "jittered_grid", "random", "sobol", "tpe", "gp")
PRUNES: dict[str, Any] = {
    "none": None,
    "stall": {"stall": {}},
    "auto": "auto",
    "asha": {"asha": {}},
    "asha-arrival": {"asha": {"order": "arrival"}},
    "asha-stop": {"asha": {"mode": "stop"}},
    "asha-first-1": {"asha": {"first": 1}},
    "hyperband": {"hyperband": {}},
    "median": {"median": {}},
    "screen": {"screen": {"keep": 10}},
}
SHORT = {"asha": "jittered_grid+asha", "asha-arrival": "jittered_grid+asha-arrival"}
_TRIALS = 5  # for each full training: where a ninth is the first rung, a trial takes about a quarter of one
_OTHER_TRIALS = {"none": 2, "asha-first-1": 16}  # without pruning only trials that diverge are shorter
_AUTO_TRIALS = 10  # at most; it chooses itself when to begin one
_OBJECTIVE = """\
def train(config, trial):
    raise NotImplementedError("simulated workers play the curves")
"""


def parts_of(method: str) -> tuple[str, str] | None:
    """Return a method's sampler and the key of its pruning in `PRUNES`; None if it is none of hpsearch's."""
    sampler, _, prune = SHORT.get(method, method).partition("+")
    prune = prune or "auto"
    return (sampler, prune) if sampler in SAMPLERS and prune in PRUNES else None


def space_file(task: Task, method: str, seed: int, trainings: float) -> dict[str, Any]:
    """Return a space file's content.

    Args:
        task: What is searched.
        method: `SAMPLER+PRUNING`, or a name in `SHORT`.
        seed: The study's.
        trainings: How many full trainings the epochs are worth. There are enough trials not to end before.
    """
    sampler, prune = parts_of(method) or ("", "")
    most = _AUTO_TRIALS if sampler == "auto" else _OTHER_TRIALS.get(prune, _TRIALS)
    search: dict[str, Any] = {"sampler": sampler, "trials": math.ceil(trainings * most)}
    if sampler == "auto":
        search["epochs"] = math.ceil(trainings * task.epochs)
    return {
        "study": "replay",
        "metric": METRIC,
        "direction": "maximize" if task.maximize else "minimize",
        "seed": seed,
        "objective": {"python": "replayed:train", "epochs": task.epochs},
        "space": dict(task.raw),
        "search": search,
        "prune": PRUNES[prune],
        "finalists": None,
        "ensemble": None,
    }


def play(task: Task, method: str, seed: int, setting: Setting, planned: float | None = None) -> Trace:
    """Run a study until its epochs are spent or its trials have ended.

    Args:
        task: What is searched.
        method: `SAMPLER+PRUNING`, or a name in `SHORT`.
        seed: The study's.
        setting: What all studies have in common.
        planned: The full trainings that the space file is for; None for those that are played.
    """
    trace = setting.trace(task)
    executor = ReplayExecutor(setting.workers, task, trace, setting.spread)
    content = space_file(task, method, seed, planned or setting.trainings)
    with tempfile.TemporaryDirectory(prefix="replay-", dir=_memory()) as folder, suppress(TimeIsUp):
        study_of(Path(folder), content, executor).close()
    return trace


def study_of(folder: Path, content: dict[str, Any], executor: ReplayExecutor) -> api.Study:
    """Make a study in a folder and drive it to its end.

    Raises:
        TimeIsUp: The epochs are spent before.
    """
    (folder / "replayed.py").write_text(_OBJECTIVE, encoding="utf-8")
    path = folder / "space.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    with _simulated(executor) as request:
        return api.run(path, request=request, studies=folder)


def _memory() -> str | None:
    """Return a folder in memory, if there is one: the store is not what is measured here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the study's folder there gets a new name


@contextmanager
def _simulated(executor: ReplayExecutor) -> Iterator[ResourceRequest]:
    """Have the driver start these workers; all else is as in `hpsearch run`."""
    begin, start = driver.begin_executor, driver.start_executor
    vars(driver).update(begin_executor=lambda *_: None, start_executor=lambda *_: executor)
    try:
        yield ResourceRequest(workers=executor.slots, cpus_per_trial=1)
    finally:
        vars(driver).update(begin_executor=begin, start_executor=start)
