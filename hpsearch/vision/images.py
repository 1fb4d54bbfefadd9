"""A split as arrays, and what is known of a data set before it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Images(NamedTuple):
    """One split.

    Attributes:
        images: uint8, (n_samples, n_channels, height, width).
        labels: int64, (n_samples,).
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a model needs to know of a data set.

    Attributes:
        channels: 1 for grey, 3 for colour.
        side: Height and width in pixels.
        classes: How many there are; labels count from 0.
    """

    channels: int
    side: int
    classes: int = 10
