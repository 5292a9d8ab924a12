"""Which images of a gallery hang together: pairs are streamed from the scan into a union-find, and can be left and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from likewise.duplicates.components import Components
from likewise.duplicates.confirming import LEAST, Confirmer
from likewise.duplicates.types import Tally
from likewise.errors import StoreBusy
from likewise.indexes.pairs import PairsOfBlocks, PairsOfNeighbours, Part
from likewise.stores import Snapshot
from likewise.types import Metric, Record, Rows

_NOTE = "duplicates"
_NOTED_EACH_S = 30.0
_RECORDS_AT_ONCE = 4096
_LOOKED_AT_AT_ONCE = 512  # pairs; of a crowd most hang together after a few, and need no look any more

Watch = Callable[[int, int], None]


class Scan:
    """One walk over all pairs of a gallery."""

    def __init__(
        self,
        snapshot: Snapshot,
        metric: Metric,
        *,
        unit: bool,
        least: float | None,
        confirmer: Confirmer | None,
        settings: str,
    ) -> None:
        """Say what is looked for; nothing is read yet.

        Args:
            snapshot: The gallery.
            metric: Of the scores.
            unit: Whether its rows have unit norm.
            least: The score that a pair must reach; None to look for equal bytes only.
            confirmer: Has the last word; the score has it if there is none.
            settings: What the outcome depends on, in words: another walk with the same words can go on with this one.
        """
        self._snapshot, self._metric, self._unit = snapshot, metric, unit
        self._least, self._confirmer, self._settings = least, confirmer, settings
        self._live = snapshot.live
        self._components = Components(len(self._live))
        self._counts = np.zeros(4, np.int64)  # looks done, and pairs looked at, refused, unreadable
        self._asking = np.ones(
            len(self._live), np.bool_
        )  # of images of equal bytes one looks for others in place of all

    def run(self, watch: Watch) -> tuple[list[NDArray[np.int64]], Tally]:
        """Walk, from where the last one stopped if it did.

        Returns:
            The rows of each group that hangs together, rising, and what was done.

        Raises:
            StoreBusy: If rows get other numbers meanwhile.
        """
        noted = self._snapshot.noted(_NOTE)
        if noted is not None and bytes(noted["settings"].tobytes()).decode() == self._settings:
            self._components = Components(len(self._live), np.asarray(noted["parents"], np.int64))
            self._counts = np.array(noted["counts"], np.int64)
            self._asking = np.unpackbits(np.asarray(noted["asking"], np.uint8), count=len(self._live)).astype(np.bool_)
        else:
            self._join_equal_bytes()
        if self._least is not None:
            with self._noting() as note:
                for part in self._parts(self._least):
                    if len(part.first):
                        self._take(part)
                    self._counts[0] = part.done  # behind the pairs: an interruption between them takes the part again
                    watch(part.done, part.of)
                    note()
        _, looked_at, refused, unreadable = self._counts.tolist()
        groups = [self._live[places] for places in self._components.groups()]
        return groups, Tally(len(self._live), looked_at, refused, unreadable)

    def _join_equal_bytes(self) -> None:
        """By the first 64 bits of their hashes, and then by all of them."""
        marks = np.empty(len(self._live), np.uint64)
        for start in range(0, len(marks), _RECORDS_AT_ONCE):
            rows = self._live[start : start + _RECORDS_AT_ONCE]
            found = records(self._snapshot, rows)
            marks[start : start + len(rows)] = [int(found[row].content_sha256[:16], 16) for row in rows.tolist()]
        order = np.argsort(marks, kind="stable")
        equal = np.zeros(len(order) + 1, np.bool_)
        equal[1:-1] = marks[order][1:] == marks[order][:-1]
        alike = order[equal[1:] | equal[:-1]]
        firsts: dict[str, int] = {}  # of the hashes that begin alike
        for start in range(0, len(alike), _RECORDS_AT_ONCE):
            places = alike[start : start + _RECORDS_AT_ONCE]
            found = records(self._snapshot, self._live[places])
            pairs = np.empty((len(places), 2), np.int64)
            for i, place in enumerate(places.tolist()):
                if firsts and marks[next(iter(firsts.values()))] != marks[place]:
                    firsts.clear()
                pairs[i] = place, firsts.setdefault(found[int(self._live[place])].content_sha256, place)
            self._components.join(pairs[:, 0], pairs[:, 1])
        places = np.arange(len(self._live))
        self._asking = self._components.roots(places) == places

    def _parts(self, least: float) -> Iterator[Part]:
        """The pairs that pass."""
        rows = self._live[self._asking]
        scan: PairsOfBlocks | PairsOfNeighbours
        read, nearest = self._snapshot.embeddings, self._snapshot.nearest
        if self._snapshot.is_exact(self._metric) or not np.isfinite(least):
            scan = PairsOfBlocks(read, rows, least, self._metric, unit=self._unit)
        else:
            scan = PairsOfNeighbours(read, lambda queries, k: nearest(queries, k, self._metric), rows, least)
        yield from scan.parts(int(self._counts[0]))

    def _take(self, part: Part) -> None:
        first, second = (np.searchsorted(self._live, rows) for rows in (part.first, part.second))
        step = _LOOKED_AT_AT_ONCE if self._confirmer is not None else max(1, len(first))
        for start in range(0, len(first), step):
            here, there = first[start : start + step], second[start : start + step]
            apart = self._components.roots(here) != self._components.roots(there)
            here, there = here[apart], there[apart]
            if self._confirmer is not None and len(here):
                agreements = self._confirmer.agreements(self._pairs(here, there))
                unknown, copies = np.isnan(agreements), agreements >= LEAST
                refused, unreadable = np.count_nonzero(~copies & ~unknown), np.count_nonzero(unknown)
                self._counts[1:] += np.array([len(here), refused, unreadable], np.int64)
                here, there = here[copies], there[copies]
            self._components.join(here, there)

    def _pairs(self, here: NDArray[np.int64], there: NDArray[np.int64]) -> list[tuple[Record, Record]]:
        first, second = self._live[here], self._live[there]
        found = records(self._snapshot, np.concatenate([first, second]))
        return [(found[a], found[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]

    @contextmanager
    def _noting(self) -> Iterator[Callable[[], None]]:
        """Leave a note now and then, and at the end, also where that is an interruption."""
        last = time.monotonic()

        def note() -> None:
            nonlocal last
            if time.monotonic() - last >= _NOTED_EACH_S:
                self._note()
                last = time.monotonic()

        try:
            yield note
        finally:
            self._note()

    def _note(self) -> None:
        settings = np.frombuffer(self._settings.encode(), np.uint8)
        asking, parents = np.packbits(self._asking), self._components.parents
        self._snapshot.note(_NOTE, {"parents": parents, "counts": self._counts, "asking": asking, "settings": settings})


def records(snapshot: Snapshot, rows: Rows) -> Mapping[int, Record]:
    """Row → record.

    Raises:
        StoreBusy: If the rows have other numbers by now.
    """
    found = snapshot.records(rows)
    if found is None:
        raise StoreBusy("the collection was compacted while it was looked at: run again")
    return found
