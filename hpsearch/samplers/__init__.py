"""Samplers propose configs. `optuna.create_study(sampler=...)` takes them too.

Each name is imported at its first use: reading a study needs no sampler, and Optuna takes long to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.samplers.adaptive import GpSampler, TpeSampler
    from hpsearch.samplers.base import Key, SpaceSampler
    from hpsearch.samplers.jittered_grid import JitteredGridSampler
    from hpsearch.samplers.levels import choose_levels
    from hpsearch.samplers.making import check_sampler, make_sampler
    from hpsearch.samplers.past import Past, Proposal, best_of_past
    from hpsearch.samplers.random import RandomSampler
    from hpsearch.samplers.sobol import SobolSampler

__all__ = [
    "GpSampler",
    "JitteredGridSampler",
    "Key",
    "Past",
    "Proposal",
    "RandomSampler",
    "SobolSampler",
    "SpaceSampler",
    "TpeSampler",
    "best_of_past",
    "check_sampler",
    "choose_levels",
    "make_sampler",
]

_HOMES = {
    "GpSampler": "adaptive",
    "JitteredGridSampler": "jittered_grid",
    "Key": "base",
    "Past": "past",
    "Proposal": "past",
    "RandomSampler": "random",
    "SobolSampler": "sobol",
    "SpaceSampler": "base",
    "TpeSampler": "adaptive",
    "best_of_past": "past",
    "check_sampler": "making",
    "choose_levels": "levels",
    "make_sampler": "making",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
