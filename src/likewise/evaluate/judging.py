"""A block of rankings held against the truth of one setup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise import metrics
from likewise.benchmarks import Classes, Truth
from likewise.metrics import Judged, Labels
from likewise.types import Rows, Scores, Verdict

VERDICTS: tuple[Verdict, ...] = ("wrong", "right", "junk")
"""What the numbers of `verdicts` mean."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some queries of a benchmark with their rankings.

    Attributes:
        queries: (b,) their numbers in the benchmark.
        scores: (b, n) in rank order.
        rows: (b, n) gallery rows of the benchmark, in rank order.
        truth: What is right.
        judged: The rankings with junk and self taken out.
    """

    queries: NDArray[np.int64]
    scores: Scores
    rows: Rows
    truth: Truth
    judged: Judged

    def nearest(self, k: int) -> tuple[Scores, Rows]:
        """The first k hits once junk and self are taken out; where fewer are left, the score of the rest is -infinity."""
        out = verdicts(self.truth, self.queries, self.rows) == VERDICTS.index("junk")
        order = np.argsort(out, axis=1, kind="stable")[:, :k]
        scores = np.where(out, np.float32(-np.inf), self.scores)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(self.rows, order, axis=1)

    def labels(self) -> tuple[Labels, Labels] | None:
        """The classes of the queries and of the gallery, distractors as one more class; None if there are no classes."""
        if not isinstance(self.truth, Classes):
            return None
        asked, gallery = self.truth.queries[self.queries], self.truth.gallery
        other = 1 + max(int(self.truth.queries.max(initial=0)), int(gallery.max(initial=0)))
        return asked, np.where(gallery < 0, other, gallery)


def judge(truth: Truth, queries: NDArray[np.int64], scores: Scores, rows: Rows) -> Block:
    """Hold rankings against the truth.

    Args:
        truth: Of the whole benchmark.
        queries: (b,) the numbers of the queries that the rankings belong to.
        scores: (b, n) in rank order.
        rows: (b, n) in rank order; an image that could not be read is in no ranking, and still counts as a positive.
    """
    if isinstance(truth, Classes):
        own = truth.self_rows[queries]
        inside = own if (own >= 0).any() else None
        judged = metrics.judged_by_label(rows, truth.queries[queries], truth.gallery, inside)
    else:
        positives, junk = ([sets[i] for i in queries] for sets in (truth.positives, truth.junk))
        judged = metrics.judged(rows, positives, junk)
    return Block(queries, scores, rows, truth, judged)


def verdicts(truth: Truth, queries: NDArray[np.int64], rows: Rows) -> NDArray[np.int8]:
    """(b, m) what each of some hits is, as a place in `VERDICTS`; the query itself counts as junk where the protocol removes it."""
    if isinstance(truth, Classes):
        right = truth.gallery[rows] == truth.queries[queries, None]
        out = rows == truth.self_rows[queries, None]
        return np.where(out, 2, right).astype(np.int8)
    told = np.zeros(rows.shape, np.int8)
    for line, hits, query in zip(told, rows, queries.tolist(), strict=True):
        line[np.isin(hits, truth.positives[query])] = 1
        line[np.isin(hits, truth.junk[query])] = 2
    return told
