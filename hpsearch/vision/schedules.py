"""Learning-rate schedules: pure functions from a step to a share of the learning rate.

Each spans all epochs of the trial, never those until a rule ends it: the same step has the same rate, whatever happens
to the trial later.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_ONE_CYCLE_START = 1 / 25  # as in torch.optim.lr_scheduler.OneCycleLR
_STEEPNESS = 10.0  # the unscaled sigmoid goes from 0.993 to 0.007


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A warm-up, then a curve over the rest of the trial.

    With T = steps - warm-up + 1 and t = step - warm-up + 1, where steps count from 0, the curve is a function of the
    progress p = t / T. It is at p = 0 in the warm-up's last step, and one step short of p = 1 in the trial's last.
    `curve` has the closed forms; e is `end`, the value at p = 1.

    Attributes:
        kind: One of `KINDS`.
        end: The share of the learning rate at p = 1, and for `cyclic` between two cycles, above 0 and below 1. None is
            the kind's own: 0 for `polynomial`, `sigmoid` and `cosine`, 0.01 for `exponential`, 0.1 for `inverse` and
            `cyclic`, 4e-6 for `one_cycle` (that of torch's OneCycleLR).
        gamma: What each drop of `step` and `multistep` multiplies the rate by.
        drops: Of `step`, evenly spaced.
        milestones: Of `multistep`: the progress at each drop, ascending.
        power: Of `polynomial`.
        rise: Of `one_cycle`: the progress at its peak.
        cycles: Of `cyclic`.
    """

    kind: str = "cosine"
    end: float | None = None
    gamma: float = 0.1
    drops: int = 2
    milestones: tuple[float, ...] = (0.5, 0.75)
    power: float = 1.0
    rise: float = 0.3
    cycles: int = 4

    def factor(self, step: int, steps: int, warmup_steps: float) -> float:
        """Return the share of the learning rate at a step.

        The warm-up is a line from 0 to the curve's first value: (step + 1) / warm-up * curve(0).

        Args:
            step: From 0, over the whole trial.
            steps: Of the full trial, however early it may be stopped.
            warmup_steps: At most steps - 1 of them count.
        """
        warmup = min(warmup_steps, steps - 1)
        if step + 1 < warmup:
            return (step + 1) / warmup * self.curve(0.0)
        return self.curve(step - warmup + 1, steps - warmup + 1) if step + 1 > warmup else self.curve(0.0)

    def curve(self, done: float, total: float = 1.0) -> float:
        """Return the share of the learning rate at the progress p = done / total, from 0 to 1.

        - `constant`: 1
        - `step`: gamma^floor((drops + 1) p)
        - `multistep`: gamma^n, with n milestones <= p
        - `exponential`: e^p
        - `inverse`: 1 / (1 + p (1 / e - 1))
        - `polynomial`: e + (1 - e) (1 - p)^power
        - `sigmoid`: e + (1 - e) (s(p) - s(1)) / (s(0) - s(1)), with s(p) = 1 / (1 + exp(10 (p - 1/2)))
        - `cosine`: e + (1 - e) (1 + cos(pi p)) / 2 (Loshchilov and Hutter, SGDR, 2017, without restarts)
        - `one_cycle`: from 1/25 up to 1 at p = rise, then down to e, each by half a cosine (Smith and Topin,
          Super-Convergence, 2018; the numbers are those of torch's OneCycleLR)
        - `cyclic`: from e up to 1 and back in a straight line, `cycles` times: 1 - (1 - e) |2 (cycles p mod 1) - 1|
          (Smith, Cyclical Learning Rates, 2017: its triangular policy)
        """
        if self.kind == "cosine":  # divided last, so that a trial of the first releases goes on to the bit
            return _down(1.0, _end(self, 0.0), _half_cosine(done, total))
        return _CURVES[self.kind](self, done / total)


def _step(schedule: Schedule, p: float) -> float:
    # Rounded, because 3 * (10 / 30) is 1 only by luck.
    return math.pow(schedule.gamma, math.floor(round((schedule.drops + 1) * p, 9)))


def _multistep(schedule: Schedule, p: float) -> float:
    return math.pow(schedule.gamma, sum(milestone <= round(p, 9) for milestone in schedule.milestones))


def _exponential(schedule: Schedule, p: float) -> float:
    return math.pow(_end(schedule, 0.01), p)


def _inverse(schedule: Schedule, p: float) -> float:
    return 1 / (1 + p * (1 / _end(schedule, 0.1) - 1))


def _polynomial(schedule: Schedule, p: float) -> float:
    return _down(1.0, _end(schedule, 0.0), math.pow(1 - p, schedule.power))


def _sigmoid(schedule: Schedule, p: float) -> float:
    first, last = _logistic(0.0), _logistic(1.0)
    return _down(1.0, _end(schedule, 0.0), (_logistic(p) - last) / (first - last))


def _one_cycle(schedule: Schedule, p: float) -> float:
    if p < schedule.rise:
        return _down(_ONE_CYCLE_START, 1.0, _half_cosine(p, schedule.rise))
    last = _end(schedule, _ONE_CYCLE_START / 1e4)
    return _down(1.0, last, _half_cosine(p - schedule.rise, 1 - schedule.rise))


def _cyclic(schedule: Schedule, p: float) -> float:
    return _down(1.0, _end(schedule, 0.1), 1 - abs(2 * (schedule.cycles * p % 1) - 1))


def _end(schedule: Schedule, default: float) -> float:
    return default if schedule.end is None else schedule.end


def _down(start: float, end: float, share: float) -> float:
    """Return the number between start (share 1) and end (share 0)."""
    return end + (start - end) * share


def _half_cosine(done: float, total: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done / total))


def _logistic(p: float) -> float:
    return 1 / (1 + math.exp(_STEEPNESS * (p - 0.5)))


_CURVES: dict[str, Callable[[Schedule, float], float]] = {
    "constant": lambda _schedule, _p: 1.0,
    "step": _step,
    "multistep": _multistep,
    "exponential": _exponential,
    "inverse": _inverse,
    "polynomial": _polynomial,
    "sigmoid": _sigmoid,
    "one_cycle": _one_cycle,
    "cyclic": _cyclic,
}
KINDS = (*_CURVES, "cosine")
