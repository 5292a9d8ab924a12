"""Retrieval metrics, one function each: numpy only, per-query values, the definition pinned in the docstring.

All functions take *judged* rankings: `relevant[i, j]` says whether hit j of query i is a positive, after junk and the query itself
were taken out and the later ranks moved up (`judged` does that; the end is filled with False, which changes no metric here).
Means are the reader's: `average_precision(...).mean()`.

Rules that hold for every function:

* Ranks come in the order of the index: falling score, equal scores in gallery row order. No metric breaks ties anew.
* `positives[i]` counts all positives of query i in the gallery, found or not, junk and self not among them.
* A query without positives has the value NaN: `np.nanmean` leaves it out, and its number is to be reported beside the mean.
* k over the length of the ranking counts the missing ranks as misses; P@k divides by k (as trec_eval does).
* A row twice in one ranking is an error of `judged`: a positive found twice would push AP above 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.types import Rows, Scores

Relevant: TypeAlias = NDArray[np.bool_]
"""(q, k') bool, in rank order."""

Values: TypeAlias = NDArray[np.float64]
"""(q,) one value per query; NaN where the metric is not defined."""

Counts: TypeAlias = NDArray[np.int64]
"""(q,) positives of each query in the gallery."""

Labels: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Rankings with junk taken out.

    Attributes:
        relevant: (q, k') bool; rows that became shorter are filled with False at the end.
        positives: (q,) how many positives the gallery holds.
    """

    relevant: Relevant
    positives: Counts


def judged(
    rows: Rows, positives: Sequence[NDArray[np.int64]], junk: Sequence[NDArray[np.int64]] | None = None
) -> Judged:
    """Compare rankings with the truth.

    Args:
        rows: (q, k') gallery rows in rank order.
        positives: For each query its positive gallery rows.
        junk: For each query the rows that are taken out of its ranking, neither right nor wrong: the query itself
            (Holidays), images nobody can decide (Oxford's junk). Junk wins over positive.

    Raises:
        BadArgument: If the numbers of queries differ, or a ranking holds a row twice.
    """
    if len(positives) != len(rows) or (junk is not None and len(junk) != len(rows)):
        raise BadArgument(f"{len(rows)} rankings, {len(positives)} sets of positives: one for each query is wanted")
    relevant = np.zeros(rows.shape, np.bool_)
    counts = np.zeros(len(rows), np.int64)
    nothing = np.zeros(0, np.int64)
    for i, ranking in enumerate(rows):
        left_out = junk[i] if junk is not None else nothing
        # Marks over the gallery need no sorting: a ranking of 50,000 rows is judged in 0.3 ms instead of 12.
        size = 1 + max(int(each.max(initial=-1)) for each in (ranking, positives[i], left_out))
        met, out, right = np.zeros((3, size), np.bool_)
        met[ranking], out[left_out], right[positives[i]] = True, True, True
        if np.count_nonzero(met) != len(ranking):
            raise BadArgument(f"the ranking of query {i} holds a gallery row twice")
        right &= ~out
        kept = ranking[~out[ranking]]
        relevant[i, : len(kept)] = right[kept]
        counts[i] = np.count_nonzero(right)
    return Judged(relevant, counts)


def judged_by_label(
    rows: Rows, query_labels: Labels, gallery_labels: Labels, self_rows: NDArray[np.int64] | None = None
) -> Judged:
    """Compare rankings with classes: a positive is a gallery image of the query's class.

    Args:
        rows: (q, k') gallery rows in rank order.
        query_labels: (q,).
        gallery_labels: (n,).
        self_rows: (q,) the row of each query that is itself in the gallery, taken out of its ranking; by row, never by
            distance 0, because exact copies exist. -1 for a query that is not in the gallery.
    """
    relevant = gallery_labels[rows] == query_labels[:, None]
    classes, sizes = np.unique(gallery_labels, return_counts=True)
    size_of = dict(zip(classes.tolist(), sizes.tolist(), strict=True))
    counts = np.array([size_of.get(label, 0) for label in query_labels.tolist()], np.int64)
    if self_rows is None:
        return Judged(relevant, counts)
    is_self = rows == self_rows[:, None]
    order = np.argsort(is_self, axis=1, kind="stable")  # self moves to the end, the rest keeps its order
    relevant = np.take_along_axis(relevant & ~is_self, order, axis=1)
    inside = self_rows >= 0
    counts[inside] -= gallery_labels[self_rows[inside]] == query_labels[inside]
    return Judged(relevant, counts)


def holidays_average_precision(
    rows: Rows, positives: Sequence[NDArray[np.int64]], queries: NDArray[np.int64]
) -> Values:
    """AP as INRIA Holidays computes it: the query is taken out of its ranking, later ranks move up, trapezoid.

    Args:
        rows: (q, n) gallery rows in rank order.
        positives: For each query the other images of its group; the query among them does no harm.
        queries: (q,) the gallery row of each query.

    Returns:
        (q,) in 0..1; NaN for a query that is alone in its group.

    Source: Jégou, Douze and Schmid, ECCV 2008, whose program averages the precision before and after each positive.
    """
    alone = [np.array([row], np.int64) for row in queries.tolist()]
    return average_precision(judged(rows, positives, alone), integration="trapezoid")


def revisited(
    rows: Rows,
    easy: Sequence[NDArray[np.int64]],
    hard: Sequence[NDArray[np.int64]],
    junk: Sequence[NDArray[np.int64]],
) -> dict[str, Judged]:
    """The three setups of revisited Oxford and Paris.

    Args:
        rows: (q, k') gallery rows in rank order.
        easy: For each query the rows that show its landmark clearly.
        hard: For each query the rows that show it under difficult conditions.
        junk: For each query the rows that nobody can decide.

    Returns:
        `easy`: easy rows are positives, hard ones junk. `medium`: both are positives. `hard`: hard rows are positives, easy ones
        junk. A query without positives in a setup has 0 of them there, and so the value NaN.

    Source: Radenović et al., CVPR 2018, arXiv:1803.11285, section 3.2, and its evaluation code.
    """
    both = [np.union1d(*pair) for pair in zip(easy, hard, strict=True)]
    not_easy = [np.union1d(*pair) for pair in zip(junk, hard, strict=True)]
    not_hard = [np.union1d(*pair) for pair in zip(junk, easy, strict=True)]
    return {
        "easy": judged(rows, easy, not_easy),
        "medium": judged(rows, both, junk),
        "hard": judged(rows, hard, not_hard),
    }


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
    _check_k(k)
    if relevant.ndim != 2 or relevant.dtype != np.bool_:
        shape, dtype = relevant.shape, relevant.dtype
        raise BadArgument(f"relevance has shape {shape} and type {dtype}: pass one row of booleans for each query")
    share: NDArray[np.float64] = np.count_nonzero(relevant[:, :k], axis=1) / k
    return share


def hit_rate_at_k(judged: Judged, k: int) -> Values:
    """1 if any of the first k hits is a positive, else 0: what metric learning calls R@k or Recall@k.

    Source: Jégou, Douze and Schmid, TPAMI 2011; Oh Song et al., CVPR 2016, arXiv:1511.06452.
    """
    _check_k(k)
    found = np.asarray(judged.relevant[:, :k].any(axis=1), np.float64)
    return _defined(found, judged.positives)


def recall_at_k(judged: Judged, k: int) -> Values:
    """The share of all positives that are among the first k hits: recall proper."""
    _check_k(k)
    return _divided(judged.relevant[:, :k].sum(axis=1), judged.positives)


def average_precision(
    judged: Judged,
    k: int | None = None,
    *,
    denominator: Literal["positives", "min", "hits"] = "positives",
    integration: Literal["rectangle", "trapezoid"] = "rectangle",
) -> Values:
    """The area under the precision-recall curve of a ranking, in the rule that is named.

    Args:
        judged: The rankings; for AP proper they hold the whole gallery.
        k: Only the first k hits count (mAP@k); None means all.
        denominator: What the sum over found positives is divided by. `positives`: R, all positives (trec_eval, scikit-learn; a
            ranking cut at k < R cannot reach 1). `min`: min(k, R) (Google Landmarks; 1 can be reached). `hits`: the
            positives found (torchmetrics; says nothing about those missed, and is 0 if there are none).
        integration: `rectangle`: each positive counts its precision (i + 1) / (rank + 1), counted from 0. `trapezoid`: the mean of that
            and of i / rank, the precision just before it, which is 1 for rank 0 (Oxford and Paris, and their revisited
            versions).

    Returns:
        (q,) in 0..1.

    Source: Philbin et al., CVPR 2007 (the trapezoid, in their compute_ap); Radenović et al., CVPR 2018, arXiv:1803.11285.
    """
    if k is not None:
        _check_k(k)
    relevant = judged.relevant if k is None else judged.relevant[:, :k]
    found = np.cumsum(relevant, axis=1)
    ranks = np.arange(relevant.shape[1])
    after = found / (ranks + 1)
    if integration == "trapezoid":
        before = np.ones_like(after)
        before[:, 1:] = found[:, :-1] / ranks[1:]
        after = (before + after) / 2
    area = (after * relevant).sum(axis=1)
    hits = relevant.sum(axis=1)
    if denominator == "hits":
        return _defined(np.asarray(area / np.maximum(hits, 1)), judged.positives)
    most = judged.positives if denominator == "positives" or k is None else np.minimum(judged.positives, k)
    return _divided(area, most)


def r_precision(judged: Judged) -> Values:
    """Precision at rank R, where R is the query's own number of positives. Source: Buckley and Voorhees, SIGIR 2000."""
    within = np.arange(judged.relevant.shape[1]) < judged.positives[:, None]
    return _divided((judged.relevant & within).sum(axis=1), judged.positives)


def map_at_r(judged: Judged) -> Values:
    """MAP@R: AP over the first R hits, divided by R.

    Source: Musgrave, Belongie and Lim, A Metric Learning Reality Check, ECCV 2020, arXiv:2003.08505.
    """
    within = np.arange(judged.relevant.shape[1]) < judged.positives[:, None]
    return average_precision(Judged(judged.relevant & within, judged.positives))


def reciprocal_rank(judged: Judged, k: int | None = None) -> Values:
    """1 / (rank of the first positive, from 1); 0 if there is none among the first k. Its mean is MRR. Source: TREC-8 QA."""
    if k is not None:
        _check_k(k)
    relevant = judged.relevant if k is None else judged.relevant[:, :k]
    first = relevant.argmax(axis=1) if relevant.shape[1] else np.zeros(len(relevant), np.int64)
    return _defined(np.where(relevant.any(axis=1), 1 / (first + 1), 0.0), judged.positives)


def ndcg_at_k(gains: NDArray[np.float64], ideal: NDArray[np.float64], k: int) -> Values:
    """Normalised discounted cumulative gain of the first k hits; the discount of rank r (from 1) is log2(1 + r).

    Args:
        gains: (q, k') what each hit is worth, not negative; 0/1 for plain relevance.
        ideal: (q, m) the gains of the query's best possible ranking, in falling order, filled with 0.
        k: At least 1.

    Returns:
        (q,) in 0..1; NaN for a query whose ideal is 0.

    Source: Järvelin and Kekäläinen, TOIS 2002, with linear gains (trec_eval); others take 2^gain - 1.
    """
    _check_k(k)
    if (gains < 0).any() or (ideal < 0).any():
        raise BadArgument("gains are not negative: move them to 0 and above")
    return _divided(_discounted(gains[:, :k]), _discounted(ideal[:, :k]))


def ns_score(relevant: Relevant) -> Values:
    """The UKBench score: how many of the first four hits show the query's object, the query itself among them (1 to 4).

    Each object has four views and each view is once the query: the floor of an index that finds at least the query is 1.0.
    Source: Nistér and Stewénius, CVPR 2006.
    """
    found: Values = np.count_nonzero(relevant[:, :4], axis=1).astype(np.float64)
    return found


def revisited_precision_at_k(judged: Judged, k: int) -> Values:
    """P@k as revisitop computes it: divided by min(k, rank of the last positive), ranks from 1.

    Source: Radenović et al., Revisiting Oxford and Paris, CVPR 2018, arXiv:1803.11285, and its evaluation code.
    """
    _check_k(k)
    length = judged.relevant.shape[1]
    last = length - judged.relevant[:, ::-1].argmax(axis=1)
    last = np.where(judged.relevant.any(axis=1), last, length)
    depth = np.minimum(k, last)
    within = np.arange(length) < depth[:, None]
    return _defined((judged.relevant & within).sum(axis=1) / np.maximum(depth, 1), judged.positives)


def micro_average_precision(scores: NDArray[np.float32], correct: Relevant, positives: int) -> float:
    """µAP: one ranking of all (query, gallery) pairs by score, as copy detection is judged; rectangle, divided by `positives`.

    Args:
        scores: (p,) of the predicted pairs, comparable between queries.
        correct: (p,) whether the pair is a true copy.
        positives: How many true pairs there are, predicted or not.

    Returns:
        0..1; pairs of equal score count as one step (precision after all of them), so their order does not matter.

    Source: Perronnin, Liu and Renders, CVPR 2009; DISC21, arXiv:2106.09672.
    """
    return float(micro_shares(scores, correct, positives).sum())


def micro_shares(scores: NDArray[np.float32], correct: Relevant, positives: int) -> Values:
    """What each predicted pair adds to µAP: for a true one the precision at its score divided by `positives`, else 0.

    Args:
        scores: As `micro_average_precision` takes them.
        correct: As there.
        positives: As there.

    Returns:
        (p,) in the order of the pairs; their sum is µAP.
    """
    if positives < 1:
        raise BadArgument("no true pair: µAP is not defined")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    found = np.cumsum(correct[order])
    last_of_equals = np.searchsorted(-ranked, -ranked, side="right") - 1
    shares = np.zeros(len(scores), np.float64)
    shares[order] = correct[order] * found[last_of_equals] / (last_of_equals + 1) / positives
    return shares


def knn_accuracy(
    scores: Scores, rows: Rows, query_labels: Labels, gallery_labels: Labels, *, k: int = 20, temperature: float = 0.07
) -> Values:
    """1 where the weighted vote of the k nearest gives the query's class: each votes with exp(score / temperature).

    Args:
        scores: (q, k') cosines.
        rows: (q, k') their gallery rows.
        query_labels: (q,) from 0.
        gallery_labels: (n,) from 0.
        k: Voters; fewer if the ranking is shorter.
        temperature: Above 0.

    Returns:
        (q,) 0 or 1; of classes with equal votes the smaller number wins.

    Source: Wu et al., CVPR 2018, arXiv:1805.01978; k and temperature as DINO reports it, arXiv:2104.14294.
    """
    _check_k(k)
    if temperature <= 0:
        raise BadArgument(f"the temperature is {temperature}: it must be above 0")
    labels = gallery_labels[rows[:, :k]]
    near = scores[:, :k].astype(np.float64)
    weights = np.exp((near - near.max(axis=1, keepdims=True, initial=-np.inf)) / temperature)
    votes = np.zeros((len(rows), int(max(gallery_labels.max(initial=0), query_labels.max(initial=0))) + 1))
    np.add.at(votes, (np.arange(len(rows))[:, None], labels), weights)
    right: Values = (votes.argmax(axis=1) == query_labels).astype(np.float64)
    return right


def _discounted(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = (gains / np.log2(np.arange(gains.shape[1]) + 2)).sum(axis=1)
    return total


def _check_k(k: int) -> None:
    if k < 1:
        raise BadArgument(f"k is {k}: it must be at least 1")


def _defined(values: NDArray[np.float64], positives: Counts) -> Values:
    defined: Values = np.where(positives > 0, values, np.nan)
    return defined


def _divided(above: NDArray[np.number], below: NDArray[np.number]) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Values = np.where(below > 0, np.asarray(above, np.float64) / below, np.nan)
    return share
