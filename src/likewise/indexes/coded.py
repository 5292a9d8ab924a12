"""Two passes: candidates by short codes, then their scores by the embeddings themselves.

So every score is that of exact search, to the last bit, and what can be missing is a neighbour that the codes did not name. How often that
happens is measured when the index is built (`likewise.indexes.dial`), and a search says how much it wants found. Rows that were added
since are searched exactly, beside it; with a filter every code is read, so that a filter costs no recall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Numbers, part
from likewise.errors import BadArgument
from likewise.indexes import dial as dials
from likewise.indexes.dial import Dial, Setting
from likewise.indexes.exact import Exact
from likewise.indexes.first import First, Watch
from likewise.types import Embeddings, Metric, Rows, Scores

RECALL = 0.99
"""How much of the k nearest a search finds, unless it is told otherwise."""

MEASURED_QUERIES = 1000
_BATCH = 256  # queries named candidates for at once: 4096 candidates each are 8 MB
_FEW = 4  # times as many rows as candidates pass a filter: no need for codes


class Coded:
    """Search by codes and embeddings; threads may share it."""

    def __init__(  # noqa: PLR0913 - an index, what it was built from, and how it is asked
        self,
        first: First,
        dial: Dial,
        rows: Numbers,
        metric: Metric,
        live: NDArray[np.bool_] | None = None,
        *,
        unit: bool = False,
        recall: float = RECALL,
    ) -> None:
        """Put the passes together.

        Args:
            first: Codes of the first rows; there may be more rows than it knows.
            dial: As measured with it.
            rows: (n, dim), usually a read-only memory map.
            metric: How a query and a row are compared: that of the codes, or any where all rows are unit.
            live: (n,) False for rows that are never returned; None means all are.
            unit: As for `Exact`.
            recall: How much of the k nearest is to be found; 1 is exact search.

        Raises:
            BadArgument: If the codes are of more rows than there are, or the recall is not in 0 … 1.
        """
        if len(first) > len(rows):
            raise BadArgument(f"codes of {len(first):,} rows, and only {len(rows):,} rows")
        if not 0 < recall <= 1:
            raise BadArgument(f"the recall is {recall:g}: it must be above 0 and at most 1")
        self.dial, self.recall = dial, recall
        self._first, self._metric, self._unit, self._rows = first, metric, unit, rows
        self._live = live
        self._exact = Exact(rows, metric, live, unit=unit)
        coded = len(first)
        self._tail = None
        if coded < len(rows):
            self._tail = Exact(part(rows, coded), metric, None if live is None else live[coded:], unit=unit)

    def __len__(self) -> int:
        return len(self._exact)

    @property
    def widths(self) -> Sequence[int]:
        """Of the first pass."""
        return self._first.widths

    def candidates(self, queries: Embeddings, count: int, width: int) -> tuple[Rows, NDArray[np.float32]]:
        """See `likewise.indexes.dial.TwoPasses`."""
        allowed = None if self._live is None else self._live[: len(self._first)]
        return self._first.candidates(queries, count, width, allowed)

    def farthest(self, query: Embeddings, candidates: Rows, k: int) -> float:
        """See `likewise.indexes.dial.TwoPasses`."""
        scores = self._exact.best(query, np.sort(candidates), k)[0]
        return self._squared(scores[-1]) if len(scores) == k else math.inf

    def _squared(self, score: float) -> float:
        """The squared distance that a score stands for; of unit rows, for the cosine."""
        return max(0.0, 2 - 2 * float(score)) if self._metric == "cosine" else float(score) ** 2

    def search(
        self, queries: Embeddings, k: int, among: NDArray[np.bool_] | None = None, *, recall: float | None = None
    ) -> tuple[Scores, Rows]:
        """The k best rows of each query; see `Exact.search`, of which it finds the share `recall` or more on average.

        Args:
            queries: (q, dim) float32, finite.
            k: At least 1.
            among: (n,) False for rows that are left out here; None for none.
            recall: Instead of the index's own.
        """
        setting, allowed = self._setting(k, among, self.recall if recall is None else recall)
        if setting is None:
            return self._exact.search(queries, k, among)
        asked = self._exact.checked(queries, k)
        found = self._by_codes(asked, k, setting, allowed, among)
        beyond = self._beyond(found, among)
        if beyond.any():
            scores, rows = self._exact.search(asked[beyond], k, among)
            found[0][beyond], found[1][beyond] = scores, rows
        return found

    def _by_codes(
        self,
        asked: Embeddings,
        k: int,
        setting: Setting,
        allowed: NDArray[np.bool_] | None,
        among: NDArray[np.bool_] | None,
    ) -> tuple[Scores, Rows]:
        """The k best that the codes name, and the rows without codes; where too few are named, the score is -inf."""
        coded = len(self._first)
        named_at_most = coded if allowed is None else int(np.count_nonzero(allowed))
        tail = None if self._tail is None else self._tail.search(asked, k, None if among is None else among[coded:])
        width = min(k, named_at_most + (0 if tail is None else tail[0].shape[1]))
        scores, rows = np.full((len(asked), width), -np.inf, np.float32), np.full((len(asked), width), -1)
        for start in range(0, len(asked), _BATCH):
            named = self._first.candidates(asked[start : start + _BATCH], setting.count, setting.width, allowed)
            for i, (row, distances) in enumerate(zip(*named, strict=True), start=start):
                best = self._second(asked[i], row[row >= 0], distances, k, setting)
                if tail is not None:
                    best = _merged(best, (tail[0][i], tail[1][i] + coded), width)
                scores[i, : len(best[0])], rows[i, : len(best[1])] = best
        return scores, rows

    def _second(
        self, query: Embeddings, candidates: Rows, distances: NDArray[np.float32], k: int, setting: Setting
    ) -> tuple[Scores, Rows]:
        """The k best candidates: the first ones are scored, and those of the rest that can still be among them."""
        tried = dials.FIRST * setting.depth
        best = self._exact.best(query, np.sort(candidates[:tried]), max(k, setting.depth))
        rest, far = candidates[tried:], distances[tried : len(candidates)]
        if len(best[0]) >= setting.depth and math.isfinite(setting.margin):
            rest = rest[far <= setting.margin * self._squared(best[0][setting.depth - 1])]
        if len(rest):
            return _merged(best, self._exact.best(query, np.sort(rest), k), k)
        return best[0][:k], best[1][:k]

    def _beyond(self, found: tuple[Scores, Rows], among: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """(q,) the queries for which the dial says nothing: too few were named, or a filter leaves only what is farther off."""
        if not found[0].shape[1]:
            return np.zeros(len(found[0]), np.bool_)
        worst = found[0][:, -1]
        return np.isneginf(worst) if among is None else worst < self.dial.reach

    def shares_found(self, queries: int = MEASURED_QUERIES, k: int = 10, *, seed: int = 1) -> NDArray[np.float64]:
        """(q,) the share of its k true nearest that a search finds, for some of the index's own rows, themselves left out.

        Args:
            queries: How many, drawn among the live rows.
            k: Neighbours.
            seed: Of the draw; another one than that of the dial asks what the dial has not seen.

        Raises:
            BadArgument: If fewer than two rows can be found.
        """
        pool = np.arange(len(self._rows)) if self._live is None else np.flatnonzero(self._live)
        if len(pool) < 2:
            raise BadArgument(f"{len(pool)} rows: there is nothing to measure an index with")
        own = np.sort(np.random.default_rng(seed).choice(pool, min(queries, len(pool)), replace=False))
        asked = np.asarray(self._rows[own], np.float32)
        k = min(k, len(pool) - 1)
        wanted, found = self._exact.search(asked, k + 1)[1], self.search(asked, k + 1)[1]
        shares = []
        for mine, wish, got in zip(own, wanted, found, strict=True):
            others = wish[wish != mine][:k]
            shares.append(np.isin(others, got).mean())
        return np.array(shares)

    def sample(self, count: int, seed: int = 0) -> tuple[Embeddings, NDArray[np.int64], Rows, Scores]:
        """Some of its own rows with their true neighbours among the coded ones.

        Returns:
            (q, dim) embeddings, (q,) their rows, and of the nearest others, best first, (q, K) rows and (q, K) scores.

        Raises:
            BadArgument: If fewer than two rows can be found.
        """
        coded = len(self._first)
        pool = np.arange(coded) if self._live is None else np.flatnonzero(self._live[:coded])
        if len(pool) < 2:
            raise BadArgument(f"{len(pool)} rows: there is nothing to measure an index with")
        own = np.sort(np.random.default_rng(seed).choice(pool, min(count, len(pool)), replace=False))
        asked = np.asarray(self._rows[own], np.float32)
        depth = min(dials.DEPTHS[-1], len(pool) - 1)
        exact = Exact(
            part(self._rows, 0, coded),
            self._metric,
            None if self._live is None else self._live[:coded],
            unit=self._unit,
        )
        scores, found = exact.search(asked, depth + 1)
        places = np.stack([np.flatnonzero(row != mine)[:depth] for row, mine in zip(found, own, strict=True)])
        return asked, own, np.take_along_axis(found, places, axis=1), np.take_along_axis(scores, places, axis=1)

    def _setting(
        self, k: int, among: NDArray[np.bool_] | None, recall: float
    ) -> tuple[Setting | None, NDArray[np.bool_] | None]:
        """How to search, None for exactly; and which coded rows may be named, None for all."""
        if recall >= 1:
            return None, None
        coded = len(self._first)
        allowed = None if self._live is None else self._live[:coded]
        if among is None:
            return self.dial.at(recall, k), allowed
        passing = among[:coded] if allowed is None else among[:coded] & allowed
        count = int(np.count_nonzero(passing))
        among_all = math.ceil(k * coded / max(1, count))  # the k nearest that pass are among so many nearest of all
        setting = self.dial.at(recall, among_all, widest=True) if self._filters_by_codes else None
        return (None if setting is None or count <= _FEW * setting.count else setting), passing

    @property
    def _filters_by_codes(self) -> bool:
        return self._first.kind == "lists" and self._first.metric == self._metric  # the reach is a score of that metric


def _merged(one: tuple[Scores, Rows], other: tuple[Scores, Rows], k: int) -> tuple[Scores, Rows]:
    """The k best of two answers; equal scores in rising row order."""
    scores, rows = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def measure(
    index: Coded, queries: int = MEASURED_QUERIES, *, seed: int = 0, watch: Watch = lambda _what, _done, _all: None
) -> Dial:
    """Ask for the neighbours of some of the index's own rows, themselves left out, exactly and by codes.

    Args:
        index: With any dial.
        queries: Rows that are asked for, drawn among those that are coded and live.
        seed: Of the draw.
        watch: Told of every step.
    """
    asked, own, truth, scores = index.sample(queries, seed)
    return dials.measured(index, asked, own, truth, scores, watch)
