"""Plays many studies in several processes. What is in the file of an earlier call is not played again."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import methods
import tasks
from curves import Reference, Task
from traces import Result, Setting

_SAVE_S = 10.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

StudyKey = tuple[str, str, int]


class OtherSettingsError(Exception):
    """The file has studies of other settings."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all studies share.

    Attributes:
        data: The folder of the recorded curves.
        cache: A folder that keeps what regret is measured by; None for none.
        setting: Workers, epochs and the times that they take.
    """

    data: Path
    cache: Path | None
    setting: Setting


@cache
def _loaded(data: Path, name: str, kept: Path | None) -> tuple[Task, Reference]:
    task = tasks.load(data, name)
    return task, tasks.reference(task, kept)


def play_one(settings: Settings, key: StudyKey) -> Result:
    """Play one study: a method, a task and a seed."""
    method, name, seed = key
    task, reference = _loaded(settings.data, name, settings.cache)
    trace = methods.play(task, method, seed, settings.setting)
    return Result.of(trace, method, task, seed, reference)


def play_all(settings: Settings, keys: Sequence[StudyKey], jobs: int, file: Path | None) -> list[Result]:
    """Play the studies that the file lacks, and write them there from time to time.

    Args:
        settings: Of all of them.
        keys: Of the studies.
        jobs: Processes.
        file: JSON; None to keep nothing.

    Returns:
        The results of the keys, in their order.

    Raises:
        OtherSettingsError: The file has other settings.
        UnknownMethodError: A package is missing.
    """
    found = read(file, settings)
    missing = [key for key in keys if key not in found]
    for method in {method for method, _, _ in missing}:
        methods.check_package(method)
    try:
        saved = time.monotonic()
        for count, result in enumerate(_played(settings, missing, jobs), start=1):
            found[result.key] = result
            print(f"{count} of {len(missing)}: {' '.join(map(str, result.key))}", file=sys.stderr, flush=True)
            if file is not None and time.monotonic() - saved > _SAVE_S:
                write(file, settings, found)
                saved = time.monotonic()
    finally:
        if file is not None:
            write(file, settings, found)
    return [found[key] for key in keys]


def _played(settings: Settings, keys: Sequence[StudyKey], jobs: int) -> Iterator[Result]:
    """Yield results as they come. A process is new, and reads how many threads it may have before it imports NumPy."""
    os.environ |= {name: os.environ.get(name, "1") for name in _THREADS}
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(play_one, settings, key) for key in keys]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def read(file: Path | None, settings: Settings, *, longer: bool = False) -> dict[StudyKey, Result]:
    """Return the studies of a file, by key; none if there is no file yet.

    Args:
        file: As `write` writes it.
        settings: Those that its studies must have.
        longer: Whether they may have more epochs.

    Raises:
        OtherSettingsError: They have other settings.
    """
    if file is None or not file.exists():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    for name, value in _shared(settings).items():
        if content[name] != value and not (longer and name == "trainings" and content[name] > value):
            has = f"{file}: has studies with {name} {content[name]:g}"
            raise OtherSettingsError(f"{has}; allowed: {value:g}, or a new file")
    results = [Result(**one | {"steps": tuple(map(tuple, one["steps"]))}) for one in content["studies"]]
    return {result.key: result for result in results}


def write(file: Path, settings: Settings, found: dict[StudyKey, Result], **more: Any) -> None:
    """Write all studies, and more."""
    content = {**_shared(settings), **more, "studies": [asdict(result) for result in found.values()]}
    new = file.with_name(f".{file.name}.tmp")
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    new.replace(file)


def _shared(settings: Settings) -> dict[str, float]:
    return asdict(settings.setting)
