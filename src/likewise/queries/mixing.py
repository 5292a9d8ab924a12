"""Several embeddings become the one point that is searched for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.types import Card, Embeddings, Metric

_LEAST_NORM = 1e-4  # of the sum of all weights; what is shorter points wherever rounding sends it


def mixed(rows: Embeddings, weights: Sequence[float], card: Card, metric: Metric) -> NDArray[np.float32]:
    """The point that stands for a whole query.

    A part alone stays as it is. Compared by angle, or made unit by the model: each part is made unit, weighted, summed, and the
    sum made unit. Raw embeddings compared by distance: the weighted mean, which lies where the gallery's embeddings do.

    Args:
        rows: (n, dim), one for each part.
        weights: n, below zero for what is to be avoided.
        card: Of the encoder.
        metric: In use.

    Returns:
        (dim,)

    Raises:
        BadArgument: If nothing is left of the sum, or a weight is below zero where distances of raw embeddings are compared.

    Source: Rocchio, Relevance Feedback in Information Retrieval, in Salton (ed.), The SMART Retrieval System, 1971, where the two
        sides are means and here each part has a weight of its own.
    """
    if len(rows) == 1 and weights[0] > 0:
        return np.asarray(rows[0], np.float32)
    wide, by = rows.astype(np.float64), np.asarray(weights, np.float64)
    if metric == "l2" and not card.unit:
        if by.min() < 0:
            raise BadArgument(
                f"{card.name} keeps raw lengths and compares distances, where nothing can be taken away: what is left lies far "
                "from every image; go without what is subtracted, or compare by angle (--metric cosine)"
            )
        return np.asarray(by @ wide / by.sum(), np.float32)
    unit = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    total = by @ unit
    norm = float(np.linalg.norm(total))
    if norm < _LEAST_NORM * np.abs(by).sum():
        raise BadArgument("its parts cancel each other out: change a weight, or leave one away")
    return np.asarray(total / norm, np.float32)
