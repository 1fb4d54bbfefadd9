"""From the `search` section of a space file to a sampler."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hpsearch.config.config import Search, StudyConfig
from hpsearch.config.sampler_section import SamplerClass
from hpsearch.samplers.adaptive import GpSampler, TpeSampler
from hpsearch.samplers.base import Key, SpaceSampler
from hpsearch.samplers.jittered_grid import JitteredGridSampler
from hpsearch.samplers.optuna_class import load_class
from hpsearch.samplers.optuna_sampler import OptunaSampler
from hpsearch.samplers.random import RandomSampler
from hpsearch.samplers.sobol import SobolSampler
from hpsearch.space.space import Space


def make_sampler(
    search: Search,
    space: Space,
    seed: int,
    levels: Mapping[str, int],
    taken: Collection[Key] = (),
    extra_path: str | None = None,
) -> SpaceSampler:
    """Return the sampler of a study, or of one of its rounds.

    Args:
        search: The study's `search` section.
        space: The space to draw from.
        seed: The study's.
        levels: From `choose_levels`, as stored when the study was made; only a grid uses them.
        taken: Keys of configs to leave out.
        extra_path: A folder to import the user's own sampler from, after the working directory: the space file's.

    Raises:
        FieldError: The levels don't fit the space, or the class that the section names can't be made.
    """
    if not isinstance(search.sampler, str):
        return _of_class(search.sampler, space, seed, taken, extra_path)
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


def check_sampler(config: StudyConfig, extra_path: str | None = None) -> None:
    """Refuse, before anything runs, a class of samplers that can't propose configs of the study's space.

    Args:
        config: The study.
        extra_path: As in `make_sampler`.

    Raises:
        FieldError: It says what is wrong, and what is allowed.
    """
    if not isinstance(config.search.sampler, str):
        _of_class(config.search.sampler, config.space, config.seed, (), extra_path).rehearse(config.direction)


def _of_class(
    section: SamplerClass, space: Space, seed: int, taken: Collection[Key], extra_path: str | None
) -> OptunaSampler:
    return OptunaSampler(space, seed, load_class(section, extra_path), taken)
