"""Database augmentation: every gallery image becomes a mean of itself and its neighbours, and is searched as that."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np

from likewise.rerank.expansion import summed
from likewise.rerank.held import Changed
from likewise.rerank.neighbours import neighbours
from likewise.rerank.types import Arrays, Gallery, Setting, Shortlists, by_angle
from likewise.types import Embeddings

_ROWS_AT_ONCE = 512


class Augmentation:
    """x' = Σ (1 - r / (k + 1)) xᵣ over an image itself (r = 0) and its k nearest (r = 1 … k); then the gallery is searched again.

    Looks at every pair of images once for each state of the gallery, and holds the new embeddings in memory.

    Source: Turcot and Lowe, ICCV workshops 2009; Arandjelović and Zisserman, CVPR 2012; the weights by rank are those of Gordo,
        Almazán, Revaud and Larlus, IJCV 2017, arXiv:1610.07940.
    """

    SETTINGS: ClassVar = (Setting("neighbours", 10, 1),)
    needs_pictures: ClassVar = False

    def __init__(self, neighbours: int = 10) -> None:
        self._neighbours = neighbours

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        gallery, name = found.gallery, f"augmented-{self._neighbours}-{found.gallery.metric}"
        rows = cast(Embeddings, gallery.remembered(name, lambda: self._augmented(gallery))["rows"])
        return found.again(gallery=Changed(gallery, name, rows))

    def _augmented(self, gallery: Gallery) -> Arrays:
        _, near = neighbours(gallery, self._neighbours)
        weights = 1 - np.arange(near.shape[1] + 1) / (self._neighbours + 1)
        together = np.concatenate([gallery.live[:, None], near], axis=1)
        parts = [gallery.embeddings(gallery.live[:0])]
        for start in range(0, len(together), _ROWS_AT_ONCE):
            part = together[start : start + _ROWS_AT_ONCE]
            rows = gallery.embeddings(part).reshape(*part.shape, -1).astype(np.float64)
            parts.append(summed(rows, np.broadcast_to(weights, part.shape), angle=by_angle(gallery)))
        return {"rows": np.concatenate(parts)}
