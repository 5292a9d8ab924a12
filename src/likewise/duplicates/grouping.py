"""Images that hang together → groups in which one is kept: chains are cut where a copy of a copy is no copy any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.duplicates.confirming import LEAST, Confirmer
from likewise.duplicates.keeping import order, why
from likewise.duplicates.scanning import records
from likewise.duplicates.types import Group, Member, Wanted
from likewise.indexes.exact import plain_scores
from likewise.stores import Snapshot
from likewise.types import Metric, Record

_ROWS_AT_ONCE = 8192
_LOOKED_AT_AT_ONCE = 512

SomeRows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grouper:
    """Makes groups of images that hang together.

    Attributes:
        snapshot: The gallery.
        metric: Of the scores.
        unit: Whether its rows have unit norm.
        least: The score that a pair must reach; None where only equal bytes count.
        confirmer: Has the last word; the score has it if there is none.
        wanted: Linkage, and which image is kept.
        path: Key → where it lies.
    """

    snapshot: Snapshot
    metric: Metric
    unit: bool
    least: float | None
    confirmer: Confirmer | None
    wanted: Wanted
    path: Callable[[str], str]

    def groups(self, together: Iterable[SomeRows]) -> Iterator[Group]:
        """The groups among rows that hang together; those that are nobody's copy are in none.

        `kept`: the best image takes all that are copies of it; of the others the best takes its own, and so on. `complete`: it takes one
        after the other, as long as each is a copy of all. `single`: all that hang together.

        Raises:
            StoreBusy: If rows get other numbers meanwhile.
        """
        waiting: list[SomeRows] = []
        count = 0
        for rows in together:
            waiting.append(rows)
            count += len(rows)
            if count >= _ROWS_AT_ONCE:
                yield from self._groups(waiting)
                waiting, count = [], 0
        yield from self._groups(waiting)

    def _groups(self, together: Sequence[SomeRows]) -> Iterator[Group]:
        if not together:
            return
        known = records(self.snapshot, np.concatenate(together))  # one question for many
        for rows in together:
            yield from self._groups_among(rows, known)

    def _groups_among(self, rows: SomeRows, known: Mapping[int, Record]) -> Iterator[Group]:
        left = np.array(sorted(rows.tolist(), key=lambda row: order(known[row], self.wanted.keep)), np.int64)
        while len(left) > 1:
            head, left = int(left[0]), left[1:]
            links = self._links(head, left, known)
            taken = self._taken(links, left, known)
            if len(taken):
                yield self._group(head, taken, links, known)
                left = left[~np.isin(left, taken)]

    def _taken(self, links: Mapping[int, Member], left: SomeRows, known: Mapping[int, Record]) -> SomeRows:
        seen = left[np.isin(left, list(links))] if links else left[:0]
        if self.wanted.linkage == "complete":
            taken, rest = [], seen
            while len(rest):
                taken.append(int(rest[0]))
                rest = rest[1:]
                rest = rest[np.isin(rest, list(self._links(taken[-1], rest, known)))]
            return np.array(taken, np.int64)
        if self.wanted.linkage == "single":
            queue = seen.tolist()
            others = left[~np.isin(left, seen)]
            for row in queue:  # it grows meanwhile
                found = list(self._links(row, others, known))
                queue += found
                others = others[~np.isin(others, found)]
            return np.array(queue, np.int64)
        return seen

    def _links(self, row: int, others: SomeRows, known: Mapping[int, Record]) -> dict[int, Member]:
        """Those of some rows that are copies of one, as it sees them."""
        scores = self._scores(row, others)
        mine = known[row]
        same = np.array([known[other].content_sha256 == mine.content_sha256 for other in others.tolist()], np.bool_)
        near = ~same & (scores >= np.float32(self.least)) if self.least is not None else np.zeros(len(same), np.bool_)
        agreements = np.full(len(others), np.nan)
        if self.confirmer is not None:
            places = np.flatnonzero(near)
            for start in range(0, len(places), _LOOKED_AT_AT_ONCE):
                part = places[start : start + _LOOKED_AT_AT_ONCE]
                agreements[part] = self.confirmer.agreements([(mine, known[other]) for other in others[part].tolist()])
            near &= agreements >= LEAST
        return {
            int(others[i]): self._member(known, int(others[i]), float(scores[i]), bool(same[i]), float(agreements[i]))
            for i in np.flatnonzero(same | near).tolist()
        }

    def _member(
        self, known: Mapping[int, Record], row: int, score: float, same: bool, agreement: float, direct: bool = True
    ) -> Member:
        record = known[row]
        told = None if np.isnan(agreement) else agreement
        return Member(record, row, self.path(record.key), score, same, told, direct)

    def _scores(self, row: int, others: SomeRows) -> NDArray[np.float32]:
        point = self.snapshot.embeddings(np.array([row]))[0]
        found = np.empty(len(others), np.float32)
        for start in range(0, len(others), _ROWS_AT_ONCE):
            part = others[start : start + _ROWS_AT_ONCE]
            there = self.snapshot.embeddings(part)
            found[start : start + len(part)] = plain_scores(point, there, self.metric, unit=self.unit)
        return found

    def _group(self, head: int, taken: SomeRows, links: Mapping[int, Member], known: Mapping[int, Record]) -> Group:
        indirect = np.array([row for row in taken.tolist() if row not in links], np.int64)
        scores = dict(zip(indirect.tolist(), self._scores(head, indirect).tolist(), strict=True))
        copies = [
            links[row] if row in links else self._member(known, row, scores[row], False, float("nan"), direct=False)
            for row in taken.tolist()
        ]
        copies.sort(key=lambda copy: (not copy.direct, not copy.same_bytes, -copy.score, copy.row))
        kept = self._member(known, head, float(self._scores(head, np.array([head]))[0]), True, float("nan"))
        best = min((copy.record for copy in copies), key=lambda record: order(record, self.wanted.keep))
        return Group(kept, why(kept.record, best, self.wanted.keep), tuple(copies))
