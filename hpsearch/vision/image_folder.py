"""`data: image_folder`: the user's own images, in a folder for each label."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import FieldError, InputError
from hpsearch.text import counted
from hpsearch.vision.groups import groups_of
from hpsearch.vision.image_files import Header, attempt, pixels_of, quick_header, whole_header
from hpsearch.vision.images import Facts, Images
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.splits import cut

if TYPE_CHECKING:
    import numpy as np

_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # those of torchvision
_READERS = 4  # threads; while an image is decoded, Python's lock is free
_NAMED = 5  # files in a message
_FEW = 12  # classes whose counts fit a line


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What lies in a folder.

    Attributes:
        folder: Absolute.
        classes: Names of the labels, which are those of the sub-folders, sorted.
        files: Paths below `folder` with `/`, sorted within each class.
        labels: The label of each file, an index of `classes`.
        others: How many files are left out because their names don't end as those of images do.
    """

    folder: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]
    others: int

    @property
    def counts(self) -> list[int]:
        """How many images each class has."""
        return [self.labels.count(label) for label in range(len(self.classes))]

    def refused(self, problem: str) -> InputError:
        """Return the error that this folder can't be used."""
        return InputError(f"objective.data_dir: {self.folder}: {problem}")


def listed(settings: ImageClassifier) -> Listing:
    """Return what lies in the folder. No image is opened.

    Files and folders whose names begin with a dot are left out. The result does not depend on the file system's order.

    Raises:
        InputError: The folder is missing, or there are fewer than two classes, or one without images.
    """
    folder = Path(settings.data_dir).absolute()
    if not folder.is_dir():
        msg = f"objective.data_dir: {folder} is not a folder; name the images' folder with --set objective.data_dir=..."
        raise InputError(msg)
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [sorted(_below(folder, name)) for name in classes]
    images = [[file for file in files if file.lower().endswith(_ENDINGS)] for files in found]
    listing = Listing(
        folder=folder,
        classes=tuple(classes),
        files=tuple(file for files in images for file in files),
        labels=tuple(label for label, files in enumerate(images) for _ in files),
        others=sum(map(len, found)) - sum(map(len, images)),
    )
    _check_classes(listing)
    return listing


def _below(folder: Path, name: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder / name, followlinks=True):
        folders[:] = [one for one in folders if not one.startswith(".")]
        inside = Path(place).relative_to(folder)
        yield from ((inside / file).as_posix() for file in files if not file.startswith("."))


def _check_classes(listing: Listing) -> None:
    needed = "image_folder needs a folder for each label, at least two of them, with images in each"
    if len(listing.classes) < 2:  # noqa: PLR2004 - one class teaches nothing
        found = f"one folder, {listing.classes[0]!r}" if listing.classes else "no folder in it"
        raise listing.refused(f"found {found}; {needed}")
    empty = [name for name, count in zip(listing.classes, listing.counts, strict=True) if not count]
    if empty:
        endings = ", ".join(_ENDINGS)
        raise listing.refused(f"no images in {_some(empty)}; {needed} (names that end in {endings})")


def counts_line(settings: ImageClassifier) -> str:
    """Return how many images each class has, as a line.

    Raises:
        InputError: As `listed`.
    """
    listing = listed(settings)
    counts = listing.counts
    by_class = [f"{name} {count}" for name, count in zip(listing.classes, counts, strict=True)]
    most = ", ".join(by_class) if len(by_class) <= _FEW else f"from {min(counts)} to {max(counts)} in a class"
    others = f"; {counted(listing.others, 'file')} of other types left out" if listing.others else ""
    return f"{len(counts)} classes, {counted(len(listing.files), 'image')}: {most}{others}"


def check(settings: ImageClassifier) -> None:
    """Check that the folder can be trained on. Each image is decoded once, and not kept.

    Raises:
        InputError: It can't; the message says what is wrong with which files.
    """
    listing = listed(settings)
    _found(listing, _headers(listing, whole_header), settings)
    _parts(listing, settings)


def facts(settings: ImageClassifier) -> Facts:
    """Return the number of classes, and the side and channels that images are read with.

    Raises:
        InputError: The folder can't be used, or its images differ in size and `image_size` is not said.
    """
    return _facts(listed(settings), settings)


def load(settings: ImageClassifier, names: Sequence[str]) -> list[Images]:
    """Return splits. The images of other splits are not decoded.

    An image that is not square is cut to its middle square; then it is resized if it has another side.

    Args:
        settings: Which folder, and how it is cut.
        names: Some of `train`, `val` and `test`.

    Raises:
        InputError: The folder can't be used; images that can't be read are named.
    """
    import numpy as np

    listing = listed(settings)
    known = _facts(listing, settings)
    parts = _parts(listing, settings)
    labels = np.array(listing.labels, dtype=np.int64)
    return [Images(_decoded(listing, parts[name], known), labels[parts[name]]) for name in names]


def _parts(listing: Listing, settings: ImageClassifier) -> dict[str, np.ndarray]:
    import numpy as np

    labels = np.array(listing.labels)
    groups = None if settings.group is None else groups_of(listing.folder, listing.files, settings.group)
    parts = cut(labels, settings, groups, official_test=False)
    for name, part in parts.items():
        counts = np.bincount(labels[part], minlength=len(listing.classes))
        if not counts.all():
            lacking = int(counts.argmin())
            held = f"{listing.classes[lacking]!r} has {counted(listing.counts[lacking], 'image')}"
            whole = f" when no {settings.group} may be in two splits" if settings.group else ""
            problem = f"too few images to split: {held}, none of them in {name}{whole}"
            raise listing.refused(f"{problem}; add some, or change objective.split")
    return parts


def _facts(listing: Listing, settings: ImageClassifier) -> Facts:
    said = settings.image_size is not None and settings.channels is not None
    return _found(listing, [] if said else _headers(listing), settings)


def _found(listing: Listing, headers: list[Header], settings: ImageClassifier) -> Facts:
    side, channels = settings.image_size, settings.channels
    if side is None:
        by_size: dict[tuple[int, int], str] = {}
        for one, file in zip(headers, listing.files, strict=True):
            by_size.setdefault(one.size, file)
        side = next(iter(by_size))[0]
        if set(by_size) != {(side, side)}:
            sizes = ", ".join(f"{w}x{h} ({file})" for (w, h), file in list(by_size.items())[:2])
            problem = f"is not said, and the images are not all squares of one size: {sizes}"
            raise FieldError(("objective", "image_size"), problem, "the side in pixels to resize them to, such as 64")
    if channels is None:
        channels = 1 if all(one.grey for one in headers) else 3
    return Facts(channels=channels, side=side, classes=len(listing.classes))


def _headers(listing: Listing, read: Callable[[Path], Header] = quick_header) -> list[Header]:
    def one(file: str) -> Header | str:
        done: Header | str = attempt(read, listing.folder / file)
        return done

    with ThreadPoolExecutor(_READERS) as pool:
        done = list(pool.map(one, listing.files))
    _check_read(listing, listing.files, [result if isinstance(result, str) else "" for result in done])
    return [result for result in done if isinstance(result, Header)]


def _decoded(listing: Listing, chosen: np.ndarray, known: Facts) -> np.ndarray:
    """Return images, uint8, (n_chosen, n_channels, side, side)."""
    import numpy as np

    files = [listing.files[index] for index in chosen]
    images = np.empty((len(files), known.channels, known.side, known.side), np.uint8)

    def fill(position: int) -> str:
        done = attempt(pixels_of, listing.folder / files[position], known)
        if isinstance(done, str):
            return done
        images[position] = done
        return ""

    with ThreadPoolExecutor(_READERS) as pool:
        _check_read(listing, files, list(pool.map(fill, range(len(files)))))
    return images


def _check_read(listing: Listing, files: Sequence[str], reasons: list[str]) -> None:
    bad = [f"{file} ({reason})" for file, reason in zip(files, reasons, strict=True) if reason]
    if bad:
        raise listing.refused(f"{counted(len(bad), 'image')} can't be read: {_some(bad)}; repair or remove them")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
