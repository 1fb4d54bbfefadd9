"""The `trial` that an objective is given."""

from __future__ import annotations

import logging
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.errors import ObjectiveError
from hpsearch.text import shown_in_python
from hpsearch.trial.folder import AttemptWriter
from hpsearch.trial.trial import Measurement, TrialSpec

Metrics = Mapping[str, float]
HandOver = Callable[[Metrics], None]
_MOST_METRICS = 10_000  # each epoch writes the metrics of all epochs before it again
_LONGEST_NAME = 1000  # characters


@dataclass(frozen=True, slots=True)
class Said:
    """What an objective says to people, besides its measurements.

    Attributes:
        of_end: Added to the words on why the trial ended.
        once: Told once a study.
    """

    of_end: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What hpsearch's own objectives see of a trial, and a user's don't.

    Attributes:
        epoch: Returns the epoch that was measured last, 0 before the first.
        earlier: Folders of the trial's earlier attempts, newest first.
        at_epoch: Sets the epoch of the next measurement. Epochs before the first one of an attempt are taken over from
            an earlier attempt.
        adopt: Takes over the measurements of earlier attempts up to an epoch, and returns the last one's epoch, or 0.
        check_trained: Raises ObjectiveError for an objective that ended without a measurement and had epochs left.
        report_to: Sets what `trial.report` hands metrics to; None if the objective has to yield them.
        said: What people are to be told; the objective adds to it.
    """

    metric: str
    total_epochs: int
    epoch: Callable[[], int]
    earlier: tuple[Path, ...]
    at_epoch: Callable[[int], None]
    adopt: Callable[[int], int]
    check_trained: Callable[[], None]
    report_to: Callable[[HandOver | None], None]
    said: Said


class Trial:
    """What an objective sees of its trial.

    Attributes:
        number: From 0.
        seed: Below 2**32; Python, NumPy and torch are seeded with it already.
        device: As torch names it: `cpu` or `cuda:0`.
        dir: This attempt's own folder; files written here stay with the trial.
        log: A logger that writes to `log.txt` in it.
    """

    def __init__(
        self,
        spec: TrialSpec,
        *,
        device: str,
        writer: AttemptWriter,
        log: logging.Logger,
        set_random_state: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self.number, self.seed, self.device, self.log = spec.number, spec.seed, device, log
        self.dir: Path = writer.folder
        self._total_epochs = spec.epochs
        self._metric = spec.metric
        self._writer = writer
        self._epoch = 0  # the epoch that was measured last, or is open
        self._open = True  # whether the epoch still awaits its measurement
        self._iterating = False
        self._measured = False
        self._resumed_at = 0  # the epoch after which it went on from an earlier attempt
        self._hand_over: HandOver | None = None
        self._said = Said()
        self._set_random_state = set_random_state
        self._random: Mapping[str, Any] | None = None  # of the checkpoint that was loaded

    def epochs(self) -> Iterator[int]:
        """Yield the epochs that remain: after the checkpoint that was loaded, or from 1 if none was.

        After a checkpoint the random generators go on from their state in it, whatever was drawn since.
        """
        self._iterating = True
        self._go_on_at_random()
        for epoch in range(self._epoch + 1, self._total_epochs + 1):
            self._epoch, self._open = epoch, True
            yield epoch
        self._open = False

    def report(self, metrics: Metrics, checkpoint: object = None) -> None:
        """Report an epoch's metrics from code that can't yield.

        Args:
            metrics: By name. Epochs without the study's metric count as trained.
            checkpoint: What `save_checkpoint` takes.

        Raises:
            TrialStopped: The trial has to end; don't catch this.
            ObjectiveError: The objective yields too, or the metrics are not numbers.
        """
        if self._hand_over is None:
            msg = "trial.report was called in a generator; yield the metrics instead"
            raise ObjectiveError(msg)
        if checkpoint is not None:
            self.save_checkpoint(checkpoint)
        self._hand_over(metrics)

    def save_checkpoint(self, state: object) -> None:
        """Stage a checkpoint. The next yield commits it, together with its metrics.

        Args:
            state: Tensors, numbers, text, and lists and dicts of them.

        Raises:
            CheckpointError: It could not be loaded again; the message names the key.
            ObjectiveError: This epoch's metrics were yielded already.
        """
        if self._iterating and not self._open:
            msg = (
                f"save_checkpoint was called after the yield of epoch {self._epoch}; call it before, "
                "or the weights would be kept under the next epoch's metrics"
            )
            raise ObjectiveError(msg)
        self._writer.stage(state)

    def load_checkpoint(self) -> Any:
        """Return the newest readable checkpoint, tensors on the CPU, or None on a fresh start.

        Raises:
            ObjectiveError: An epoch has begun already, so a checkpoint would come too late.
        """
        if self._iterating or self._measured:
            msg = "load_checkpoint was called after the first epoch had begun; call it before trial.epochs()"
            raise ObjectiveError(msg)
        loaded = self._writer.resume(self.log.warning)
        if loaded is None:
            return None
        self._epoch, state = loaded
        self._resumed_at = self._epoch
        last = self._writer.manifest.last
        self._random = None if last is None else last.random
        self._go_on_at_random()
        return state

    def _go_on_at_random(self) -> None:
        """Set the random generators to their state in the checkpoint that was loaded."""
        if self._random is None:
            return
        try:
            self._set_random_state(self._random)
        except ValueError as error:
            self._random = None
            self.log.warning("the random generators begin anew: their state can't be read: %s", error)

    def measure(self, metrics: Metrics, seconds: float) -> Measurement:
        """Return the measurement for what the objective gave; hpsearch calls this, objectives don't.

        Raises:
            ObjectiveError: It is no mapping of names to numbers, or is the epoch's second.
        """
        if self._iterating:
            if not self._open:
                msg = f"epoch {self._epoch} was measured twice; yield once per epoch"
                raise ObjectiveError(msg)
        else:
            self._epoch += 1
        self._open = False
        self._measured = True
        return Measurement(epoch=self._epoch, metrics=_numbers(metrics), seconds=seconds)

    def _inside(self) -> Inside:
        return Inside(
            metric=self._metric,
            total_epochs=self._total_epochs,
            epoch=lambda: self._epoch,
            earlier=self._writer.earlier,
            at_epoch=self._at_epoch,
            adopt=self._adopt,
            check_trained=self._check_trained,
            report_to=self._report_to,
            said=self._said,
        )

    def _at_epoch(self, epoch: int) -> None:
        """Set the epoch of the next measurement.

        Raises:
            ObjectiveError: It does not come after the epoch before.
        """
        if epoch <= self._epoch:
            after = f"it came after epoch {self._epoch}" if self._epoch else "epochs count from 1"
            msg = f"found a measurement of epoch {epoch}, but {after}; allowed: epochs from 1 that increase"
            raise ObjectiveError(msg)
        if epoch > 1 and not self._measured:
            self._adopt(epoch - 1)
        self._epoch = epoch - 1

    def _adopt(self, up_to_epoch: int) -> int:
        taken = self._writer.adopt(up_to_epoch, self.log.warning)
        if taken:
            self._resumed_at = up_to_epoch
        return self._writer.manifest.measurements[-1].epoch if taken else 0

    def _report_to(self, hand_over: HandOver | None) -> None:
        self._hand_over = hand_over

    def _check_trained(self) -> None:
        if self._resumed_at < self._total_epochs:
            since = f" after epoch {self._resumed_at}, where it resumed," if self._resumed_at else ""
            msg = f"the objective ended without a measurement{since}; yield metrics or call trial.report each epoch"
            raise ObjectiveError(msg)


def inside(trial: Trial) -> Inside:
    """Return what only hpsearch's own objectives see of a trial."""
    return trial._inside()  # noqa: SLF001 - private, so that users don't see it


def _numbers(metrics: object) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        msg = f"the objective yielded a {type(metrics).__name__}; allowed: a mapping of metric names to numbers"
        raise ObjectiveError(msg)
    if len(metrics) > _MOST_METRICS:
        msg = f"the objective yielded {len(metrics)} metrics; allowed: at most {_MOST_METRICS}"
        raise ObjectiveError(msg)
    values = {}
    for name, value in metrics.items():
        if value is None:
            continue  # not measured in this epoch
        number = _number(value)
        if not isinstance(name, str) or len(name) > _LONGEST_NAME or number is None:
            what = f"metric {shown_in_python(name)} is {shown_in_python(value)}"
            msg = f"{what}; allowed: a number, named by text of at most {_LONGEST_NAME} characters"
            raise ObjectiveError(msg)
        values[name] = number
    return values


def _number(value: Any) -> float | None:
    """Return a number, or an array or tensor of one element, as a float; None if it is neither."""
    try:
        number = value.item() if hasattr(value, "item") else value
        return float(number) if isinstance(number, numbers.Real) and not isinstance(number, bool) else None
    except (ValueError, RuntimeError, OverflowError):  # an array, a tensor of several elements, or a huge integer
        return None
