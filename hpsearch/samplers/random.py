"""Independent uniform draws: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hpsearch.samplers.base import SpaceSampler, draw_uniform
from hpsearch.space.parsing import parse_space
from hpsearch.system.plain import plain
from hpsearch.trial.trial import Params


class RandomSampler(SpaceSampler):
    """Draws each parameter on its own, uniform in its own (log) scale."""

    @classmethod
    def from_dict(cls, space: Mapping[str, Any], *, seed: int = 0) -> Self:
        """Return a sampler for a space in the notation of a space file, `{"lr": {"loguniform": [1e-4, 1e-1]}}`.

        Raises:
            FieldError: A distribution is wrong.
        """
        return cls(parse_space(plain(space, ("space",))), seed)

    def candidate(self, number: int, attempt: int) -> Params:
        """Return independent uniform draws."""
        return draw_uniform(self.space, self.seed, "random", number, attempt)
