"""The upper end of a sample, by extreme-value theory: peaks over a threshold and the generalised Pareto distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_SHARES = (0.5, 0.3, 0.2, 0.1, 0.05)  # of a sample that may count as its tail, the largest that fits is taken
_FEWEST = 20  # peaks that a tail is fitted to
_PRIOR = 0.2  # standard deviation of the shape around 0, before a sample is seen
_MISFIT = (
    0.12  # Cramér–von Mises; 1 of 10 samples that are generalised Pareto exceed it (tests/significance/test_tails.py)
)


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies above a threshold: a mixture of generalised Pareto distributions, each weighted by how well it explains the sample.

    The mixture, instead of its best member, is what a new number from the same source follows as far as the sample can tell: a
    small sample gives a wide one, so the chance of the unseen is not made small by an estimate that happens to be short.

    Attributes:
        threshold: Where it begins.
        share: Of the sample that lies above.
        rates: (m,) θ of each distribution; 1 - θx is raised to a power.
        shapes: (m,) k of each, minus the usual ξ: above 0 it ends, at 1/θ.
        weights: (m,) of each, 1 in all.
        peaks: Numbers it was fitted to.
        independent: How many independent ones they count as.
        misfit: Cramér–von Mises distance of these from it, as of so many independent ones.
    """

    threshold: float
    share: float
    rates: Numbers
    shapes: Numbers
    weights: Numbers
    peaks: int
    independent: float
    misfit: float

    @property
    def shape(self) -> float:
        """The mean ξ: 0 is an exponential tail, below 0 it ends, above 0 it is heavy."""
        return -float(self.weights @ self.shapes)

    @property
    def scale(self) -> float:
        """The mean σ, in the units of the sample."""
        return float(self.weights @ (self.shapes / self.rates))

    def above(self, values: Numbers) -> Numbers:
        """The share of all numbers that is larger than each of some that are not below the threshold."""
        if not len(self.rates):
            return np.where(values > self.threshold, 0.0, self.share)
        return self.share * _survival(values - self.threshold, self.rates, self.shapes, self.weights)


def tail_of(sample: Numbers, groups: NDArray[np.int64] | None = None) -> Tail:
    """Fit the upper tail of a sample.

    The largest of a half, 30, 20, 10 and 5 % of the sample that looks generalised Pareto is taken; the smallest if none does.

    Args:
        sample: (n,) in rising order, n at least 2.
        groups: (n,) a number for each group of the sample whose members may be alike. So far as they are, many count as few: their
            likelihood is raised to that power. All are independent unless given.

    Source: Pickands, Annals of Statistics 3(1), 1975; Davison and Smith, JRSS B 52(3), 1990, for peaks over a threshold. The fit is
        that of Zhang and Stephens, Technometrics 51(3), 2009: a grid of θ from the sample, its profile likelihood as weights; here with
        a normal prior on the shape. Groups count by the design effect of Kish, Survey Sampling, 1965, with the root of the intraclass
        correlation in its place: what is rare comes from fewer groups than what is usual (bench/significance.py). The threshold is
        chosen by fit as in Bader, Yan and Zhang, Annals of Applied Statistics 12(1), 2018.
    """
    most = len(sample) - 1
    counts = [min(most, max(_FEWEST, round(share * len(sample)))) for share in _SHARES]
    alike = 0.0 if groups is None else _correlation(groups, sample) ** 0.5
    for count in dict.fromkeys(counts):
        tail = _fitted(sample, count, groups, alike)
        if tail.misfit <= _MISFIT:
            break
    return tail


def _fitted(sample: Numbers, count: int, groups: NDArray[np.int64] | None = None, alike: float = 0.0) -> Tail:
    threshold = float(sample[-count - 1])
    peaks = sample[-count:] - threshold
    above = peaks > 0
    independent = float(above.sum()) if groups is None else _effective(groups[-count:][above], alike)
    peaks = peaks[above]
    share = len(peaks) / len(sample)
    if len(peaks) < 2 or peaks[0] == peaks[-1]:  # hardly more than one number: nothing to extrapolate from
        none = np.zeros(0)
        return Tail(threshold, share, none, none, none, len(peaks), 0.0, 0.0)
    rates, shapes, weights = _weighed(peaks, independent / len(peaks))
    size = len(peaks)
    levels = 1 - _survival(peaks, rates, shapes, weights)
    expected = (2 * np.arange(1, size + 1) - 1) / (2 * size)
    misfit = (float(np.square(levels - expected).sum()) + 1 / (12 * size)) * independent / size
    return Tail(threshold, share, rates, shapes, weights, size, independent, misfit)


def _correlation(groups: NDArray[np.int64], values: Numbers) -> float:
    """How alike the values of one group are, from 0 to 1: the intraclass correlation by analysis of variance."""
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    size, many = len(values), len(counts)
    if not 1 < many < size:
        return 0.0
    means = np.bincount(group, values) / counts
    between = float((counts * np.square(means - values.mean())).sum()) / (many - 1)
    within = float(np.square(values - means[group]).sum()) / (size - many)
    usual = (size - float(np.square(counts).sum()) / size) / (many - 1)
    total = between + (usual - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else 0.0


def _effective(groups: NDArray[np.int64], alike: float) -> float:
    """How many independent numbers are worth as much as those of these groups."""
    counts = np.unique(groups, return_counts=True)[1].astype(np.float64)
    mean_size = float(np.square(counts).sum() / max(1.0, counts.sum()))
    return float(counts.sum()) / (1 + max(0.0, mean_size - 1) * alike)


def _weighed(peaks: Numbers, power: float) -> tuple[Numbers, Numbers, Numbers]:
    """θ, k and weight of each distribution of the grid; the names are those of the paper."""
    n, m = len(peaks), 30 + int(len(peaks) ** 0.5)
    j = np.arange(1, m + 1) - 0.5
    quartile = peaks[int(n / 4 + 0.5) - 1]
    theta = 1 / peaks[-1] + (1 - np.sqrt(m / j)) / (3 * quartile)
    theta = theta[np.abs(theta * peaks[-1]) > 1e-9]
    k = -np.log1p(-theta[:, None] * peaks).mean(axis=1)
    likelihood = power * n * (np.log(theta / k) + k - 1) - 0.5 * np.square(k / _PRIOR)
    weights = np.exp(likelihood - likelihood.max())
    kept = weights > 1e-12
    return theta[kept], k[kept], weights[kept] / weights[kept].sum()


def _survival(excess: Numbers, rates: Numbers, shapes: Numbers, weights: Numbers) -> Numbers:
    inside = np.maximum(1 - rates[:, None] * np.maximum(excess, 0), np.finfo(np.float64).tiny)
    return np.asarray(weights @ np.exp(np.log(inside) / shapes[:, None]))
