"""Fit the null of a gallery: some of its pictures against many of its rows, without those that are their relatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.significance.null import Null, closeness
from likewise.significance.tails import Numbers
from likewise.sources import class_of
from likewise.stores import Snapshot
from likewise.types import Embeddings, Item, Metric, Record

FEWEST = 20
"""Images that a gallery must have before anything is said about chance."""

PICTURES = 2_000
"""Pictures that stand for those one could search with; all if the gallery has fewer."""

_ROWS = 50_000  # that each of them is compared with
_PRODUCTS = 5e10  # multiplications in all: seconds on one core
_AT_ONCE = 64  # pictures; 64 × 50,000 scores are 13 MB
_PAIRS = 400_000  # from which the body of the distribution of pairs is taken
_LIST = 110  # best unrelated rows of each picture that are looked at
_RELATIVES = 10  # of these may be relatives that nobody told us of
_STANDS_OUT = 1e-4  # chance of a row, by the tail of its own list, below which it is taken for such a relative
_STAND_BESIDE = 1e-3  # the same where another one stands out: relatives seldom come alone
_COUNTED = 50  # pairs at least, for a share of pairs to be counted
_LEVELS = 100  # at which the distribution of pairs is kept, in its body and in its tail

Flags = NDArray[np.bool_]


def fitted(snapshot: Snapshot, metric: Metric, seed: int = 0) -> Null:
    """The null of one state of a gallery; worked out when it is first asked for, and kept with the gallery.

    Args:
        snapshot: Of the gallery.
        metric: How scores are made.
        seed: Of the choice of pictures and rows.

    Raises:
        BadArgument: If it has fewer than `FEWEST` images that are no copies of each other.
    """
    count = len(snapshot.live)
    if count >= FEWEST:
        name = f"chance-{metric}" + (f"-{seed}" if seed else "")
        arrays = snapshot.remembered(name, lambda: _worked_out(snapshot, metric, seed), lasting=True)
        if len(arrays["best"]) >= FEWEST:
            return Null.of(metric, arrays)
    raise BadArgument(
        f"{count:,} images, copies among them counted, are too few to say what chance does: index at least {FEWEST} different ones"
    )


def _worked_out(snapshot: Snapshot, metric: Metric, seed: int) -> Mapping[str, NDArray[np.generic]]:
    rng, live = np.random.default_rng(seed), snapshot.live
    pictures = _some(rng, live, PICTURES)
    dim = max(1, snapshot.embeddings(live[:1]).shape[1])
    rows = _some(rng, live, max(PICTURES, min(_ROWS, int(_PRODUCTS / (len(pictures) * dim)))))
    kin = _Kin.of(snapshot, pictures, rows)
    points, gallery = _ready(snapshot.embeddings(pictures), metric), _ready(snapshot.embeddings(rows), metric)
    depth = min(_LIST, max(2, len(rows) // 4))
    some = rng.integers(0, len(rows), max(1, -(-_PAIRS // len(pictures))))
    lists, bodies, sizes = [], [], []
    for start in range(0, len(pictures), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        unrelated = kin.unrelated(part)
        close = _close(points[part], gallery, metric)
        close[~unrelated] = -np.inf
        lists.append(np.partition(close, -depth, axis=1)[:, -depth:])
        bodies.append(close[:, some][unrelated[:, some]])
        sizes.append(unrelated.sum(axis=1))
    size = np.concatenate(sizes)
    enough = size >= depth
    if enough.sum() < FEWEST:
        none = np.zeros(0)
        return {"best": none, "groups": none, "levels": none, "shares": none, "counts": np.zeros(3, np.int64)}
    top = -np.sort(-np.concatenate(lists)[enough].astype(np.float64), axis=1)
    relatives = _relatives(top)
    top[relatives] = -np.inf
    best = top.max(axis=1)
    rising = np.argsort(best, kind="stable")
    best, groups = best[rising], kin.of_pictures[-1][enough][rising]
    left = best[::-1][None, : _LIST + 1]  # what stands out of the best of all is a relative that no list could tell
    kept = len(best) - int(_relatives(left).sum())
    levels, shares = _pairs(np.concatenate(bodies).astype(np.float64), top, int(size[enough].sum()))
    counts = np.array([round(size[enough].mean()), relatives.any(axis=1).sum(), kin.by_class], np.int64)
    return {"best": best[:kept], "groups": groups[:kept], "levels": levels, "shares": shares, "counts": counts}


@dataclass(frozen=True, slots=True)
class _Kin:
    """Which of the rows are relatives of which of the pictures, as far as a gallery tells: itself, equal bytes, one class."""

    of_pictures: tuple[NDArray[np.int64], ...]
    of_rows: tuple[NDArray[np.int64], ...]
    by_class: bool

    @classmethod
    def of(cls, snapshot: Snapshot, pictures: NDArray[np.int64], rows: NDArray[np.int64]) -> _Kin:
        """Ask the gallery; a class that would leave less than half of the rows unrelated says nothing."""
        both = np.concatenate([pictures, rows])
        marks = [both]
        records = snapshot.records(both)
        if records is not None:
            marks.append(_numbered([records[row].content_sha256 for row in both.tolist()]))
            marks.append(_numbered([_class(records[row]) for row in both.tolist()]))
        told = [(mark[: len(pictures)], mark[len(pictures) :]) for mark in marks]
        by_class = len(marks) == 3 and _outside(*told[2]) >= 0.5
        used = told if by_class else told[:2]
        return cls(tuple(one for one, _ in used), tuple(other for _, other in used), by_class)

    def unrelated(self, part: slice) -> Flags:
        """(pictures of the part, rows)."""
        flags = [a[part, None] != b for a, b in zip(self.of_pictures, self.of_rows, strict=True)]
        return np.asarray(np.logical_and.reduce(flags))


def _class(record: Record) -> str:
    return class_of(Item(record.key, metadata=record.metadata))


def _numbered(names: list[str]) -> NDArray[np.int64]:
    """A number for each different name."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)


def _outside(pictures: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """The mean share of rows that are of another class than a picture."""
    found = np.bincount(rows, minlength=int(max(pictures.max(), rows.max())) + 1)
    return 1 - float(found[pictures].mean()) / len(rows)


def _relatives(top: Numbers) -> Flags:
    """Rows that stand out of the tail of their own list.

    Closeness has an exponential tail. Its scale is estimated from a list without its first ten, which may be relatives: it is
    censored at the next. A row is taken for one if it is so far out as the best of 1 in 10,000 lists, the error of the scale included; in
    a list with such a row, 1 in 1,000 is enough.

    Args:
        top: (p, d) falling.

    Source: the censored tail is that of trimmed estimators, Bhattacharya, Kallitsis and Stoev, Electronic Journal of Statistics 13(1),
        2019; so does a radar leave out of its noise what may be an echo (order-statistic CFAR, Rohling, IEEE TAES 19(4), 1983).
    """
    depth = top.shape[1] - 1
    spared = min(_RELATIVES, depth // 3)
    excess = top[:, :-1] - top[:, -1:]
    seen = depth - spared
    scale = (excess[:, spared:].sum(axis=1) + spared * excess[:, spared]) / seen
    survival = (1 + excess[:, :spared] / np.maximum(scale, 1e-300)[:, None] / seen) ** -float(seen)
    chances = -np.expm1(depth * np.log1p(-np.minimum(survival, 0.5)))
    stands_out = (chances < _STANDS_OUT).any(axis=1) & (scale > 0)
    found = np.zeros(top.shape, np.bool_)
    found[:, :spared] = stands_out[:, None] & (chances < _STAND_BESIDE)
    return found


def _pairs(body: Numbers, top: Numbers, pairs: int) -> tuple[Numbers, Numbers]:
    """The distribution of pairs at some levels: from random ones where many are left, from the lists where these are complete.

    Returns:
        Closeness, rising, and the logarithm of the share of pairs that are at least so close, falling.
    """
    body = -np.sort(-body)
    ranks = np.unique(np.geomspace(min(200, len(body)), len(body), _LEVELS).round().astype(np.int64))[::-1]
    levels, shares = [body[ranks - 1]], [np.log(ranks / len(body))]
    close = -np.sort(-top[np.isfinite(top)])
    complete = np.quantile(top[:, -1], 0.98)  # above it, 98 of 100 lists hold all that there is
    most = int(np.count_nonzero(close > max(complete, levels[0][-1])))
    if most:
        ranks = np.unique(np.geomspace(min(_COUNTED, most), most, _LEVELS).round().astype(np.int64))[::-1]
        levels.append(close[ranks - 1])
        shares.append(np.minimum(np.log(ranks / pairs), shares[0][-1]))
    rising, first = np.unique(np.concatenate(levels), return_index=True)
    return rising, np.minimum.accumulate(np.concatenate(shares)[first])


def _some(rng: np.random.Generator, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _ready(rows: Embeddings, metric: Metric) -> Embeddings:
    """Rows as their products are wanted: of unit norm for the cosine."""
    if metric == "l2":
        return rows
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)


def _close(points: Embeddings, rows: Embeddings, metric: Metric) -> NDArray[np.float32]:
    """(p, n) closeness of each point and row."""
    scores = points @ rows.T
    if metric == "l2":
        squares = np.einsum("ij,ij->i", points, points)[:, None] + np.einsum("ij,ij->i", rows, rows) - 2 * scores
        scores = -np.sqrt(np.maximum(squares, 0))
    return closeness(scores, metric)
