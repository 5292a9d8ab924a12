"""Seam: rows of numbers in, (scores, rows) out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.types import Embeddings, Rows, Scores


class Index(Protocol):
    """A structure that finds the nearest rows.

    Contract: scores fall along each row and equal scores stand in rising row order; k over the number of rows gives
    them all; an empty gallery gives (q, 0); the answer to a query does not depend on the others in its batch.
    """

    def search(self, queries: Embeddings, k: int, among: NDArray[np.bool_] | None = None) -> tuple[Scores, Rows]:
        """The `k` best rows of each query, as (q, k') scores and rows.

        Args:
            queries: (q, dim).
            k: At least 1.
            among: (n,) rows that may be returned, of those that are live; None means all. However few they are, k' is min(k, these).
        """
        ...
