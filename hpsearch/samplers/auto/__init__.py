"""`sampler: auto`: one Gaussian process over (config, epoch) buys training leg by leg.

At each decision it either goes on with a paused trial or starts a new config. Pure: choices are functions of the space,
the seed and the trials so far. Swersky et al., Freeze-Thaw Bayesian Optimization (2014).
"""

from __future__ import annotations

from hpsearch.samplers.auto.chooser import AutoChooser
from hpsearch.samplers.auto.seen import Choice, Outlook, PastConfig, Seen

__all__ = ["AutoChooser", "Choice", "Outlook", "PastConfig", "Seen"]
