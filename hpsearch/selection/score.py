"""`Score`: how well predicted probabilities fit labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How well predicted probabilities fit labels.

    Attributes:
        accuracy: Share of samples whose predicted class is the label.
        log_loss: Mean of -ln p(label), in nats; p is clipped from below at the float32 epsilon, 1.2e-7.
        n: Samples.
    """

    accuracy: float
    log_loss: float
    n: int
