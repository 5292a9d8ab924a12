"""The nearest images of every gallery image: what database augmentation and diffusion know of a gallery."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.types import Arrays, Gallery
from likewise.types import Metric, Rows, Scores

_ROWS_AT_ONCE = 512


def neighbours(gallery: Gallery, k: int) -> tuple[Scores, Rows]:
    """The k nearest images of each image, itself not among them: one search for each image, once for each state of the gallery.

    Args:
        gallery: Of n images.
        k: At least 1.

    Returns:
        (n, k') scores and rows in the order of `gallery.live`; k' = min(k, n - 1).
    """
    kept = gallery.remembered(f"neighbours-{k}-{gallery.metric}", lambda: _searched(gallery, k), lasting=True)
    return cast(Scores, kept["scores"]), cast(Rows, kept["rows"])


def cosines(scores: NDArray[np.floating], metric: Metric) -> NDArray[np.float64]:
    """Cosines from the scores of unit rows."""
    wide = np.asarray(scores, np.float64)
    return wide if metric == "cosine" else 1 - wide * wide / 2


def _searched(gallery: Gallery, k: int) -> Arrays:
    live = gallery.live
    width = min(k, max(0, len(live) - 1))
    scores, rows = np.empty((len(live), width), np.float32), np.empty((len(live), width), np.int64)
    for start in range(0, len(live) if width else 0, _ROWS_AT_ONCE):
        own = live[start : start + _ROWS_AT_ONCE]
        near_scores, near = gallery.nearest(gallery.embeddings(own), width + 1)
        # By row and not by place: a copy can stand before the image itself. Where it is not among them at all, the last one goes.
        others = near != own[:, None]
        others[others.all(axis=1), -1] = False
        scores[start : start + len(own)] = near_scores[others].reshape(len(own), width)
        rows[start : start + len(own)] = near[others].reshape(len(own), width)
    return {"scores": scores, "rows": rows}
