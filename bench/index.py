"""How near does indexing come to the slower of its parts? The whole path against decoding alone and embedding alone.

Usage: python bench/index.py [--sizes 0.1,2,12] [--models compact,classical] [--recipe R] [--weights FILE] [--workers 2]

For each size, so many photo-like JPEGs are written to a temporary folder. In turns, in one run: the pipeline alone (reading and
decoding in `--workers` processes, nobody embeds), the encoder alone (pixels from memory, `--threads` threads), and `ingest`
(read, decode, resize, embed, store). The goal is 0.95 of the slower part, at least 0.8. Where both parts want all processors
nothing can be as quick as the slower alone: then the two together, one after the other, are what counts, and are printed beside,
with the processor time of the whole against that of its parts, which does not depend on what else this machine does.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Picture

if TYPE_CHECKING:
    from likewise.encoders import Encoder
    from likewise.ingest import Options
    from likewise.sources import Source

MEGAPIXELS = {"0.1": (341, 256), "2": (1632, 1224), "12": (4000, 3000)}
IMAGES = {"0.1": 3000, "2": 600, "12": 160}
_DISTINCT = 8


def photo(seed: int, width: int, height: int) -> bytes:
    """A photo-like JPEG: smooth colours, edges, and grain as a camera's, about 0.2 bytes a pixel."""
    draw = np.random.default_rng(seed)
    coarse = Picture.fromarray(draw.integers(0, 256, (6, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Picture.Resampling.BICUBIC)).astype(np.int16)
    blocks = Picture.fromarray(draw.integers(0, 64, (24, 32), np.uint8))
    edges = np.asarray(blocks.resize((width, height), Picture.Resampling.NEAREST)).astype(np.int16)
    grain = draw.normal(0, 5, (height, width)).astype(np.int16)
    buffer = io.BytesIO()
    pixels = (smooth + (edges + grain)[..., None]).clip(0, 255).astype(np.uint8)
    Picture.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def fill(folder: Path, size: str, count: int) -> None:
    """Write the photos: a few pictures, each file with bytes of its own, since equal ones are embedded only once."""
    width, height = MEGAPIXELS[size]
    distinct = [photo(seed, width, height) for seed in range(min(_DISTINCT, count))]
    for i in range(count):
        (folder / f"{i:05d}.jpg").write_bytes(distinct[i % len(distinct)] + f"{i}".encode())


def main() -> None:
    """Print the rates of the parts and of the whole, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="2,12", help=f"megapixels, of {', '.join(MEGAPIXELS)}")
    parser.add_argument("--models", default="compact,classical")
    parser.add_argument("--recipe")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, help="instead of as many as take some seconds")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--processes-from", type=int, default=64, help="a large number: threads instead")
    parser.add_argument("--threads", type=int, help="of arithmetic; those of the library unless given")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(given.threads)

    from likewise import encoders

    print(
        f"batch {given.batch}, {given.workers} workers, {os.cpu_count()} processors, medians of {given.rounds} rounds"
    )
    for size in given.sizes.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "pictures"
            folder.mkdir()
            fill(folder, size, given.images or IMAGES[size])
            for model in given.models.split(","):
                encoder = encoders.load(model, recipe=given.recipe, weights=given.weights)
                if given.threads and model.startswith("vgg"):
                    import torch

                    torch.set_num_threads(given.threads)
                measure(Path(name), encoder, given)


def processor_s() -> float:
    """Of this program and of its children that have ended; other programs do not change it much."""
    return sum(os.times()[:4])


def turn(source: Source, encoder: Encoder, home: Path, options: Options) -> dict[str, float]:
    """Seconds of the parts and of the whole, once; and the processor time of the whole against that of its parts."""
    from likewise import pipeline
    from likewise.ingest import ingest
    from likewise.stores.local import LocalStore

    items = list(source.items())
    used, clock = [processor_s()], [time.perf_counter()]

    def lap() -> None:
        used.append(processor_s())
        clock.append(time.perf_counter())

    made = list(pipeline.prepared(source, items, encoder.card.recipe, options.pipeline))
    lap()
    pixels = np.stack([each.pixels for each in made if each.pixels is not None])
    del made
    lap()
    for first in range(0, len(pixels), options.batch):
        encoder.encode(pixels[first : first + options.batch])
    lap()
    with LocalStore.create(home / ".likewise", encoder.card) as store:
        ingest(source, store, encoder, options)
        assert len(store) == len(items)
    lap()
    decoding, _, embedding, whole = np.diff(clock).tolist()
    spent = np.diff(used)
    share = float(spent[3] / max(spent[0] + spent[2], 1e-9))
    return {"decoding": decoding, "embedding": embedding, "whole": whole, "processor": share}


def shares(turns: list[dict[str, float]]) -> tuple[float, float]:
    """Of the slower part, and of the two in a row; medians within turns, as what else a machine does changes slowly."""
    slower = [max(each["decoding"], each["embedding"]) / each["whole"] for each in turns]
    both = [(each["decoding"] + each["embedding"]) / each["whole"] for each in turns]
    return statistics.median(slower), statistics.median(both)


def measure(place: Path, encoder: Encoder, given: argparse.Namespace) -> None:
    """Time the parts and the whole in turns, and print them."""
    from likewise.ingest import Options
    from likewise.sources import open_source

    source = open_source(str(place / "pictures"))
    items = list(source.items())
    options = Options(given.batch, given.workers, processes_from=given.processes_from)
    homes = [place / f"{encoder.card.fingerprint}-{number}" for number in range(given.rounds + 1)]
    turns = [turn(source, encoder, home, options) for home in homes][1:]  # the first one warms up
    of_slower, of_both = shares(turns)
    card = encoder.card
    print(
        f"\n{len(items)} JPEGs of {items[0].size_bytes / 1e6:.2f} MB, {card.name}, {card.recipe.name} {card.recipe.side}"
    )
    names = {"decoding alone": "decoding", "embedding alone": "embedding", "the whole path": "whole"}
    for what, name in names.items():
        seconds = [each[name] for each in turns]
        median = statistics.median(seconds)
        spread = f"{len(items) / max(seconds):,.0f} to {len(items) / min(seconds):,.0f}"
        print(f"  {what:16} {len(items) / median:9,.1f} images/s   ({spread})")
    print(f"  of the slower part: {of_slower:.2f} (goal 0.95, at least 0.8)")
    print(f"  of the two one after the other: {of_both:.2f}")
    spent = statistics.median(each["processor"] for each in turns)
    print(f"  processor time of the whole against that of its parts: {spent:.2f}")


if __name__ == "__main__":
    main()
