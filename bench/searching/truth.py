"""What is true of a gallery: the nearest rows of each query by float64, how much of them an answer has, and the dimension about a query.

Its own arithmetic, on purpose: an index that is judged must not be the judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from searching.made import Floats, Gallery, Watch

DEPTH = 100
_BLOCK_BYTES = 64 << 20  # of products
_KEPT = 4  # times as many candidates as are wanted, before they are sorted out


@dataclass(frozen=True, slots=True)
class Truth:
    """The nearest rows of each query.

    Attributes:
        rows: (q, depth) best first, equal scores in row order.
        scores: (q, depth) by float64: products, or minus distances.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


def truth_of(gallery: Gallery, watch: Watch) -> Truth:
    """The truth of a gallery, found now or kept from before."""
    path = gallery.folder / f"truth-{gallery.rows}-{gallery.queries}.npz"
    if path.is_file() and path.stat().st_mtime >= (gallery.folder / "made.json").stat().st_mtime:
        with np.load(path) as kept:
            return Truth(kept["rows"], kept["scores"])
    rows, queries = gallery.load()
    found = nearest(rows, queries, min(DEPTH, gallery.rows), gallery.metric, watch)
    draft = path.with_name("part-" + path.name)
    np.savez(draft, rows=found.rows, scores=found.scores)
    draft.replace(path)
    return found


def nearest(
    rows: Floats, queries: Floats, depth: int, metric: str, watch: Watch = lambda _what, _done, _all: None
) -> Truth:
    """The nearest rows, by products of blocks in float32 with a certain bound on their error, and float64 for all that could be among them.

    Args:
        rows: (n, dim) with n at least `depth`.
        queries: (q, dim).
        depth: How many.
        metric: `l2`, or `cosine`, for which all have unit norm.
        watch: Told how far it is.
    """
    count, dim = rows.shape
    asked = queries.astype(np.float64)
    lengths = np.linalg.norm(asked, axis=1)
    candidates = [_Candidates(depth) for _ in queries]
    step = max(depth, _BLOCK_BYTES // (4 * len(queries)))
    for start in range(0, count, step):
        block = np.asarray(rows[start : start + step])
        rough = queries @ block.T
        norms = np.linalg.norm(block.astype(np.float64), axis=1) if metric == "l2" else np.ones(len(block))
        if metric == "l2":
            rough -= (norms * norms / 2).astype(np.float32)  # x·f - |f|²/2 falls as the distance rises
        largest = norms.max()
        # Sums of n products err by at most n u Σ|x f|, u = 2^-24; twice that covers the subtraction, and rows that are not quite unit.
        slack = 2 * (dim + 4) * 2.0**-24 * (lengths * largest + (largest**2 if metric == "l2" else 0))
        for i, each in enumerate(candidates):
            each.add(rough[i], start, 2 * slack[i])
        watch("truth", min(count, start + step), count)
    found = Truth(np.empty((len(queries), depth), np.int64), np.empty((len(queries), depth)))
    for i, each in enumerate(candidates):
        possible = each.rows()
        scores = exact_scores(asked[i], rows[possible], metric)
        order = np.argsort(-scores, kind="stable")[:depth]
        found.rows[i], found.scores[i] = possible[order], scores[order]
    return found


def exact_scores(query: NDArray[np.float64], rows: Floats, metric: str) -> NDArray[np.float64]:
    """Scores of some rows by float64, higher is better; each row's is summed alike, whatever rows stand beside it."""
    wide = rows.astype(np.float64)
    if metric == "l2":
        difference: NDArray[np.float64] = wide - query
        return np.asarray(-np.sqrt((difference * difference).sum(axis=1)))
    return np.asarray((wide * query).sum(axis=1))


def recall(found: NDArray[np.int64], truth: Truth, gallery: Gallery, k: int) -> float:
    """How much of the k nearest the answers have: rows that are among them, or exactly as near as the last of them.

    Args:
        found: (q, k') rows for the first q queries; negative numbers, repetitions and what stands behind the first k count for nothing.
        truth: Of the gallery.
        gallery: What was searched.
        k: At most the depth of the truth.
    """
    rows, queries = gallery.load()
    hits = 0
    for i, line in enumerate(found):
        given = np.unique(line[:k])
        given = given[(given >= 0) & (given < len(rows))]
        known = np.isin(given, truth.rows[i, :k])
        scores = exact_scores(queries[i].astype(np.float64), rows[given[~known]], gallery.metric)
        ties = int(np.count_nonzero(scores >= truth.scores[i, k - 1]))
        hits += min(k, int(np.count_nonzero(known)) + ties)
    return hits / (k * len(found))


def local_dimension(truth: Truth, metric: str) -> float:
    """The dimension that the nearest rows of queries fill: maximum likelihood, inverse values averaged.

    Source: Levina and Bickel, NIPS 2004; the averaging by MacKay and Ghahramani, 2005.
    """
    distances = -truth.scores if metric == "l2" else np.sqrt(np.maximum(2 - 2 * truth.scores, 0))
    distances = np.maximum(distances, 1e-12)
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean()
    return float(1 / inverse) if inverse > 0 else float("inf")


class _Candidates:
    """Rows that may be among the nearest of one query."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._rows = np.empty(0, np.int64)
        self._rough = np.empty(0, np.float32)
        self._best = self._slack = -np.inf

    def add(self, rough: Floats, start: int, slack: float) -> None:
        """Take a block in, whose numbers are off by at most half of `slack`."""
        self._slack = max(self._slack, slack)
        if not np.isfinite(self._best) and len(rough) > self._depth:
            self._best = float(np.partition(rough, -self._depth)[-self._depth])
        places = np.flatnonzero(rough >= self._best - self._slack)
        self._rows = np.concatenate([self._rows, places + start])
        self._rough = np.concatenate([self._rough, rough[places]])
        if len(self._rows) > _KEPT * self._depth:
            self._best = max(self._best, float(np.partition(self._rough, -self._depth)[-self._depth]))
            kept = self._rough >= self._best - self._slack
            self._rows, self._rough = self._rows[kept], self._rough[kept]

    def rows(self) -> NDArray[np.int64]:
        """Rising."""
        return self._rows
