"""How sure a mean over queries is: the percentile bootstrap.

Queries are drawn again with replacement, 2,000 times; the interval holds the middle 95 % of the means. It says how much the figure would
move with other queries of the same kind, over the same gallery and for the same weights. Queries of one class or one object are
drawn as if they were independent, which they are not quite: an interval for new classes would be wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.metrics import Values

RESAMPLES = 2000
_DRAWN_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval; all three NaN if nothing is defined.

    Attributes:
        mean: Over the queries for which the metric is defined.
        low: 2.5 % of the resampled means lie below.
        high: 2.5 % lie above.
        n: How many queries that is.
    """

    mean: float
    low: float
    high: float
    n: int


def interval(values: Values, seed: int) -> Interval:
    """The mean of the values that are not NaN, and how sure it is.

    Args:
        values: (q,) one for each query.
        seed: Of the resampling; the same seed and number of values draw the same queries.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    low, high = np.percentile(resampled_means(defined, seed), [2.5, 97.5])
    return Interval(float(defined.mean()), float(low), float(high), len(defined))


def resampled_means(values: Values, seed: int) -> NDArray[np.float64]:
    """(2000,) means over queries drawn with replacement."""
    draw = np.random.default_rng(seed)
    step = max(1, _DRAWN_AT_ONCE // len(values))
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        means[start : start + count] = values[draw.integers(0, len(values), (count, len(values)))].mean(axis=1)
    return means
