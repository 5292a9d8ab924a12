"""Find neighbours on Milvus. The server names candidates; their scores are worked out here, as for every other gallery.

So scores are the plain expression's to the last bit, equal ones stand in row order, and where the server compares with every row the
answers are those of exact search: if its rounding leaves any doubt about the last of the k, more candidates are asked for. What no
search of the server can answer (another metric, more than 16,384 neighbours) is answered by reading all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likewise.filters import Filter
from likewise.indexes.exact import Exact, plain_scores
from likewise.stores.milvus import filtering
from likewise.stores.milvus.catalogue import State
from likewise.stores.milvus.columns import alive, embeddings_of, record_of
from likewise.stores.milvus.reading import Gallery
from likewise.stores.milvus.remote import MOST_HITS, Hits, index_metric
from likewise.types import Embeddings, Metric, Record, Rows, Scores

_SLACK = 16  # candidates beyond the k-th at least
_ERROR = 1e-5  # of the sizes of what is multiplied: float32 in any order of summation, up to 16,384 dimensions
_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How the server is asked.

    Attributes:
        metric: By which it compares.
        is_exact: Whether with every row.
        count: Candidates of a query.
        parameters: Of the search, such as `{"nprobe": 16}`.
    """

    metric: str
    is_exact: bool
    count: int
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to some queries.

    Attributes:
        scores: As of `Store.nearest`.
        rows: As of `Store.nearest`.
        records: Those that came along: all, or none.
    """

    scores: Scores
    rows: Rows
    records: dict[int, Record] = field(default_factory=dict)


def first_count(k: int) -> int:
    """Candidates for k neighbours where the server compares with every row."""
    return k + max(_SLACK, k // 8)


def nearest(  # noqa: PLR0913, PLR0917 - a search has as many
    gallery: Gallery, state: State, queries: Embeddings, k: int, metric: Metric, where: Filter | None, plan: Plan | None
) -> Found:
    """The k best images of each query that pass.

    Args:
        gallery: The images.
        state: Which of them are there.
        queries: (q, dim).
        k: At least 1.
        metric: Of the scores.
        where: The filter.
        plan: How to ask the server; None to read all rows.

    Raises:
        BadArgument: If k is below 1, or the queries are not finite or of another dimension.
    """
    card = gallery.card
    asked = Exact(np.zeros((0, card.dim), np.float32), metric).checked(queries, k)
    if state.live == 0 or not len(asked):
        return Found(np.zeros((len(asked), 0), np.float32), np.zeros((len(asked), 0), np.int64))
    width = min(k, state.live)
    if plan is None or first_count(width) > MOST_HITS or (width == state.live and not plan.is_exact):
        return scanned(gallery, state, asked, width, metric, where)
    return _Search(gallery, state, asked, width, metric, where, plan).answer()


def scanned(
    gallery: Gallery, state: State, queries: Embeddings, k: int, metric: Metric, where: Filter | None = None
) -> Found:
    """The same by reading every embedding once, a few MB at a time."""
    best = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for rows, block in gallery.blocks(state, where):
        scores, places = Exact(block, metric, unit=gallery.card.unit).search(queries, k)
        best = merged(best, (scores, rows[places]), k)
    return Found(*best)


def merged(one: tuple[Scores, Rows], other: tuple[Scores, Rows], k: int) -> tuple[Scores, Rows]:
    """The k best of two answers to the same queries."""
    scores, rows = np.concatenate([one[0], other[0]], axis=1), np.concatenate([one[1], other[1]], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


class _Search:
    """One call of `nearest`."""

    def __init__(  # noqa: PLR0913, PLR0917 - as of `nearest`
        self,
        gallery: Gallery,
        state: State,
        queries: Embeddings,
        k: int,
        metric: Metric,
        where: Filter | None,
        plan: Plan,
    ) -> None:
        self._gallery, self._state, self._queries, self._k = gallery, state, queries, k
        self._metric, self._where, self._plan = metric, where, plan
        self._asked = filtering.condition(where)
        self._records: dict[int, Record] = {}
        self._sizes = np.linalg.norm(queries.astype(np.float64), axis=1)

    def answer(self) -> Found:
        done: dict[int, tuple[Scores, Rows]] = {}
        pending, count = list(range(len(self._queries))), self._plan.count
        while pending:
            count = min(count, MOST_HITS)
            for i, hits in zip(pending, self._searched(pending, count), strict=True):
                best, is_sure = self._best(i, hits, count)
                if is_sure:
                    done[i] = best
            pending = [i for i in pending if i not in done]
            if count == MOST_HITS or not self._plan.is_exact:
                break
            count *= 2
        if pending:
            rest = scanned(self._gallery, self._state, self._queries[pending], self._k, self._metric, self._where)
            done |= {i: (rest.scores[[n]], rest.rows[[n]]) for n, i in enumerate(pending)}
            self._records.clear()
        width = min(each[1].shape[1] for each in done.values())
        lines = [done[i] for i in range(len(self._queries))]
        return Found(
            np.concatenate([scores[:, :width] for scores, _ in lines]),
            np.concatenate([rows[:, :width] for _, rows in lines]),
            self._records,
        )

    def _searched(self, pending: list[int], count: int) -> list[Hits]:
        """Of so many queries at once that an answer stays small."""
        gallery, state = self._gallery, self._state
        step = max(1, _ANSWER_BYTES // (count * (4 * gallery.card.dim + 512)))
        told = filtering.joined(alive(state.commit), self._asked.text)
        found: list[Hits] = []
        for start in range(0, len(pending), step):
            found += gallery.remote.search(
                gallery.name,
                self._queries[pending[start : start + step]],
                count,
                self._plan.metric,
                self._plan.parameters,
                told,
                ("row", "record", "embedding"),
                state.written_at,
            )
        return found

    def _best(self, i: int, hits: Hits, count: int) -> tuple[tuple[Scores, Rows], bool]:
        """The best candidates of a query by our own scores, and whether no other image can be among them."""
        fields, closeness = list(hits.fields), hits.closeness
        records = [record_of(row) for row in fields]
        if self._where is not None and not self._asked.exact:
            kept = [n for n, record in enumerate(records) if self._where.matches(record)]
            fields, records, closeness = [fields[n] for n in kept], [records[n] for n in kept], closeness[kept]
        rows = np.array([row["row"] for row in fields], np.int64)
        block = embeddings_of(fields, self._gallery.card.dim)
        scores = plain_scores(self._queries[i], block, self._metric, unit=self._gallery.card.unit)
        order = np.lexsort((rows, -scores))[: self._k]
        self._records |= {int(rows[n]): records[n] for n in order}
        best = scores[None, order].astype(np.float32), rows[None, order]
        if not self._plan.is_exact:
            return best, len(order) >= self._k
        if len(hits.closeness) < count:
            return best, True  # these were all
        sure = len(order) == self._k and bool(closeness[order].min() > hits.closeness[-1] + 2 * self._error(i, block))
        return best, sure

    def _error(self, i: int, block: Embeddings) -> float:
        """How far the server's number can be off."""
        size, largest = float(self._sizes[i]), float(np.linalg.norm(block, axis=1).max(initial=0.0))
        if self._plan.metric == "L2":
            return _ERROR * (size + largest) ** 2
        return _ERROR if self._plan.metric == "COSINE" else _ERROR * max(size, 1e-30) * max(largest, 1.0)


def flat(gallery: Gallery, k: int, metric: Metric) -> Plan | None:
    """How to ask a server that compares with every row; None where it compares otherwise."""
    card = gallery.card
    if not card.unit and metric != card.metric:
        return None
    return Plan(index_metric(card.metric, unit=card.unit), is_exact=True, count=first_count(k))


def shares(found: Rows, truth: Rows) -> NDArray[np.float64]:
    """(q,) which share of the true neighbours of each query was found."""
    return np.array(
        [len(set(one) & set(two)) / max(1, len(two)) for one, two in zip(found.tolist(), truth.tolist(), strict=True)]
    )
