"""Galleries for measuring speed: clustered, of a stated intrinsic dimension, made in blocks from a seed into a file that is kept.

Points of a normal distribution in hundreds of dimensions are all equally far from each other, which no pictures are: every index does badly
there, and by another order. Queries come from the same distribution and are no rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FEATURES_INTRINSIC, FEATURES_CLUSTERS = 40, 100
BLOCK = 4096
_QUERIES_SEED, _ROWS_SEED = 2, 1
_SPREAD = 0.7  # of a cluster, where its centres lie about 1 from the middle
_GRAIN = 0.2  # of what lies outside of the curved surface, against what lies in it
_UNEVEN = 1.0  # sizes of clusters are log-normal: a few large ones, many small

Floats: TypeAlias = NDArray[np.float32]
Kind: TypeAlias = Literal["features", "unit"]
Watch: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Rows in a file, and queries.

    Attributes:
        folder: Where both lie.
        kind: `features`: as VGG-19's fc1 makes them, compared by L2. `unit`: of unit norm, compared by the cosine.
        rows: How many; the first ones of the file.
        dim: Numbers in a row.
        queries: How many.
        whole: How many rows the file has.
        intrinsic: Dimension of the surface that rows lie about.
        clusters: How many.
    """

    folder: Path
    kind: Kind
    rows: int
    dim: int
    queries: int
    whole: int
    intrinsic: int
    clusters: int

    def __str__(self) -> str:
        what = "ReLU features" if self.kind == "features" else "unit rows"
        return (
            f"{self.rows:,} × {self.dim} {what}, {self.clusters:,} clusters, intrinsic dimension {self.intrinsic}, "
            f"{self.queries:,} held-out queries"
        )

    @property
    def name(self) -> str:
        """Of files that belong to it."""
        return f"{self.kind}-{self.rows}x{self.dim}"

    @property
    def metric(self) -> Literal["l2", "cosine"]:
        """How rows are compared."""
        return "l2" if self.kind == "features" else "cosine"

    @property
    def nbytes(self) -> int:
        """Of the rows."""
        return 4 * self.rows * self.dim

    @property
    def rows_path(self) -> Path:
        """Bare float32, row after row."""
        return self.folder / "rows.f32"

    @property
    def queries_path(self) -> Path:
        """For `numpy.load`."""
        return self.folder / "queries.npy"

    def load(self) -> tuple[Floats, Floats]:
        """Rows as a memory map, and queries."""
        return mapped(self.rows_path, self.rows, self.dim), np.load(self.queries_path)

    def first(self, rows: int) -> Gallery:
        """The same queries, and fewer rows."""
        return replace(self, rows=rows)


def mapped(path: Path, rows: int, dim: int) -> Floats:
    """The first rows of a file, as a plain array over a read-only map: engines that look at types take it for what it is."""
    return np.asarray(np.memmap(path, np.float32, "r", shape=(rows, dim)))


def made(folder: Path, kind: Kind, rows: int, dim: int, queries: int, watch: Watch) -> Gallery:
    """A gallery, made now or kept from before.

    Args:
        folder: It gets a folder of its own in there.
        kind: See `Gallery`.
        rows: How many.
        dim: Numbers in a row.
        queries: How many.
        watch: Told how far it is.
    """
    intrinsic, clusters = (FEATURES_INTRINSIC, FEATURES_CLUSTERS) if kind == "features" else _shape_of(rows, dim)
    place = folder / f"{kind}-{rows}x{dim}"
    gallery = Gallery(place, kind, rows, dim, queries, rows, intrinsic, clusters)
    told = {**asdict(gallery), "folder": "", "made_by": [BLOCK, _SPREAD, _GRAIN, _UNEVEN]}
    mark = place / "made.json"
    if mark.is_file() and json.loads(mark.read_text("utf-8")) == told:
        return gallery
    place.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    fill = features if kind == "features" else unit_rows(dim, intrinsic, clusters)
    asked = np.empty((queries, dim), np.float32)
    fill(queries, dim, _QUERIES_SEED, asked)
    np.save(gallery.queries_path, asked)
    target = np.memmap(gallery.rows_path, np.float32, "w+", shape=(rows, dim))
    fill(rows, dim, _ROWS_SEED, target, watch)
    target.flush()
    del target
    mark.write_text(json.dumps(told) + "\n", "utf-8")
    return gallery


def features(count: int, dim: int, seed: int, target: Floats, watch: Watch = lambda _what, _done, _all: None) -> None:
    """Fill `target` with clustered features after a ReLU, mostly zero, a block at a time."""
    shape = np.random.default_rng(0)
    centres = shape.normal(size=(FEATURES_CLUSTERS, FEATURES_INTRINSIC))
    spread = shape.normal(size=(FEATURES_INTRINSIC, dim)).astype(np.float32)
    draw = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = draw.integers(0, FEATURES_CLUSTERS, size), draw.normal(size=(size, FEATURES_INTRINSIC))
        latent = centres[noise[0]] + 0.4 * noise[1]
        target[start : start + size] = np.maximum(latent.astype(np.float32) @ spread - 4, 0)
        watch("rows", start + size, count)


def unit_rows(dim: int, intrinsic: int, clusters: int) -> Callable[..., None]:
    """What fills an array as `features` does, with rows of unit norm.

    Points of a mixture of normal distributions in `intrinsic` dimensions go through one random layer with a ReLU and one without, and get a
    little noise in all directions. So rows lie about a curved surface that fills no linear subspace: a PCA cannot undo it.
    """
    shape = np.random.default_rng(0)
    centres = shape.normal(size=(clusters, intrinsic)).astype(np.float32)
    sizes = np.exp(_UNEVEN * shape.normal(size=clusters))
    bounds = np.cumsum(sizes / sizes.sum())
    inner = (shape.normal(size=(intrinsic, dim)) / np.sqrt(intrinsic)).astype(np.float32)
    shift = (0.5 * shape.normal(size=dim)).astype(np.float32)
    outer = (shape.normal(size=(dim, dim)) / np.sqrt(dim)).astype(np.float32)

    def fill(count: int, _dim: int, seed: int, target: Floats, watch: Watch = lambda _what, _done, _all: None) -> None:
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            draw = np.random.default_rng([seed, start])
            cluster = np.minimum(np.searchsorted(bounds, draw.random(size)), clusters - 1)
            latent = centres[cluster] + np.float32(_SPREAD) * draw.standard_normal((size, intrinsic), np.float32)
            rows = np.maximum(latent @ inner + shift, 0) @ outer
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            rows += np.float32(_GRAIN / np.sqrt(dim)) * lengths * draw.standard_normal((size, dim), np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            target[start : start + size] = rows
            watch("rows", start + size, count)

    return fill


def _shape_of(rows: int, dim: int) -> tuple[int, int]:
    """Intrinsic dimension and clusters: 32 and 1,000 for a million of 512; fewer where there is little of either."""
    return min(32, max(4, dim // 4)), max(10, min(1000, rows // 100))
