"""How much of the encoder's own speed does indexing keep? The whole path against the embedding alone, in one run.

The whole path reads, decodes, resizes, embeds and stores; it reaches the embedding's own speed when everything else fits
into the other processor. Usage: python bench/index.py [--model classical] [--weights FILE] [--images 1500] [--side 256]
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # the encoder keeps to one processor; the other one is for decoding

import numpy as np
from PIL import Image as Picture

from likewise import encoders, images
from likewise.ingest import Options, ingest
from likewise.sources import open_source
from likewise.stores.local import LocalStore


def jpeg(seed: int, side: int) -> bytes:
    """A photo-like picture: smooth colours, some edges, some grain."""
    draw = np.random.default_rng(seed)
    coarse = Picture.fromarray(draw.integers(0, 256, (6, 8, 3), np.uint8).astype(np.uint8))
    smooth = np.asarray(coarse.resize((side * 4 // 3, side), Picture.Resampling.BICUBIC)).astype(np.int16)
    grain = draw.normal(0, 6, smooth.shape)
    buffer = io.BytesIO()
    Picture.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def main() -> None:
    """Print the rates of the parts and of the whole, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="classical")
    parser.add_argument("--recipe")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--side", type=int, default=256, help="height of the pictures")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()

    encoder = encoders.load(given.model, recipe=given.recipe, weights=given.weights)
    if given.model.startswith("vgg"):
        import torch

        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        for i in range(given.images):
            (folder / f"{i:05d}.jpg").write_bytes(jpeg(i, given.side))
        paths = sorted(folder.iterdir())
        times: dict[str, list[float]] = {"embedding alone": [], "decoding alone": [], "the whole path": []}
        for turn in range(given.rounds + 1):  # the first round warms up and is not counted
            start = time.perf_counter()
            pixels = [images.prepare(path.read_bytes(), encoder.card.recipe).pixels for path in paths]
            decoded = time.perf_counter()
            for first in range(0, len(pixels), given.batch):
                encoder.encode(np.stack(pixels[first : first + given.batch]))
            embedded = time.perf_counter()
            with LocalStore.create(Path(name) / f"run{turn}" / ".likewise", encoder.card) as store:
                ingest(open_source(str(folder)), store, encoder, Options(given.batch, given.workers))
                assert len(store) == given.images
            done = time.perf_counter()
            if turn:
                times["decoding alone"].append(decoded - start)
                times["embedding alone"].append(embedded - decoded)
                times["the whole path"].append(done - embedded)
    print(
        f"{given.images} JPEGs of {given.side * 4 // 3} × {given.side}, {encoder.card.name}, {encoder.card.recipe.name}"
    )
    print(
        f"batch {given.batch}, {given.workers} reading threads, one thread of arithmetic, {os.cpu_count()} processors"
    )
    for what, seconds in times.items():
        median = statistics.median(seconds)
        spread = f"{given.images / max(seconds):,.0f} to {given.images / min(seconds):,.0f}"
        print(f"{what:16} {given.images / median:9,.0f} images/s   ({spread})")
    ratios = [a / w for a, w in zip(times["embedding alone"], times["the whole path"], strict=True)]
    slower = [max(a, d) / w for a, d, w in zip(*times.values(), strict=True)]
    print(f"the whole path against the embedding alone: {statistics.median(ratios):.2f} (goal 0.85 when decoding fits)")
    print(f"against the slower of embedding and decoding: {statistics.median(slower):.2f}")


if __name__ == "__main__":
    main()
