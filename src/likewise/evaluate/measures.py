"""The names of metrics, and what each computes of a block of rankings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise import metrics
from likewise.errors import BadArgument, UnknownName
from likewise.evaluate.judging import Block
from likewise.metrics import Values

OfBlock: TypeAlias = Callable[[Block, int], NDArray[np.float64]]

_PAIRS = 100  # predictions of each query that µAP ranks together


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric.

    Attributes:
        of_block: From a block and k to one value, or one row of numbers, for each of its queries.
        whole: From what all blocks gave, one below the other, to one value for each query.
    """

    of_block: OfBlock
    whole: Callable[[NDArray[np.float64]], Values] = lambda values: values


def _precision(block: Block, k: int) -> Values:
    return _where_defined(block, metrics.precision_at_k(block.judged.relevant, k))


def _ndcg(block: Block, k: int) -> Values:
    ideal = np.arange(k) < block.judged.positives[:, None]
    return metrics.ndcg_at_k(block.judged.relevant[:, :k].astype(np.float64), ideal.astype(np.float64), k)


def _ns(block: Block, _: int) -> Values:
    return _where_defined(block, metrics.ns_score(block.judged.relevant))


def _knn(block: Block, k: int) -> Values:
    labels = block.labels()
    if labels is None:
        raise BadArgument("kNN@k votes on classes, and this benchmark lists positives instead: ask for mAP or R@k")
    scores, rows = block.nearest(k)
    return metrics.knn_accuracy(scores, rows, *labels, k=k)


def _pairs(block: Block, _: int) -> NDArray[np.float64]:
    """(b, 1 + 2 × 100): the number of positives, the scores of the first hits, whether each is a positive."""
    numbers = np.zeros((len(block.queries), 1 + 2 * _PAIRS))
    numbers[:, 0] = block.judged.positives
    numbers[:, 1 : 1 + _PAIRS] = -np.inf
    scores, _rows = block.nearest(_PAIRS)
    numbers[:, 1 : 1 + scores.shape[1]] = scores
    numbers[:, 1 + _PAIRS : 1 + _PAIRS + scores.shape[1]] = block.judged.relevant[:, :_PAIRS]
    return numbers


def _micro(numbers: NDArray[np.float64]) -> Values:
    """Each query's share of µAP times the number of queries, so that the mean is µAP."""
    positives = int(numbers[:, 0].sum())
    values = np.full(len(numbers), np.nan)
    if positives:
        scores, right = numbers[:, 1 : 1 + _PAIRS], numbers[:, 1 + _PAIRS :] > 0
        predicted = np.isfinite(scores)
        shares = np.zeros(scores.shape)
        shares[predicted] = metrics.micro_shares(scores[predicted].astype(np.float32), right[predicted], positives)
        values = shares.sum(axis=1) * len(numbers)
    return values


def _where_defined(block: Block, values: Values) -> Values:
    return np.where(block.judged.positives > 0, values, np.nan)


METRICS: Mapping[str, Measure] = {
    "P@k": Measure(_precision),
    "R@k": Measure(lambda block, k: metrics.hit_rate_at_k(block.judged, k)),
    "recall@k": Measure(lambda block, k: metrics.recall_at_k(block.judged, k)),
    "mAP": Measure(lambda block, _: metrics.average_precision(block.judged)),
    "mAP-trapezoid": Measure(lambda block, _: metrics.average_precision(block.judged, integration="trapezoid")),
    "mAP@k": Measure(lambda block, k: metrics.average_precision(block.judged, k, denominator="min")),
    "R-precision": Measure(lambda block, _: metrics.r_precision(block.judged)),
    "MAP@R": Measure(lambda block, _: metrics.map_at_r(block.judged)),
    "MRR": Measure(lambda block, _: metrics.reciprocal_rank(block.judged)),
    "nDCG@k": Measure(_ndcg),
    "N-S": Measure(_ns),
    "muAP": Measure(_pairs, _micro),
    "revisited-P@k": Measure(lambda block, k: metrics.revisited_precision_at_k(block.judged, k)),
    "kNN@k": Measure(_knn),
}
"""Every metric by its name, with `@k` where a number is to be put: `P@7`, `R@1`. docs/metrics.md has the definitions."""


def measure(name: str) -> tuple[Measure, int]:
    """The metric of that name and its k, which is 0 for one without.

    Raises:
        UnknownName: If there is none; the message names the nearest.
        BadArgument: If its k is 0.
    """
    if name in METRICS and not name.endswith("@k"):
        return METRICS[name], 0
    found = re.fullmatch(r"(.+)@(\d+)", name)
    if found and f"{found[1]}@k" in METRICS:
        if int(found[2]) < 1:
            raise BadArgument(f"{name}: k must be at least 1")
        return METRICS[f"{found[1]}@k"], int(found[2])
    k = found[2] if found else "10"
    known = [each.replace("@k", f"@{k}") for each in METRICS]
    lower = {each.lower(): each for each in reversed(known)}
    near = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)] or known
    raise UnknownName(f"no metric is called {name!r}: did you mean {', '.join(near)}?")
