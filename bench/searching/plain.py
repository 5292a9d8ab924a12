"""What needs no index: the blog post's loop, numpy's products, faiss Flat; and how quickly memory can be read at all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contests.contender import Work
from searching.made import Floats


class _WithoutIndex:
    """Reads the rows as they are."""

    def __init__(self, metric: str) -> None:
        self._metric = metric

    @property
    def version(self) -> str:
        """Of numpy."""
        return f"numpy {np.__version__}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """There is nothing to do, so that nobody asks."""

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - all engines have one signature
        """Remember the rows."""
        self._rows = rows
        return self.version

    @property
    def read_bytes(self) -> int:
        """All rows."""
        return self._rows.nbytes


class Loop(_WithoutIndex):
    """The blog post's algorithm: one distance after the other, and a sort of all of them."""

    def search(self, queries: Floats, k: int) -> NDArray[np.int64]:
        """By L2."""
        found = [
            np.argsort(np.array([np.linalg.norm(q - row) for row in self._rows]), kind="stable")[:k] for q in queries
        ]
        return np.asarray(found, np.int64)


class Numpy(_WithoutIndex):
    """What one would write with numpy: a matrix product, norms that are computed once, and a partial sort."""

    def open(self, rows: Floats, folder: Path, threads: int) -> str:
        """Compute the norms."""
        self._norms = np.einsum("ij,ij->i", rows, rows) if self._metric == "l2" else np.zeros(len(rows), np.float32)
        return f"{super().open(rows, folder, threads)}, product of all rows"

    def search(self, queries: Floats, k: int) -> NDArray[np.int64]:
        """By the metric."""
        far = self._norms - 2 * (queries @ self._rows.T)
        nearest = np.argpartition(far, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(far, nearest, axis=1), axis=1, kind="stable")
        return np.take_along_axis(nearest, order, axis=1).astype(np.int64)


class FaissFlat(_WithoutIndex):
    """`IndexFlatL2` or `IndexFlatIP`, which keeps a copy of all rows."""

    @property
    def version(self) -> str:
        """Of faiss."""
        import faiss

        return f"faiss {faiss.__version__}"

    def open(self, rows: Floats, folder: Path, threads: int) -> str:
        """Copy the rows, as it has no file that could be shorter."""
        import faiss

        super().open(rows, folder, threads)
        faiss.omp_set_num_threads(threads)
        name = "IndexFlatL2" if self._metric == "l2" else "IndexFlatIP"
        self._index: Any = getattr(faiss, name)(rows.shape[1])
        for start in range(0, len(rows), 65_536):
            self._index.add(np.ascontiguousarray(rows[start : start + 65_536]))
        return f"{self.version} {name}, {threads} thread{'s' * (threads > 1)}"

    def search(self, queries: Floats, k: int) -> NDArray[np.int64]:
        """By the metric."""
        return np.asarray(self._index.search(queries, k)[1], np.int64)


def reading(way: str, size_bytes: int, threads: int) -> Work:
    """Read memory as quickly as numpy can, each thread its own part; a turn reads all of it `count` times.

    Args:
        way: `sum` of int64; `dot`, BLAS's product of a float32 array with itself; `copy`, which counts what is read and what is written.
        size_bytes: Far more than the caches hold.
        threads: That read at the same time.
    """
    parts = [np.ones(size_bytes // threads // 8, np.int64) for _ in range(threads)]
    targets = [np.zeros_like(part) for part in parts] if way == "copy" else parts
    moved = sum(part.nbytes for part in parts) * (2 if way == "copy" else 1)

    def total(part: NDArray[np.int64], _target: NDArray[np.int64]) -> None:
        np.add.reduce(part)

    def product(part: NDArray[np.int64], _target: NDArray[np.int64]) -> None:
        numbers = part.view(np.float32)  # two streams, one half by the other, are read a third less quickly
        np.dot(numbers, numbers)

    def copy(part: NDArray[np.int64], target: NDArray[np.int64]) -> None:
        np.copyto(target, part)

    ways: dict[str, Callable[[NDArray[np.int64], NDArray[np.int64]], None]] = {
        "sum": total,
        "dot": product,
        "copy": copy,
    }
    pool = ThreadPoolExecutor(threads)

    def go(count: int, **_: object) -> None:
        for _number in range(count):
            list(pool.map(ways[way], parts, targets))

    return Work(
        go, facts={"bytes": moved, "is": f"numpy {np.__version__}, {way}, {threads} thread{'s' * (threads > 1)}"}
    )
