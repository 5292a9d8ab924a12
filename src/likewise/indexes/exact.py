"""Exact search: the answers of the plain loop over all rows, at the speed of a matrix product.

Two steps. Blocks of the gallery are multiplied with a batch of queries; that gives a rough score of every row, with a known bound on
its error. Only rows that could be among the k best within that bound are candidates, and those are scored again by the
plain expression and sorted. So rows and scores are those of the loop, to the last bit and in any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Numbers
from likewise.errors import BadArgument
from likewise.types import Embeddings, Metric, Rows, Scores

UNIT_ROUNDOFF = 2.0**-24
CONFIDENCE = 8.0
"""λ of Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019: a sum of n products errs by more than λ √n u times the sum of their sizes
with a probability below 2 exp(-λ²/2), which is 3e-14 for 8. The certain bound, n u, is 8 times wider at n = 4096; BLAS, which adds
in many lanes, stays far below either."""

_UNDERFLOW = 2.0**-126  # what a product can lose below the smallest normal number, even where such are flushed to zero
_SMALL, _LARGE = 2.0**-40, 2.0**60  # between these, neither a squared norm nor a product of two norms leaves float32

_SCORES_AT_ONCE = 2_000_000  # 8 MB, which stay in the cache
_BLOCK_ROWS = 4096  # at least; 4096-d, 500 queries: a product of all rows is no quicker, and its 100 MB leave the cache
_QUERIES_AT_ONCE = 512
_CONVERTED_BYTES = (
    32 << 20
)  # float16 rows and codes become float32, and rows that lie apart are copied to one place, a block at a time
# Of the rows: when no more may be returned, copying these is quicker than to multiply all. 300,000 × 256 and 40,000 × 2048: one
# query is even at 0.25, 64 at 0.75.
_COPIED_SHARE, _COPIED_SHARE_OF_BATCH = 0.2, 0.6
_BATCH = 16  # queries from which on copying is paid for by what is multiplied
_RESCORED_BYTES = 1 << 19  # half of a core's second cache, as a rule
_CANDIDATES_AT_ONCE = 1_000_000  # 24 bytes each, and a few times that while they are sorted out

_Part: TypeAlias = slice | NDArray[np.int64]
"""Some rows, rising: those between two, or a list of them."""


class Exact:
    """Exact nearest neighbours over rows that may lie in a memory-mapped file; threads may share it.

    Scores are, for `l2`, minus `np.linalg.norm(query - row)`; for `cosine`, `np.dot(query, row)` when rows are of unit norm, and else that
    divided by both norms (0 for a row or query of zeros).
    """

    def __init__(
        self,
        rows: Numbers,
        metric: Metric,
        live: NDArray[np.bool_] | None = None,
        *,
        unit: bool = False,
        block_rows: int | None = None,
    ) -> None:
        """Look at rows; nothing is copied or read yet.

        Args:
            rows: (n, dim), usually a read-only memory map, or codes that are decoded a block at a time.
            metric: How a query and a row are compared.
            live: (n,) False for rows that are never returned; None means all are.
            unit: All rows have unit norm, up to rounding, or are zero. Trusted; for `l2` it means nothing.
            block_rows: Rows multiplied at once; chosen by measurement unless given. It does not change any answer.

        Raises:
            BadArgument: If a shape, the dtype of the rows, the metric or the size of a block is none of these.
        """
        if rows.ndim != 2 or (live is not None and live.shape != (len(rows),)):
            raise BadArgument(f"rows have shape {rows.shape}, live {None if live is None else live.shape}")
        if rows.dtype not in (np.float32, np.float16):
            raise BadArgument(f"rows are {rows.dtype}, wanted float32 or float16")
        if metric not in ("l2", "cosine"):
            raise BadArgument(f"the metric is {metric!r}, wanted 'l2' or 'cosine'")
        if block_rows is not None and block_rows < 1:
            raise BadArgument(f"a block has {block_rows} rows: it must have at least 1")
        self._rows = rows
        self._metric = metric
        self._live = live
        self._unit = unit and metric == "cosine"
        self._block_rows = block_rows
        self._norms = np.full(len(rows), np.nan, np.float32)

    def __len__(self) -> int:
        return len(self._rows) if self._live is None else int(np.count_nonzero(self._live))

    def search(self, queries: Embeddings, k: int, among: NDArray[np.bool_] | None = None) -> tuple[Scores, Rows]:
        """The k best rows of each query.

        Args:
            queries: (q, dim) float32, finite.
            k: At least 1; more than there are rows gives all of them.
            among: (n,) True for rows that may be returned, if they are live; None means all.

        Returns:
            (q, k') scores, falling, and (q, k') rows; equal scores in rising row order; k' = min(k, rows that may be returned).

        Raises:
            BadArgument: If k is below 1, the queries have another dimension or are not finite, or `among` has another shape or dtype.
        """
        asked = self.checked(queries, k)
        allowed = self._allowed(among)
        width = min(k, allowed.count)
        scores = np.empty((len(asked), width), np.float32)
        found = np.empty((len(asked), width), np.int64)
        step = max(1, min(_QUERIES_AT_ONCE, _CANDIDATES_AT_ONCE // (4 * max(1, width))))
        for start in range(0, len(asked) if width else 0, step):
            part = asked[start : start + step]
            for i, candidates in enumerate(self._candidates(part, width, allowed), start=start):
                scores[i], found[i] = self.best(asked[i], candidates, width)
        return scores, found

    def checked(self, queries: Embeddings, k: int) -> Embeddings:
        """The queries as they are computed with, once they and `k` are found to be right; see `search`."""
        if k < 1:
            raise BadArgument(f"k is {k}: it must be at least 1")
        if queries.ndim != 2 or queries.shape[1] != self._rows.shape[1]:
            raise BadArgument(f"queries have shape {queries.shape}, wanted (q, {self._rows.shape[1]})")
        with np.errstate(over="ignore"):
            asked = np.ascontiguousarray(queries, np.float32)
        if not np.isfinite(asked).all():
            raise BadArgument("a query holds NaN or infinity, or a number too large for float32")
        return asked

    def _allowed(self, among: NDArray[np.bool_] | None) -> _Allowed:
        if among is None:
            return _Allowed(len(self), len(self._rows), self._live)
        if among.shape != (len(self._rows),) or among.dtype != np.bool_:
            raise BadArgument(f"among is {among.dtype} of shape {among.shape}, wanted bool of ({len(self._rows)},)")
        mask = among if self._live is None else among & self._live
        count = int(np.count_nonzero(mask))
        return _Allowed(count, len(mask), None if count == len(mask) else mask)

    def _candidates(self, queries: Embeddings, k: int, allowed: _Allowed) -> list[NDArray[np.int64]]:
        """For each query every row, rising, that may be returned and can be among its k best."""
        if k == allowed.count:
            return [allowed.rows()] * len(queries)
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        shortlist = _Shortlist(len(queries), k)
        copied = allowed.are_few(len(queries))
        step = self._step(len(queries), copied=copied)
        memory = np.empty((len(queries), min(step, len(self._rows))), np.float32)
        for part, mask in allowed.parts(step, alone=copied):
            block = np.asarray(self._rows[part], np.float32)
            rough, errors = self._rough(queries, lengths, part, block, memory[:, : len(block)])
            # By what passes alone: to part a line that is mostly -inf takes many times as long.
            passing = rough if mask is None or len(shortlist) else rough[:, mask]
            floors = shortlist.floors if len(shortlist) else _first_floors(passing, errors, k)
            if mask is not None:
                rough[:, ~mask] = -np.inf
            # What is not a number is not hopeless. One flat list of places: four times as quick as a list of pairs.
            places = np.flatnonzero(~(rough < _at_most(floors - errors)[:, None]))
            if mask is not None:
                places = places[mask[places % len(block)]]
            shortlist.add(places, part, rough, errors)
            if len(shortlist) > max(_CANDIDATES_AT_ONCE, 4 * k):
                best = [self.best(query, rows, k)[1] for query, rows in zip(queries, shortlist.rows(), strict=True)]
                shortlist.keep_only([np.sort(rows) for rows in best])
        return shortlist.rows()

    def _rough(
        self,
        queries: Embeddings,
        lengths: NDArray[np.float64],
        part: _Part,
        block: Embeddings,
        memory: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(q, b) numbers that fall as the scores of the block do, and (q,) how far they and the plain scores can be off.

        A number is NaN, or a query's error infinite, where float32 overflows or underflows and nothing is known. The numbers
        lie in `memory`: fresh memory for each block would cost a sixth of the product's time.
        """
        dim = block.shape[1]
        bound, floor = (CONFIDENCE * np.sqrt(dim) + 16) * UNIT_ROUNDOFF, 4 * dim * _UNDERFLOW
        with np.errstate(over="ignore", invalid="ignore"):
            rough = _products(queries, block, memory)
            if self._unit:
                return rough, np.where(lengths < _LARGE, 2 * bound * 1.01 * lengths + floor, np.inf)
            norms = self._norms_of(part, block)
            sure = norms < _LARGE
            if self._metric == "cosine":
                sure &= (norms > _SMALL) | (norms == 0)
                rough *= np.divide(1, norms, out=np.zeros_like(norms), where=sure & (norms > 0))
                errors = np.where((lengths > _SMALL) & (lengths < _LARGE), 3 * bound * lengths, np.inf)
            else:
                rough -= norms * norms / 2  # x·f - |f|²/2 is (|x|² - d²) / 2
                largest = float(norms.max(initial=0.0, where=sure))
                errors = np.where(lengths < _LARGE, bound * (lengths + largest) ** 2 + floor, np.inf)
        if not sure.all():
            rough[:, ~sure] = np.nan
        return rough, errors

    def _step(self, queries: int, *, copied: bool) -> int:
        """Rows to multiply at once with so many queries."""
        if self._block_rows is not None:
            return self._block_rows
        step = max(_BLOCK_ROWS, _SCORES_AT_ONCE // queries)
        if isinstance(self._rows, np.ndarray) and self._rows.dtype == np.float32 and not copied:
            return step
        return int(max(256, min(step, _CONVERTED_BYTES // (4 * max(1, self._rows.shape[1])))))

    def _norms_of(self, part: _Part, block: Embeddings) -> NDArray[np.float32]:
        """The norms of a block, computed when it is first met and kept.

        Threads that meet a block together all compute it and write the same numbers; nobody reads one before it is written.
        """
        norms = self._norms[part]
        if np.isnan(norms).any():
            for first in range(0, len(block), 256):  # in pieces that stay in the cache
                piece = block[first : first + 256]
                norms[first : first + 256] = np.sqrt(np.einsum("ij,ij->i", piece, piece))
            self._norms[part] = norms
        return norms

    def best(self, query: Embeddings, candidates: NDArray[np.int64], k: int) -> tuple[Scores, Rows]:
        """Score candidates, in rising row order, by the plain expression and keep the k best."""
        scores = np.empty(len(candidates), np.float32)
        step = max(1, _RESCORED_BYTES // (4 * max(1, len(query))))
        memory = _Memory(min(step, len(candidates)), len(query))
        for first in range(0, len(candidates), step):
            rows = memory.filled(self._rows, candidates[first : first + step])
            scores[first : first + step] = plain_scores(query, rows, self._metric, unit=self._unit, spend=True)
        order = np.argsort(-scores, kind="stable")[:k]
        return scores[order], candidates[order]


class _Memory:
    """Room for some rows, used again and again: fresh memory for each part costs as much as to read the rows."""

    def __init__(self, rows: int, dim: int) -> None:
        self._room = np.empty((rows, dim), np.float32)

    def filled(self, rows: Numbers, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """A copy of the chosen rows, rising, that stands until the next call."""
        room = self._room[: len(chosen)]
        if isinstance(rows, np.ndarray) and rows.dtype == np.float32:
            np.take(rows, chosen, axis=0, out=room, mode="clip")  # another mode would copy twice
        else:
            room[:] = rows[_as_part(chosen)]
        return room


@dataclass(frozen=True, slots=True)
class _Allowed:
    """The rows that a search may return.

    Attributes:
        count: How many they are.
        of: How many rows there are.
        mask: (of,) which; None where it is all of them.
    """

    count: int
    of: int
    mask: NDArray[np.bool_] | None

    def are_few(self, queries: int) -> bool:
        """Whether so many queries are better off with them alone than with all rows and those between them struck out."""
        share = _COPIED_SHARE if queries < _BATCH else _COPIED_SHARE_OF_BATCH
        return self.mask is not None and self.count <= share * self.of

    def rows(self) -> NDArray[np.int64]:
        """Their numbers, rising."""
        return np.arange(self.of) if self.mask is None else np.flatnonzero(self.mask)

    def parts(self, step: int, *, alone: bool) -> Iterator[tuple[_Part, NDArray[np.bool_] | None]]:
        """`step` rows at a time, and which of them may be returned; None where it is all of them."""
        if alone:
            rows = self.rows()
            yield from ((_as_part(rows[first : first + step]), None) for first in range(0, len(rows), step))
            return
        for start in range(0, self.of, step):
            part = slice(start, start + step)
            yield part, None if self.mask is None else self.mask[part]


def _as_part(rows: NDArray[np.int64]) -> _Part:
    """Rising rows as a slice where none is left out: that is a view of an array, and a list of rows a copy."""
    return slice(int(rows[0]), int(rows[-1]) + 1) if rows[-1] - rows[0] + 1 == len(rows) else rows


def _products(queries: Embeddings, block: Embeddings, memory: NDArray[np.float32]) -> NDArray[np.float32]:
    """(q, b) dot products. Of one query row by row: the matrix-vector product of OpenBLAS reads the block at half the speed."""
    if len(queries) > 1:
        return np.matmul(queries, block.T, out=memory)
    np.vecdot(block, queries[0], out=memory[0])
    return memory


class _Shortlist:
    """The rows that can still be among the k best, for a batch of queries."""

    def __init__(self, queries: int, k: int) -> None:
        self._best = np.full((queries, k), -np.inf)
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        self._count = 0
        self.floors = np.full(queries, -np.inf)  # k rows of each query are sure to score at least this

    def __len__(self) -> int:
        return self._count

    def add(
        self, places: NDArray[np.int64], part: _Part, rough: NDArray[np.float32], errors: NDArray[np.float64]
    ) -> None:
        """Take rows in, by their places in `rough`, which has one line for each query and one column for each row of `part`."""
        if not len(places):
            return
        width = rough.shape[1]
        which = places // width
        columns = places - which * width
        values = rough[which, columns].astype(np.float64)
        error = errors[which]
        sure = np.isfinite(error) & np.isfinite(values)
        with np.errstate(invalid="ignore"):
            low, high = np.where(sure, values - error, -np.inf), np.where(sure, values + error, np.inf)
        self._raise_floors(which, low)
        self._parts.append((which, columns + part.start if isinstance(part, slice) else part[columns], high))
        self._count += len(places)
        if self._count > _CANDIDATES_AT_ONCE:
            self._parts = [self._remaining()]
            self._count = len(self._parts[0][0])

    def rows(self) -> list[NDArray[np.int64]]:
        """For each query its rows, rising."""
        which, rows, _ = self._remaining()
        order = np.argsort(which, kind="stable")  # parts came in rising rows
        ends = np.searchsorted(which[order], np.arange(1, len(self.floors)))
        return np.split(rows[order], ends)

    def keep_only(self, rows: list[NDArray[np.int64]]) -> None:
        """Put these rows, rising, in the place of each query's; they are never dropped again."""
        which = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        self._parts = [(which, np.concatenate(rows), np.full(len(which), np.inf))]
        self._count = len(which)

    def _raise_floors(self, which: NDArray[np.int64], low: NDArray[np.float64]) -> None:
        counts = np.bincount(which, minlength=len(self.floors))
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        met = np.full((len(self.floors), int(counts.max())), -np.inf)
        met[which, within] = low
        k = self._best.shape[1]
        both = np.concatenate([self._best, met], axis=1)
        self._best = np.partition(both, both.shape[1] - k, axis=1)[:, both.shape[1] - k :]
        self.floors = self._best.min(axis=1)

    def _remaining(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        which, rows, high = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        kept = high >= self.floors[which]
        return which[kept], rows[kept], high[kept]


def _first_floors(rough: NDArray[np.float32], errors: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """(q,) what the k best of a block are sure to score at least."""
    if rough.shape[1] <= k:
        return np.full(len(rough), -np.inf)
    best = np.partition(rough, rough.shape[1] - k, axis=1)[:, rough.shape[1] - k :]
    sure = np.isfinite(best).all(axis=1) & np.isfinite(errors)  # NaN counts as best of all here, and might be worst
    floors = np.full(len(rough), -np.inf)
    floors[sure] = best[sure, 0] - errors[sure]
    return floors


def _at_most(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The same numbers in float32, never rounded up."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return np.where(narrow > values, np.nextafter(narrow, np.float32(-np.inf)), narrow)


def plain_scores(
    query: Embeddings, rows: Embeddings, metric: Metric, *, unit: bool = False, spend: bool = False
) -> NDArray[np.float32]:
    """What the plain loop computes for each of some rows, bit for bit: `np.vecdot` sums a row as `np.dot` does.

    Args:
        query: (dim,) float32.
        rows: (m, dim) float32.
        metric: `l2` or `cosine`.
        unit: Do not divide by norms that are 1.
        spend: The rows are a copy that may be written over.

    Returns:
        (m,) scores.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if metric == "l2":
            differences = np.subtract(query, rows, out=rows if spend else None)
            return np.asarray(np.float32(0) - np.sqrt(np.vecdot(differences, differences)), np.float32)
        products: NDArray[np.float32] = np.vecdot(rows, query)
        if unit:
            return products
        sizes = np.linalg.norm(query) * np.sqrt(np.vecdot(rows, rows))
        np.divide(products, sizes, out=products, where=sizes > 0)
    products[~(sizes > 0)] = 0
    return products
