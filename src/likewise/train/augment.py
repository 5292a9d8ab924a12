"""Random changes of training pictures, made for a whole batch at once on the processor or the GPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How much is changed.

    Attributes:
        shift: Pixels, in both directions, of a picture of side 32 (others in proportion); what is missing is mirrored.
        zoom: Scale is drawn between 1 / (1 + zoom) and 1 + zoom; 0 leaves it.
        mirror: Every second time an image is seen it is mirrored, starting at random (alternating flip, arXiv:2404.00498).
        colour: Brightness and contrast are drawn within 1 ± colour, and saturation within 1 ± 2 colour.
        grey: Share of pictures that lose their colour.
        erase: Side of a square that is set to the mean, as a share of the picture's side; 0 leaves it (Cutout, arXiv:1708.04552).
    """

    shift: int = 4
    zoom: float = 0.0
    mirror: bool = True
    colour: float = 0.0
    grey: float = 0.0
    erase: float = 0.0


def augmented(pixels: Tensor, plan: Augmentation, first_mirrored: Tensor, draw: torch.Generator) -> Tensor:
    """Change each picture of a batch by its own dice.

    Args:
        pixels: (n, 3, side, side) in 0..1.
        plan: How much.
        first_mirrored: (n,) bool, which ones are mirrored this time if `plan.mirror`.
        draw: All dice.

    Returns:
        As `pixels`; another tensor.
    """
    pixels = _moved(pixels, plan, first_mirrored, draw)
    if plan.colour or plan.grey:
        pixels = _recoloured(pixels, plan, draw)
    if plan.erase:
        pixels = _erased(pixels, plan.erase, draw)
    return pixels


def _moved(pixels: Tensor, plan: Augmentation, mirrored: Tensor, draw: torch.Generator) -> Tensor:
    count, _, side, _ = pixels.shape
    if plan.mirror:
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    most = round(plan.shift * side / 32)
    if plan.zoom:
        scale = torch.exp((2 * torch.rand(count, generator=draw) - 1) * float(torch.log(torch.tensor(1 + plan.zoom))))
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
        theta[:, :, 2] = (2 * torch.rand(count, 2, generator=draw) - 1) * (2 * most / side)
        grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
        return functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    if not most:
        return pixels
    padded = functional.pad(pixels, (most,) * 4, mode="reflect")
    shifts = torch.randint(0, 2 * most + 1, (count, 2), generator=draw)
    moved = torch.empty_like(pixels)
    for dy in range(2 * most + 1):
        for dx in range(2 * most + 1):
            chosen = (shifts[:, 0] == dy) & (shifts[:, 1] == dx)
            moved[chosen] = padded[chosen, :, dy : dy + side, dx : dx + side]
    return moved


def _recoloured(pixels: Tensor, plan: Augmentation, draw: torch.Generator) -> Tensor:
    def around_one(width: float) -> Tensor:
        return 1 + width * (2 * torch.rand(len(pixels), 1, 1, 1, generator=draw) - 1)

    weights = pixels.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (pixels * weights).sum(dim=1, keepdim=True)
    saturation = around_one(2 * plan.colour)
    saturation[torch.rand(len(pixels), generator=draw) < plan.grey] = 0
    pixels = grey + saturation * (pixels - grey)
    middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = (middle + around_one(plan.colour) * (pixels - middle)) * around_one(plan.colour)
    return pixels.clamp(0, 1)


def _erased(pixels: Tensor, share: float, draw: torch.Generator) -> Tensor:
    count, _, side, _ = pixels.shape
    width = max(1, round(share * side))
    corners = torch.randint(0, side - width + 1, (count, 2), generator=draw)
    places = torch.arange(side)
    rows = (places >= corners[:, :1]) & (places < corners[:, :1] + width)
    columns = (places >= corners[:, 1:]) & (places < corners[:, 1:] + width)
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(hole, pixels.mean(dim=(0, 2, 3), keepdim=True), pixels)
