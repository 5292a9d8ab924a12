"""What happens to pictures on their way through the world: cut, mirrored, blurred, compressed, recoloured, shrunk."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Pictures
from PIL import ImageEnhance, ImageFilter
from PIL.Image import Image as PilImage
from PIL.Image import Resampling, Transpose

from likewise.errors import BadArgument
from likewise.types import Image

SPOILINGS = ("crop", "mirror", "blur", "jpeg", "colour", "scale")


def spoiled(picture: Image, kind: str, draw: np.random.Generator) -> bytes:
    """A picture after one mishap, encoded.

    Args:
        picture: (height, width, 3) uint8.
        kind: One of `SPOILINGS`. `crop` keeps 70 to 90 % of both sides, anywhere; `blur` has a radius of 1 to 2 % of the
            shorter side; `jpeg` a quality of 8 to 20; `colour` changes brightness and contrast by up to 40 % and saturation
            by up to 60 %; `scale` leaves a quarter to a third of both sides.
        draw: The dice.

    Raises:
        BadArgument: If there is no such kind.
    """
    whole = Pictures.fromarray(picture)
    width, height = whole.size
    if kind == "crop":
        part = draw.uniform(0.7, 0.9)
        wide, high = max(1, round(part * width)), max(1, round(part * height))
        left, top = int(draw.integers(0, width - wide + 1)), int(draw.integers(0, height - high + 1))
        return _png(whole.crop((left, top, left + wide, top + high)))
    if kind == "mirror":
        return _png(whole.transpose(Transpose.FLIP_LEFT_RIGHT))
    if kind == "blur":
        return _png(whole.filter(ImageFilter.GaussianBlur(draw.uniform(0.01, 0.02) * min(width, height))))
    if kind == "jpeg":
        file = io.BytesIO()
        whole.save(file, "JPEG", quality=int(draw.integers(8, 21)))
        return file.getvalue()
    if kind == "colour":
        for change, most in ((ImageEnhance.Brightness, 0.4), (ImageEnhance.Contrast, 0.4), (ImageEnhance.Color, 0.6)):
            whole = change(whole).enhance(draw.uniform(1 - most, 1 + most))
        return _png(whole)
    if kind == "scale":
        part = draw.uniform(1 / 4, 1 / 3)
        return _png(whole.resize((max(1, round(part * width)), max(1, round(part * height))), Resampling.BICUBIC))
    raise BadArgument(f"no spoiling is called {kind!r}: take one of {', '.join(SPOILINGS)}")


def _png(picture: PilImage) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
