"""Duplicates among very many rows: planted groups found again, time, and memory that does not grow with the pairs.

Usage: python bench/duplicates.py [--rows 200000] [--dim 64] [--groups 5000] [--index lists] [--verify none --score 0.98] [--threads 1]

Rows are clustered, of a stated intrinsic dimension, and lie in a store of their own on the disk. A planted copy is its original moved by
--moved of its length in a random direction. No picture is there to be looked at: who verifies candidates knows the truth, or nobody does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def arguments() -> argparse.Namespace:
    """The command line; read before numpy, whose threads are set by the environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="planted copies among them")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--intrinsic", type=int, default=16)
    parser.add_argument("--clusters", type=int, default=2_000)
    parser.add_argument("--groups", type=int, default=5_000, help="of 2 to 6 rows")
    parser.add_argument("--moved", type=float, default=0.05)
    parser.add_argument("--significance", type=float, default=None)
    parser.add_argument("--score", type=float, default=None)
    parser.add_argument("--index", choices=["exact", "lists", "graph"], default="exact")
    parser.add_argument("--verify", choices=["truth", "none"], default="truth")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


GIVEN = arguments()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(GIVEN.threads)

import numpy as np

from likewise import duplicates
from likewise.duplicates import finding
from likewise.duplicates.threshold import threshold
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish
from likewise.types import Card, Recipe, Record

AT_ONCE = 8192


def anonymous_mb() -> float:
    """Memory of this process that no file stands behind."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("RssAnon"))


def watched(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` gives, seconds, and the largest that memory grows to meanwhile."""
    seen, done = [anonymous_mb()], threading.Event()

    def look() -> None:
        while not done.wait(0.01):
            seen.append(anonymous_mb())

    watcher = threading.Thread(target=look)
    watcher.start()
    begin = time.perf_counter()
    try:
        found = work()
    finally:
        seconds = time.perf_counter() - begin
        done.set()
        watcher.join()
    return found, seconds, max(seen)


def fill(store: LocalStore) -> np.ndarray:
    """Write the rows, in an order drawn at random; returns (rows,) the number of the original of each."""
    draw = np.random.default_rng(GIVEN.seed)
    copies = draw.integers(1, 6, GIVEN.groups)
    originals = GIVEN.rows - int(copies.sum())
    assert originals >= GIVEN.groups, "fewer groups, or more rows"
    of = draw.permutation(np.concatenate([np.arange(originals), np.repeat(np.arange(GIVEN.groups), copies)]))
    met = np.zeros(originals, np.bool_)
    centres = draw.normal(size=(GIVEN.clusters, GIVEN.intrinsic))
    spread = draw.normal(size=(GIVEN.intrinsic, GIVEN.dim))
    with store.write() as writer:
        for start in range(0, GIVEN.rows, AT_ONCE):
            numbers = of[start : start + AT_ONCE]
            rows = np.empty((len(numbers), GIVEN.dim))
            for i, number in enumerate(numbers.tolist()):
                own = np.random.default_rng([GIVEN.seed, number])  # the same for an original and its copies
                latent = centres[own.integers(GIVEN.clusters)] + 0.4 * own.normal(size=GIVEN.intrinsic)
                rows[i] = latent @ spread + 0.1 * own.normal(size=GIVEN.dim)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            again = met[numbers].copy()
            _, at, which = np.unique(numbers, return_index=True, return_inverse=True)
            again |= at[which] != np.arange(len(numbers))  # the first of a group is the original
            met[numbers] = True
            noise = draw.normal(size=rows.shape)
            noise *= GIVEN.moved / np.linalg.norm(noise, axis=1, keepdims=True)
            rows[again] += noise[again]
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            records = [
                Record(f"{start + i:08d}.jpg", f"{start + i:064x}"[::-1], 1, 1, 1, 1) for i in range(len(numbers))
            ]
            writer.extend(records, rows.astype(np.float32))
    return of


class Verifier:
    """Knows the truth, as pixels would."""

    def __init__(self, of: np.ndarray) -> None:
        self._of = of

    def agreements(self, pairs: Any) -> np.ndarray:
        """1 for copies."""
        return np.array([float(self._of[row_of(a)] == self._of[row_of(b)]) for a, b in pairs])


def row_of(record: Record) -> int:
    """The row that a record was written to."""
    return int(record.key.removesuffix(".jpg"))


def main() -> None:
    """Fill, find, judge."""
    with tempfile.TemporaryDirectory() as folder:
        card = Card("made", GIVEN.dim, Recipe("made", 1))
        with LocalStore.create(Path(folder) / "store", card) as store:
            of = fill(store)
            sizes = np.bincount(of)
            planted = int((sizes * (sizes - 1) // 2).sum())
            print(
                f"{GIVEN.rows:,} × {GIVEN.dim}, intrinsic dimension {GIVEN.intrinsic}, {GIVEN.clusters:,} clusters, "
                f"{GIVEN.groups:,} groups of 2 to 6 ({planted:,} pairs), copies moved by {GIVEN.moved}; {GIVEN.threads} threads"
            )
            if GIVEN.index != "exact":
                with store.write() as writer:
                    writer.note_index(Wish(kind=GIVEN.index))
                kept, seconds, _ = watched(store.bring_index_up_to_date)
                print(f"{kept}; {seconds:.1f} s")
            verify = "none" if GIVEN.verify == "none" else "pixels"
            if GIVEN.verify == "truth":
                finding.confirmer = lambda *_: Verifier(of)
            wanted = duplicates.Wanted(significance=GIVEN.significance, score=GIVEN.score, verify=verify)
            fitted, seconds, peak = watched(lambda: threshold(store.snapshot(), wanted, "cosine"))
            print(f"score {fitted.score:.4f}: {seconds:.1f} s, {peak:.0f} MB at most")
            before = anonymous_mb()
            found, seconds, peak = watched(lambda: duplicates.find(store, wanted))
            right = wrong = 0
            for group in found:
                numbers = of[[group.kept.row, *(copy.row for copy in group.copies)]]
                pairs = len(numbers) * (len(numbers) - 1) // 2
                counts = np.bincount(np.unique(numbers, return_inverse=True)[1])
                same = int((counts * (counts - 1) // 2).sum())
                right, wrong = right + same, wrong + pairs - same
            chance = found.threshold.by_chance
            print(
                f"{GIVEN.index}, verified by {GIVEN.verify}: "
                f"{'' if chance is None else f'{chance:.3g} pairs by chance; '}{found.tally.looked_at:,} looks, {len(found):,} groups\n"
                f"pairs: recall {right / planted:.4f}, precision {right / max(1, right + wrong):.4f} ({wrong:,} wrong)\n"
                f"{seconds:.1f} s, anonymous memory {before:.0f} MB before, {peak:.0f} MB at most"
            )


if __name__ == "__main__":
    main()
