"""From the `search` section of a space file to a sampler."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hpsearch.config.config import Search
from hpsearch.samplers.adaptive import GpSampler, TpeSampler
from hpsearch.samplers.base import Key, SpaceSampler
from hpsearch.samplers.jittered_grid import JitteredGridSampler
from hpsearch.samplers.random import RandomSampler
from hpsearch.samplers.sobol import SobolSampler
from hpsearch.space.space import Space


def make_sampler(
    search: Search, space: Space, seed: int, levels: Mapping[str, int], taken: Collection[Key] = ()
) -> SpaceSampler:
    """Return the sampler of a study, or of one of its rounds.

    Args:
        search: The study's `search` section.
        space: The space to draw from.
        seed: The study's.
        levels: From `choose_levels`, as stored when the study was made; only a grid uses them.
        taken: Keys of configs to leave out.

    Raises:
        FieldError: The levels don't fit the space.
    """
    if search.sampler == "jittered_grid":
        return JitteredGridSampler(space, seed, levels, search.jitter, taken)
    kinds: dict[str, type[SpaceSampler]] = {
        "random": RandomSampler,
        "sobol": SobolSampler,
        "tpe": TpeSampler,
        "gp": GpSampler,
        "auto": SobolSampler,  # stands in where a kill has left a trial without its config; else `AutoChooser` draws
    }
    return kinds[search.sampler](space, seed, taken)
