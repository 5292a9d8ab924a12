"""How near another way to compute embeddings comes to the first one, and how near it must."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.errors import BadArgument
from likewise.types import Embeddings, Metric

K = 7


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Two sets of embeddings of the same pictures, compared.

    Attributes:
        pictures: How many.
        cosine_min: The smallest cosine between the two embeddings of one picture.
        cosine_mean: The mean of these.
        overlap: The share of the entries of the lists of the 7 nearest among the pictures themselves that both have.
    """

    pictures: int
    cosine_min: float
    cosine_mean: float
    overlap: float

    def __str__(self) -> str:
        return f"cosine {self.cosine_min:.5f} at least, {self.cosine_mean:.6f} in the mean, {self.overlap:.1%} of the nearest {K} the same"


@dataclass(frozen=True, slots=True)
class Bound:
    """What must hold."""

    cosine_min: float
    overlap: float

    def holds(self, found: Fidelity) -> bool:
        """Whether it does."""
        return found.cosine_min >= self.cosine_min and found.overlap >= self.overlap

    def __str__(self) -> str:
        return f"cosine {self.cosine_min:g}, {self.overlap:.0%} of the nearest {K}"


BOUNDS = {"fp32": Bound(0.9999, 0.98), "bf16": Bound(0.999, 0.98), "int8": Bound(0.95, 0.85)}
"""What each precision must keep of float32. int8 is another identity, so its bound only says when it is no use at all."""


def compared(first: Embeddings, other: Embeddings, metric: Metric) -> Fidelity:
    """Compare embeddings of the same pictures.

    Args:
        first: (n, d), the ones that count as right; n above 7.
        other: (n, d).
        metric: That neighbours are found by.

    Raises:
        BadArgument: If there are too few pictures to have neighbours.
    """
    if len(first) <= K:
        raise BadArgument(f"{len(first)} pictures are too few to compare neighbours: it takes {K + 1} at least")
    lengths = np.linalg.norm(first.astype(np.float64), axis=1) * np.linalg.norm(other.astype(np.float64), axis=1)
    products = np.sum(first.astype(np.float64) * other, axis=1)
    cosines = np.where(lengths > 0, products / np.maximum(lengths, 1e-30), np.all(first == other, axis=1))
    ours, theirs = _nearest(first, metric), _nearest(other, metric)
    same = [len(np.intersect1d(a, b)) for a, b in zip(ours, theirs, strict=True)]
    return Fidelity(len(first), float(cosines.min()), float(cosines.mean()), float(np.mean(same)) / K)


def _nearest(rows: Embeddings, metric: Metric) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(n, 7) the nearest others of each row."""
    values = rows.astype(np.float64)
    if metric == "cosine":
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-30)
        scores = values @ values.T
    else:
        squares = (values**2).sum(axis=1)
        scores = 2 * values @ values.T - squares[None] - squares[:, None]
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :K].astype(np.int64)
