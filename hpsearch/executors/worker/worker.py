"""What runs in a worker, whichever executor it belongs to: one trial after another as a stream of events."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from hpsearch.errors import CheckpointError, Interrupted, ObjectiveError
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.machine.memory import Meter, NoMeter, meter_for
from hpsearch.executors.worker.disk import TrialLog, held_by
from hpsearch.executors.worker.failures import in_a_line, in_full
from hpsearch.executors.worker.random_state import captured, prepare, restore
from hpsearch.objectives.base import Metrics, Objective, Trial, iterate
from hpsearch.objectives.loading import code_folder, load_objective
from hpsearch.system.files import atomic_write
from hpsearch.system.git import code_state
from hpsearch.trial.checkpoint import load_state
from hpsearch.trial.events import PredictionsReady, TrialEnded, TrialEvent, TrialMeasured, TrialStarted
from hpsearch.trial.folder import LOG, AttemptWriter
from hpsearch.trial.trial import Measurement, PredictSpec, StopReason, TrialSpec


@dataclass(frozen=True, slots=True)
class _End:
    """Why an attempt has ended, with what the objective raised: in a line, and as a whole."""

    reason: StopReason
    error: str | None = None
    traceback: str | None = None


def _failure(error: BaseException) -> _End:
    reason = StopReason.OOM if _is_out_of_memory(error) else StopReason.ERROR
    return _End(reason, in_a_line(error), in_full(error))


def _no_state() -> None:
    """Keep no random state: a command's is its own."""


def _no_signal() -> None:
    """Say that no signal has come."""


class Worker:
    """Serves trials with one objective, which it loads at the first and keeps.

    Args:
        workplace: What all workers of the study share.
        own_process: Whether nothing else runs in this process.
        check: Raises `Interrupted` if a signal has come: what an objective does that has caught it ends no trial.
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

    def run(self, task: Task) -> Iterator[TrialEvent]:
        """Run a task; its events end with `TrialEnded` or `PredictionsReady`, whatever the objective does.

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
            _check_copy(self._workplace)
            self._code = _code(self._workplace)  # what is imported from now on
            objective.setup(self._device)
            self._meter.settle()
            self._objective = objective
            if self._own_process:
                # All this stays; to look at torch's half a million objects after each trial would take 0.1 s.
                gc.freeze()
        elif self._workplace.objective.own_processes:
            self._code = _code(self._workplace)  # each trial reads its own
        return self._objective

    def _train(self, spec: TrialSpec) -> Iterator[TrialEvent]:
        random_state = _no_state if self._workplace.objective.own_processes else captured
        writer = AttemptWriter(spec, self.name, random_state=random_state)
        with _same_directory():
            end = yield from self._attempt(spec, writer)
        gpu = self._meter.end(self._free_memory)
        packed = self._workplace.trials_per_gpu > 1 and not spec.alone
        if not (packed and end.reason is StopReason.OOM):  # that one is tried again alone, from its last checkpoint
            writer.finish(end.reason, end.error, end.traceback)
        yield TrialEnded(
            stage=spec.stage,
            number=spec.number,
            attempt=spec.attempt,
            reason=end.reason,
            worker=self.name,
            history=writer.manifest.measurements,
            error=end.error,
            traceback=end.traceback,
            packed=packed,
            gpu=gpu,
        )

    def _attempt(self, spec: TrialSpec, writer: AttemptWriter) -> Generator[TrialEvent, None, _End]:
        with _trial_log(spec) as log:
            try:
                objective = self._loaded()
                prepare(spec.seed, None if self._workplace.objective.own_processes else self._workplace.threads)
                self._meter.begin(spec.folder)
                yield self._started(spec)
                meter = self._meter if self._workplace.measures_memory else None
                trial = Trial(spec, device=self._device, writer=writer, log=log, set_random_state=restore)
                return _End((yield from _epochs(objective, spec, trial, writer, meter, self._check)))
            except (Interrupted, GeneratorExit):
                raise
            except BaseException as caught:
                self._check()
                if (held := held_by(caught, spec.folder)) is not None:
                    raise held from caught
                end = _failure(caught)
                log.error(end.traceback)  # noqa: TRY400 - the traceback is the text
                caught.__traceback__ = None  # its frames hold the model, and the GPU memory
                return end
            finally:
                writer.discard_staged()

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
        """Free what the trial's cycles of objects hold: tensors, above all."""
        torch = sys.modules.get("torch")
        if torch is not None or self._workplace.gpu:  # else Python's own rhythm is enough
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
        for left in path.parent.glob(f".{path.name}.*.tmp"):  # by a worker that was killed meanwhile
            left.unlink(missing_ok=True)
        with atomic_write(path) as file:
            np.savez(file, probabilities=probabilities, labels=labels)


def _is_whole(path: Path) -> bool:
    """Whether predictions are there that can be read: they may have been written long ago."""
    import numpy as np

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return all(file[name] is not None for name in ("probabilities", "labels"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return False


def _epochs(
    objective: Objective,
    spec: TrialSpec,
    trial: Trial,
    writer: AttemptWriter,
    meter: Meter | None,
    check: Callable[[], None],
) -> Generator[TrialMeasured, None, StopReason]:
    """Train, commit and decide epoch by epoch; returns why the trial ended."""
    began = time.monotonic()
    with _closing(iterate(objective.train, spec.config, trial), trial.log) as measured:
        while (metrics := _next(measured, check)) is not _OVER:
            measurement = trial.measure(metrics, time.monotonic() - began)
            reason = verdict(spec, (*writer.manifest.measurements, measurement))
            writer.commit(measurement, reason)
            gpu = None if meter is None else meter.use()
            yield TrialMeasured(
                stage=spec.stage,
                number=spec.number,
                attempt=spec.attempt,
                measurement=measurement,
                gpu=gpu,
                last=reason is not None,
            )
            if reason is not None:
                return reason
            began = time.monotonic()
    return StopReason.FINISHED


_OVER: Metrics = {}


def _next(measured: Iterator[Metrics], check: Callable[[], None]) -> Metrics:
    """Return the metrics of the next epoch, or `_OVER`.

    Raises:
        ObjectiveError: The objective raised what Python closes generators with: it has failed, and not been closed.
    """
    try:
        metrics = next(measured, _OVER)
    except GeneratorExit as error:
        raise ObjectiveError("the objective raised GeneratorExit") from error
    check()
    return metrics


@contextmanager
def _closing(measured: Generator[Metrics, None, None], log: logging.Logger) -> Iterator[Iterator[Metrics]]:
    """Close an objective; what it raises then is logged, for how its trial ends is decided already."""
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
    """Go back to the working directory: an objective may leave it, and later trials have relative paths."""
    before: Path | None = None
    with suppress(FileNotFoundError):  # it was removed
        before = Path.cwd()
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                os.chdir(before)


def verdict(spec: TrialSpec, history: tuple[Measurement, ...]) -> StopReason | None:
    """Return why a trial with this history has ended, or None; the driver asks the same of a manifest it adopts."""
    if not history:
        return None
    reasons = (rule(history) for rule in spec.rules)
    reason = next((reason for reason in reasons if reason is not None), None)
    if history[-1].epoch >= spec.epochs and reason in (None, StopReason.STALLED):
        return StopReason.FINISHED  # a rule that would have saved nothing has ended nothing
    return reason


@contextmanager
def _trial_log(spec: TrialSpec) -> Iterator[logging.Logger]:
    """Make the logger that writes to the trial's own file, and to nothing else."""
    log = logging.Logger(f"hpsearch.{spec.stage}.{spec.number}", logging.INFO)  # noqa: LOG001 - getLogger would keep one for each trial for ever
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


def _check_copy(workplace: Workplace) -> None:
    """Refuse a module that was imported from elsewhere than the study's copy of the code.

    Raises:
        ObjectiveError: It says from where.
    """
    if workplace.place is None or workplace.objective.own_processes:
        return
    folder = code_folder(workplace.objective, workplace.folder, workplace.module_folder)
    if workplace.place.copy not in (folder, *folder.parents):
        msg = (
            f"the objective was imported from {folder}, not from the study's copy of the code, {workplace.place.copy}; "
            "allowed: a module that is found from the working directory or the space file's folder"
        )
        raise ObjectiveError(msg)


def _code(workplace: Workplace) -> Mapping[str, Any] | None:
    """Return the state of the user's code; None outside of a repository."""
    if workplace.place is not None:
        return workplace.copied_code
    if workplace.objective.built_in:
        return None
    folder = code_folder(workplace.objective, workplace.folder, workplace.module_folder)
    state = code_state(folder, [] if workplace.studies is None else [Path(workplace.studies)])
    return None if state is None else state.as_dict()


def _is_out_of_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))
