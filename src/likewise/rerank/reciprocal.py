"""k-reciprocal re-ranking: two images are alike if they are among each other's nearest, and their nearest are the same."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.expansion import unit
from likewise.rerank.types import Setting, Shortlists, by_angle

_Distances = NDArray[np.float64]


class KReciprocal:
    """The Jaccard distance of k-reciprocal neighbours, mixed with the plain distance; the score is minus the mixture, -1 to 0.

    The query and its short list are the whole world here, so other queries have no part in an answer; with a short list as long as
    the gallery this is the authors' program for one query. As there, distances are squared once, and each image's are divided by
    its largest. Neighbours as near as the last one that counts all count, so copies are treated alike.

    Source: Zhong, Zheng, Cao and Li, CVPR 2017, arXiv:1701.08398, and the authors' program, whose 2/3 must be exceeded, where the
        paper says reached.
    """

    SETTINGS: ClassVar = (Setting("k1", 20, 1), Setting("k2", 6, 1), Setting("lambda", 0.3, 0, 1, whole=False))
    needs_pictures: ClassVar = False

    def __init__(self, k1: int = 20, k2: int = 6, lambda_: float = 0.3) -> None:
        self._k1, self._k2, self._lambda = k1, k2, lambda_

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        scores = np.empty(found.rows.shape)
        angle = by_angle(found.gallery)
        for line, point, rows in zip(scores, found.points, found.rows, strict=True):
            together = np.concatenate([point[None], found.gallery.embeddings(rows)]).astype(np.float64)
            squared = squared_distances(unit(together) if angle else together)
            line[:] = -mixed(squared, self._k1, self._k2, self._lambda)
        return found.reordered(scores)


def squared_distances(rows: NDArray[np.float64]) -> _Distances:
    """(m, m) squared Euclidean distances, exactly symmetric, exactly 0 of a row to itself."""
    squares = np.einsum("md,md->m", rows, rows)
    products = rows @ rows.T
    found: _Distances = (squares[:, None] + squares - products - products.T).clip(0)
    # Copies are told apart by nothing but rounding, so what rounding can make is taken for zero.
    found[found < 1e-12 * (squares[:, None] + squares)] = 0
    np.fill_diagonal(found, 0)
    return found


def mixed(squared: _Distances, k1: int, k2: int, share: float) -> NDArray[np.float64]:
    """The distance of the first image to each of the others.

    Args:
        squared: (m, m) squared distances; the first row is the query's.
        k1: Neighbours that make two images k-reciprocal.
        k2: Images, itself among them, whose encodings are averaged; 1 averages nothing.
        share: Of the plain distance; the rest is Jaccard's.

    Returns:
        (m - 1,)
    """
    scaled = squared / np.maximum(squared.max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    scaled = np.asarray(scaled, np.float32)  # what differs by rounding alone is the same distance
    reciprocal, half = _reciprocal(scaled, k1), _reciprocal(scaled, round(k1 / 2))
    shared = reciprocal.astype(np.float32) @ half.T.astype(np.float32)  # [i, j]: |R(i, k1) ∩ R(j, k1 / 2)|
    joins = reciprocal & (3 * shared > 2 * half.sum(axis=1))
    members = reciprocal | (joins.astype(np.float32) @ half.astype(np.float32) > 0)
    encoded = np.where(members, np.exp(-scaled.astype(np.float64)), 0)
    encoded /= encoded.sum(axis=1, keepdims=True)
    if k2 > 1:
        near = _near(scaled, k2 - 1).astype(np.float64)
        encoded = near @ encoded / near.sum(axis=1, keepdims=True)
    least = np.minimum(encoded[0], encoded).sum(axis=1)
    jaccard = 1 - least / (2 - least)
    found: NDArray[np.float64] = (1 - share) * jaccard[1:] + share * scaled[0, 1:]
    return found


def _reciprocal(scaled: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """[i, j]: both are among the k nearest of each other."""
    near = _near(scaled, k)
    return near & near.T


def _near(scaled: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """[i, j]: j is i itself, or among its k nearest others."""
    if k >= len(scaled) - 1:
        return np.ones(scaled.shape, np.bool_)
    return scaled <= np.partition(scaled, k, axis=1)[:, k : k + 1]
