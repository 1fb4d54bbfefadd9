"""Which epoch a measurement belongs to: the one that its line names, or else the next one."""

from __future__ import annotations

from hpsearch.errors import ObjectiveError

COUNT_ALL = "set metrics: {counted: true} below objective, and each of them is an epoch"


class MixedLinesError(ObjectiveError):
    """Lines without an epoch were counted, and then came one with an epoch."""


class Epochs:
    """Gives the measurements of one command their epochs, counted from 1.

    A command counts its epochs itself, or its lines are counted. Where it does the first, a line without an epoch is
    about something else, such as a step.

    Args:
        metric: The study's, for messages.
        first: The command's own number of its first epoch, 0 or 1.
        counted: Whether lines are counted whatever epoch they name.
    """

    def __init__(self, metric: str, first: int = 1, *, counted: bool = False) -> None:
        self._metric, self._first, self._all = metric, first, counted
        self._count, self._given = 0, False

    @property
    def counts(self) -> bool:
        """Whether the lines so far were counted, although the space file doesn't say that they should be."""
        return self._count > 0 and not self._all

    @property
    def given(self) -> bool:
        """Whether a line so far had an epoch that it was taken from."""
        return self._given

    def of(self, epoch: float | None) -> int | None:
        """Return the epoch of the next line that has the metric; None if that line is no measurement.

        Args:
            epoch: What the line says.

        Raises:
            MixedLinesError: It has an epoch, and the lines before had none.
            ObjectiveError: The epoch is no whole number, or comes before the first one.
        """
        if epoch is None or self._all:
            if self._given:
                return None
            self._count += 1
            return self._count
        if self._count:
            lines = "a line" if self._count == 1 else f"{self._count} lines"
            msg = (
                f"{lines} with {self._metric!r} and no epoch came before one of epoch {epoch:g}. Print the epoch in "
                f"each line that is an epoch's measurement, and {self._metric!r} in no other; or {COUNT_ALL}"
            )
            raise MixedLinesError(msg)
        self._given = True
        return shifted(epoch, self._first)


def shifted(epoch: float, first: int) -> int:
    """Return an epoch counted from 1.

    Args:
        epoch: As the command counts.
        first: Its number of the first epoch.

    Raises:
        ObjectiveError: It is no whole number, or comes before the first one.
    """
    if not float(epoch).is_integer():
        msg = f"found a measurement of epoch {epoch:g}; allowed: whole epochs from {first}; or {COUNT_ALL}"
        raise ObjectiveError(msg)
    if epoch < first:
        msg = f"found a measurement of epoch {epoch:g}, but epochs count from {first}"
        if epoch == 0:
            msg = "found a measurement of epoch 0; where epochs count from 0, set metrics.first_epoch: 0, as in "
            msg += "metrics: {first_epoch: 0} below objective"
        raise ObjectiveError(msg)
    return int(epoch) + 1 - first
