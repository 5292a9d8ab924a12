"""Photographs that nobody took, and copies of them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from likewise.types import Image

DATE_S = 1_700_000_000


def photo(seed: int, width: int = 120, height: int = 90) -> Image:
    """Discs and bars in many colours, on a ground that changes slowly: edges enough for local features."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    slope = draw.normal(size=(2, 3)) * 40
    picture = 128 + (x[..., None] / width - 0.5) * slope[0] + (y[..., None] / height - 0.5) * slope[1]
    for _ in range(25):
        colour = draw.uniform(0, 255) + 25 * draw.normal(size=3)  # photographs are seldom gaudy
        middle = draw.uniform(0, 1, 2) * (width, height)
        if draw.random() < 0.5:
            inside = np.hypot(x - middle[0], y - middle[1]) < draw.uniform(0.03, 0.15) * width
        else:
            wide, tall = draw.uniform(0.04, 0.3, 2) * (width, height)
            inside = (np.abs(x - middle[0]) < wide / 2) & (np.abs(y - middle[1]) < tall / 2)
        picture[inside] = colour
    return np.clip(picture, 0, 255).astype(np.uint8)


def encoded(picture: Image, kind: str = "PNG", **how: int) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(picture).save(file, kind, **how)
    return file.getvalue()


def shrunk(picture: Image, width: int, height: int) -> Image:
    return np.asarray(Picture.fromarray(picture).resize((width, height), Picture.Resampling.LANCZOS))


def write(path: Path, data: bytes, age_days: int = 0) -> Path:
    """A file of a certain age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    date = DATE_S - 86_400 * age_days
    os.utime(path, (date, date))
    return path


def album(folder: Path) -> Path:
    """24 photographs; of 0 the same bytes again, of 1 a smaller and a recompressed one, of 2 another that is brighter."""
    for i in range(24):
        write(folder / f"{i:02d}.png", encoded(photo(i)), age_days=i)
    write(folder / "again" / "00.png", encoded(photo(0)), age_days=50)
    write(folder / "small" / "01.png", encoded(shrunk(photo(1), 60, 45)), age_days=60)
    write(folder / "small" / "01.jpg", encoded(photo(1), "JPEG", quality=40), age_days=70)
    write(folder / "02 brighter.png", encoded(np.minimum(photo(2) * 1.3, 255).astype(np.uint8)), age_days=80)
    return folder
