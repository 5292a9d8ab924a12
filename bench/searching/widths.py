"""The least width of a search that reaches a recall: how every peer is tuned, on the very queries that it is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable

_FINE = 1.04  # two widths whose ratio is smaller are as good as one


def least_width(recall: Callable[[int], float], low: int, high: int, wanted: float) -> int | None:
    """The least width whose recall is at least `wanted`, within 4 %; None if even the largest one does not reach it.

    Args:
        recall: Measures; rises with the width, or nearly.
        low: The least width.
        high: The largest one.
        wanted: In 0 … 1.
    """
    short, width = low - 1, low
    while recall(width) < wanted:
        if width == high:
            return None
        short, width = width, min(high, 2 * width)
    while width - short > 1 and width > _FINE * short:
        middle = math.isqrt(max(1, short) * width) if short > 1 else (short + width) // 2
        middle = min(max(middle, short + 1), width - 1)
        if recall(middle) < wanted:
            short = middle
        else:
            width = middle
    return width
