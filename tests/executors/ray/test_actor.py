"""What a Ray worker tells its driver, and when."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hpsearch.executors.ray.actor import messages
from hpsearch.trial.events import TrialEnded, TrialEvent, TrialMeasured, TrialStarted
from hpsearch.trial.trial import Measurement, Stage, StopReason

TRIAL = {"stage": Stage.SEARCH, "number": 0, "attempt": 1}


class Trial:
    """A trial on a clock of its own, whose epochs take what is said."""

    def __init__(self, *seconds: float, ending_s: float = 0.0) -> None:
        self.now = 0.0
        self._seconds, self._ending_s = seconds, ending_s

    def events(self) -> Iterator[TrialEvent]:
        yield TrialStarted(**TRIAL, worker="host:1", device="cpu")
        for epoch, seconds in enumerate(self._seconds, 1):
            self.now += seconds
            measurement = Measurement(epoch=epoch, metrics={"score": 0.5}, seconds=seconds)
            last = epoch == len(self._seconds)
            ending_s = self._ending_s if last else 0.0
            yield TrialMeasured(**TRIAL, measurement=measurement, last=last, ending_s=ending_s)
        self.now += self._ending_s
        yield TrialEnded(**TRIAL, reason=StopReason.FINISHED, worker="host:1")

    def told(self) -> list[tuple[float, list[str]]]:
        """Return when each message went out, and what it had."""
        return [(round(self.now, 3), [_name(event) for event in one]) for one in messages(self.events(), self._clock)]

    def _clock(self) -> float:
        return self.now


def _name(event: TrialEvent) -> str:
    if isinstance(event, TrialMeasured):
        return str(event.measurement.epoch)
    return "started" if isinstance(event, TrialStarted) else "ended"


def test_each_epoch_is_told_at_once_and_the_last_one_with_the_end():
    assert Trial(1.0, 2.0, 1.0).told() == [(0, ["started"]), (1, ["1"]), (3, ["2"]), (4, ["3", "ended"])]


def test_the_last_epoch_is_told_at_once_if_processes_have_yet_to_end():
    assert Trial(0.001, 0.001, ending_s=5.0).told() == [
        (0, ["started"]),
        (0.001, ["1"]),
        (0.002, ["2"]),
        (5.002, ["ended"]),
    ]


def test_short_epochs_are_told_together():
    assert Trial(0.001, 0.001, 0.001, 0.001).told() == [
        (0, ["started"]),
        (0.001, ["1"]),
        (0.004, ["2", "3", "4", "ended"]),
    ]


def test_many_short_epochs_are_told_every_tenth_of_a_second():
    told = Trial(*[0.01] * 1000).told()
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(told)]
    assert max(gaps) < 0.12
    assert len(told) < 110
    assert [name for _, names in told for name in names] == ["started", *map(str, range(1, 1001)), "ended"]


def test_a_long_epoch_is_told_with_those_before_it():
    told = Trial(0.001, 0.001, 5.0, 0.001, 0.001).told()
    assert told[2] == (5.002, ["2", "3"])
