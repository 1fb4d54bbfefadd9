"""The data of a study: whether it is there, its splits as arrays, and the numbers that scale it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpsearch.vision import image_folder, named_sets
from hpsearch.vision.images import Facts, Images
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.splits import cut

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 4096  # images; bounds the memory of float copies


def check_data(settings: ImageClassifier) -> None:
    """Check that the data is there, before anything runs. Fetch it if `download` is set.

    Raises:
        InputError: It is missing, can't be fetched, or can't be split; the message names the folder and what to do.
    """
    if settings.data == "image_folder":
        image_folder.check(settings)
    else:
        named_sets.check_files(settings)


def facts(settings: ImageClassifier) -> Facts:
    """Return the number of classes, and the shape of the images as `load` returns them.

    Raises:
        InputError: They are those of a folder, which is missing or can't be used.
    """
    return image_folder.facts(settings) if settings.data == "image_folder" else named_sets.DATA_SETS[settings.data]


def class_names(settings: ImageClassifier) -> list[str]:
    """Return the names of the classes in the order of their labels; an empty list for data sets that have a name."""
    return list(image_folder.listed(settings).classes) if settings.data == "image_folder" else []


def load(settings: ImageClassifier, *names: str) -> list[Images]:
    """Return splits. They depend on `split` and `split_seed` only, not on the study's seed.

    If a data set has an official test set, that is `test`, and the official training set is cut into train and val in
    their proportion.

    Args:
        settings: Which data set, and how it is cut.
        names: Some of `train`, `val` and `test`. A file that holds other splits only is not read.

    Raises:
        InputError: The data is missing or damaged.
    """
    if settings.data == "image_folder":
        return image_folder.load(settings, names)
    named_sets.check_files(settings)
    if settings.data == "digits":
        return _cut(named_sets.digits(), settings, names, official_test=False)
    if "test" in names:
        held_out = [named_sets.read(settings, train=False)]
        return held_out if len(names) == 1 else [*load(settings, *(n for n in names if n != "test")), *held_out]
    return _cut(named_sets.read(settings, train=True), settings, names, official_test=True)


def _cut(data: Images, settings: ImageClassifier, names: tuple[str, ...], *, official_test: bool) -> list[Images]:
    parts = cut(data.labels, settings, official_test=official_test)
    return [Images(data.images[parts[name]], data.labels[parts[name]]) for name in names]


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel, in grey levels.

    Args:
        images: uint8, (n_samples, n_channels, height, width).
    """
    import numpy as np

    total = np.zeros(images.shape[1])
    squares = np.zeros(images.shape[1])
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float64)
        total += chunk.sum(axis=(0, 2, 3))  # sums of integers are exact, so their order does not matter
        squares += (chunk * chunk).sum(axis=(0, 2, 3))
    count = images.size / images.shape[1]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean.tolist(), np.maximum(deviation, 1.0).tolist()  # so that a blank channel is not divided by 0
