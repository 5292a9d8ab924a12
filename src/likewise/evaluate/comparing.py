"""Two models on one benchmark, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.errors import BadArgument
from likewise.evaluate.intervals import resampled_means
from likewise.evaluate.results import Estimate, Result
from likewise.metrics import Values


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two results, over the queries for which it is defined.

    Attributes:
        setup: As in `Estimate`.
        metric: As in `Estimate`.
        values: (q,) b minus a for each query of a; NaN where it is not defined.
        mean_a: Of the first result.
        mean_b: Of the second.
        low: 2.5 % of the resampled mean differences lie below.
        high: 2.5 % lie above.
        not_better: The share of resamples in which b is not better than a.
        wins: Queries on which b is better.
        losses: Queries on which it is worse.
        ties: Queries on which both have the same value.
    """

    setup: str
    metric: str
    values: Values
    mean_a: float
    mean_b: float
    low: float
    high: float
    not_better: float
    wins: int
    losses: int
    ties: int

    @property
    def mean(self) -> float:
        """How much better b is."""
        return self.mean_b - self.mean_a


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from a to b.

    Attributes:
        a: The first result.
        b: The second.
        differences: Of every setup and metric that both have.
        order: (q,) for each query of a its place among the answers of b.
    """

    a: Result
    b: Result
    differences: tuple[Difference, ...]
    order: tuple[int, ...]


def compare(a: Result, b: Result, metrics: Sequence[str] | None = None) -> Comparison:
    """Compare two results query by query, by a paired bootstrap.

    Queries are drawn with replacement, and each brings its values of both results along: what is hard for both cancels out. The seed
    is that of `a`.

    Args:
        a: The model as it was.
        b: The model to judge.
        metrics: Only these; all that both results have unless given.

    Raises:
        BadArgument: If they are not of the same benchmark, or were not asked the same queries, or have no metric in common.
    """
    order = _matched(a, b)
    wanted = [each for each in a.estimates if metrics is None or each.metric in metrics]
    for name in metrics or ():
        a.estimate(name), b.estimate(name)
    there = {(each.setup, each.metric): each for each in b.estimates}
    pairs = [(mine, there[mine.setup, mine.metric]) for mine in wanted if (mine.setup, mine.metric) in there]
    if not pairs:
        raise BadArgument("the two results have no metric in common: evaluate both with the same --metric")
    differences = tuple(_difference(mine, theirs, theirs.values[order], a.seed) for mine, theirs in pairs)
    return Comparison(a, b, differences, tuple(order))


def _matched(a: Result, b: Result) -> list[int]:
    if a.benchmark != b.benchmark:
        raise BadArgument(f"one result is of {a.benchmark}, the other of {b.benchmark}: compare two of one benchmark")
    if a.benchmark_sha256 != b.benchmark_sha256:
        raise BadArgument(
            f"the two results of {a.benchmark} have other images or another truth "
            f"({_size(a)}; {_size(b)}): evaluate both on the same files with the same options"
        )
    places = {answer.key: i for i, answer in enumerate(b.answers)}
    keys = [answer.key for answer in a.answers]
    apart = sorted(set(keys) ^ set(places))
    if apart:
        raise BadArgument(
            f"queries in only one of the results: {len(apart)}, such as {apart[0]}, which the other could not read: "
            "mend the file and evaluate both again"
        )
    return [places[key] for key in keys]


def _size(result: Result) -> str:
    return f"{result.queries.listed:,} queries, {result.gallery.listed:,} images"


def _difference(mine: Estimate, theirs: Estimate, values_b: Values, seed: int) -> Difference:
    values = values_b - mine.values
    both = ~np.isnan(values)
    defined = values[both]
    low = high = not_better = mean_a = mean_b = float("nan")
    if len(defined):
        means = resampled_means(defined, seed)
        low, high = np.percentile(means, [2.5, 97.5]).tolist()
        not_better = float((means <= 0).mean())
        mean_a, mean_b = float(mine.values[both].mean()), float(values_b[both].mean())
    wins, losses = int((defined > 0).sum()), int((defined < 0).sum())
    return Difference(
        mine.setup,
        theirs.metric,
        values,
        mean_a,
        mean_b,
        low,
        high,
        not_better,
        wins,
        losses,
        len(defined) - wins - losses,
    )
