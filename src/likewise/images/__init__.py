"""Bytes → upright sRGB → pixels by a `Recipe`: the only place that decodes images.

Indexing and searching both call `prepare` with the recipe on the model's card, so that a query meets pixels made as the
gallery's were. What is read, what is refused and what is done to each kind: docs/images.md.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from likewise.errors import BadArgument
from likewise.images.cutting import Box, cut
from likewise.images.limits import Limits
from likewise.images.reading import Picture, reading
from likewise.images.resizing import Plan, carry_out, centre_cut, shortened, whole
from likewise.types import Image, Pixels, Recipe

__all__ = ["Box", "Limits", "Prepared", "cut", "decode", "normalise", "prepare", "size", "thumbnail"]

_DEFAULT_LIMITS = Limits()
_RESAMPLING = {
    "bilinear": Resampling.BILINEAR,
    "bicubic": Resampling.BICUBIC,
    "lanczos": Resampling.LANCZOS,
    "box": Resampling.BOX,
}
_DECODE_STRIP_PIXELS = 2**20


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image as an encoder wants it.

    Attributes:
        pixels: (side, side, 3) uint8, upright sRGB.
        width: Of the upright picture in the file, in pixels.
        height: Of the upright picture in the file, in pixels.
    """

    pixels: Image
    width: int
    height: int


def prepare(
    data: bytes,
    recipe: Recipe,
    limits: Limits = _DEFAULT_LIMITS,
    turn: AbstractContextManager[object] | None = None,
) -> Prepared:
    """Decode one image and resize it by a recipe, antialiased.

    Args:
        data: The encoded bytes; their content says what they are, no name does.
        recipe: `crop` gives the bytes of torchvision's `Resize(shorter)` and `CenterCrop(side)` on a Pillow image, except
            where a large JPEG is decoded at a fraction of its size first.
        limits: Checked before pixels have memory.
        turn: Held while a picture is decoded that takes more than 256 MB, by whoever decodes in several processes; the
            threads of one process take turns without it.

    Raises:
        BadImage: If the bytes are no whole image within the limits; threads may call side by side.
        BadArgument: If the recipe contradicts itself.
    """
    _check(recipe)
    with reading(data, limits, partial(_target, recipe), turn=turn) as picture:
        pixels = carry_out(picture, _plan(picture, recipe), _RESAMPLING[recipe.resample])
        return Prepared(np.array(pixels), picture.width, picture.height)


def thumbnail(data: bytes, side: int, limits: Limits = _DEFAULT_LIMITS) -> Image:
    """Decode one image small.

    Args:
        data: The encoded bytes.
        side: The longest that width or height may be; a smaller picture is not enlarged.
        limits: Checked before pixels have memory.

    Returns:
        (height, width, 3) uint8, of the picture's own shape.

    Raises:
        BadImage: If the bytes are no whole image within the limits.
        BadArgument: If `side` is below 1.
    """
    if side < 1:
        raise BadArgument(f"a thumbnail of side {side} has no pixels: pass at least 1")
    with reading(data, limits, partial(_fitted, side)) as picture:
        size = _fitted(side, picture.width, picture.height)
        return np.array(carry_out(picture, whole(picture.size, size), Resampling.BICUBIC))


def size(data: bytes, limits: Limits = _DEFAULT_LIMITS) -> tuple[int, int]:
    """Upright width and height of one image, in pixels.

    Raises:
        BadImage: If the bytes are no whole image within the limits.
    """
    with reading(data, limits, lambda *_: (1, 1)) as picture:
        return picture.width, picture.height


def decode(data: bytes, limits: Limits = _DEFAULT_LIMITS) -> Image:
    """Decode one image at its full size: upright, sRGB, on white.

    Returns:
        (height, width, 3) uint8.

    Raises:
        BadImage: If the bytes are no whole image within the limits; this result counts against the memory limit too.
    """
    with reading(data, limits, result_pixel_bytes=3) as picture:
        pixels = np.empty((picture.height, picture.width, 3), np.uint8)
        step = max(1, _DECODE_STRIP_PIXELS // picture.width)
        for top in range(0, picture.height, step):
            bottom = min(top + step, picture.height)
            pixels[top:bottom] = np.asarray(picture.region(0, top, picture.width, bottom))
        return pixels


def normalise(pixels: Pixels, recipe: Recipe) -> NDArray[np.float32]:
    """Scale to 0..1, subtract the recipe's mean, divide by its standard deviation.

    Args:
        pixels: (n, side, side, 3) uint8, as `prepare` makes them; n may be zero.
        recipe: The one that made them.

    Returns:
        (n, 3, side, side), channels first, as networks take them.

    Raises:
        BadArgument: If the shape is another, or a standard deviation is not above zero.
    """
    side = recipe.side
    if pixels.ndim != 4 or pixels.shape[1:] != (side, side, 3) or pixels.dtype != np.uint8:
        raise BadArgument(
            f"pixels are {pixels.dtype} {pixels.shape}, the recipe {recipe.name} wants uint8 (n, {side}, {side}, 3)"
        )
    if min(recipe.std) <= 0:
        raise BadArgument(f"the recipe {recipe.name} divides by {recipe.std}: every value must be above zero")
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    result = np.empty((len(pixels), 3, side, side), np.float32)
    for channel in range(3):  # a byte has 256 values, so 256 divisions are enough for any number of pixels
        table = (levels - np.float32(recipe.mean[channel])) / np.float32(recipe.std[channel])
        result[:, channel] = table[pixels[..., channel]]
    return result


def _check(recipe: Recipe) -> None:
    if recipe.side < 1:
        raise BadArgument(f"the recipe {recipe.name} has side {recipe.side}: it must be at least 1")
    if recipe.resize not in ("crop", "squash"):
        raise BadArgument(f"the recipe {recipe.name} resizes by {recipe.resize!r}: it must be crop or squash")
    if recipe.resize == "crop" and recipe.shorter < recipe.side:
        raise BadArgument(
            f"the recipe {recipe.name} cuts {recipe.side} pixels out of {recipe.shorter}: shorter must be at least side"
        )
    if recipe.resample not in _RESAMPLING:
        raise BadArgument(
            f"the recipe {recipe.name} resamples by {recipe.resample!r}: it must be one of {', '.join(_RESAMPLING)}"
        )


def _target(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    if recipe.resize == "squash":
        side = max(recipe.side, recipe.shorter)
        return side, side
    return shortened((width, height), recipe.shorter)


def _plan(picture: Picture, recipe: Recipe) -> Plan:
    if recipe.resize == "squash":
        return whole(picture.size, _target(recipe, picture.width, picture.height), recipe.side)
    return centre_cut(picture.size, (picture.width, picture.height), recipe.shorter, recipe.side)


def _fitted(side: int, width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
