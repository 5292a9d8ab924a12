"""Rankings of a whole gallery, a block of queries at a time, exactly as exact search returns them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from likewise.indexes.exact import plain_scores
from likewise.types import Card, Embeddings, Rows, Scores

_TILE_BYTES = 1 << 20  # of gallery rows, which stay in the cache while all queries of a block meet them
_PAIRS_AT_ONCE = 2_000_000  # of a query and a gallery image; each takes about 100 bytes while a block is judged


def block_size(gallery: int) -> int:
    """How many queries are ranked at once over so many images."""
    return max(1, _PAIRS_AT_ONCE // max(1, gallery))


def ranked(
    queries: Embeddings, gallery: Callable[[int, int], Embeddings], count: int, card: Card
) -> tuple[Scores, Rows]:
    """Rank all gallery images for each query.

    Args:
        queries: (q, dim).
        gallery: From (start, stop) to that part of the gallery's embeddings.
        count: How many images the gallery has; below 2³¹.
        card: Says how two embeddings are compared.

    Returns:
        (q, count) scores, falling, and (q, count) rows; equal scores in rising row order. Both are those of
        `likewise.indexes.exact.Exact` with k = count, to the last bit.
    """
    scores = np.empty((len(queries), count), np.float32)
    step = max(1, _TILE_BYTES // (4 * max(1, card.dim)))
    for start in range(0, count, step):
        tile = np.ascontiguousarray(gallery(start, min(start + step, count)))
        for query, line in zip(queries, scores, strict=True):
            line[start : start + len(tile)] = plain_scores(
                query, tile, card.metric, unit=card.unit and card.metric == "cosine"
            )
    rows = falling(scores)
    return np.take_along_axis(scores, rows, axis=1), rows


def falling(scores: Scores) -> Rows:
    """The columns of each row by falling score, equal scores by rising column.

    The bits of a float32, read as a whole number, order as the float does once those of negative numbers are turned round. With
    the column in the lower half, plain sorting of 64-bit numbers is a stable sort, at five times the speed of one.
    """
    bits = (np.float32(0) - scores).view(np.int32)  # 0 - x, so that -0.0 and 0.0 become the same zero
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    keys: NDArray[np.int64] = (bits.astype(np.int64) << 32) | np.arange(scores.shape[1])
    keys.sort(axis=1)
    return keys & 0xFFFFFFFF
