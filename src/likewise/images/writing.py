"""Pixels → bytes to send: small pictures for pages."""

from __future__ import annotations

import io

from PIL import Image as Picture

from likewise.types import Image

_SMALL = 96  # pixels on a side


def webp(picture: Image, quality: int = 82) -> bytes:
    """Encode a picture as WebP; without loss where it has few pixels, which pages enlarge.

    Args:
        picture: (height, width, 3) uint8, at most 16,383 pixels on a side.
        quality: 0 to 100.
    """
    target = io.BytesIO()
    lossless = max(picture.shape[:2]) <= _SMALL
    Picture.fromarray(picture).save(target, format="WEBP", quality=quality, lossless=lossless, method=2)
    return target.getvalue()
