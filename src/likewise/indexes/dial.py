"""The dial `recall`: how wide a search must be for an answer that good, found by measuring against exact search.

A search has three settings: how wide the first pass looks (lists, or nodes), how many candidates it names, and how much farther than
the neighbours found so far a candidate may look and still be scored by the second pass. For queries whose true neighbours are known,
the place and the distance of each neighbour among the candidates of each width are noted, which gives the recall of all settings at
once. The cheapest setting whose recall is surely high enough is the one that is used.
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

MOST_CANDIDATES = 2048
FIRST = 3
"""Times the depth: so many candidates are scored whatever they look like, to know how far off a neighbour can be."""
_STEPS = 1.25  # between two counts of candidates that are considered
_SURE = 1.645  # standard errors: true in 95 of 100 cases
_NONE_MISSED = 3.0  # of n: the rule of three, also for 95 of 100
_BEYOND = 0.1  # of the farthest neighbours that were measured
_MARGINS = (
    0.5,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
    0.9995,
    1.0,
)  # quantiles of what true neighbours look like
_TIMED = 24  # queries, one by one

Watch: TypeAlias = Callable[[str, int, int], None]


class TwoPasses(Protocol):
    """What is measured."""

    @property
    def widths(self) -> Sequence[int]:
        """Of the first pass, narrow first; the last one looks at everything, or as far as it goes."""
        ...

    def candidates(self, queries: Embeddings, count: int, width: int) -> tuple[Rows, NDArray[np.float32]]:
        """(q, count) rows by the first pass, best first, and their squared distances by codes; -1 and infinity where there are fewer."""
        ...

    def farthest(self, query: Embeddings, candidates: Rows, k: int) -> float:
        """The true squared distance of the k-th best of the candidates (c,) of one query (d,); infinity if they are fewer."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """How a search is made.

    Attributes:
        width: Lists that are read, or nodes that are kept in view.
        count: Candidates that are named.
        depth: The k that it was measured for. The first `FIRST` times as many candidates are always scored.
        margin: Of the others those are scored whose squared distance by codes is at most so many times the true one of the
            depth-th best of the first; infinity scores all.
        recall: As measured: the share of the true k nearest that are found.
        low: What it is at least, in 95 of 100 cases.
        seconds: Of one query, on the machine that measured.
    """

    width: int
    count: int
    depth: int
    margin: float
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
    enough = 1 - 2 * _NONE_MISSED / (len(queries) * depths[0])
    for done, width in enumerate(passes.widths, start=1):
        best = [max((each.low for each in settings), default=0.0) for settings in found.values()]
        if min(best) >= enough and width != passes.widths[-1]:
            continue  # to look wider only costs time
        named = _without(own, *passes.candidates(queries, MOST_CANDIDATES + 1, width))
        first = _line(MOST_CANDIDATES, partial(_seconds_of_first, passes, queries, width))
        for depth in depths:
            found[depth] += _settings(_Seen.of(passes, queries, named, truth[:, :depth]), width, first, second)
        watch("measuring recall", done, len(passes.widths))
    most = passes.widths[-1]
    return Dial(
        len(queries),
        {depth: unbeaten(each) for depth, each in found.items()},
        {depth: unbeaten([one for one in each if one.width == most]) for depth, each in found.items()},
        float(np.quantile(scores[:, -1], _BEYOND)),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one width names for queries whose k nearest are known.

    Attributes:
        k: Neighbours of a query.
        places: (q, k) at which place each neighbour is named; past the end where it is not.
        ratios: (q, k) its squared distance by codes against the true one of the k-th best so far.
        reaches: (q, c) the same of all candidates, rising.
    """

    k: int
    places: NDArray[np.int64]
    ratios: NDArray[np.float64]
    reaches: NDArray[np.float64]

    @classmethod
    def of(cls, passes: TwoPasses, queries: Embeddings, named: tuple[Rows, NDArray[np.float32]], truth: Rows) -> _Seen:
        rows, distances = named
        k = truth.shape[1]
        tried = (each[each >= 0][: FIRST * k] for each in rows)
        limits = np.array([passes.farthest(query, each, k) for query, each in zip(queries, tried, strict=True)])
        with np.errstate(divide="ignore", invalid="ignore"):
            reaches = np.nan_to_num(distances / limits[:, None], nan=0.0, posinf=np.inf)
        places = _places(rows, truth)
        inside = np.minimum(places, rows.shape[1] - 1)
        return cls(k, places, np.take_along_axis(reaches, inside, axis=1), reaches)

    def found(self, count: int, margin: float) -> NDArray[np.bool_]:
        """(q, k) which neighbours are found."""
        return (self.places < count) & ((self.places < FIRST * self.k) | (self.ratios <= margin))

    def within(self, margin: float) -> NDArray[np.int64]:
        """(q,) how many candidates look near enough."""
        return np.asarray((self.reaches <= margin).sum(axis=1))


def _settings(
    seen: _Seen, width: int, first: Callable[[float], float], second: Callable[[float], float]
) -> list[Setting]:
    named = seen.ratios[seen.places < seen.reaches.shape[1]]
    margins = [*np.unique(np.quantile(named, _MARGINS)).tolist(), math.inf] if len(named) else [math.inf]
    made = []
    for margin in margins:
        within = seen.within(margin)
        for count in counts(seen.k, MOST_CANDIDATES):
            recall, low = recall_of(seen.found(count, margin))
            scored = float(np.clip(within, min(count, FIRST * seen.k), count).mean())
            seconds = float(f"{first(count) + second(scored):.4g}")
            made.append(Setting(width, count, seen.k, float(margin), recall, low, seconds))
    return made


def counts(k: int, most: int) -> list[int]:
    """The numbers of candidates that are considered for a depth, rising."""
    found = [min(k, most)]
    while found[-1] < most:
        found.append(min(most, math.ceil(found[-1] * _STEPS)))
    return found


def recall_of(hit: NDArray[np.bool_]) -> tuple[float, float]:
    """The recall of (q, k) neighbours found or not, and what it is at least; neighbours of one query are missed together."""
    share = hit.mean(axis=1)
    recall = float(share.mean())
    error = float(share.std(ddof=1)) / math.sqrt(len(share)) if len(share) > 1 else 1.0
    off = _NONE_MISSED / hit.size if hit.all() else max(_SURE * error, _NONE_MISSED / hit.size)
    return round(recall, 6), round(max(0.0, recall - off), 6)


def _without(own: NDArray[np.int64], rows: Rows, distances: NDArray[np.float32]) -> tuple[Rows, NDArray[np.float32]]:
    """Candidates without the query's own row, one fewer of each."""
    is_own = rows == own[:, None]
    order = np.argsort(is_own, axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _places(named: Rows, truth: Rows) -> NDArray[np.int64]:
    """(q, K) at which place each true neighbour is named; past the end where it is not."""
    places = np.full(truth.shape, np.iinfo(np.int64).max)
    for line, row, true in zip(places, named, truth, strict=True):
        order = np.argsort(row, kind="stable")
        at = order[np.minimum(np.searchsorted(row, true, sorter=order), len(row) - 1)]
        hit = row[at] == true
        line[hit] = at[hit]
    return places


def unbeaten(settings: Sequence[Setting]) -> list[Setting]:
    """Cheapest first, each with a better recall than all before it."""
    kept: list[Setting] = []
    for each in sorted(settings, key=lambda one: (one.seconds, -one.low)):
        if not kept or each.low > kept[-1].low:
            kept.append(each)
    return kept


def _line(most: int, seconds: Callable[[int], float]) -> Callable[[float], float]:
    """Time as a line through what few and what most candidates take."""
    few = DEPTHS[0]
    low, high = seconds(few), seconds(most)
    slope = max(0.0, (high - low) / (most - few))
    return lambda count: low + slope * (count - few)


def _seconds_of_first(passes: TwoPasses, queries: Embeddings, width: int, count: int) -> float:
    return _median_seconds([partial(passes.candidates, query[None], count, width) for query in queries[:_TIMED]])


def _seconds_of_second(passes: TwoPasses, queries: Embeddings, count: int) -> float:
    some = queries[:_TIMED]
    named = passes.candidates(some, count, passes.widths[-1])[0]
    calls = [partial(passes.farthest, query, rows[rows >= 0], 1) for query, rows in zip(some, named, strict=True)]
    return _median_seconds(calls)


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
    return {int(depth): [_setting(each) for each in found] for depth, found in table.items()}


def _setting(told: Mapping[str, float]) -> Setting:
    width, count, depth = (int(told[name]) for name in ("width", "count", "depth"))
    margin, recall, low, seconds = (float(told[name]) for name in ("margin", "recall", "low", "seconds"))
    return Setting(width, count, depth, margin, recall, low, seconds)
