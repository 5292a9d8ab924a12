"""The dial `recall`: how wide a search must be for an answer that good, found by measuring against exact search.

A search has two settings: how wide the first pass looks (lists, or nodes), and how many candidates the second pass scores. For
queries whose true neighbours are known, the place of each neighbour among the candidates of each width is noted, which gives the
recall of all settings at once. The cheapest setting whose recall is surely high enough is the one that is used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.types import Embeddings, Rows, Scores

DEPTHS = (10, 100)
"""The k for which recall is measured; a search takes the settings of the next larger one."""

MOST_CANDIDATES = 4096
_STEPS = 1.25  # between two counts of candidates that are considered
_SURE = 1.645  # standard errors: true in 95 of 100 cases
_NONE_MISSED = 3.0  # of n: the rule of three, also for 95 of 100
_BEYOND = 0.1  # of the farthest neighbours that were measured
_TIMED = 24  # queries, one by one

Watch: TypeAlias = Callable[[str, int, int], None]


class TwoPasses(Protocol):
    """What is measured."""

    @property
    def widths(self) -> Sequence[int]:
        """Of the first pass, narrow first; the last one looks at everything, or as far as it goes."""
        ...

    def candidates(self, queries: Embeddings, count: int, width: int) -> Rows:
        """(q, count) rows by the first pass, best first; -1 where there are fewer."""
        ...

    def scored(self, query: Embeddings, candidates: Rows) -> object:
        """The second pass over the candidates (c,) of one query (d,)."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """How a search is made.

    Attributes:
        width: Lists that are read, or nodes that are kept in view.
        count: Candidates that are scored.
        recall: As measured: the share of the true k nearest that are found.
        low: What it is at least, in 95 of 100 cases.
        seconds: Of one query, on the machine that measured.
    """

    width: int
    count: int
    recall: float
    low: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Dial:
    """What was measured: settings that no other beats in both recall and time, cheapest first.

    Attributes:
        queries: How many were asked.
        settings: Depth → settings.
        widest: Depth → settings of the largest width alone: what is right for any part of the gallery.
        reach: The score that nine in ten of the farthest neighbours it was measured with have at least. Codes tell near rows apart better
            than far ones, so that for answers beyond it nothing was measured.
    """

    queries: int
    settings: Mapping[int, Sequence[Setting]]
    widest: Mapping[int, Sequence[Setting]]
    reach: float

    def at(self, recall: float, k: int, *, widest: bool = False) -> Setting | None:
        """The cheapest setting that surely finds so much of the k nearest; None if none was measured that does."""
        table = self.widest if widest else self.settings
        depth = next((each for each in sorted(table) if k <= each), None)
        return None if depth is None else next((each for each in table[depth] if each.low >= recall), None)

    def to_json(self) -> dict[str, object]:
        """Plain values; `from_json` is the way back."""
        told: dict[str, object] = {"settings": _told(self.settings), "widest": _told(self.widest)}
        return told | {"queries": self.queries, "reach": self.reach}

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Dial:
        """The dial that `to_json` told of.

        Raises:
            TypeError: If it is none.
        """
        queries, reach, settings, widest = (told.get(name) for name in ("queries", "reach", "settings", "widest"))
        if not (isinstance(queries, int) and isinstance(reach, float)):
            raise TypeError("no dial")
        if not (isinstance(settings, dict) and isinstance(widest, dict)):
            raise TypeError("no dial")
        return cls(queries, _read(settings), _read(widest), reach)


def measured(
    passes: TwoPasses,
    queries: Embeddings,
    own: NDArray[np.int64],
    truth: Rows,
    scores: Scores,
    watch: Watch = lambda _what, _done, _all: None,
) -> Dial:
    """Measure all settings.

    Args:
        passes: Whose settings they are.
        queries: (q, d) with q at least 1.
        own: (q,) the row that a query is itself, which counts neither as found nor as missed; -1 for none.
        truth: (q, K) the true nearest, best first, without what is a query's own.
        scores: (q, K) theirs.
        watch: Told of every width.
    """
    depths = [each for each in DEPTHS if each <= truth.shape[1]] or [truth.shape[1]]
    second = _line(MOST_CANDIDATES, partial(_seconds_of_second, passes, queries))
    found: dict[int, list[Setting]] = {depth: [] for depth in depths}
    for done, width in enumerate(passes.widths, start=1):
        places = _places(passes.candidates(queries, MOST_CANDIDATES + 1, width), own, truth)
        first = _line(MOST_CANDIDATES, partial(_seconds_of_first, passes, queries, width))
        for depth in depths:
            for count in counts(depth, MOST_CANDIDATES):
                recall, low = _recall(places[:, :depth] < count)
                found[depth].append(Setting(width, count, recall, low, float(f"{first(count) + second(count):.4g}")))
        watch("measuring recall", done, len(passes.widths))
    most = passes.widths[-1]
    return Dial(
        len(queries),
        {depth: _unbeaten(each) for depth, each in found.items()},
        {depth: _unbeaten([one for one in each if one.width == most]) for depth, each in found.items()},
        float(np.quantile(scores[:, -1], _BEYOND)),
    )


def counts(k: int, most: int) -> list[int]:
    """The numbers of candidates that are considered for a depth, rising."""
    found = [min(k, most)]
    while found[-1] < most:
        found.append(min(most, math.ceil(found[-1] * _STEPS)))
    return found


def _recall(hit: NDArray[np.bool_]) -> tuple[float, float]:
    """The recall of (q, k) neighbours found or not, and what it is at least; neighbours of one query are missed together."""
    share = hit.mean(axis=1)
    recall = float(share.mean())
    error = float(share.std(ddof=1)) / math.sqrt(len(share)) if len(share) > 1 else 1.0
    off = _NONE_MISSED / hit.size if hit.all() else max(_SURE * error, _NONE_MISSED / hit.size)
    return round(recall, 6), round(max(0.0, recall - off), 6)


def _places(named: Rows, own: NDArray[np.int64], truth: Rows) -> NDArray[np.int64]:
    """(q, K) at which place each true neighbour is named, the query itself not counted; past the end where it is not."""
    places = np.full(truth.shape, np.iinfo(np.int64).max)
    for line, row, mine, true in zip(places, named, own, truth, strict=True):
        others = row[(row != mine) & (row >= 0)]
        if not len(others):
            continue
        order = np.argsort(others, kind="stable")
        at = order[np.minimum(np.searchsorted(others, true, sorter=order), len(others) - 1)]
        hit = others[at] == true
        line[hit] = at[hit]
    return places


def _unbeaten(settings: Sequence[Setting]) -> list[Setting]:
    """Cheapest first, each with a better recall than all before it."""
    kept: list[Setting] = []
    for each in sorted(settings, key=lambda one: (one.seconds, -one.low)):
        if not kept or each.low > kept[-1].low:
            kept.append(each)
    return kept


def _line(most: int, seconds: Callable[[int], float]) -> Callable[[int], float]:
    """Time as a line through what few and what most candidates take."""
    few = DEPTHS[0]
    low, high = seconds(few), seconds(most)
    slope = max(0.0, (high - low) / (most - few))
    return lambda count: low + slope * (count - few)


def _seconds_of_first(passes: TwoPasses, queries: Embeddings, width: int, count: int) -> float:
    return _median_seconds([partial(passes.candidates, query[None], count, width) for query in queries[:_TIMED]])


def _seconds_of_second(passes: TwoPasses, queries: Embeddings, count: int) -> float:
    some = queries[:_TIMED]
    named = passes.candidates(some, count, passes.widths[-1])
    return _median_seconds(
        [partial(passes.scored, query, rows[rows >= 0]) for query, rows in zip(some, named, strict=True)]
    )


def _median_seconds(calls: Sequence[Callable[[], object]]) -> float:
    taken = []
    for call in calls:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _told(table: Mapping[int, Sequence[Setting]]) -> dict[str, list[dict[str, float]]]:
    return {str(depth): [asdict(each) for each in found] for depth, found in table.items()}


def _read(table: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[int, list[Setting]]:
    return {
        int(depth): [
            Setting(int(each["width"]), int(each["count"]), each["recall"], each["low"], each["seconds"])
            for each in found
        ]
        for depth, found in table.items()
    }
