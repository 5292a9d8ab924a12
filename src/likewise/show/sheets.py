"""Many small pictures as one: sheets for a page that shows thousands, and a map as a drawing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from likewise.types import Image

_QUALITY = 80
_EMPTY = 235  # grey of a picture that is no longer there


def sheet(pictures: Sequence[Image | None], side: int, columns: int) -> bytes:
    """A WebP of squares, filled row by row; what is left of the last row is grey.

    Args:
        pictures: Each cut to a square about its middle; None leaves a grey one.
        side: Of a square, in pixels.
        columns: How many stand beside each other.
    """
    rows = -(-len(pictures) // columns)
    canvas = Picture.new("RGB", (columns * side, max(1, rows) * side), (_EMPTY,) * 3)
    for i, picture in enumerate(pictures):
        if picture is not None:
            canvas.paste(_square(picture, side), (i % columns * side, i // columns * side))
    return _encoded(canvas, "WEBP", quality=_QUALITY, method=2)


def scattered(pictures: Sequence[Image | None], at: NDArray[np.int64], tile: int, side: int) -> bytes:
    """A PNG, side × side, with a square for each picture.

    Args:
        pictures: As for `sheet`.
        at: (n, 2) the left upper corner of each.
        tile: Side of a square, in pixels.
        side: Of the drawing.
    """
    canvas = Picture.new("RGB", (side, side), (255, 255, 255))
    for picture, (x, y) in zip(pictures, at.tolist(), strict=True):
        if picture is not None:
            canvas.paste(_square(picture, tile), (x, y))
    return _encoded(canvas, "PNG", optimize=True)


def _square(picture: Image, side: int) -> Picture.Image:
    height, width = picture.shape[:2]
    edge = min(height, width)
    left, top = (width - edge) // 2, (height - edge) // 2
    cut = Picture.fromarray(picture).crop((left, top, left + edge, top + edge))
    return cut.resize((side, side), Picture.Resampling.BICUBIC if edge > side else Picture.Resampling.NEAREST)


def _encoded(canvas: Picture.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    canvas.save(buffer, form, **options)
    return buffer.getvalue()
