"""Pictures as files of a few kilobytes, for pages."""

from __future__ import annotations

import io

from PIL import Image as Picture

from likewise.types import Image

SMALL = 64  # pixels; what has no more is kept without loss, and shown with its pixels as squares


def webp(picture: Image, quality: int = 80) -> bytes:
    """A picture as WebP; without loss where it has few pixels.

    Args:
        picture: Of any size.
        quality: 0 to 100.
    """
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, "WEBP", quality=quality, lossless=max(picture.shape[:2]) <= SMALL)
    return buffer.getvalue()
