"""How long ranking and judging takes: queries over a gallery of random directions, metrics of the usual kind.

    python bench/evaluation.py [--queries 1000] [--gallery 50000] [--dim 256]

Prints seconds as they would be for 10,000 queries, and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from likewise.benchmarks import Classes
from likewise.evaluate.judging import judge
from likewise.evaluate.measures import measure
from likewise.evaluate.ranking import block_size, ranked
from likewise.types import Card, Recipe

METRICS = ("mAP", "P@7", "R@1", "MAP@R")


def main() -> None:
    """Rank, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--gallery", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    wanted = parser.parse_args()
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(wanted.gallery, wanted.dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    classes = np.arange(wanted.gallery) % 100
    truth = Classes(classes[: wanted.queries], classes, np.arange(wanted.queries))
    card, measures = Card("random", wanted.dim, Recipe("none", 1)), [measure(name) for name in METRICS]
    size = block_size(wanted.gallery)

    def block(start: int) -> None:
        queries = np.arange(start, min(start + size, wanted.queries))
        scores, places = ranked(rows[queries], lambda first, last: rows[first:last], wanted.gallery, card)
        judged = judge(truth, queries, scores, places)
        for each, k in measures:
            each.of_block(judged, k)

    started = time.perf_counter()
    with ThreadPoolExecutor(wanted.threads) as pool:
        list(pool.map(block, range(0, wanted.queries, size)))
    seconds = (time.perf_counter() - started) * 10_000 / wanted.queries
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"10,000 queries over {wanted.gallery:,} × {wanted.dim}: {seconds:.0f} s, {memory:,.0f} MB")


if __name__ == "__main__":
    main()
