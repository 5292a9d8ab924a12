"""What chance does: the distribution of scores between pictures that have nothing to do with each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.significance.tails import Numbers, Tail, tail_of
from likewise.types import Metric

_BEYOND = 100  # times rarer than anything that was seen: no claim goes further
_NEAREST = 1e-30  # a squared distance; below it, two embeddings are one
_Real = TypeVar("_Real", np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class Null:
    """How high unrelated pictures score in one gallery: `chance` from a score, `score` from a chance.

    All is worked out in *closeness*, the negative logarithm of the distance. Among points of d intrinsic dimensions the chance to lie
    within r falls as r^d, so that closeness has an exponential tail; a cosine's bound at 1 and a distance's at 0 lie at infinity.

    Attributes:
        metric: Of the scores.
        best: (p,) closeness of p pictures of the gallery to the best row that is unrelated to them, rising.
        levels: (m,) closeness of pairs, rising.
        shares: (m,) natural logarithm of the share of unrelated pairs that are at least so close, falling.
        rows: Unrelated rows that each picture was compared with, on average.
        trimmed: Pictures with a row that stood out so far that it was taken for a relative.
        by_class: Whether pictures of one class were taken for relatives.
        tail: The far end of `best`.
    """

    metric: Metric
    best: Numbers
    levels: Numbers
    shares: Numbers
    rows: int
    trimmed: int
    by_class: bool
    tail: Tail

    @classmethod
    def of(cls, metric: Metric, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Read what `sampling` worked out and a gallery remembers."""
        best, levels, shares = (np.asarray(arrays[name], np.float64) for name in ("best", "levels", "shares"))
        rows, trimmed, by_class = (int(count) for count in np.asarray(arrays["counts"], np.int64))
        tail = tail_of(best, np.asarray(arrays["groups"], np.int64))
        return cls(metric, best, levels, shares, rows, trimmed, bool(by_class), tail)

    def chance(self, score: float, among: int = 1) -> float:
        """The probability that the best of some unrelated rows scores at least so.

        Args:
            score: By the metric of this null.
            among: How many rows are looked at; one is a pair of pictures, `len(gallery)` a search.

        Raises:
            BadArgument: If `among` is below 1.
        """
        return float(self.chances(np.array([score]), among)[0])

    def chances(self, scores: NDArray[np.floating], among: int = 1) -> Numbers:
        """As `chance`, for many scores."""
        _demand_rows(among)
        return self._chances(closeness(np.asarray(scores, np.float64), self.metric), among)

    def score(self, chance: float, among: int = 1) -> float:
        """The least score that the best of some unrelated rows reaches with at most this probability.

        Args:
            chance: Above 0 and up to 1.
            among: As for `chance`.

        Raises:
            BadArgument: If the chance is none, or smaller than what this gallery can tell: `finest`.
        """
        self.demand(chance, among)
        low, high = float(self.levels[0]) - 1, float(self.best[-1]) + 1
        while self._chances(np.array([high]), among)[0] > chance:
            high += 1
        for _ in range(60):
            middle = (low + high) / 2
            if self._chances(np.array([middle]), among)[0] > chance:
                low = middle
            else:
                high = middle
        distance = math.exp(-high)
        return 1 - distance * distance / 2 if self.metric == "cosine" else -distance

    def finest(self, among: int = 1) -> float:
        """The smallest chance that is ever told: a hundredth of what the sample of pictures could show."""
        return float(self._chances(np.array([np.inf]), among)[0])

    def demand(self, chance: float, among: int = 1) -> None:
        """Refuse a chance that nothing can be said about.

        Raises:
            BadArgument: If it is not above 0 and up to 1, or smaller than `finest`.
        """
        _demand_rows(among)
        if not 0 < chance <= 1:
            raise BadArgument(f"a significance of {chance:g}: give a probability above 0, such as 0.001")
        finest = self.finest(among)
        if chance < finest:
            raise BadArgument(
                f"a significance of {chance:g} is more than {len(self.best):,} pictures of this gallery can tell: "
                f"ask for {finest:.1g} or more"
            )

    def _chances(self, close: Numbers, among: int) -> Numbers:
        """Between one row and `rows`, the logarithm of the hazard is interpolated in that of the number of rows.

        If all pictures were alike it would be a line of slope 1; some score high with everything, and it is flatter.
        """
        whole = self._hazard_of_best(close)
        pair = self._hazard_of_pairs(close, whole)
        whole = np.maximum(whole, pair)  # the best of the sample may be too few to say how certain the certain is
        if among >= self.rows:
            return -np.expm1(-whole * (among / self.rows))
        part = math.log(among) / math.log(self.rows)
        return -np.expm1(-np.exp((1 - part) * np.log(pair) + part * np.log(whole)))

    def _hazard_of_best(self, close: Numbers) -> Numbers:
        """-ln of the probability that none of `rows` unrelated rows is so close; n of n + 1 stands for the certain."""
        seen = len(self.best)
        counted = seen - np.searchsorted(self.best, close)
        far = close > self.tail.threshold
        shares = np.where(far, self.tail.above(np.where(far, close, self.tail.threshold)), (counted + 1) / (seen + 1))
        shares = np.clip(shares, 1 / (_BEYOND * seen), seen / (seen + 1))
        return np.asarray(-np.log1p(-shares))

    def _hazard_of_pairs(self, close: Numbers, whole: Numbers) -> Numbers:
        """The same for one row: counted where there are pairs enough to count, and falling as that of the best from there."""
        end = self.levels[-1:]
        shares = np.exp(np.interp(close, self.levels, self.shares))
        hazard = -np.log1p(-np.minimum(shares, 1 - 1e-12))
        return np.asarray(hazard * np.where(close > end, whole / self._hazard_of_best(end), 1.0))


def closeness(scores: NDArray[_Real], metric: Metric) -> NDArray[_Real]:
    """-ln of the distance that a score stands for: of unit vectors for the cosine."""
    distances = np.maximum(2 - 2 * scores, _NEAREST) if metric == "cosine" else np.square(np.minimum(scores, 0))
    return np.asarray(-0.5 * np.log(np.maximum(distances, _NEAREST)), scores.dtype)


def _demand_rows(among: int) -> None:
    if among < 1:
        raise BadArgument(f"the best of {among} rows: give at least 1")
