"""The data sets: where their files are, how they are read, and how they are split."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hpsearch.errors import InputError
from hpsearch.trial.seeding import permutation
from hpsearch.vision.section import ImageClassifier

if TYPE_CHECKING:
    import numpy as np

CLASSES = 10
_CHUNK = 4096  # images; bounds the memory of float copies


@dataclass(frozen=True, slots=True)
class _DataSet:
    """Facts about a data set.

    Attributes:
        channels: 1 for grey, 3 for colour.
        side: Height and width in pixels.
        reader: The class of `torchvision.datasets`; None for scikit-learn's digits.
        files: The files that torchvision reads, relative to its root.
    """

    channels: int
    side: int
    reader: str | None = None
    files: tuple[str, ...] = ()


def _idx_files(folder: str) -> tuple[str, ...]:
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    return tuple(f"{folder}/raw/{part}-{kind}" for part in ("train", "t10k") for kind in kinds)


DATA_SETS: Mapping[str, _DataSet] = {
    "digits": _DataSet(1, 8),
    "mnist": _DataSet(1, 28, "MNIST", _idx_files("MNIST")),
    "fashion_mnist": _DataSet(1, 28, "FashionMNIST", _idx_files("FashionMNIST")),
    "cifar10": _DataSet(
        3,
        32,
        "CIFAR10",
        tuple(f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")),
    ),
    "svhn": _DataSet(3, 32, "SVHN", ("train_32x32.mat", "test_32x32.mat")),
}


class Images(NamedTuple):
    """One split.

    Attributes:
        images: uint8, (n_samples, n_channels, height, width).
        labels: int64, (n_samples,).
    """

    images: np.ndarray
    labels: np.ndarray


def check_data(settings: ImageClassifier) -> None:
    """Check that the data set is there, before anything runs. Fetch it if `download` is set.

    Raises:
        InputError: It is missing or can't be fetched; the message names the folder and what to do.
    """
    missing = _missing(settings)
    if missing and settings.download:
        _download(settings)
        missing = _missing(settings)
    if missing:
        msg = (
            f"objective.data_dir: {_folder(settings)}: {settings.data} is not there ({missing} is missing); "
            "name its folder with --set objective.data_dir=..., or fetch it with --set objective.download=true"
        )
        raise InputError(msg)


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
    check_data(settings)
    if settings.data == "digits":
        return _cut(_digits(), settings, names, official_test=False)
    if "test" in names:
        held_out = [_read(settings, train=False)]
        return held_out if len(names) == 1 else [*load(settings, *(n for n in names if n != "test")), *held_out]
    return _cut(_read(settings, train=True), settings, names, official_test=True)


def _cut(data: Images, settings: ImageClassifier, names: tuple[str, ...], *, official_test: bool) -> list[Images]:
    split = settings.split
    shares = {"train": split.train, "val": split.val} | ({} if official_test else {"test": split.test})
    parts = dict(zip(shares, stratified(data.labels, list(shares.values()), settings.split_seed), strict=True))
    return [Images(data.images[parts[name]], data.labels[parts[name]]) for name in names]


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

    order = np.array(permutation(len(labels), "split", seed))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        # Each class is spread evenly over the line from 0 to 1, so any piece of it has all classes in proportion.
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    line = order[np.argsort(place[order], kind="stable")]
    ends = np.cumsum(shares) / np.sum(shares) * len(labels)
    return [np.sort(part) for part in np.split(line, np.rint(ends[:-1]).astype(int))]


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


def _digits() -> Images:
    import numpy as np

    # On a slow CPU it takes 3 s to import sklearn.datasets, and 0.1 s to read its file.
    found = find_spec("sklearn")
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found and found.origin else None
    if file is not None and file.is_file():
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    else:
        from sklearn.datasets import load_digits

        table = np.column_stack(load_digits(return_X_y=True)).astype(np.int64)
    return Images(table[:, :-1].astype(np.uint8).reshape(-1, 1, 8, 8), np.ascontiguousarray(table[:, -1]))


def _read(settings: ImageClassifier, *, train: bool) -> Images:
    import numpy as np

    try:
        data = _torchvision(settings, train=train, download=False)
    except (RuntimeError, OSError, ValueError, AssertionError) as error:
        msg = f"objective.data_dir: {_folder(settings)}: {settings.data} can't be read: {error}"
        raise InputError(msg) from error
    images = np.asarray(data.data)
    labels = np.asarray(data.labels if settings.data == "svhn" else data.targets, dtype=np.int64)
    if settings.data == "cifar10":
        images = images.transpose(0, 3, 1, 2)
    return Images(np.ascontiguousarray(images if images.ndim > 3 else images[:, None]), labels)  # noqa: PLR2004 - grey images lack the channel


def _torchvision(settings: ImageClassifier, *, train: bool, download: bool) -> Any:
    from torchvision import datasets

    reader = getattr(datasets, DATA_SETS[settings.data].reader or "")
    part: dict[str, Any] = {"split": "train" if train else "test"} if settings.data == "svhn" else {"train": train}
    return reader(root=str(_folder(settings)), download=download, **part)


def _download(settings: ImageClassifier) -> None:
    folder = _folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            for train in (True, False):
                _torchvision(settings, train=train, download=True)
    except (RuntimeError, OSError) as error:
        msg = f"objective.download: {settings.data} could not be fetched into {folder}: {error}"
        raise InputError(msg) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time fetch into a folder. The others then find the files there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _folder(settings: ImageClassifier) -> Path:
    return Path(settings.data_dir).absolute()


def _missing(settings: ImageClassifier) -> str | None:
    folder = _folder(settings)
    return next((name for name in DATA_SETS[settings.data].files if not (folder / name).is_file()), None)
