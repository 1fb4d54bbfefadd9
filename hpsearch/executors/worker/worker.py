"""What runs in a worker of any executor: one task after another, each as a stream of events."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from hpsearch.errors import CheckpointError, Interrupted, ObjectiveError
from hpsearch.executors import code
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.machine.memory import Meter, NoMeter, meter_for
from hpsearch.executors.worker.failures import in_a_line, in_full
from hpsearch.executors.worker.held import TrialLog, held_by
from hpsearch.executors.worker.random_state import captured, prepare, restore
from hpsearch.objectives.base import Objective, iterate
from hpsearch.objectives.loading import load_objective
from hpsearch.system.files import atomic_write
from hpsearch.trial.checkpoint import load_state
from hpsearch.trial.events import (
    LegEnded,
    PredictionsReady,
    TrialEnded,
    TrialEvent,
    TrialMeasured,
    TrialPaused,
    TrialStarted,
)
from hpsearch.trial.folder import LOG, AttemptWriter
from hpsearch.trial.handle import Metrics, Said, Trial, inside
from hpsearch.trial.manifest import Manifest
from hpsearch.trial.metric import check_came
from hpsearch.trial.trial import PAUSE, Answer, Decision, Measurement, PredictSpec, StopReason, TrialSpec

Events = Generator[TrialEvent, Answer | None, None]
"""The events of a task. `LegEnded` is answered by the value that is sent next; all others by None."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why an attempt has ended, or `GO_ON` if it is paused.

    Attributes:
        error: What the objective raised, in one line.
        traceback: The same as a whole.
        notices: What people are told once a study.
    """

    decision: Decision
    error: str | None = None
    traceback: str | None = None
    notices: tuple[str, ...] = ()


def _failure(error: BaseException) -> _End:
    reason = StopReason.OOM if _is_out_of_memory(error) else StopReason.ERROR
    return _End(Decision(reason), in_a_line(error), in_full(error))


def _with_words(decision: Decision, said: Said) -> _End:
    """Return the end of an attempt, with what its objective says of it."""
    if decision.reason is StopReason.FINISHED and said.of_end:
        decision = replace(decision, words="; ".join(filter(None, (decision.words, *said.of_end))))
    return _End(decision, notices=tuple(said.once))


def _no_state() -> None:
    """Keep no random state: a command has its own."""


def _no_signal() -> None:
    """Say that no signal has come."""


class Worker:
    """Runs tasks with one objective, which it loads for the first one and keeps.

    Args:
        workplace: What all workers of the study share.
        own_process: Whether nothing else runs in this process.
        check: Raises `Interrupted` if a signal has come. An objective that caught the signal itself ends no trial.
    """

    def __init__(
        self, workplace: Workplace, *, own_process: bool = False, check: Callable[[], None] = _no_signal
    ) -> None:
        self._workplace, self._own_process, self._check = workplace, own_process, check
        self._objective: Objective | None = None
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._device = "cpu"
        self._code: Mapping[str, Any] | None = None
        self._meter: Meter = NoMeter()

    def run(self, task: Task) -> Events:
        """Run a task. Whatever the objective does, its last event is `TrialEnded`, `TrialPaused` or `PredictionsReady`.

        Raises:
            UnwritableError: Nothing more can be committed.
        """
        try:
            if isinstance(task, PredictSpec):
                yield self._predict(task)
            else:
                yield from self._train(task)
        except OSError as error:
            held = held_by(error, task.folder)
            if held is None:
                raise
            raise held from None

    def _loaded(self) -> Objective:
        if self._objective is None:
            self._meter = _meter(self._workplace)  # before CUDA starts
            self._device = _pick_device(self._workplace)
            objective = load_objective(self._workplace.objective, self._workplace.module_folder)
            code.check_copy(self._workplace)
            self._code = code.state_of(self._workplace)  # the code that is imported from now on
            objective.setup(self._device)
            self._meter.settle()
            self._objective = objective
            if self._own_process:
                # All this stays. Garbage collection would look at torch's half a million objects: 0.1 s a trial.
                gc.freeze()
        elif self._workplace.objective.own_processes:
            self._code = code.state_of(self._workplace)  # each trial reads it anew
        return self._objective

    def _train(self, spec: TrialSpec) -> Events:
        random_state = _no_state if self._workplace.objective.own_processes else captured
        writer = AttemptWriter(spec, self.name, random_state=random_state)
        with _same_directory():
            end = yield from self._attempt(spec, writer)
        gpu = self._meter.end(self._free_memory)
        reason = end.decision.reason
        if reason is None:
            yield TrialPaused(stage=spec.stage, number=spec.number, attempt=spec.attempt, worker=self.name, gpu=gpu)
            return
        packed = self._workplace.trials_per_gpu > 1 and not spec.alone
        if not (packed and reason is StopReason.OOM):  # that trial is tried again alone, from its last checkpoint
            writer.finish(end.decision, end.error, end.traceback)
        yield TrialEnded(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            reason=reason,
            why=end.decision.words,
            worker=self.name,
            measured=len(writer.manifest.measurements),
            error=end.error,
            traceback=end.traceback,
            packed=packed,
            gpu=gpu,
            notices=end.notices,
        )

    def _attempt(self, spec: TrialSpec, writer: AttemptWriter) -> Generator[TrialEvent, Answer | None, _End]:
        with _trial_log(spec) as log:
            try:
                objective = self._loaded()
                prepare(spec.seed, None if self._workplace.objective.own_processes else self._workplace.threads)
                self._meter.begin(spec.folder)
                yield self._started(spec)
                trial = Trial(spec, device=self._device, writer=writer, log=log, set_random_state=restore)
                decision = yield from self._epochs(objective, spec, trial, writer)
                return _with_words(decision, inside(trial).said)
            except (Interrupted, GeneratorExit):
                raise
            except BaseException as caught:
                self._check()
                if (held := held_by(caught, spec.folder)) is not None:
                    raise held from caught
                end = _failure(caught)
                log.error(end.traceback)  # noqa: TRY400 - the traceback is the text
                caught.__traceback__ = None  # its frames hold the model, and so the GPU memory
                return end
            finally:
                writer.discard_staged()

    def _epochs(
        self, objective: Objective, spec: TrialSpec, trial: Trial, writer: AttemptWriter
    ) -> Generator[TrialEvent, Answer | None, Decision]:
        """Train, commit and decide, epoch by epoch; return why the trial ended, or `GO_ON` if it was paused."""
        began, until = time.monotonic(), spec.until or spec.epochs
        with _closing(iterate(objective.train, spec.config, trial), trial.log) as measured:
            while (metrics := _next(measured, self._check)) is not _OVER:
                measurement = trial.measure(metrics, time.monotonic() - began)
                history = (*writer.manifest.measurements, measurement)
                decision = spec.verdict(history)
                if decision.reason is StopReason.FINISHED:
                    check_came(history, spec.metric)
                writer.commit(measurement, decision)
                yield self._measured(spec, measurement, decision)
                if decision.reason is None and measurement.epoch >= until and _is_comparable(spec, writer.manifest):
                    answer = (yield self._leg_ended(spec, writer.manifest)) or PAUSE
                    if answer.until is None:
                        return answer.decision
                    until = answer.until
                if decision.reason is not None:
                    if self._ending_s(decision):
                        _next(measured, self._check)  # a command may still have a model to write
                    return decision
                began = time.monotonic()
        check_came(writer.manifest.measurements, spec.metric)
        return Decision(StopReason.FINISHED)

    def _measured(self, spec: TrialSpec, measurement: Measurement, decision: Decision) -> TrialMeasured:
        return TrialMeasured(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            measurement=measurement,
            gpu=self._meter.use() if self._workplace.measures_memory else None,
            last=decision.reason is not None,
            ending_s=self._ending_s(decision),
        )

    def _ending_s(self, decision: Decision) -> float:
        return self._workplace.objective.ending_s if decision.reason is StopReason.FINISHED else 0.0

    def _leg_ended(self, spec: TrialSpec, manifest: Manifest) -> LegEnded:
        epoch = manifest.measurements[-1].epoch
        checkpoint = 0 if manifest.last is None else manifest.last.epoch
        return LegEnded(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            epoch=epoch,
            saved=self._workplace.objective.goes_on_after(epoch, checkpoint),
        )

    def _started(self, spec: TrialSpec) -> TrialStarted:
        return TrialStarted(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            worker=self.name,
            device=self._device,
            config=spec.config,
            code=self._code,
        )

    def _free_memory(self) -> None:
        """Free what the trial's object cycles hold, above all tensors."""
        torch = sys.modules.get("torch")
        if torch is not None or self._workplace.gpu:  # else Python's own collections are enough
            gc.collect()
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _predict(self, spec: PredictSpec) -> PredictionsReady:
        path = Path(spec.folder) / f"predictions-{spec.split}.npz"
        error, unreadable = None, False
        try:
            if not _is_whole(path):
                try:
                    state = load_state(Path(spec.folder) / spec.checkpoint)
                except CheckpointError:
                    unreadable = True
                    raise
                self._write_predictions(path, state, spec.split)
        except Interrupted:
            raise
        except BaseException as caught:
            self._check()
            if (held := held_by(caught, spec.folder)) is not None:
                raise held from caught
            error = str(caught) if unreadable else in_full(caught)
        return PredictionsReady(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            split=spec.split,
            path=None if error else str(path),
            error=error,
            unreadable=unreadable,
        )

    def _write_predictions(self, path: Path, state: Any, split: str) -> None:
        import numpy as np

        with _same_directory():
            probabilities, labels = self._loaded().predict(state, split)
        for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a worker that was killed
            left.unlink(missing_ok=True)
        with atomic_write(path) as file:
            np.savez(file, probabilities=probabilities, labels=labels)


def _is_whole(path: Path) -> bool:
    """Return whether a file has readable predictions; it may have been written long ago."""
    import numpy as np

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return all(file[name] is not None for name in ("probabilities", "labels"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return False


def _is_comparable(spec: TrialSpec, manifest: Manifest) -> bool:
    """Return whether there is a value to compare rivals by; a leg goes on until there is one."""
    return any(spec.metric in measurement.metrics for measurement in manifest.measurements)


_OVER: Metrics = {}


def _next(measured: Iterator[Metrics], check: Callable[[], None]) -> Metrics:
    """Return the metrics of the next epoch, or `_OVER`.

    Raises:
        ObjectiveError: The objective raised GeneratorExit by itself: that is a failure, for nobody has closed it.
    """
    try:
        metrics = next(measured, _OVER)
    except GeneratorExit as error:
        raise ObjectiveError("the objective raised GeneratorExit") from error
    check()
    return metrics


@contextmanager
def _closing(measured: Generator[Metrics, None, None], log: logging.Logger) -> Iterator[Iterator[Metrics]]:
    """Close an objective at the exit. What it raises then is only logged: its trial has been decided."""
    try:
        yield measured
    finally:
        try:
            measured.close()
        except Interrupted:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like are no more than errors there
            log.warning("the objective raised when it was closed: %s", in_full(error))


@contextmanager
def _same_directory() -> Iterator[None]:
    """Go back to the working directory at the exit: an objective may leave it, and paths may be relative to it."""
    before: Path | None = None
    with suppress(FileNotFoundError):  # it was removed
        before = Path.cwd()
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                os.chdir(before)


@contextmanager
def _trial_log(spec: TrialSpec) -> Iterator[logging.Logger]:
    """Give a logger that writes to the trial's own file, and nowhere else."""
    log = logging.Logger(f"hpsearch.{spec.stage}.{spec.number}", logging.INFO)  # noqa: LOG001 - getLogger would keep a logger for each trial
    handler = TrialLog(Path(spec.folder) / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()


def _meter(workplace: Workplace) -> Meter:
    if workplace.meter is not None:
        return workplace.meter()
    return meter_for(
        gpu=workplace.gpu,
        shared=workplace.trials_per_gpu > 1,
        elsewhere=workplace.objective.own_processes,
        polls=workplace.measures_memory,
    )


def _pick_device(workplace: Workplace) -> str:
    if not workplace.gpu:
        return "cpu"
    if workplace.objective.own_processes:
        return "cuda:0"  # the command finds its GPU by CUDA_VISIBLE_DEVICES
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"


def _is_out_of_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))
