"""Which images are in train, val and test: pure functions of labels, shares and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpsearch.trial.seeding import permutation
from hpsearch.vision.groups import grouped
from hpsearch.vision.section import ImageClassifier

if TYPE_CHECKING:
    import numpy as np


def cut(
    labels: np.ndarray, settings: ImageClassifier, groups: Sequence[str] | None = None, *, official_test: bool
) -> dict[str, np.ndarray]:
    """Return the indices of train and val, and of test if there is no official test set, each ascending.

    Args:
        labels: (n_samples,).
        settings: The shares, the seed, and how much of train is used.
        groups: Of the samples, if none may be in two splits.
        official_test: Whether only train and val are cut, in their proportion.
    """
    split = settings.split
    shares = {"train": split.train, "val": split.val} | ({} if official_test else {"test": split.test})
    sizes, seed = list(shares.values()), settings.split_seed
    pieces = stratified(labels, sizes, seed) if groups is None else grouped(labels, groups, sizes, seed)
    parts = dict(zip(shares, pieces, strict=True))
    if settings.subset < 1:
        parts["train"] = parts["train"][subset_of(labels[parts["train"]], settings.subset, seed)]
    return parts


def stratified(labels: np.ndarray, shares: list[float], seed: int) -> list[np.ndarray]:
    """Cut a data set so that each part gets its share of every class, give or take one sample.

    The cut depends on labels, shares and seed only: no library's random generator is used.

    Args:
        labels: (n_samples,).
        shares: Of the parts; scaled to sum to 1.
        seed: Decides which samples go where.

    Returns:
        The indices of each part, ascending. Every index is in exactly one part.
    """
    import numpy as np

    line = _line(labels, permutation(len(labels), "split", seed))
    ends = np.cumsum(shares) / np.sum(shares) * len(labels)
    return [np.sort(part) for part in np.split(line, np.rint(ends[:-1]).astype(int))]


def subset_of(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the indices, ascending, of a share of each class, give or take one sample but at least one.

    With one seed a larger share has all samples of a smaller one.

    Args:
        labels: (n_samples,).
        share: From 0 (excluded) to 1.
        seed: Decides which samples these are.
    """
    import numpy as np

    line = _line(labels, permutation(len(labels), "subset", seed))
    first_of_each = np.unique(labels[line], return_index=True)[1]
    return np.union1d(line[: round(share * len(labels))], line[first_of_each])


def _line(labels: np.ndarray, order: list[int]) -> np.ndarray:
    """Return all indices in a row of which any piece has all classes in proportion.

    Args:
        labels: (n_samples,).
        order: All indices, shuffled; the members of a class keep this order.
    """
    import numpy as np

    shuffled = np.array(order)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # Each class is spread evenly over the line from 0 to 1.
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(place[shuffled], kind="stable")]
