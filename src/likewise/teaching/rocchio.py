"""Rocchio's rule: towards the mean of what is liked, away from the mean of what is not."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.float64]

BASE, LIKED, DISLIKED = 1.0, 0.75, 0.15
"""α, β and γ as Manning, Raghavan and Schütze give them (Introduction to Information Retrieval, 2008, section 9.1.1)."""


def direction(base: Rows, liked: Rows, disliked: Rows) -> Rows:
    """α · base + β · mean(liked) − γ · mean(disliked), not yet of unit norm.

    Args:
        base: (1, dim) of unit norm, or (0, dim) where there is no query.
        liked: (n, dim) of unit norm, n may be 0.
        disliked: (m, dim) of unit norm, m may be 0.

    Returns:
        (dim,)

    Source: Rocchio, Relevance Feedback in Information Retrieval, in Salton (ed.), The SMART Retrieval System, 1971.
    """
    found = np.zeros(liked.shape[1])
    if len(base):
        found += BASE * base[0]
    if len(liked):
        found += LIKED * liked.mean(axis=0)
    if len(disliked):
        found -= DISLIKED * disliked.mean(axis=0)
    return found
