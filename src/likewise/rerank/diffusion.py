"""Diffusion: similarity flows through the graph of the gallery's neighbours, so that a chain of small steps counts as near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.rerank.expansion import unit
from likewise.rerank.neighbours import cosines, neighbours
from likewise.rerank.types import Setting, Shortlists, by_angle

_STEPS = 20  # of the conjugate gradients, as in the paper
_CLOSE = 1e-9  # of the right side's norm: nothing moves any more


class Diffusion:
    """Solves (I - αS) f = (1 - α) y over the short list; the score is f.

    S is the graph of mutual k nearest neighbours of the *whole* gallery, cut down to the short list (truncation), its edges
    max(0, cos)^γ, divided by the roots of both degrees. y is max(0, cos)^γ of the query's own nearest. S is kept sparse, and the
    equation solved by conjugate gradients.

    Source: Iscen, Tolias, Avrithis, Furon and Chum, CVPR 2017, arXiv:1611.05113, with k = 50, 10 neighbours of the query, α = 0.99
        and γ = 3 of its global descriptors.
    """

    SETTINGS: ClassVar = (
        Setting("neighbours", 50, 1),
        Setting("neighbours of the query", 10, 1),
        Setting("alpha", 0.99, 0, 0.9999, whole=False),
        Setting("gamma", 3, 0.1, whole=False),
    )
    needs_pictures: ClassVar = False

    def __init__(self, neighbours: int = 50, own: int = 10, alpha: float = 0.99, gamma: float = 3.0) -> None:
        self._neighbours, self._own, self._alpha, self._gamma = neighbours, own, alpha, gamma

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        demand_angles("diffusion", found)
        gallery = found.gallery
        near_scores, near = neighbours(gallery, self._neighbours)
        edges = cosines(near_scores, gallery.metric).clip(0) ** self._gamma
        scores = np.zeros(found.rows.shape)
        for line, point, rows in zip(scores, found.points, found.rows, strict=True):
            places = np.searchsorted(gallery.live, rows)
            graph = truncated(rows, near[places], edges[places])
            seeds = gallery.embeddings(rows[: self._own]).astype(np.float64)
            start = np.zeros(len(rows))
            start[: len(seeds)] = (unit(seeds) @ unit(point.astype(np.float64))).clip(0) ** self._gamma
            line[:] = graph.solved((1 - self._alpha) * start, self._alpha)
        return found.reordered(scores)


@dataclass(frozen=True, slots=True)
class Graph:
    """A sparse symmetric matrix, normalised by the degrees of its vertices.

    Attributes:
        ends: (d, k) where the edges of each vertex lead.
        weights: (d, k) theirs; 0 where there is none.
    """

    ends: NDArray[np.int64]
    weights: NDArray[np.float64]

    def solved(self, right: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
        """The f of (I - αS) f = right, by at most 20 steps of conjugate gradients."""
        found, rest = np.zeros(len(right)), right.copy()
        direction, size = rest.copy(), float(rest @ rest)
        close = _CLOSE**2 * size
        for _ in range(_STEPS):
            if size <= close:
                break
            image = direction - alpha * (self.weights * direction[self.ends]).sum(axis=1)
            step = size / float(direction @ image)
            found += step * direction
            rest -= step * image
            size, before = float(rest @ rest), size
            direction = rest + size / before * direction
        return found


def truncated(rows: NDArray[np.int64], near: NDArray[np.int64], edges: NDArray[np.float64]) -> Graph:
    """The graph of mutual neighbours among some rows.

    Args:
        rows: (d,) gallery rows.
        near: (d, k) the gallery rows nearest to each of them.
        edges: (d, k) the weights of these.
    """
    count = len(rows)
    order = np.argsort(rows)
    places = np.searchsorted(rows, near, sorter=order).clip(max=count - 1)
    ends = order[places]
    inside = rows[ends] == near
    here = np.broadcast_to(np.arange(count)[:, None], near.shape)
    there, back = here * count + ends, ends * count + here
    known, first = np.unique(there[inside], return_index=True)
    found = np.searchsorted(known, back).clip(max=max(0, len(known) - 1))
    weights = np.zeros(near.shape)
    if len(known):
        mutual = inside & (known[found] == back)
        weights[mutual] = np.minimum(edges[mutual], edges[inside][first][found[mutual]])
    degrees = weights.sum(axis=1)
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    return Graph(np.where(inside, ends, 0), weights / roots[:, None] / roots[np.where(inside, ends, 0)])


def demand_angles(name: str, found: Shortlists) -> None:
    """Refuse raw embeddings that are compared by distance.

    Raises:
        BadArgument: If they are.
    """
    if not by_angle(found.gallery):
        raise BadArgument(
            f"{name} goes by angles, and this model keeps raw lengths and compares distances: take aqe, dba or k-reciprocal, which "
            "go by distances too, or search by angle (--metric cosine)"
        )
