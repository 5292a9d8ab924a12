"""Search with weights for the layers of a mix: Σ weight · cosine over the parts, exactly, for every row.

The cosines of the last few queries are kept, so that other weights for the same query cost one small product over the gallery.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument, UnknownName
from likewise.filters import Filter
from likewise.layers.parts import Slice, parts_of
from likewise.stores import Snapshot, Store
from likewise.types import Embeddings, Hit

_BLOCK_BYTES = (
    8 << 20
)  # of rows at once: they are read twice, for the product and for the lengths, and the second time from the cache
_KEPT_QUERIES = 8
_TINY = 1e-30

Cosines = NDArray[np.float32]
"""(live rows, parts): how alike each part of a query and of a row are, −1..1; 0 where one of them is all zeros."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """Weights for the parts of a mix; those that are not named weigh nothing.

    Raises:
        BadArgument: If one is negative or not finite, or all are zero.
    """

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise BadArgument(f"the layer {name} has weight {weight:g}: give 0 or more")
        if not any(self.weights.values()):
            raise BadArgument("no layer has a weight above 0: name at least one, such as fc1=1")

    @classmethod
    def parse(cls, text: str) -> Weighing:
        """Read `conv3_1|gem=0.3,fc1=0.7`.

        Raises:
            BadArgument: If it is not written so, or as the class.

        >>> Weighing.parse("conv3_1|gem=0.3,fc1=0.7").weights
        {'conv3_1|gem': 0.3, 'fc1': 0.7}
        """
        found: dict[str, float] = {}
        for each in text.split(","):
            name, sign, weight = each.strip().rpartition("=")
            try:
                found[name] = float(weight)
            except ValueError:
                sign = ""
            if not sign or not name:
                raise BadArgument(f"{each.strip()!r} gives no layer a weight: write LAYER=WEIGHT,LAYER=WEIGHT")
        return cls(found)

    def along(self, parts: Sequence[Slice]) -> NDArray[np.float32]:
        """(parts,) the weights in the order of the parts.

        Raises:
            UnknownName: If a part is named that is none of these.
        """
        known = [part.name for part in parts]
        for name in self.weights:
            if name not in known:
                raise UnknownName(f"there is no layer {name!r} in this mix: there are {', '.join(known)}")
        return np.array([self.weights.get(name, 0.0) for name in known], np.float32)


class Layered:
    """Searches one collection by its layers; threads may share it."""

    def __init__(self, store: Store, dims: Sequence[int] = (), kept_as: str = "float32") -> None:
        """Nothing is looked at yet; the arguments are as for `parts_of`."""
        self._store, self._dims, self._kept_as = store, tuple(dims), kept_as
        self._kept: OrderedDict[tuple[str, bytes], Cosines] = OrderedDict()
        self._guard = threading.Lock()

    def parts(self) -> tuple[Slice, ...]:
        """The parts of the collection's embeddings; errors as of `parts_of`."""
        return parts_of(self._store.card, self._store.snapshot(), self._dims, self._kept_as)

    def search(self, points: Embeddings, k: int, weighing: Weighing, where: Filter | None = None) -> list[list[Hit]]:
        """The k best images of each query by Σ weight · cosine of the parts, best first; equal scores in row order.

        Args:
            points: (q, dim).
            k: At least 1.
            weighing: Of the parts.
            where: Which images may be found.

        Raises:
            BadArgument: As of `parts_of`.
            UnknownName: If a part is named that there is not.
        """
        parts = self.parts()
        weights = weighing.along(parts)
        return [self._hits(point, k, parts, weights, where) for point in points]

    def _hits(
        self,
        point: NDArray[np.float32],
        k: int,
        parts: Sequence[Slice],
        weights: NDArray[np.float32],
        where: Filter | None,
    ) -> list[Hit]:
        while True:
            snapshot = self._store.snapshot()
            live, cosines = snapshot.live, self._cosines(snapshot, point, parts)
            if where is not None:
                part = self._store.snapshot(where)
                if part.state != snapshot.state:
                    continue
                passing = np.isin(live, part.live, assume_unique=True)
                live, cosines = live[passing], cosines[passing]
            scores = cosines @ weights
            best = first(scores, k)
            records = snapshot.records(live[best])
            if records is not None:
                break  # otherwise the rows were renumbered while we looked at them
        roots, names = self._store.roots, [part.name for part in parts]
        return [
            Hit(
                rank,
                float(scores[i]),
                records[row],
                row,
                roots.path(records[row].key),
                layers=tuple(zip(names, cosines[i].tolist(), strict=True)),
            )
            for rank, (i, row) in enumerate(zip(best.tolist(), live[best].tolist(), strict=True), start=1)
        ]

    def _cosines(self, snapshot: Snapshot, point: NDArray[np.float32], parts: Sequence[Slice]) -> Cosines:
        name = (snapshot.state, point.tobytes())
        with self._guard:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        found = cosines(snapshot, point, parts)
        with self._guard:
            self._kept[name] = found
            while len(self._kept) > _KEPT_QUERIES:
                self._kept.popitem(last=False)
        return found


def cosines(snapshot: Snapshot, point: NDArray[np.float32], parts: Sequence[Slice]) -> Cosines:
    """How alike a query and every live row are, part by part.

    Args:
        snapshot: The rows.
        point: (dim,).
        parts: All of it, in order.
    """
    live = snapshot.live
    asked = np.zeros((len(point), len(parts)), np.float32)  # one column for each part, so that a block is one product
    for i, part in enumerate(parts):
        piece = point[part.start : part.stop]
        asked[part.start : part.stop, i] = piece / max(float(np.linalg.norm(piece)), _TINY)
    lengths = snapshot.remembered("layer-lengths", lambda: {"lengths": _lengths(snapshot, parts)}, lasting=True)[
        "lengths"
    ]
    found = np.empty((len(live), len(parts)), np.float32)
    for block in _blocks(live, len(point)):
        np.matmul(snapshot.embeddings(live[block]), asked, out=found[block])
    there = np.asarray(lengths, np.float32)
    return np.asarray(np.divide(found, there, out=np.zeros_like(found), where=there > 0), np.float32)


def first(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Where the k highest scores stand, best first; equal ones in rising order."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        above, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        chosen = np.sort(np.concatenate([above, equal[: k - len(above)]]))
    else:
        chosen = np.arange(len(scores))
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")], np.int64)


def _lengths(snapshot: Snapshot, parts: Sequence[Slice]) -> NDArray[np.float32]:
    live = snapshot.live
    found = np.empty((len(live), len(parts)), np.float32)
    for block in _blocks(live, parts[-1].stop):
        rows = snapshot.embeddings(live[block])
        for i, part in enumerate(parts):
            found[block, i] = np.linalg.norm(rows[:, part.start : part.stop], axis=1)
    return found


def _blocks(live: NDArray[np.int64], dim: int) -> list[slice]:
    step = max(1, _BLOCK_BYTES // (4 * dim))
    return [slice(start, start + step) for start in range(0, len(live), step)]
