"""What ending outclassed trials has saved, and what it may have cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hpsearch.study.outcome import Outcome
from hpsearch.trial.trial import Stage, StopReason, TrialRecord

_Z = 1.959964  # leaves 2.5 % on either side of a 95 % interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What came of the trials that a rule would have ended, and that were trained on.

    Attributes:
        trials: How many of them have ended with a value.
        better: How many of these are better than the best of the trials that no rule would have ended.
        regret: By how much the best of them is better than that, in the metric's own unit; 0 if it is not.
        ci95: Ends of the 95 % interval for the share of outclassed trials that are better than that.
    """

    trials: int
    better: int
    regret: float
    ci95: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    """What the rules that compare rivals have done in a search.

    Attributes:
        outclassed: How many trials they have ended.
        epochs: How many epochs these would still have trained.
        seconds: What that would have taken, at the pace of the trials that ended with a value that can win: short ones
            spend a larger share on their start.
        audit: None without audited trials.
    """

    outclassed: int
    epochs: int
    seconds: float
    audit: Audit | None


def pruning_of(study: Outcome) -> Pruning | None:
    """Return what rules that compare rivals have done; None if they have ended no trial and would have ended none."""
    records = study.store.records(Stage.SEARCH)
    ended = [record for record in records if record.stop_reason is StopReason.OUTCLASSED]
    audited = [record for record in records if record.audited_at is not None]
    if not ended and not audited:
        return None
    saved = sum(study.full_epochs(record.stage, record.number) - record.epochs for record in ended)
    whole = [record for record in records if record.eligible] or ended
    pace = sum(record.seconds for record in whole) / max(1, sum(record.epochs for record in whole))
    return Pruning(outclassed=len(ended), epochs=saved, seconds=saved * pace, audit=_audit(study, records, audited))


def _audit(study: Outcome, records: list[TrialRecord], audited: list[TrialRecord]) -> Audit | None:
    sign = study.config.direction.sign
    others = [sign * r.value for r in records if r.eligible and r.audited_at is None and r.value is not None]
    found = [sign * r.value for r in audited if r.eligible and r.value is not None]
    if not found or not others:
        return None
    best = max(others)
    better = sum(value > best for value in found)
    return Audit(
        trials=len(found),
        better=better,
        regret=max(0.0, max(found) - best),
        ci95=share_interval(better, len(found)),
    )


def share_interval(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share (Wilson, JASA 22, 1927).

    Args:
        hits: From 0 to `of`.
        of: At least 1.
    """
    share, z2 = hits / of, _Z**2
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max(0.0, centre - half), min(1.0, centre + half)
