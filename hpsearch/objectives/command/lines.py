"""Measurements in the lines that a command prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from hpsearch.errors import ObjectiveError
from hpsearch.objectives.command.computed import Computed
from hpsearch.objectives.command.epochs import COUNT_ALL, Epochs
from hpsearch.objectives.command.fields import (
    EPOCH,
    Fields,
    at,
    epoch_in,
    has,
    json_object,
    number_in,
    numbers_of,
    plain,
)

Row = tuple[int, Fields]  # an epoch and its metrics

_STEPS = frozenset(
    f"{before}{name}{after}"
    for name in ("step", "it", "itr", "iter", "iteration", "batch", "minibatch", "update")
    for before in ("", "global_", "train_", "num_")
    for after in ("", "s", "_idx", "_index", "_id")
)
_PARTS = frozenset(("mode", "phase", "split", "stage", "type", "kind", "event"))
_OF_STEPS = frozenset(("train", "training", "step", "iter", "batch"))
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_MOST_WAITING = 10_000


class JsonLines:
    """Lines of JSON on standard output that have the metric. One without an epoch belongs to the next epoch.

    A line that counts steps and has no epoch may be of a step within an epoch, so it waits: for a measurement that
    counts none, which shows that it was one, or for the command's end.
    """

    reads_stderr = False
    polls = False

    def __init__(self, metric: str, epochs: Epochs, computed: Computed, *, waits: bool = True) -> None:
        self.expected = f"a line of JSON with {metric!r} on its standard output"
        self.notices: list[str] = []
        self._metric, self._epochs, self._computed, self._waits = metric, epochs, computed, waits
        self._waiting: list[Fields] = []
        self._first: dict[str, object] = {}  # what looks like a count of steps in the first line that waits

    @property
    def counts(self) -> bool:
        """Whether the lines so far were counted."""
        return self._epochs.counts

    def wants(self, line: str) -> bool:
        """Return whether a line may be JSON."""
        return plain(line).lstrip().startswith("{")

    def rows(self, line: str | None) -> Iterator[Row]:
        """Yield the measurement of a line, if it is one."""
        found = None if line is None else json_object(line)
        if found is None:
            return
        metrics, as_text = numbers_of(found, (self._metric, *self._computed.names))
        said = epoch_in(at(found, EPOCH))
        if said is not None:
            metrics[EPOCH] = said
        metrics = self._computed.added_to(metrics)
        if self._metric not in metrics:
            return
        epoch = metrics.pop(EPOCH, None)
        if epoch is None and has(found, EPOCH) and at(found, EPOCH) is not None:
            return  # it is about some other time, such as "final"
        if epoch is None and self._waits and (steps := _steps(found)):
            yield from self._wait(metrics, steps)
            return
        number = self._epochs.of(epoch)
        if number is not None:
            self._waiting.clear()
            self._tell_of_text(found, as_text=as_text)
            yield number, metrics

    def left(self, epochs: int) -> Iterator[Row]:
        """Yield the lines that have waited for the command's end.

        Args:
            epochs: Of a trial.

        Raises:
            ObjectiveError: There are more than that.
        """
        if len(self._waiting) > epochs:
            raise ObjectiveError(self._of_steps())
        if self._waiting:
            self.notices.append(f"measured only when the command had ended: {self._of_steps()}")
        for metrics in self._waiting:
            yield self._epochs.of(None) or 0, metrics

    def _wait(self, metrics: Fields, steps: dict[str, object]) -> Iterator[Row]:
        """Let a line wait. If what looked like a count does not count, as in `"batch": 64`, yield all that wait."""
        if self._epochs.given or self._epochs.counts:
            return
        self._waiting.append(metrics)
        if len(self._waiting) == 1:
            self._first = steps
        elif steps == self._first and all(name.lower() in _STEPS for name in steps):
            self._waits = False
            for one in self._waiting:
                yield self._epochs.of(None) or 0, one
            self._waiting.clear()
        elif len(self._waiting) > _MOST_WAITING:
            raise ObjectiveError(self._of_steps())

    def _of_steps(self) -> str:
        return (
            f"{len(self._waiting)} lines with {self._metric!r} count steps and name no epoch. Print an epoch in each "
            f"line that is an epoch's measurement; or {COUNT_ALL}"
        )

    def _tell_of_text(self, found: dict[str, object], *, as_text: bool) -> None:
        if as_text and not self.notices:
            value = next(
                value
                for name in (self._metric, *self._computed.names)
                if number_in(value := at(found, name)) is not None
            )
            self.notices.append(f"numbers are read from text, such as {json.dumps(value)}: print them without quotes")


def _steps(found: dict[str, object]) -> dict[str, object]:
    """Return what in a line without an epoch says that it may be of a step within one."""
    return {
        name: value
        for name, value in found.items()
        if name.lower() in _STEPS or (name.lower() in _PARTS and str(value).lower() in _OF_STEPS)
    }


class RegexLines:
    """Lines of either output that a regular expression matches a part of; its named groups are metrics."""

    reads_stderr = True
    polls = False

    def __init__(self, pattern: re.Pattern[str], metric: str, epochs: Epochs, computed: Computed) -> None:
        self.expected = f"a line that {pattern.pattern!r} is found in"
        self.notices: list[str] = []
        self._pattern, self._metric, self._epochs, self._computed = pattern, metric, epochs, computed

    @property
    def counts(self) -> bool:
        """Whether the lines so far were counted."""
        return self._epochs.counts

    def _match(self, line: str) -> re.Match[str] | None:
        return self._pattern.search(line) or (self._pattern.search(plain(line)) if "\x1b" in line else None)

    def wants(self, line: str) -> bool:
        """Return whether a line matches."""
        return self._match(line) is not None

    def rows(self, line: str | None) -> Iterator[Row]:
        """Yield the measurement of a line, if it matches."""
        match = None if line is None else self._match(line)
        groups = {} if match is None else {name: text for name, text in match.groupdict().items() if text is not None}
        needed = self._computed.names if self._metric in self._computed else (self._metric,)
        if match is None or any(name not in groups for name in needed):
            return
        metrics = self._computed.added_to({name: _parsed(text, name) for name, text in groups.items()})
        number = self._epochs.of(metrics.pop(EPOCH, None))
        if number is not None:
            yield number, metrics

    def left(self, epochs: int) -> Iterator[Row]:
        """Yield nothing: no line waits."""
        del epochs
        yield from ()


def _parsed(text: str, name: str) -> float:
    text = text.strip().rstrip(",;")
    number = epoch_in(text) if name == EPOCH else number_in(text)
    if number is None:
        within = _NUMBER.search(text)
        write = "" if within is None else f"{re.escape(text[: within.start()])}(?P<{name}>[-+.\\w]+)"
        how = f", so write {write} in place of its group" if write else ""
        msg = f"the regular expression found {text!r} for {name}; allowed: a number{how}"
        raise ObjectiveError(msg)
    return number
