"""Exact search against the plain loop, the bare matrix product, and faiss: side by side in one run, answers compared.

Usage: python bench/search_exact.py [--rows 50000] [--dim 4096] [--queries 500] [--threads 2]

The rows are made as VGG-19's fc1 makes them: clustered, of a stated intrinsic dimension, mostly zero after a ReLU. They lie in a
memory-mapped file; every contender reads that map, except faiss, which keeps a copy of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

K = 7


def arguments() -> argparse.Namespace:
    """The command line; read before numpy, whose threads are set by the environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=4096)
    parser.add_argument("--queries", type=int, default=500, help="in a batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


GIVEN = arguments()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(GIVEN.threads)

import numpy as np

from contests.usage import anonymous_mb, watched
from likewise.indexes.exact import Exact
from searching.made import FEATURES_CLUSTERS, FEATURES_INTRINSIC, features


def the_loop(rows: np.ndarray, query: np.ndarray) -> tuple[list[int], list[float]]:
    """The post's algorithm."""
    distances = np.array([np.linalg.norm(query - row) for row in rows])
    nearest = np.argsort(distances, kind="stable")[:K]
    return nearest.tolist(), distances[nearest].tolist()


def timed(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, in an order drawn anew for each round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    draw = random.Random(0)
    for turn in range(rounds + 1):
        for name, work in draw.sample(sorted(contenders.items()), len(contenders)):
            time.sleep(0.5)  # threads of the one before spin for a while before they sleep, and would take a processor
            start = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    """Make the rows, compare answers, print queries a second and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.f32"
        whole = np.memmap(path, np.float32, "w+", shape=(GIVEN.rows, GIVEN.dim))
        features(GIVEN.rows, GIVEN.dim, 1, whole)
        whole.flush()
        del whole
        rows = np.memmap(path, np.float32, "r", shape=(GIVEN.rows, GIVEN.dim))
        queries = np.empty((GIVEN.queries, GIVEN.dim), np.float32)
        features(GIVEN.queries, GIVEN.dim, 2, queries)
        compare(rows, queries)


def compare(rows: np.ndarray, queries: np.ndarray) -> None:
    """Everything that is printed."""
    gigabytes = rows.nbytes / 1e9
    print(
        f"{len(rows):,} × {rows.shape[1]} float32 ({gigabytes:.2f} GB), intrinsic dimension {FEATURES_INTRINSIC}, "
        f"{FEATURES_CLUSTERS} clusters,"
    )
    print(
        f"{(rows[:1000] == 0).mean():.0%} zeros; k = {K}, {GIVEN.threads} threads, medians of {GIVEN.rounds} rounds\n"
    )
    index = Exact(rows, "l2")
    scores, found = index.search(queries, K)
    for i in range(5):
        nearest, distances = the_loop(rows, queries[i])
        if found[i].tolist() != nearest or (-scores[i]).tolist() != distances:
            sys.exit(f"query {i}: another answer than the loop's")
    print("answers: rows and distances equal the loop's to the last bit (5 queries)")
    one = queries[:1]
    single: dict[str, Callable[[], object]] = {
        "likewise": lambda: index.search(one, K),
        "numpy product": lambda: rows @ one[0],
        "the loop": lambda: the_loop(rows, one[0]),
    }
    batch: dict[str, Callable[[], object]] = {
        "likewise": lambda: index.search(queries, K),
        "numpy product": lambda: queries @ rows.T,
    }
    add_faiss(rows, queries, found, single, batch)
    alone, together = timed(single, GIVEN.rounds), timed(batch, GIVEN.rounds)
    loop = alone["the loop"]
    print(f"\n{'one query':16}{'queries/s':>12}{'× the loop':>12}{'GB/s':>8}")
    for name, seconds in alone.items():
        print(f"{name:16}{1 / seconds:12.1f}{loop / seconds:12.1f}{gigabytes / seconds:8.1f}")
    print(f"\nbatch of {len(queries):<7}{'queries/s':>12}{'× the loop':>12}")
    for name, seconds in together.items():
        print(f"{name:16}{len(queries) / seconds:12.1f}{loop * len(queries) / seconds:12.1f}")
    print()
    for what, times in (("one query", alone), ("batch", together)):
        for name in ("numpy product", "faiss Flat L2"):
            if name in times:
                print(f"{what}: likewise at {times[name] / times['likewise']:.2f} of the speed of {name}")
    before = anonymous_mb()
    with watched(0.005) as peak:
        Exact(rows, "l2").search(queries, K)
    print(f"anonymous memory while searching: {peak.mb - before:.0f} MB above the {before:.0f} MB of this program")


def add_faiss(
    rows: np.ndarray,
    queries: np.ndarray,
    found: np.ndarray,
    single: dict[str, Callable[[], object]],
    batch: dict[str, Callable[[], object]],
) -> None:
    """Faiss as a contender, where it is installed."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: pip install faiss-cpu to compare with it")
        return
    faiss.omp_set_num_threads(GIVEN.threads)
    flat = faiss.IndexFlatL2(rows.shape[1])
    flat.add(np.ascontiguousarray(rows))
    same = (flat.search(queries, K)[1] == found).mean()
    print(f"faiss {faiss.__version__}: {same:.2%} of its rows are the loop's (its distances are rounded otherwise)")
    single["faiss Flat L2"] = lambda: flat.search(queries[:1], K)
    batch["faiss Flat L2"] = lambda: flat.search(queries, K)


if __name__ == "__main__":
    main()
