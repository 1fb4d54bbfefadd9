"""Samplers propose configs. They are Optuna samplers, for `optuna.create_study(sampler=...)` too."""

from __future__ import annotations

from collections.abc import Mapping

from hpsearch.config import Search
from hpsearch.samplers.base import SpaceSampler
from hpsearch.samplers.jittered_grid import JitteredGridSampler, choose_levels
from hpsearch.samplers.random import RandomSampler
from hpsearch.space import Space

__all__ = ["JitteredGridSampler", "RandomSampler", "SpaceSampler", "choose_levels", "make_sampler"]


def make_sampler(search: Search, space: Space, seed: int, levels: Mapping[str, int]) -> SpaceSampler:
    """Return the sampler of a study.

    Args:
        search: The study's `search` section.
        space: What is searched.
        seed: The study's.
        levels: As stored when the study was made, by `choose_levels`; only a grid uses them.

    Raises:
        FieldError: The levels don't fit the space.
    """
    if search.sampler == "random":
        return RandomSampler(space, seed)
    return JitteredGridSampler(space, seed, levels, search.jitter)
