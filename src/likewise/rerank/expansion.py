"""Query expansion: the first hits join the query, and the whole gallery is searched again."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.types import Setting, Shortlists, by_angle
from likewise.types import Embeddings

VERIFIED = 8
"""Inliers from which a hit is taken for the same object: no expansion with others where geometry was looked at."""


class AverageExpansion:
    """The mean of the query and its first hits: q' = (q + x₁ + … + xₙ) / (n + 1), of unit norm where the model's embeddings are.

    After `geometry`, only hits that it verified join, as in the paper.

    Source: Chum, Philbin, Sivic, Isard and Zisserman, Total Recall, ICCV 2007.
    """

    SETTINGS: ClassVar = (Setting("hits", 10, 1),)
    needs_pictures: ClassVar = False

    def __init__(self, hits: int = 10) -> None:
        self._alpha = AlphaExpansion(hits, 0.0)

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        return self._alpha.rerank(found)


class AlphaExpansion:
    """A weighted sum of the query and its first hits: q' = q + Σ max(0, cos(q, xᵢ))^α xᵢ; with α = 0 this is average expansion.

    Without a weight, a wrong hit counts as much as a right one; the power makes the far ones fade. Cosines below zero count as
    zero, where the paper's features have none. Raw embeddings that are compared by distance become the weighted mean.

    Source: Radenović, Tolias and Chum, TPAMI 2018, arXiv:1711.02512, section 3.4.
    """

    SETTINGS: ClassVar = (Setting("hits", 10, 1), Setting("alpha", 3, 0, whole=False))
    needs_pictures: ClassVar = False

    def __init__(self, hits: int = 10, alpha: float = 3.0) -> None:
        self._hits, self._alpha = hits, alpha

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        near = found.rows[:, : self._hits]
        dim = found.points.shape[1]
        rows = found.gallery.embeddings(near).reshape(*near.shape, dim).astype(np.float64)
        points = found.points.astype(np.float64)
        weights = np.einsum("qnd,qd->qn", unit(rows), unit(points)).clip(0) ** self._alpha
        for line, hits, inliers in zip(weights, near.tolist(), found.inliers, strict=True):
            if inliers:
                line[[inliers.get(row, 0) < VERIFIED for row in hits]] = 0
        angle = by_angle(found.gallery)
        together = np.concatenate([points[:, None], rows], axis=1)
        counts = np.concatenate([np.ones((len(points), 1)), weights], axis=1)
        return found.again(points=summed(together, counts, angle=angle))


def summed(rows: NDArray[np.float64], weights: NDArray[np.float64], *, angle: bool) -> Embeddings:
    """Weighted sums, one for each group.

    Args:
        rows: (q, n, dim).
        weights: (q, n), not negative, not all zero in a group.
        angle: Rows are made unit, and so is the sum; otherwise it is the weighted mean.

    Returns:
        (q, dim)
    """
    if angle:
        total = unit(np.einsum("qnd,qn->qd", unit(rows), weights))
    else:
        total = np.einsum("qnd,qn->qd", rows, weights) / weights.sum(axis=1, keepdims=True)
    return np.asarray(total, np.float32)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of unit norm; zeros stay zeros."""
    norms: NDArray[np.float64] = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(norms, np.finfo(np.float64).tiny)
