"""Pixels of any mode → sRGB, a region at a time, so that no second copy of a large picture ever exists."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.Image import Image as PilImage

Base: TypeAlias = Literal["L", "RGB", "CMYK"]

_WHITE = (255, 255, 255)
_DEEP = ("I", "F")
_GREYS = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_PROFILE_BASES: Mapping[str, tuple[Base, ...]] = {"GRAY": ("L",), "RGB": ("RGB", "L"), "CMYK": ("CMYK",)}
_ROWS_AT_ONCE = 64  # when looking for the range of a picture of floats
_SAME = 1  # levels: a profile that moves no colour further is sRGB by another name


@dataclass(frozen=True, slots=True)
class Colours:
    """How the pixels of one picture become sRGB.

    Attributes:
        base: The mode that `transform` takes, or RGB without one.
        transform: From the picture's ICC profile to sRGB; `None` where there is no profile, or none of use.
        low: For pixels of 32 bits, the value that becomes black.
        high: For pixels of 32 bits, the value that becomes white.
    """

    base: Base
    transform: ImageCms.ImageCmsTransform | None
    low: float
    high: float


def colours_of(image: PilImage) -> Colours:
    """Look at a loaded picture once, before its regions are converted."""
    own: Base = "CMYK" if image.mode == "CMYK" else "L" if image.mode in _GREYS else "RGB"
    base, transform = _profiled(image, own)
    low, high = _range(image) if image.mode in _DEEP else (0.0, 255.0)
    return Colours(base, transform, low, high)


def to_srgb(region: PilImage, colours: Colours) -> PilImage:
    """Convert one region: numbers to 8 bits, colours to sRGB, then what is transparent onto white.

    Returns:
        Mode RGB, the same size.
    """
    picture, opacity = _split(region, colours)
    if colours.transform is not None:
        picture = colours.transform.apply(_as(picture, colours.base))
    picture = _as(picture, "RGB")
    if opacity is None:
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, _WHITE), opacity)


def _as(picture: PilImage, mode: str) -> PilImage:
    return picture if picture.mode == mode else picture.convert(mode)


def _split(region: PilImage, colours: Colours) -> tuple[PilImage, PilImage | None]:
    """The colours as 8-bit samples, and how opaque each pixel is (mode L), or `None` where all are."""
    if region.mode in _DEEP or region.mode.startswith("I;16"):
        return _eight_bits(region, colours)
    if not region.has_transparency_data:
        return region, None
    if region.mode in ("La", "RGBa"):
        region = region.convert(region.mode.upper())
    solid = region.convert("RGBA") if region.mode not in ("LA", "RGBA") else region
    return _without_alpha(solid), solid.getchannel("A")


def _without_alpha(picture: PilImage) -> PilImage:
    return picture.convert("L" if picture.mode == "LA" else "RGB")


def _eight_bits(region: PilImage, colours: Colours) -> tuple[PilImage, PilImage | None]:
    values = np.asarray(region)
    key = region.info.get("transparency")
    opacity = Image.fromarray(np.where(values == key, np.uint8(0), np.uint8(255))) if isinstance(key, int) else None
    if region.mode not in _DEEP:
        # The high byte: Pillow keeps the same one of 16-bit RGB, and it undoes both ways of widening 8 bits to 16.
        return Image.fromarray((values >> 8).astype(np.uint8)), opacity
    scaled = (np.nan_to_num(values.astype(np.float64), posinf=colours.high) - colours.low) * (
        255.0 / (colours.high - colours.low)
    )
    return Image.fromarray(np.rint(scaled.clip(0, 255)).astype(np.uint8)), opacity


def _range(image: PilImage) -> tuple[float, float]:
    """What is black and what is white: 32-bit pixels do not say, so the tightest usual range that holds them all."""
    extremes = [_finite_extremes(image, top) for top in range(0, image.height, _ROWS_AT_ONCE)]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    for white in usual:
        if low >= 0 and high <= white:
            return 0.0, white
    return low, max(high, low + 1e-6 * max(abs(low), 1.0))


def _finite_extremes(image: PilImage, top: int) -> tuple[float, float]:
    rows: NDArray[np.float64] = np.asarray(
        image.crop((0, top, image.width, min(top + _ROWS_AT_ONCE, image.height))), dtype=np.float64
    )
    finite = rows[np.isfinite(rows)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _profiled(image: PilImage, own: Base) -> tuple[Base, ImageCms.ImageCmsTransform | None]:
    """The transform of the picture's profile, and the mode that it takes."""
    encoded = image.info.get("icc_profile")
    if not isinstance(encoded, bytes) or not encoded:
        return "RGB", None
    with suppress(
        Exception
    ):  # a broken profile, or one for other channels, costs the colours' last shade, not the picture
        profile = ImageCms.ImageCmsProfile(io.BytesIO(encoded))
        fits = _PROFILE_BASES.get(profile.profile.xcolor_space.strip(), ())
        if own in fits:
            base = fits[0]  # a grey picture with an RGB profile is a picture of equal channels
            transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), base, "RGB")
            return ("RGB", None) if _changes_nothing(transform, base) else (base, transform)
    return "RGB", None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, base: Base) -> bool:
    """Whether a profile is sRGB under any name: most photographs carry it, and their pixels are then left alone."""
    if base != "RGB":
        return False
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(transform.apply(Image.fromarray(colours))).astype(np.int16)
    return int(np.abs(moved - colours).max()) <= _SAME
