"""What decoding a photograph costs, side by side: Pillow in full and at a fraction, simplejpeg, OpenCV, libvips.

Usage: python bench/decoding.py [--rounds 9] [--peers DIR]

Photo-like JPEGs of 2 and 12 megapixels become 224 × 224 (the shorter side 256, the centre cut). Each contender decodes at the
fraction that it has and resizes as ours does (libvips with its own, its `thumbnail` does both), in turns, in one thread
of one process; a line tells the median, the ratio to ours, and how far the pixels are from full decoding. Peers
that are not installed are left out: `pip install simplejpeg opencv-python-headless pyvips pyvips-binary`, or `--peers` names a
folder that they were installed into with `--target`.
"""

from __future__ import annotations

import argparse
import importlib
import io
import random
import statistics
import sys
import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
from PIL import Image as Picture

from index import photo
from likewise import images
from likewise.images.resizing import shortened
from likewise.types import Recipe

RECIPE = Recipe("imagenet", 224, "crop", shorter=256)
SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}
_BILINEAR = Picture.Resampling.BILINEAR

Contender = Callable[[bytes], np.ndarray]


def finished(pixels: np.ndarray, full: tuple[int, int]) -> np.ndarray:
    """Resize and cut, antialiased, as `likewise.images` does, whatever size it was decoded at."""
    width, height = shortened(full, RECIPE.shorter)
    resized = Picture.fromarray(pixels).resize((width, height), _BILINEAR)
    left, top = round((width - RECIPE.side) / 2), round((height - RECIPE.side) / 2)
    return np.asarray(resized.crop((left, top, left + RECIPE.side, top + RECIPE.side)))


def pillow_in_full(data: bytes) -> np.ndarray:
    """What torchvision's transforms do."""
    image = Picture.open(io.BytesIO(data)).convert("RGB")
    return finished(np.asarray(image), image.size)


def pillow_draft(data: bytes) -> np.ndarray:
    """At the smallest fraction that is no smaller than wanted, without keeping twice of it as ours does."""
    image = Picture.open(io.BytesIO(data))
    full = image.size
    image.draft("RGB", shortened(full, RECIPE.shorter))
    return finished(np.asarray(image.convert("RGB")), full)


def simplejpeg(module: ModuleType) -> Contender:
    """libjpeg-turbo by another way."""

    def decode(data: bytes) -> np.ndarray:
        height, width, *_ = module.decode_jpeg_header(data)
        least = [2 * side for side in shortened((width, height), RECIPE.shorter)]
        pixels = module.decode_jpeg(data, "RGB", min_width=least[0], min_height=least[1], min_factor=1)
        return finished(pixels, (width, height))

    return decode


def opencv(module: ModuleType) -> Contender:
    """The fractions of OpenCV: 1/2, 1/4, 1/8, chosen as ours are."""
    module.setNumThreads(1)
    flags = {
        1: module.IMREAD_COLOR,
        2: module.IMREAD_REDUCED_COLOR_2,
        4: module.IMREAD_REDUCED_COLOR_4,
        8: module.IMREAD_REDUCED_COLOR_8,
    }

    def decode(data: bytes) -> np.ndarray:
        full = Picture.open(io.BytesIO(data)).size  # OpenCV does not tell the size of the whole
        factor = max(each for each in flags if min(full) // each >= 2 * RECIPE.shorter or each == 1)
        pixels = module.imdecode(np.frombuffer(data, np.uint8), flags[factor])
        return finished(np.ascontiguousarray(pixels[..., ::-1]), full)

    return decode


def vips(module: ModuleType) -> Contender:
    """The thumbnail of libvips, which chooses its fraction by itself."""

    def decode(data: bytes) -> np.ndarray:
        width, height = shortened(Picture.open(io.BytesIO(data)).size, RECIPE.shorter)
        made = module.Image.thumbnail_buffer(data, width, height=height, size="force")
        left, top = round((width - RECIPE.side) / 2), round((height - RECIPE.side) / 2)
        return np.asarray(made.crop(left, top, RECIPE.side, RECIPE.side).numpy())[..., :3]

    return decode


def contenders(folder: str | None) -> dict[str, Contender]:
    """Ours, and whoever is installed."""
    if folder is not None:
        sys.path.append(folder)
    found: dict[str, Contender] = {
        "likewise.images.prepare": lambda data: images.prepare(data, RECIPE).pixels,
        "Pillow in full": pillow_in_full,
        "Pillow draft, no reserve": pillow_draft,
    }
    for name, module, make in (
        ("simplejpeg", "simplejpeg", simplejpeg),
        ("OpenCV", "cv2", opencv),
        ("libvips thumbnail", "pyvips", vips),
    ):
        try:
            found[name] = make(importlib.import_module(module))
        except ImportError:
            print(f"{name} is not installed")
    return found


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peers", metavar="DIR")
    given = parser.parse_args()
    programs = contenders(given.peers)
    for size, (width, height) in SIZES.items():
        photos = [photo(seed, width, height) for seed in range(3)]
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(given.rounds + 1):
            for name in random.sample(list(programs), len(programs)):
                start = time.process_time()
                for data in photos:
                    programs[name](data)
                times[name].append((time.process_time() - start) / len(photos) * 1e3)
        ours = statistics.median(times["likewise.images.prepare"][1:])
        print(f"{size}: {width} × {height}, {sum(map(len, photos)) / len(photos) / 1e6:.1f} MB each")
        for name, decode in programs.items():
            median = statistics.median(times[name][1:])
            pairs = [(decode(data).astype(np.int16), pillow_in_full(data).astype(np.int16)) for data in photos]
            apart = float(np.mean([np.abs(made - full).mean() for made, full in pairs]))
            print(
                f"  {name:26}{median:8.1f} ms of processor{median / ours:7.2f} ×{apart:8.2f} levels from full decoding"
            )


if __name__ == "__main__":
    main()
