"""Which rows hang together: a union-find over arrays, 8 bytes a row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


class Components:
    """Sets of places 0 to n - 1, each in a set of its own at first; the smallest place of a set stands for it."""

    def __init__(self, count: int, parents: Places | None = None) -> None:
        """Begin anew, or go on from the `parents` of another.

        Args:
            count: How many places.
            parents: (count,) as `parents` gave them.
        """
        self._parents = np.arange(count) if parents is None else np.array(parents, np.int64)

    @property
    def parents(self) -> Places:
        """(n,) all that there is to know, to go on later."""
        return self._parents

    def roots(self, places: Places) -> Places:
        """The place that stands for the set of each of some places."""
        found = self._parents[places]
        while True:
            above = self._parents[found]
            if np.array_equal(above, found):
                self._parents[places] = found  # the next way up is short
                return found
            found = above

    def join(self, first: Places, second: Places) -> None:
        """Unite the sets of each two places."""
        ups, downs = self.roots(first), self.roots(second)
        apart = ups != downs
        pairs = np.unique(np.stack([ups[apart], downs[apart]], axis=1), axis=0)
        for one, other in pairs.tolist():
            low, high = sorted((self._root(one), self._root(other)))
            self._parents[high] = low

    def _root(self, place: int) -> int:
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = int(parents[place])
        return place

    def groups(self) -> Iterator[Places]:
        """The sets of two and more, each rising, by their first places."""
        roots = self.roots(np.arange(len(self._parents)))
        order = np.argsort(roots, kind="stable")
        ends = np.flatnonzero(np.diff(roots[order])) + 1
        starts = np.concatenate([[0], ends])
        stops = np.concatenate([ends, [len(order)]])
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            if stop - start > 1:
                yield order[start:stop]
