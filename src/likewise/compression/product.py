"""Embeddings kept as the numbers of the centroids that their parts lie nearest to: product quantisation.

Sources: Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, TPAMI 2011; the turn before it, by which axes are
dealt out to the parts, Ge, He, Ke and Sun, Optimized Product Quantization, CVPR 2013, its parametric solution.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from likewise.compression.types import Arrays, Codes, Decoded, unit_again
from likewise.errors import BadArgument
from likewise.types import Embeddings

_LEVELS = 256
_ROUNDS = 20
_AXES_PER_BYTE = 16  # axes of less variance get less than half a bit each: what they say is lost either way
_LOOKS = 8  # more than any row has been seen to take
_BLOCK = 4096  # rows encoded or read at once

Centroids = NDArray[np.float32]
"""(parts, 256, s): where the 256 centroids of each part lie."""


class ProductQuantiser:
    """Embeddings turned in space, cut into parts of s components, and each part replaced by the nearest of 256 centroids; see `Codec`.

    The turn keeps lengths and angles, and queries take it too: scores are those of decoded embeddings, which are turned back only
    where somebody wants to see them. Where the parts have room for fewer axes than embeddings have components, the axes of least
    variance are left out; how far a query lies off the others is then one component more, in which all rows are 0.
    """

    NUMBER: ClassVar[str] = "bytes a row"
    LEAST: ClassVar[int] = _LEVELS

    def __init__(self, turn: NDArray[np.float32], centroids: Centroids, *, unit: bool) -> None:
        """Take what was fitted.

        Args:
            turn: (parts × s, dim); of its rows that are not zero, each has norm 1 and is at right angles to the others.
            centroids: (parts, 256, s).
            unit: Whether what is decoded is made unit.
        """
        self._turn, self._centroids, self._unit = turn, centroids, unit
        self._parts, self._size = len(centroids), int(centroids.shape[2])
        self._table = centroids.reshape(-1, self._size)
        self._offsets = np.arange(self._parts) * _LEVELS
        self._halves = np.vecdot(centroids, centroids) / 2
        axes = int(np.count_nonzero(turn.any(axis=1)))
        self._off = int(axes < turn.shape[1])  # one component more

    @classmethod
    def check(cls, number: int, dim: int) -> None:
        """See `Codec.check`."""
        if not 1 <= number <= dim:
            raise BadArgument(
                f"pq:{number} makes {number} bytes of {dim} components: ask for 1 to {dim}, or take int8, which keeps one for each"
            )

    @classmethod
    def fit(cls, number: int, rows: Embeddings, *, unit: bool, seed: int) -> Self:
        """See `Codec.fit`; `number` parts."""
        count, dim = rows.shape
        cls.check(number, dim)
        if count < _LEVELS:
            raise BadArgument(f"pq:{number} is fitted on {_LEVELS} embeddings at least, and here are {count}")
        turn = _principal_turn(rows, number)
        draw = np.random.default_rng(seed)
        turned = (rows @ turn.T).reshape(count, number, -1)
        centroids = np.stack([_lloyd(turned[:, part], draw) for part in range(number)])
        return cls(turn, centroids, unit=unit)

    @classmethod
    def restore(cls, number: int, dim: int, arrays: Arrays, *, unit: bool) -> Self:
        """See `Codec.restore`."""
        turn, centroids = (np.asarray(arrays[name], np.float32) for name in ("turn", "centroids"))
        size = centroids.shape[-1]
        fits = centroids.shape == (number, _LEVELS, size) and turn.shape == (number * size, dim)
        if not fits or not np.isfinite(turn).all() or not np.isfinite(centroids).all():
            raise ValueError(f"shapes {turn.shape} and {centroids.shape} of pq:{number} for {dim} components")
        return cls(turn, centroids, unit=unit)

    @property
    def row_bytes(self) -> int:
        """See `Codec.row_bytes`."""
        return self._parts

    @property
    def arrays(self) -> Arrays:
        """See `Codec.arrays`."""
        return {"turn": self._turn, "centroids": self._centroids}

    def encode(self, rows: Embeddings) -> Codes:
        """See `Codec.encode`.

        Sums of centroids are not quite unit, and a direction has no length. So unit rows are looked up again at the length that their last
        codes gave, as long as that brings their direction nearer; and what comes of it, decoded, must find its own codes again, or
        those that it does find are taken.
        """
        codes = np.empty((len(rows), self._parts), np.uint8)
        for start in range(0, len(rows), _BLOCK):
            turned = np.asarray(rows[start : start + _BLOCK], np.float32) @ self._turn.T
            codes[start : start + _BLOCK] = self._settled(turned) if self._unit else self._nearest(turned)
        return codes

    def decode(self, codes: Codes) -> Embeddings:
        """See `Codec.decode`."""
        return self._turned_rows(codes)[:, : len(self._turn)] @ self._turn

    def rows(self, codes: Codes) -> Decoded:
        """See `Codec.rows`."""
        return Decoded(codes, self.decode, self._turn.shape[1])

    def searched(self, codes: Codes) -> Decoded:
        """See `Codec.searched`; sums of centroids, not turned back."""
        return Decoded(codes, self._turned_rows, len(self._turn) + self._off)

    def asked(self, queries: Embeddings) -> Embeddings:
        """See `Codec.asked`; one by one, so that none depends on the others."""
        if queries.ndim != 2 or queries.shape[1] != self._turn.shape[1]:
            raise BadArgument(f"queries have shape {queries.shape}, wanted (q, {self._turn.shape[1]})")
        turned = np.zeros((len(queries), len(self._turn) + self._off), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for query, row in zip(np.ascontiguousarray(queries, np.float32), turned, strict=True):
                row[: len(self._turn)] = self._turn @ query
                if self._off:
                    row[-1] = np.sqrt(max(np.float32(0), np.dot(query, query) - np.dot(row, row)))
        return turned

    def _turned_rows(self, codes: Codes) -> Embeddings:
        sums = self._sums(codes)
        if self._unit:
            unit_again(sums)
        return np.pad(sums, ((0, 0), (0, 1))) if self._off else sums

    def _sums(self, codes: Codes) -> Embeddings:
        parts: Embeddings = np.take(self._table, codes + self._offsets, axis=0)
        return parts.reshape(len(codes), len(self._turn))

    def _settled(self, turned: Embeddings) -> Codes:
        found = self._nearest_directions(turned)
        left = np.arange(len(turned))
        for _ in range(_LOOKS):
            again = self._nearest_directions(unit_again(self._sums(found[left])))
            moved = (again != found[left]).any(axis=1)
            left = left[moved]
            if not len(left):
                break
            found[left] = again[moved]
        return found

    def _nearest_directions(self, turned: Embeddings) -> Codes:
        found = self._nearest(turned)
        lengths, cosines = self._lengths(found, turned)
        left = np.arange(len(turned))
        for _ in range(_LOOKS):
            again = self._nearest(turned[left] * lengths[left, None])
            longer, nearer = self._lengths(again, turned[left])
            better = nearer > cosines[left]
            left = left[better]
            if not len(left):
                break
            found[left], lengths[left], cosines[left] = again[better], longer[better], nearer[better]
        return found

    def _lengths(self, codes: Codes, turned: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(n,) lengths of the sums, and their cosines with unit rows."""
        sums = self._sums(codes)
        lengths = np.sqrt(np.vecdot(sums, sums))
        return lengths, np.vecdot(unit_again(sums), turned)

    def _nearest(self, turned: Embeddings) -> Codes:
        parts = turned.reshape(len(turned), self._parts, self._size)
        found = np.empty(parts.shape[:2], np.uint8)
        for part, (centroids, halves) in enumerate(zip(self._centroids, self._halves, strict=True)):
            found[:, part] = _places(parts[:, part], centroids, halves)
        return found


def _principal_turn(rows: Embeddings, parts: int) -> NDArray[np.float32]:
    """(parts × s, dim): principal axes, dealt out such that the variances of each part have about the same product."""
    dim = rows.shape[1]
    axes = min(dim, parts * _AXES_PER_BYTE)
    size = -(-axes // parts)
    mean = rows.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((dim, dim))
    for start in range(0, len(rows), _BLOCK):
        centred = rows[start : start + _BLOCK] - mean
        scatter += centred.T @ centred
    variances, vectors = np.linalg.eigh(scatter)
    order = np.argsort(-variances, kind="stable")[:axes]
    largest = max(float(variances[order[0]]), np.finfo(np.float64).tiny)
    turn = np.zeros((parts, size, dim), np.float32)
    products, filled = np.zeros(parts), np.zeros(parts, np.int64)
    for axis in order:
        part = int(np.argmin(np.where(filled < size, products, np.inf)))
        vector = vectors[:, axis]
        turn[part, filled[part]] = vector if vector[np.abs(vector).argmax()] > 0 else -vector
        products[part] += np.log(max(float(variances[axis]) / largest, 1e-9)) - np.log(
            1e-9
        )  # at least 0: an axis costs room
        filled[part] += 1
    return turn.reshape(parts * size, dim)


def _lloyd(rows: Embeddings, draw: np.random.Generator) -> NDArray[np.float32]:
    """(256, s) centroids of (n, s) rows: k-means from some of the rows, where an empty cluster takes the row that lies worst."""
    centroids = rows[np.sort(draw.permutation(len(rows))[:_LEVELS])].astype(np.float32)
    for _ in range(_ROUNDS):
        halves = np.vecdot(centroids, centroids) / 2
        places = _places(rows, centroids, halves)
        counts = np.bincount(places, minlength=_LEVELS)
        sums = np.stack([np.bincount(places, column, _LEVELS) for column in rows.T], axis=1)
        full = counts > 0
        centroids[full] = sums[full] / counts[full, None]
        empty = np.flatnonzero(~full)
        if len(empty):
            off = rows - centroids[places]
            worst = np.argsort(-np.vecdot(off, off), kind="stable")[: len(empty)]
            centroids[empty] = rows[worst]
    return centroids


def _places(rows: Embeddings, centroids: NDArray[np.float32], halves: NDArray[np.float32]) -> NDArray[np.intp]:
    """(n,) the centroid that each row is nearest to: |r − c|² is smallest where r·c − |c|²/2 is largest."""
    found: NDArray[np.intp] = np.argmax(rows @ centroids.T - halves, axis=1)
    return found
