"""The data sets that have a name: scikit-learn's digits, and those of torchvision."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.vision.images import Facts, Images
from hpsearch.vision.section import ImageClassifier

_EMNIST = {"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10}


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet(Facts):
    """Facts about a data set, and how torchvision reads it.

    Attributes:
        reader: The class of `torchvision.datasets`; None for scikit-learn's digits.
        part: Its argument `split`, for one of the data sets that EMNIST holds.
        files: The files that torchvision reads, relative to its root.
    """

    reader: str | None = None
    part: str | None = None
    files: tuple[str, ...] = ()


def _idx(reader: str) -> DataSet:
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    files = tuple(f"{reader}/raw/{part}-{kind}" for part in ("train", "t10k") for kind in kinds)
    return DataSet(channels=1, side=28, reader=reader, files=files)


def _emnist(part: str, classes: int) -> DataSet:
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    files = tuple(f"EMNIST/raw/emnist-{part}-{which}-{kind}" for which in ("train", "test") for kind in kinds)
    return DataSet(channels=1, side=28, classes=classes, reader="EMNIST", part=part, files=files)


def _cifar(reader: str, classes: int, folder: str, names: tuple[str, ...]) -> DataSet:
    files = tuple(f"{folder}/{name}" for name in names)
    return DataSet(channels=3, side=32, classes=classes, reader=reader, files=files)


_CIFAR10_FILES = (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")
DATA_SETS: Mapping[str, DataSet] = {
    "digits": DataSet(channels=1, side=8),
    "mnist": _idx("MNIST"),
    "fashion_mnist": _idx("FashionMNIST"),
    "kmnist": _idx("KMNIST"),
    **{f"emnist_{part}": _emnist(part, classes) for part, classes in _EMNIST.items()},
    "cifar10": _cifar("CIFAR10", 10, "cifar-10-batches-py", _CIFAR10_FILES),
    "cifar100": _cifar("CIFAR100", 100, "cifar-100-python", ("train", "test")),
    "svhn": DataSet(channels=3, side=32, reader="SVHN", files=("train_32x32.mat", "test_32x32.mat")),
}


def check_files(settings: ImageClassifier) -> None:
    """Check that the files are there. Fetch them if `download` is set.

    Raises:
        InputError: One is missing or can't be fetched; the message names the folder and what to do.
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


def digits() -> Images:
    """Return scikit-learn's digits."""
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


def read(settings: ImageClassifier, *, train: bool) -> Images:
    """Return the official training set, or the official test set, of a data set of torchvision.

    Raises:
        InputError: It is damaged.
    """
    import numpy as np

    try:
        data = _torchvision(settings, train=train, download=False)
    except (RuntimeError, OSError, ValueError, AssertionError) as error:
        msg = f"objective.data_dir: {_folder(settings)}: {settings.data} can't be read: {error}"
        raise InputError(msg) from error
    known = DATA_SETS[settings.data]
    images = np.asarray(data.data)
    labels = np.asarray(data.labels if known.reader == "SVHN" else data.targets, dtype=np.int64)
    if known.reader in ("CIFAR10", "CIFAR100"):
        images = images.transpose(0, 3, 1, 2)
    if known.reader == "EMNIST":
        images = images.transpose(0, 2, 1)  # its files hold each image column by column
    if known.part == "letters":
        labels = labels - 1  # they count from 1 there
    return Images(np.ascontiguousarray(images if images.ndim > 3 else images[:, None]), labels)  # noqa: PLR2004 - grey images lack the channel


def _torchvision(settings: ImageClassifier, *, train: bool, download: bool) -> Any:
    from torchvision import datasets

    known = DATA_SETS[settings.data]
    part: dict[str, Any] = {"split": "train" if train else "test"} if known.reader == "SVHN" else {"train": train}
    if known.part is not None:
        part["split"] = known.part
    return getattr(datasets, known.reader or "")(root=str(_folder(settings)), download=download, **part)


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
