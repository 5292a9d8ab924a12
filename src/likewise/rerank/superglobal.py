"""The refinement of SuperGlobal: the short list's embeddings lean on each other, and the query on the best of them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.diffusion import demand_angles
from likewise.rerank.expansion import unit
from likewise.rerank.types import Setting, Shortlists


class SuperGlobal:
    """The mean of two similarities to the refined hits: the query's, and that of a query made of the best hits.

    A hit is refined to x' = (x + β Σ sⱼ xⱼ) / (1 + β Σ sⱼ) over its K nearest in the short list, s their cosine to it. The second query
    is the largest value of each component over the K + 1 hits whose x' is nearest to the first. Cosines below zero count as zero.

    Source: Shao, Chen, Karpur, Cui, Araujo and Cao, ICCV 2023, arXiv:2308.06954, section 3.3, with K = 9, β = 0.15 of the authors'
        program; they look at 400 hits. The rest of the paper is about how a network pools, and is not here.
    """

    SETTINGS: ClassVar = (Setting("neighbours", 9, 1), Setting("beta", 0.15, 0, whole=False))
    needs_pictures: ClassVar = False

    def __init__(self, neighbours: int = 9, beta: float = 0.15) -> None:
        self._neighbours, self._beta = neighbours, beta

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        demand_angles("superglobal", found)
        scores = np.empty(found.rows.shape)
        for line, point, rows in zip(scores, found.points, found.rows, strict=True):
            hits = unit(found.gallery.embeddings(rows).astype(np.float64))
            line[:] = refined(unit(point.astype(np.float64)), hits, self._neighbours, self._beta)
        return found.reordered(scores)


def refined(point: NDArray[np.float64], hits: NDArray[np.float64], neighbours: int, beta: float) -> NDArray[np.float64]:
    """The new score of each hit.

    Args:
        point: (dim,) of unit norm.
        hits: (d, dim) of unit norm.
        neighbours: Of each hit in the short list, itself not counted.
        beta: How much they count.

    Returns:
        (d,)
    """
    similar = hits @ hits.T
    np.fill_diagonal(similar, np.inf)  # itself comes first, whatever copies there are
    near = np.argsort(-similar, axis=1, kind="stable")[:, : neighbours + 1]
    weights = beta * np.take_along_axis(similar, near, axis=1).clip(0)
    weights[:, :1] = 1
    better = np.einsum("dnc,dn->dc", hits[near], weights) / weights.sum(axis=1, keepdims=True)
    first = better @ point
    best = np.argsort(-first, kind="stable")[: neighbours + 1]
    second = better @ better[best].max(axis=0, initial=-np.inf) if len(hits) else first
    return np.asarray((first + second) / 2)
