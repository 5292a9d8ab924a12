"""A part of one image as an image of its own: what a benchmark's box, or a person's, cuts out of a query."""

from __future__ import annotations

import io
from typing import TypeAlias

from likewise.errors import BadArgument
from likewise.images.limits import Limits
from likewise.images.reading import reading

Box: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright picture, from its upper left corner."""

_DEFAULT_LIMITS = Limits()


def cut(data: bytes, box: Box, limits: Limits = _DEFAULT_LIMITS) -> bytes:
    """Cut a box out of one image.

    Args:
        data: The encoded bytes.
        box: What of it lies beyond the edge is left away: boxes of published ground truth touch the edge by a pixel.
        limits: Checked before pixels have memory.

    Returns:
        A PNG, upright and in sRGB, so without loss.

    Raises:
        BadArgument: If the box is empty or lies outside the picture.
        BadImage: If the bytes are no whole image within the limits.
    """
    x, y, width, height = box
    if width < 1 or height < 1:
        raise BadArgument(
            f"a box of {width} × {height} pixels is empty: give x, y, width, height, the last two at least 1"
        )
    with reading(data, limits, result_pixel_bytes=3) as picture:
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, picture.width), min(y + height, picture.height)
        if left >= right or top >= bottom:
            raise BadArgument(
                f"the box {x}, {y}, {width}, {height} lies outside the picture of {picture.width} × {picture.height} pixels"
            )
        target = io.BytesIO()
        picture.region(left, top, right, bottom).save(target, format="PNG", compress_level=1)
        return target.getvalue()
