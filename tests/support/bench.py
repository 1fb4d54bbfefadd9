"""Whole studies in the tests' own process, with the inline executor."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch  # noqa: F401 - imported before the freeze

from hpsearch import api
from hpsearch.executors.resources import ResourceRequest
from hpsearch.trial.events import Event, Notice, TrialEvent
from hpsearch.trial.trial import Stage
from support.documents import write_yaml
from support.factories import sample_raw
from support.paths import OBJECTIVES

INLINE = ResourceRequest(executor="inline")

# A worker collects garbage after each trial; torch's own objects need not be walked every time.
gc.freeze()


class Stop(BaseException):
    """Ends a driver as a kill does: it writes nothing afterwards."""


class Bench:
    """A working directory with a space file, and all events of the studies that ran in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.studies = folder, folder / "studies"
        self.audit = folder / "audit.txt"
        self.audit.touch()
        self.events: list[Event] = []
        self.watch: Callable[[Event], None] = lambda _: None
        self._opened: list[api.Study] = []

    def space(self, function: str = "Classifier", **changes: object) -> Path:
        small = {"objective": {"epochs": 2}, "search": {"trials": 4}, "finalists": {"configs": 2, "seeds": 2}}
        raw = sample_raw(function, **small)
        for name, value in changes.items():
            merged = isinstance(value, dict) and isinstance(raw.get(name), dict) and name != "space"
            raw[name] = {**raw[name], **value} if merged else value
        return write_yaml(self.folder / "sample.yaml", raw)

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self.watch(event)

    def run(self, space: Path, **options: object) -> api.Study:
        return self._keep(api.run(space, request=INLINE, studies=self.studies, publish=self.publish, **options))

    def resume(self, study: str | Path = "sample", **options: object) -> api.Study:
        return self._keep(api.resume(study, request=INLINE, studies=self.studies, publish=self.publish, **options))

    def load(self, study: str | Path = "sample") -> api.Study:
        loaded = self._keep(api.load_study(study, studies=self.studies))
        loaded.store.reload()  # as it is now, not at the first look at its trials
        return loaded

    def _keep(self, study: api.Study) -> api.Study:
        self._opened.append(study)
        return study

    def audited(self, prefix: str = "") -> list[str]:
        return [line for line in self.audit.read_text().splitlines() if line.startswith(prefix)]

    def notices(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Notice)]

    def stop_at(self, kind: type[TrialEvent], count: int, stage: Stage = Stage.SEARCH) -> None:
        """Have the driver killed at an event of a kind, by its count."""
        seen = [0]

        def watch(event: Event) -> None:
            seen[0] += isinstance(event, kind) and event.stage is stage
            if seen[0] == count:
                raise Stop

        self.watch = watch

    def close(self) -> None:
        for study in self._opened:
            study.close()


def results(study: api.Study) -> list[tuple]:
    """Return the parts of a study that must not depend on interruptions."""
    return [
        (
            stage,
            r.number,
            dict(r.params),
            r.seed,
            r.value,
            r.best_epoch,
            r.epochs,
            r.stop_reason,
            dict(r.values),
            r.source,
        )
        for stage in Stage
        for r in study.store.records(stage)
    ]


def begin(folder: Path, patch: pytest.MonkeyPatch) -> Bench:
    """Go into a folder and make studies there, with the sample objectives and without GPUs."""
    made = Bench(folder)
    patch.chdir(folder)
    patch.setenv("SAMPLE_AUDIT", str(made.audit))
    patch.setenv("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    patch.setattr(sys, "path", [str(OBJECTIVES), *sys.path])
    return made
