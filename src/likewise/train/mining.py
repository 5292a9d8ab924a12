"""Labels for pictures that have none: what the starting model finds mutually most alike is taken for one thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.types import Embeddings

_BLOCK = 1024


def mined_labels(embeddings: Embeddings, *, least: float = 0.5) -> NDArray[np.int64]:
    """Group pictures that are each other's nearest neighbour, chains included.

    A picture that is nobody's partner keeps a label of its own: with several augmented copies of it in a batch it still
    teaches what must not matter (instance discrimination).

    Args:
        embeddings: (n, dim) of unit norm, by the model that training starts from.
        least: Cosine below which partners are not believed.

    Returns:
        (n,) labels from 0.

    Raises:
        BadArgument: If there are fewer than two pictures.

    Source: Wu et al., CVPR 2018, arXiv:1805.01978; mutual neighbours as in Iscen et al., CVPR 2018, arXiv:1803.11095.
    """
    count = len(embeddings)
    if count < 2:
        raise BadArgument(f"{count} pictures: mining needs at least two")
    nearest, cosine = np.zeros(count, np.int64), np.zeros(count)
    for start in range(0, count, _BLOCK):
        scores = embeddings[start : start + _BLOCK] @ embeddings.T
        rows = np.arange(len(scores))
        scores[rows, start + rows] = -np.inf
        nearest[start : start + len(scores)] = scores.argmax(axis=1)
        cosine[start : start + len(scores)] = scores.max(axis=1)
    label = np.arange(count)
    for i in range(count):
        partner = int(nearest[i])
        if nearest[partner] == i and cosine[i] >= least:
            label[i] = label[partner] = min(label[i], label[partner])
    _, numbered = np.unique(label, return_inverse=True)
    return numbered.astype(np.int64)
