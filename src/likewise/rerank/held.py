"""A gallery whose embeddings are held in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from likewise.indexes.exact import Exact
from likewise.rerank.types import Arrays, Gallery, Original
from likewise.types import Embeddings, Metric, Rows, Scores


def _unknown(rows: Sequence[int]) -> Sequence[Original | None]:
    return [None] * len(rows)


class Held:
    """See `likewise.rerank.types.Gallery`; searched exactly."""

    def __init__(
        self,
        rows: Embeddings,
        metric: Metric,
        *,
        unit: bool,
        originals: Callable[[Sequence[int]], Sequence[Original | None]] = _unknown,
    ) -> None:
        """Take the embeddings as they are.

        Args:
            rows: (n, dim), of row 0 to n - 1.
            metric: How they are compared.
            unit: All have unit norm.
            originals: From rows to pictures.
        """
        self._rows, self.metric, self.unit = rows, metric, unit
        self.live = np.arange(len(rows))
        self._index = Exact(rows, metric, unit=unit)
        self.originals = originals
        self._kept: dict[str, Arrays] = {}
        self._guard = threading.RLock()  # what is made may itself ask for something

    def nearest(self, points: Embeddings, k: int) -> tuple[Scores, Rows]:
        """See `Gallery.nearest`."""
        return self._index.search(points, k)

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Gallery.embeddings`."""
        return self._rows[rows.reshape(-1)]

    def remembered(self, name: str, make: Callable[[], Arrays], *, lasting: bool = False) -> Arrays:  # noqa: ARG002
        """See `Gallery.remembered`; kept as long as this gallery is."""
        with self._guard:  # who comes second waits, instead of working out the same
            if name not in self._kept:
                self._kept[name] = make()
            return self._kept[name]


class Changed:
    """A gallery whose images have other embeddings, and all else of the one that it was made from."""

    def __init__(self, gallery: Gallery, name: str, rows: Embeddings) -> None:
        """Put other embeddings in the place of a gallery's.

        Args:
            gallery: The one that they were made from.
            name: Of the change; what is worked out of them is remembered there under it.
            rows: (n, dim) in the order of `gallery.live`, of unit norm if directions are all that tells its rows apart.
        """
        self._gallery, self._name, self._rows = gallery, name, rows
        self.metric: Metric = gallery.metric
        self.unit = gallery.metric == "cosine" or gallery.unit
        self.live: NDArray[np.int64] = gallery.live
        self._index = Exact(rows, self.metric, unit=self.unit)

    def nearest(self, points: Embeddings, k: int) -> tuple[Scores, Rows]:
        """See `Gallery.nearest`."""
        scores, places = self._index.search(points, k)
        return scores, self.live[places]

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Gallery.embeddings`."""
        return self._rows[np.searchsorted(self.live, rows.reshape(-1))]

    def originals(self, rows: Sequence[int]) -> Sequence[Original | None]:
        """See `Gallery.originals`."""
        return self._gallery.originals(rows)

    def remembered(self, name: str, make: Callable[[], Arrays], *, lasting: bool = False) -> Arrays:  # noqa: ARG002
        """See `Gallery.remembered`; nothing of it lasts, since it is quick once the neighbours are known."""
        return self._gallery.remembered(f"{self._name}-{name}", make)
