"""Small image files of made-up pixels, in a folder for each label."""

import numpy as np
from PIL import Image

COUNTS = {"cat": 30, "dog": 20, "fox": 10}


def write_image(path, number, size=(12, 12), mode="RGB"):
    """Write an image whose pixels tell its number; return them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def write_folder(folder, counts=COUNTS, size=(12, 12), mode="RGB"):
    """Write so many images for each label; return the pixels by the path below the folder."""
    names = [f"{label}/{number:03}.png" for label, count in counts.items() for number in range(count)]
    return {name: write_image(folder / name, number, size, mode) for number, name in enumerate(names)}
