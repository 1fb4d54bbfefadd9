"""`search.sampler` as a mapping: any class of samplers that is written for Optuna, with its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from hpsearch.config.section import Named, Section


class SamplerClass(Section):
    """A sampler of Optuna's, of OptunaHub's or of the user's own; other keys are keyword arguments of the class.

    Attributes:
        optuna: `package.module:Class`, importable from the working directory or the space file's folder.
    """

    model_config = ConfigDict(extra="allow")

    optuna: Named

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the class, as JSON types."""
        return self.model_extra or {}
