"""Embeddings as bytes that a browser can search: fewer dimensions by PCA, 8 bits each, and how far the answers agree with ours.

With m the mean of the gallery, V its main directions and z = V(x - m), the cosine of two unit rows is m·x' + m·y' + m·m + x'·y',
where x' = x - m, and x'·y' is about z·z'. So one number an image beside its codes makes up for the mean, which the codes need not
hold. For minus the Euclidean distance the number is -|y'|²/2, and what the codes leave out is lost on both sides alike.

Before they are rounded, the kept directions are turned at random: PCA gives the first ones most of the length, and their range would
be the step of all. With a step for each image besides, 96 bytes find 0.984 of the ten nearest of 10,416 photographs by `compact`;
without either, 256 bytes find 0.964 (docs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.indexes.projection import principal
from likewise.stores import Snapshot
from likewise.types import Embeddings, Metric, Rows

WIDTHS = (32, 48, 64, 96, 128, 192, 256)
"""Of codes, in bytes; the first that agrees well enough is taken. Sums of products stay below 2²⁴, so float32 holds them exactly."""

ENOUGH = 0.98  # of the nearest
K = 10
_ASKED = 300  # images, whose neighbours are compared
_MOST_SCORES = 30_000_000  # held at once, 120 MB
_LEARNT = 20_000  # images, that directions are found with
_BLOCK = 8192
_SLACK = 1e-6  # of a score: copies of one picture are as good as each other


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the library's nearest the codes find, among all images of a gallery.

    Attributes:
        share: Of the K nearest, on average; those that score as high count as well.
        k: How many nearest.
        asked: How many images were asked for theirs.
    """

    share: float
    k: int
    asked: int


@dataclass(frozen=True, slots=True)
class Codes:
    """What a browser searches with: image y ranks by `steps[x] * steps[y] * (values[x] · values[y]) + biases[y]`.

    Attributes:
        values: (n, width) int8: coordinates, turned, divided by the image's step.
        steps: (n,) float32.
        biases: (n,) float32.
        constant: Added to a rank, beside the bias of the query, it makes a cosine.
        metric: How scores are told.
        plane: (n, 2) float32: the first two coordinates.
        agreement: With the library.
    """

    values: NDArray[np.int8]
    steps: NDArray[np.float32]
    biases: NDArray[np.float32]
    constant: float
    metric: Metric
    plane: NDArray[np.float32]
    agreement: Agreement

    def nearest(self, places: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """The k best neighbours of some images without themselves, (places, k'), as the page finds them; ties in gallery order."""
        sums = self.values[places].astype(np.float32) @ self.values.astype(np.float32).T
        ranks = sums.astype(np.float64) * self.steps[places, None] * self.steps + self.biases
        ranks[np.arange(len(places)), places] = -np.inf
        found = np.empty((len(places), min(k, len(self.values) - 1)), np.int64)
        for each, rank in zip(found, ranks, strict=True):
            least = np.partition(rank, -len(each))[-len(each)] if len(each) else np.inf
            near = np.flatnonzero(rank >= least)
            each[:] = near[np.argsort(-rank[near], kind="stable")][: len(each)]
        return found


def coded(snapshot: Snapshot, metric: Metric, *, unit: bool) -> Codes:
    """Make codes of all images of a snapshot, as short as agrees well enough with the library's own search.

    Args:
        snapshot: At least one image.
        metric: The card's.
        unit: Whether embeddings have unit norm.
    """
    rows, cosine = snapshot.live, metric == "cosine"

    def read(some: Rows) -> Embeddings:
        found = snapshot.embeddings(some)
        if not cosine or unit:
            return found
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(np.divide(found, norms, out=np.zeros_like(found), where=norms > 0), np.float32)

    learnt = rows if len(rows) <= _LEARNT else np.sort(np.random.default_rng(0).choice(rows, _LEARNT, replace=False))
    sample = read(learnt)
    mean, directions = principal(sample, min(WIDTHS[-1], sample.shape[1]))
    places = np.empty((len(rows), len(directions)), np.float32)
    biases = np.empty(len(rows), np.float32)
    for part in _blocks(len(rows)):
        centred = read(rows[part]) - mean
        places[part] = centred @ directions.T
        biases[part] = centred @ mean if cosine else -0.5 * np.einsum("ij,ij->i", centred, centred)
    constant = float(mean.astype(np.float64) @ mean) if cosine else 0.0
    none = np.zeros((len(rows), 0), np.int8)
    plane = places[:, :2] if places.shape[1] > 1 else np.zeros((len(rows), 2), np.float32)
    empty = Codes(none, np.ones(len(rows), np.float32), biases, constant, metric, plane, Agreement(0.0, K, 0))
    return _chosen(empty, places, _truth(snapshot, read, metric))


@dataclass(frozen=True, slots=True)
class _Truth:
    """For some images by their place in the gallery: what all score with each, and the score that its k-th best has."""

    asked: NDArray[np.int64]
    scores: NDArray[np.float32]
    least: NDArray[np.float32]


def _truth(snapshot: Snapshot, read: Callable[[Rows], Embeddings], metric: Metric) -> _Truth:
    rows = snapshot.live
    count = min(len(rows), _ASKED, max(20, _MOST_SCORES // len(rows)))
    asked = np.sort(np.random.default_rng(1).choice(len(rows), count, replace=False))
    queries = read(rows[asked])
    found, near = snapshot.nearest(queries, min(K + 1, len(rows)), metric)
    others = [scores[places != rows[place]][:K] for scores, places, place in zip(found, near, asked, strict=True)]
    least = np.array([scores[-1] if len(scores) else -np.inf for scores in others], np.float32)
    scores = np.empty((count, len(rows)), np.float32)
    for part in _blocks(len(rows)):
        block = read(rows[part])
        scores[:, part] = queries @ block.T
        if metric == "l2":
            sizes = np.vecdot(queries, queries)[:, None] + np.vecdot(block, block)
            scores[:, part] = -np.sqrt(np.maximum(sizes - 2 * scores[:, part], 0))
    return _Truth(asked, scores, least)


def _chosen(empty: Codes, places: NDArray[np.float32], truth: _Truth) -> Codes:
    """The shortest codes that agree well enough, or the longest."""
    tried = empty
    for width in sorted({min(width, places.shape[1]) for width in WIDTHS}):
        turn = np.linalg.qr(np.random.default_rng(2).normal(size=(width, width)))[0].astype(np.float32)
        turned = places[:, :width] @ turn
        steps = np.abs(turned).max(axis=1, initial=0.0) / np.float32(127)
        steps[steps == 0] = 1
        tried = replace(empty, values=np.rint(turned / steps[:, None]).astype(np.int8), steps=steps)
        near = tried.nearest(truth.asked, K)
        slack = _SLACK * max(1.0, float(np.abs(truth.least[np.isfinite(truth.least)]).max(initial=0.0)))
        right = np.take_along_axis(truth.scores, near, axis=1) >= truth.least[:, None] - slack
        share = float(right.mean()) if right.size else 1.0
        tried = replace(tried, agreement=Agreement(share, K, len(truth.asked)))
        if share >= ENOUGH:
            break
    return tried


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))
