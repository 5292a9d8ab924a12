"""Exact search: the answers of the plain loop over all rows, at the speed of a matrix product.

Two steps. Blocks of the gallery are multiplied with a batch of queries; that gives a rough score of every row, with a known bound on
its error. Only rows that could be among the k best within that bound are candidates, and those are scored again by the
plain expression and sorted. So rows and scores are those of the loop, to the last bit and in any batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.types import Embeddings, Metric, Rows, Scores

UNIT_ROUNDOFF = 2.0**-24
CONFIDENCE = 8.0
"""λ of Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019: a sum of n products errs by more than λ √n u times the sum of their sizes
with a probability below 2 exp(-λ²/2), which is 3e-14 for 8. The certain bound, n u, is 8 times wider at n = 4096; BLAS, which adds
in many lanes, stays far below either."""

_QUERIES_AT_ONCE = 512
_BLOCK_ROWS = 8192  # 4096-d, 500 queries: 1.28 s against 1.42 s for blocks of 4096 and 1.73 s for one product of all
_CONVERTED_BYTES = 32 << 20  # float16 rows are copied to float32, a block at a time
_RESCORED_BYTES = 16 << 20
_CANDIDATES_AT_ONCE = 4_000_000  # 24 bytes each


class Exact:
    """Exact nearest neighbours over rows that may lie in a memory-mapped file; threads may share it.

    Scores are, for `l2`, minus `np.linalg.norm(query - row)`; for `cosine`, `np.dot(query, row)` when rows are of unit norm, and else that
    divided by both norms (0 for a row or query of zeros).
    """

    def __init__(
        self,
        rows: NDArray[np.float32] | NDArray[np.float16],
        metric: Metric,
        live: NDArray[np.bool_] | None = None,
        *,
        unit: bool = False,
        block_rows: int | None = None,
    ) -> None:
        """Look at rows; nothing is copied or read yet.

        Args:
            rows: (n, dim), usually a read-only memory map.
            metric: How a query and a row are compared.
            live: (n,) False for rows that are never returned; None means all are.
            unit: All rows and queries have unit norm, up to rounding.
            block_rows: Rows multiplied at once; chosen by measurement unless given. It does not change any answer.
        """
        if rows.ndim != 2 or (live is not None and live.shape != (len(rows),)):
            raise BadArgument(f"rows have shape {rows.shape}, live {None if live is None else live.shape}")
        self._rows = rows
        self._metric = metric
        self._live = live
        self._unit = unit and metric == "cosine"
        self._step = max(1, block_rows or _block_rows(rows))
        self._norms = np.full(len(rows), np.nan, np.float32)

    def __len__(self) -> int:
        return len(self._rows) if self._live is None else int(np.count_nonzero(self._live))

    def search(self, queries: Embeddings, k: int) -> tuple[Scores, Rows]:
        """The k best rows of each query.

        Args:
            queries: (q, dim) float32, finite.
            k: At least 1; more than there are rows gives all of them.

        Returns:
            (q, k') scores, falling, and (q, k') rows; equal scores in rising row order; k' = min(k, live rows).

        Raises:
            BadArgument: If k is below 1, or the queries have another dimension or are not finite.
        """
        if k < 1:
            raise BadArgument(f"k is {k}: it must be at least 1")
        if queries.ndim != 2 or queries.shape[1] != self._rows.shape[1]:
            raise BadArgument(f"queries have shape {queries.shape}, wanted (q, {self._rows.shape[1]})")
        if not np.isfinite(queries).all():
            raise BadArgument("a query holds NaN or infinity")
        asked = np.ascontiguousarray(queries, np.float32)
        width = min(k, len(self))
        scores = np.empty((len(asked), width), np.float32)
        found = np.empty((len(asked), width), np.int64)
        if width:
            step = max(1, min(_QUERIES_AT_ONCE, _CANDIDATES_AT_ONCE // width))
            for start in range(0, len(asked), step):
                part = asked[start : start + step]
                for i, candidates in enumerate(self._candidates(part, width), start=start):
                    scores[i], found[i] = self._best(asked[i], candidates, width)
        return scores, found

    def _candidates(self, queries: Embeddings, k: int) -> list[NDArray[np.int64]]:
        """For each query every row, rising, that can be among its k best."""
        shortlists = [_Shortlist(k) for _ in queries]
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        for start, block in self._blocks():
            rough, errors = self._rough(queries, lengths, start, block)
            floors = np.array([shortlist.floor for shortlist in shortlists])
            live = None if self._live is None else self._live[start : start + len(block)]
            if live is not None:
                rough[:, ~live] = -np.inf
            if start == 0 and rough.shape[1] > k:
                floors = np.partition(rough, rough.shape[1] - k, axis=1)[:, rough.shape[1] - k] - errors
            hopeless = rough < (floors - errors)[:, None]
            if live is not None:
                hopeless |= ~live
            # What is not a number is not hopeless. One flat list of places: four times as quick as a list of pairs.
            places = np.flatnonzero(~hopeless)
            ends = np.searchsorted(places, np.arange(len(queries) + 1) * len(block))
            for i in np.flatnonzero(np.diff(ends)).tolist():
                at = places[ends[i] : ends[i + 1]] - i * len(block)
                shortlists[i].add(at + start, rough[i, at], errors[i])
            if len(queries) > 1 and sum(len(shortlist.rows) for shortlist in shortlists) > _CANDIDATES_AT_ONCE:
                half = len(queries) // 2
                return self._candidates(queries[:half], k) + self._candidates(queries[half:], k)
        return [shortlist.rows for shortlist in shortlists]

    def _rough(
        self, queries: Embeddings, lengths: NDArray[np.float64], start: int, block: Embeddings
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(q, b) numbers that fall as the scores of the block do, and (q,) how far they and the plain scores can be off."""
        bound = (CONFIDENCE * np.sqrt(block.shape[1]) + 16) * UNIT_ROUNDOFF
        with np.errstate(over="ignore", invalid="ignore"):
            rough = queries @ block.T
            if self._unit:
                return rough, 2 * bound * 1.01 * lengths
            norms = self._norms_of(start, block)
            if self._metric == "cosine":
                rough *= np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
                return rough, 2 * bound * lengths
            rough -= norms * norms / 2  # x·f - |f|²/2 is (|x|² - d²) / 2
            return rough, bound * (lengths + float(norms.max(initial=0.0))) ** 2

    def _blocks(self) -> Iterator[tuple[int, Embeddings]]:
        for start in range(0, len(self._rows), self._step):
            yield start, np.asarray(self._rows[start : start + self._step], np.float32)

    def _norms_of(self, start: int, block: Embeddings) -> NDArray[np.float32]:
        """The norms of a block, computed when it is first met and kept."""
        norms = self._norms[start : start + len(block)]
        if np.isnan(norms).any():
            for first in range(0, len(block), 256):  # in pieces that stay in the cache
                piece = block[first : first + 256]
                norms[first : first + 256] = np.sqrt(np.einsum("ij,ij->i", piece, piece))
        return norms

    def _best(self, query: Embeddings, candidates: NDArray[np.int64], k: int) -> tuple[Scores, Rows]:
        """Score candidates, in rising row order, by the plain expression and keep the k best."""
        scores = np.empty(len(candidates), np.float32)
        step = max(1, _RESCORED_BYTES // (4 * len(query)))
        with np.errstate(over="ignore"):
            for first in range(0, len(candidates), step):
                rows = np.asarray(self._rows[candidates[first : first + step]], np.float32)
                scores[first : first + step] = plain_scores(query, rows, self._metric, unit=self._unit)
        order = np.argsort(-scores, kind="stable")[:k]
        return scores[order], candidates[order]


class _Shortlist:
    """The rows that can still be among the k best of one query."""

    def __init__(self, k: int) -> None:
        self._k = k
        self.rows = np.zeros(0, np.int64)
        self._low = np.zeros(0)
        self._high = np.zeros(0)
        self.floor = -np.inf  # k rows are sure to score at least this

    def add(self, rows: NDArray[np.int64], rough: NDArray[np.float32], error: float) -> None:
        known = np.isfinite(error)
        self.rows = np.concatenate([self.rows, rows])
        self._low = np.concatenate([self._low, rough - error if known else np.full(len(rows), -np.inf)])
        self._high = np.concatenate([self._high, rough + error if known else np.full(len(rows), np.inf)])
        if len(self.rows) > self._k:
            place = len(self.rows) - self._k
            self.floor = float(np.partition(self._low, place)[place])
            kept = self._high >= self.floor
            self.rows, self._low, self._high = self.rows[kept], self._low[kept], self._high[kept]


def plain_scores(query: Embeddings, rows: Embeddings, metric: Metric, *, unit: bool = False) -> NDArray[np.float32]:
    """What the plain loop computes for each of some rows, bit for bit: `np.vecdot` sums a row as `np.dot` does.

    Args:
        query: (dim,) float32.
        rows: (m, dim) float32.
        metric: `l2` or `cosine`.
        unit: Do not divide by norms that are 1.

    Returns:
        (m,) scores.
    """
    if metric == "l2":
        differences = query - rows
        return np.asarray(np.float32(0) - np.sqrt(np.vecdot(differences, differences)), np.float32)
    products: NDArray[np.float32] = np.vecdot(rows, query)
    if unit:
        return products
    sizes = np.linalg.norm(query) * np.sqrt(np.vecdot(rows, rows))
    np.divide(products, sizes, out=products, where=sizes > 0)
    products[sizes == 0] = 0
    return products


def _block_rows(rows: NDArray[np.float32] | NDArray[np.float16]) -> int:
    if rows.dtype == np.float32:
        return _BLOCK_ROWS
    return int(max(256, min(_BLOCK_ROWS, _CONVERTED_BYTES // (4 * max(1, rows.shape[1])))))
