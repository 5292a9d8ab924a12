"""The first pass of a two-pass search: which rows are worth a look, by codes of a few bytes each (faiss, MIT licence).

Embeddings are projected on their main directions and coded; a search reads the codes and names candidates, best first. The
second pass scores the candidates by the embeddings themselves: `likewise.indexes.coded`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Numbers
from likewise.errors import BadArgument, StoreDamaged
from likewise.indexes.projection import principal
from likewise.processors import processors
from likewise.types import Embeddings, Metric, Rows

Kind: TypeAlias = Literal["lists", "graph"]
"""`lists`: an inverted file of product codes, read by fast scan. `graph`: HNSW over 8-bit codes."""

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told (what is done, how much of it, of how much)."""

DIM = 256
"""Main directions that codes are made of, at most: 64 bytes a row for lists, 256 for a graph."""

_NEIGHBOURS = 32  # of a node of the graph
_BUILD_WIDTH = 200  # candidates looked at when a node is put in; hnswlib's own default
_TRAINED_ON = 64  # rows for each list
_MOST_TRAINED_ON = 1 << 19
_PROJECTED_ON = 1 << 14
_BLOCK_BYTES = 64 << 20
_SEED = 1234
_QUERIES_A_THREAD = 8  # fewer are done before a second thread has woken up


def paired(dim: int) -> NDArray[np.int64]:
    """The order in which the direction of largest variance stands beside that of the smallest, and so on towards the middle.

    A code of 4 bits is made of each pair; so each has about the same product of variances, and spends its bits on the direction
    with more. In the order of variance several times as many candidates were needed for the same recall.
    Ge, He, Ke, Sun: Optimized Product Quantization, CVPR 2013, section 3.2 (eigenvalue allocation).
    """
    half = np.arange(dim // 2)
    return np.stack([half, dim - 1 - half], axis=1).ravel()


def list_count(rows: int) -> int:
    """How many lists so many rows are split into: the power of two nearest to 2 √n, and one for a few."""
    return 1 if rows < 4096 else 1 << round(math.log2(2 * math.sqrt(rows)))


class First:
    """Codes of rows 0 … n − 1, and the search over them; threads may share one that nothing is added to."""

    def __init__(self, index: Any, kind: Kind, metric: Metric) -> None:
        """Use `build` or `read`."""
        self._index, self.kind, self.metric = index, kind, metric
        self._inner = _inner(index)
        if kind == "lists":
            self._inner.parallel_mode = 0

    @classmethod
    def build(
        cls,
        rows: Numbers,
        metric: Metric,
        kind: Kind = "lists",
        *,
        watch: Watch = lambda _what, _done, _all: None,
    ) -> First:
        """Learn codes from a sample of the rows and code them all, a block at a time.

        Args:
            rows: (n, d), n at least 1; usually a memory map.
            metric: How they are going to be compared; for the cosine they are made unit first.
            kind: What names the candidates.
            watch: Told of every step.

        Raises:
            BadArgument: If there is no such kind, or nothing to learn from.
        """
        if kind not in get_args(Kind):
            raise BadArgument(f"no first pass is called {kind!r}: take {' or '.join(get_args(Kind))}")
        if not len(rows):
            raise BadArgument("an index needs at least one row")
        import faiss

        lists = list_count(len(rows))
        watch("learning codes", 0, 1)
        wanted = min(_MOST_TRAINED_ON, max(_PROJECTED_ON, _TRAINED_ON * lists))
        sample = _prepared(_sampled(rows, wanted), metric)
        dim = min(DIM, 8 * math.ceil(rows.shape[1] / 8))
        mean, axes = principal(sample[:_PROJECTED_ON], min(dim, rows.shape[1]), _SEED)
        axes = np.concatenate([axes, np.zeros((dim - len(axes), rows.shape[1]), np.float32)])
        axes = axes[paired(dim)]
        projected = np.asarray((sample - mean) @ axes.T, np.float32)
        inner = _made(kind, dim, lists)
        inner.train(_enough(projected))
        turn = faiss.LinearTransform(rows.shape[1], dim, True)
        faiss.copy_array_to_vector(axes.ravel(), turn.A)
        faiss.copy_array_to_vector(-(axes @ mean), turn.b)
        turn.is_trained = True
        whole = faiss.IndexPreTransform(turn, inner)
        made = cls(whole, kind, metric)
        made.add(rows, watch=watch)
        return made

    @classmethod
    def read(cls, path: Path, kind: Kind, metric: Metric, *, mapped: bool = True) -> First:
        """Open what `write` wrote.

        Args:
            path: The file.
            kind: As it was built.
            metric: As it was built.
            mapped: Leave the codes on the disk and read what a search needs; nothing can be added then.

        Raises:
            StoreDamaged: If the file is not what it should be.
        """
        import faiss

        try:
            index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
            return cls(index, kind, metric)
        except (RuntimeError, AttributeError, AssertionError) as error:  # what faiss raises for a torn file
            raise StoreDamaged(f"{path} cannot be read: run `likewise index` to build it again") from error

    def write(self, path: Path) -> None:
        """Write everything to a file and wait until it is on the disk."""
        import faiss

        faiss.write_index(self._index, os.fspath(path))
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def widths(self) -> list[int]:
        """How wide a search can be, narrow first: lists that are read, or nodes that are kept in view."""
        most = self._inner.nlist if self.kind == "lists" else max(16, min(4096, len(self)))
        steps = [1 << power for power in range(0 if self.kind == "lists" else 4, 13)]
        return [*(step for step in steps if step < most), most]

    @property
    def bytes_per_row(self) -> float:
        """What a row takes, in the file and in memory."""
        if self.kind == "lists":
            return float(self._inner.code_size + 8)
        return float(self._inner.storage.sa_code_size() + 4 * 2 * _NEIGHBOURS + 8)

    def add(self, rows: Numbers, *, watch: Watch = lambda _what, _done, _all: None) -> None:
        """Code more rows, behind those that are there."""
        total = len(rows)
        for start, block in _blocks(rows):
            self._index.add(_prepared(block, self.metric))
            watch("coding", min(start + len(block), total), total)

    def candidates(
        self, queries: Embeddings, count: int, width: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Rows, NDArray[np.float32]]:
        """The rows that look best by their codes.

        Args:
            queries: (q, d).
            count: Candidates for each.
            width: One of `widths`, or between them.
            allowed: (n,) False for rows that must not be named; None for none.

        Returns:
            (q, count) rows, the best first, and (q, count) squared distances by their codes; -1 and infinity where there are fewer.
        """
        import faiss

        selector = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        if self.kind == "lists":
            inner = faiss.SearchParametersIVF(nprobe=width, sel=selector)
        else:
            inner = faiss.SearchParametersHNSW(efSearch=max(width, count), sel=selector)
        settings = faiss.SearchParametersPreTransform(index_params=inner)
        asked = np.ascontiguousarray(_prepared(queries, self.metric))
        faiss.omp_set_num_threads(max(1, min(processors(), len(asked) // _QUERIES_A_THREAD)))  # of this thread alone
        distances, rows = self._index.search(asked, count, params=settings)
        return np.asarray(rows, np.int64), np.where(rows < 0, np.float32(np.inf), distances)


def _inner(index: Any) -> Any:
    import faiss

    return faiss.downcast_index(index.index)


def _made(kind: Kind, dim: int, lists: int) -> Any:
    import faiss

    if kind == "graph":
        graph = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, _NEIGHBOURS)
        graph.hnsw.efConstruction = _BUILD_WIDTH
        return graph
    coarse = faiss.IndexFlatL2(dim)
    made = faiss.IndexIVFPQFastScan(coarse, dim, lists, dim // 2, 4)
    made.own_fields = True
    coarse.this.disown()
    made.cp.seed = _SEED
    made.cp.min_points_per_centroid = 1
    return made


def _enough(rows: Embeddings) -> Embeddings:
    """At least as many rows as a codebook has entries, by repeating them."""
    least = 64
    return rows if len(rows) >= least else np.tile(rows, (math.ceil(least / len(rows)), 1))


def _prepared(rows: Numbers, metric: Metric) -> Embeddings:
    found = np.asarray(rows, np.float32)
    if metric == "l2":
        return found
    sizes = np.linalg.norm(found, axis=1, keepdims=True)
    unit: Embeddings = np.divide(found, sizes, out=np.zeros_like(found), where=sizes > 0)
    return unit


def _sampled(rows: Numbers, count: int) -> Embeddings:
    """Rows in a random order, at most so many, drawn with a fixed seed."""
    draw = np.random.default_rng(_SEED)
    chosen = np.sort(draw.choice(len(rows), min(count, len(rows)), replace=False))
    return np.asarray(rows[chosen], np.float32)[draw.permutation(len(chosen))]


def _blocks(rows: Numbers) -> Iterator[tuple[int, Embeddings]]:
    step = max(256, _BLOCK_BYTES // (4 * rows.shape[1]))
    for start in range(0, len(rows), step):
        yield start, np.asarray(rows[start : start + step], np.float32)
