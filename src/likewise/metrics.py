"""How good a ranking is: numbers from relevance alone, numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument


def precision_at_k(relevant: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """The share of the first k hits that are positives, for each query.

    The denominator is always k, as in trec_eval's `P_k`: a ranking that is shorter than k counts what it lacks as
    wrong. Ties are settled before this: relevance comes in rank order.

    Args:
        relevant: (q, k') is hit j of query i a positive, best hit first; hits past k are ignored.
        k: At least 1.

    Returns:
        (q,) in 0..1. No queries give an empty array, and no hits give zeros.

    Raises:
        BadArgument: If `k` is below 1, or `relevant` is not a two-dimensional array of booleans.

    Example:
        >>> precision_at_k(np.array([[True, False, True], [False, False, True]]), 2)
        array([0.5, 0. ])

    Source: `P_k` of trec_eval, https://github.com/usnistgov/trec_eval (m_P.c); Manning, Raghavan and Schütze,
        Introduction to Information Retrieval, 2008, section 8.4.
    """
    if k < 1:
        raise BadArgument(f"k is {k}: precision needs at least one hit")
    if relevant.ndim != 2 or relevant.dtype != np.bool_:
        shape, dtype = relevant.shape, relevant.dtype
        raise BadArgument(f"relevance has shape {shape} and type {dtype}: pass one row of booleans for each query")
    share: NDArray[np.float64] = np.count_nonzero(relevant[:, :k], axis=1) / k
    return share
