"""What going on is worth: the expected improvement over the next ten full trainings, and the noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.candidates import candidates
from hpsearch.samplers.auto.history import History
from hpsearch.samplers.auto.kernel import Places, joined
from hpsearch.samplers.auto.measured import Scale
from hpsearch.samplers.auto.posterior import Ends, Evidence, Posterior
from hpsearch.samplers.auto.seen import Outlook
from hpsearch.samplers.auto.setting import Setting
from hpsearch.trial.seeding import derive_seed

Floats = npt.NDArray[np.float64]

_CONFIGS = 30  # that ten full trainings buy: most of them are paused after a few legs
_DRAWS = 512
_NEW = 1 << 40


def outlook(setting: Setting, history: History) -> Outlook | None:
    """Return what going on is worth; None while there are too few measurements for a model.

    The ends of thirty configs, chosen one after another by expected improvement, are drawn together from the model;
    the gain is the mean of the best one's improvement.

    Args:
        setting: Of the study.
        history: All trials.
    """
    model, scale = history.model, history.measured.scale
    if model is None or scale is None:
        return None
    posterior, best = model
    rng = np.random.default_rng(derive_seed(setting.seed, "auto outlook", len(history.measured.values)))
    new = candidates(setting.encoder, history.parents, rng).coordinates
    left = np.concatenate([history.running, history.paused])
    places = joined(history.ends_of(left), Places(new, np.ones(len(new)), _NEW + np.arange(len(new))))
    unit = abs(history.measured.unit)
    gain = _gain(posterior, posterior.ends(places), best, scale, rng) if len(places) else 0.0
    noise = np.sqrt(posterior.noise) * posterior.evidence.spread * scale.slope
    return Outlook(gain=gain * unit, noise=float(noise) * unit)


def _gain(posterior: Posterior, ends: Ends, best: float, scale: Scale, rng: np.random.Generator) -> float:
    """Return the expected improvement, in the unit of the measured values."""
    rows: list[int] = []
    open_ = np.ones(len(ends.mean), bool)
    for _ in range(min(_CONFIGS, len(open_))):
        row = int(np.argmax(np.where(open_, ends.scores(best), -np.inf)))
        rows.append(row)
        open_[row] = False
        ends.assume(row)
    draws = ends.draws(rows, _DRAWS, rng)
    evidence: Evidence = posterior.evidence
    return float(scale.ahead(draws.max(0) * evidence.spread + evidence.middle).mean())
