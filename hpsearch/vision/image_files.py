"""Image files of the user: their headers and their pixels, read by Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hpsearch.vision.images import Facts

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112  # the tag of EXIF
_SIDEWAYS = (5, 6, 7, 8)  # its values that swap width and height


class Header(NamedTuple):
    """What is known of an image before its pixels are."""

    size: tuple[int, int]  # width and height, in pixels
    grey: bool


def quick_header(path: Path) -> Header:
    """Return the header of an image. Its pixels are not read."""
    from PIL import Image

    with Image.open(path) as image:
        return _header_of(image)


def whole_header(path: Path) -> Header:
    """Return the header of an image whose pixels can be read too."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return _header_of(image)


def _header_of(image: Image) -> Header:
    width, height = image.size
    turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
    return Header((height, width) if turned else (width, height), image.mode in _GREY_MODES)


def pixels_of(path: Path, known: Facts) -> np.ndarray:
    """Return an image, uint8, (n_channels, side, side).

    It is turned upright as its EXIF data says, cut to its middle square, and resized if it has another side.
    """
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        # A JPEG is decoded at an eighth, a quarter or half of its size if that is large enough; it is 3 times as fast.
        opened.draft(opened.mode, (2 * known.side, 2 * known.side))
        upright = _eight_bits(ImageOps.exif_transpose(opened))
        image = upright.convert("L" if known.channels == 1 else "RGB")
    if image.size != (known.side, known.side):
        image = ImageOps.fit(image, (known.side, known.side), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if known.channels == 1 else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image) -> Image:
    """Scale 16 bits to 8. Pillow's own conversion cuts larger values off."""
    import numpy as np
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.minimum(np.asarray(image).astype(np.int64) >> 8, 255).astype(np.uint8))


def attempt(function: Any, *arguments: Any) -> Any:
    """Return a function's result; if the image is damaged, return the reason as text."""
    from PIL import Image, UnidentifiedImageError

    try:
        return function(*arguments)
    except UnidentifiedImageError:
        return "not an image that Pillow knows"
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:  # Pillow's readers do
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
