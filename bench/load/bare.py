"""The same questions without a service: decode, encode, search, so many at once, in a process of its own.

    python -m load.bare COLLECTION AT_ONCE SECONDS FOLDER K THREADS

Pictures are decoded in as many threads as the service has; the encoder and the index get all of them in one call each. Prints one
line of JSON.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from likewise import images
from likewise.collection import Collection


def main(place: Path, at_once: int, seconds: float, folder: Path, k: int, threads: int) -> None:
    """Ask until the time is over."""
    datas = itertools.cycle([path.read_bytes() for path in sorted(folder.rglob("*.png"))])
    with Collection.open(place) as collection, ThreadPoolExecutor(threads) as pool:
        encoder, store = collection.encoder, collection.store
        recipe = encoder.card.recipe

        def ask() -> None:
            batch = list(itertools.islice(datas, at_once))
            if at_once == 1:
                pixels = [images.prepare(batch[0], recipe).pixels]
            else:
                pixels = list(pool.map(lambda data: images.prepare(data, recipe).pixels, batch))
            store.search(encoder.encode(np.stack(pixels)), k)

        for _ in range(3):
            ask()
        count, began = 0, time.monotonic()
        while time.monotonic() < began + seconds:
            ask()
            count += at_once
        print(json.dumps({"seconds": time.monotonic() - began, "asked": count}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
