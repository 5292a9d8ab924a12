"""The part of a collection that a filter leaves, and the last few of them, kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likewise.filters import Filter

MOST_KEPT = 8  # each a byte for a row of the collection, and what rerankers worked out of it


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a view.

    Attributes:
        mask: (n,) which.
        known: What was worked out of them alone, by name; see `Snapshot.remembered`.
    """

    mask: NDArray[np.bool_]
    known: dict[str, Mapping[str, NDArray[np.generic]]] = field(default_factory=dict)


class Parts:
    """Filter → part of one view, the eight that were asked for last; for use under the store's guard."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Filter, Part] = OrderedDict()

    def get(self, where: Filter) -> Part | None:
        """The part, if it is kept."""
        if where in self._kept:
            self._kept.move_to_end(where)
        return self._kept.get(where)

    def keep(self, where: Filter, part: Part) -> None:
        """Keep a part, in the place of the one that nobody has asked for the longest."""
        self._kept[where] = part
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them: the view, or what is told of its images, is another one."""
        self._kept.clear()
