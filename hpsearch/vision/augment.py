"""Random crops and flips of whole batches, on the images' device."""

from __future__ import annotations

import torch

_CROP_SHARE = 8  # a 32-pixel image shifts by up to 4, as is usual for CIFAR-10 (He et al. 2015, section 4.2)


def augmented(images: torch.Tensor, how: str, generator: torch.Generator) -> torch.Tensor:
    """Return changed copies of images.

    Args:
        images: (n, n_channels, height, width), any type.
        how: `none`, `crop`, `flip` or `crop_flip`.
        generator: On the CPU, so that every device draws the same.
    """
    if "crop" in how:
        images = _shifted(images, max(1, images.shape[-1] // _CROP_SHARE), generator)
    if "flip" in how:
        flip = torch.rand(len(images), generator=generator) < 0.5  # noqa: PLR2004 - half of them
        images = torch.where(flip.to(images.device)[:, None, None, None], images.flip(3), images)
    return images


def _shifted(images: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Shift each image by up to `most` pixels, with the border mirrored (torch's reflection pad takes no uint8)."""
    n, channels, height, width = images.shape
    shifts = torch.randint(-most, most + 1, (2, n, 1), generator=generator).to(images.device)
    rows = _mirrored(torch.arange(height, device=images.device) + shifts[0], height)
    columns = _mirrored(torch.arange(width, device=images.device) + shifts[1], width)
    samples = torch.arange(n, device=images.device)[:, None, None, None]
    channel = torch.arange(channels, device=images.device)[None, :, None, None]
    return images[samples, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _mirrored(positions: torch.Tensor, length: int) -> torch.Tensor:
    positions = positions.abs()
    return torch.where(positions < length, positions, 2 * (length - 1) - positions)
