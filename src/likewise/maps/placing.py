"""Where images lie on a map: main directions first, then neighbours kept close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument, MissingExtra, UnknownName
from likewise.indexes.exact import Exact
from likewise.indexes.projection import principal
from likewise.stores import Snapshot
from likewise.types import Metric

Method: TypeAlias = Literal["tsne", "pca"]
METHODS: tuple[Method, ...] = get_args(Method)

_DIRECTIONS = 50  # as van der Maaten and Hinton take before t-SNE
_NEIGHBOURS = 15
_LEAST = 64  # images from which on keeping neighbours close says more than two main directions
_EXAGGERATED, _STEPS, _TOLD_EVERY = 250, 500, 10
_SAMPLE = 50_000  # rows that main directions are found from
_BLOCK = 512
_BESIDE = 5  # neighbours that say where a new image lies
_LOOKED_AT = 32  # nearest images in which they are sought: others may be new as well

Watch: TypeAlias = Callable[[str, int, int], None]
Points: TypeAlias = NDArray[np.float32]


def best() -> Method:
    """`tsne` where openTSNE is installed, else `pca`."""
    try:
        import openTSNE  # noqa: F401
    except ImportError:
        return "pca"
    return "tsne"


def placed(snapshot: Snapshot, method: Method, metric: Metric, watch: Watch) -> Points:
    """(n, 2) a place for every live row; the longer side of what they fill is from −1 to 1.

    Args:
        snapshot: The rows.
        method: `pca`: the two main directions. `tsne`: t-SNE of the 50 main directions, its neighbours counting alike.
        metric: Of the gallery.
        watch: Told of the progress.

    Source: van der Maaten and Hinton, Visualizing data using t-SNE, JMLR 9, 2008; interpolated as in Linderman et al., Nature
        Methods 16, 2019, and carried out by openTSNE (Poličar, Stražar and Zupan, Journal of Statistical Software 109(3), 2024);
        begun at the main directions as Kobak and Berens, Nature Communications 10, 2019, advise.
    """
    if method not in METHODS:
        raise UnknownName(f"there is no way to make maps called {method!r}: take {' or '.join(METHODS)}")
    if method == "tsne" and best() != "tsne":
        raise MissingExtra(
            "maps by tsne need openTSNE: install it with pip install 'likewise[map]', or take --method pca"
        )
    live = snapshot.live
    if len(live) < 2:
        raise BadArgument("a map needs 2 images at least: index some pictures first")
    narrow = _narrowed(snapshot, watch)
    flat = (
        narrow[:, :2]
        if method == "pca" or len(live) < _LEAST
        else _tsne(narrow, _neighbours(snapshot, narrow, metric, watch), watch)
    )
    return scaled(flat)


def beside(snapshot: Snapshot, rows: NDArray[np.int64], points: Points, new: NDArray[np.int64]) -> Points:
    """(m, 2) places for new rows: the median of their nearest neighbours on the map; its middle, where there are none near.

    Args:
        snapshot: All rows.
        rows: (n,) those on the map.
        points: (n, 2) where they lie.
        new: (m,) those that do not.
    """
    middle = np.median(points, axis=0) if len(points) else np.zeros(2)
    found = np.tile(np.asarray(middle, np.float32), (len(new), 1))
    at = {row: i for i, row in enumerate(rows.tolist())}
    for start in range(0, len(new) if len(points) else 0, _BLOCK):
        part = new[start : start + _BLOCK]
        _, near = snapshot.nearest(snapshot.embeddings(part), _LOOKED_AT)
        for i, line in enumerate(near.tolist(), start=start):
            known = [at[row] for row in line if row in at][:_BESIDE]
            if known:
                found[i] = np.median(points[known], axis=0)
    return found


def scaled(flat: NDArray[np.floating[Any]]) -> Points:
    """The same from −1 to 1 along the longer side, the middle of what they fill at 0."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = float((high - low).max())
    return np.asarray((flat - (low + high) / 2) * (2 / size if size > 0 else 0), np.float32)


def _narrowed(snapshot: Snapshot, watch: Watch) -> Points:
    """(n, 50) every live row along the main directions of the gallery."""
    live = snapshot.live
    watch("main directions", 0, len(live))
    sample = live[:: max(1, -(-len(live) // _SAMPLE))]
    rows = snapshot.embeddings(sample)
    width = max(2, min(_DIRECTIONS, rows.shape[1]))
    if rows.shape[1] < 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    mean, directions = principal(rows, width)
    found = np.empty((len(live), width), np.float32)
    for start in range(0, len(live), _BLOCK):
        block = snapshot.embeddings(live[start : start + _BLOCK])
        block = np.pad(block, ((0, 0), (0, len(mean) - block.shape[1])))
        found[start : start + _BLOCK] = (block - mean) @ directions.T
        watch("main directions", min(start + _BLOCK, len(live)), len(live))
    return found


def _neighbours(snapshot: Snapshot, narrow: Points, metric: Metric, watch: Watch) -> NDArray[np.int64]:
    """(n, 15) the nearest others of each, by the gallery's index, or by the main directions where that is exact and would take long."""
    live = snapshot.live
    exact = Exact(narrow, "l2") if snapshot.is_exact(metric) else None
    found = np.empty((len(live), _NEIGHBOURS), np.int64)
    for start in range(0, len(live), _BLOCK):
        stop = min(start + _BLOCK, len(live))
        if exact is None:
            near = np.searchsorted(live, snapshot.nearest(snapshot.embeddings(live[start:stop]), _NEIGHBOURS + 1)[1])
        else:
            near = exact.search(narrow[start:stop], _NEIGHBOURS + 1)[1]
        own = near == np.arange(start, stop)[:, None]
        own[~own.any(axis=1), -1] = True  # among many copies an image may not be its own nearest
        found[start:stop] = near[~own].reshape(stop - start, _NEIGHBOURS)
        watch("neighbours", stop, len(live))
    return found


def _tsne(narrow: Points, near: NDArray[np.int64], watch: Watch) -> NDArray[np.float64]:
    from openTSNE import TSNE, affinity, initialization, nearest_neighbors

    told = 0

    def step(_iteration: int, _error: float, _embedding: object) -> None:
        nonlocal told
        told += _TOLD_EVERY
        watch("placing", min(told, _EXAGGERATED + _STEPS), _EXAGGERATED + _STEPS)

    index = nearest_neighbors.PrecomputedNeighbors(near, np.ones(near.shape))
    alike = affinity.Uniform(knn_index=index, k_neighbors=_NEIGHBOURS)
    flat = np.array(narrow[:, :2], np.float64)
    if not flat.std(axis=0).all():  # nothing but copies: any start will do
        flat = np.random.default_rng(0).normal(size=flat.shape)
    start = initialization.rescale(flat)
    fit = TSNE(
        early_exaggeration_iter=_EXAGGERATED,
        n_iter=_STEPS,
        callbacks=step,
        callbacks_every_iters=_TOLD_EVERY,
        n_jobs=1,
        random_state=0,
    )
    return np.asarray(fit.fit(affinities=alike, initialization=start), np.float64)
