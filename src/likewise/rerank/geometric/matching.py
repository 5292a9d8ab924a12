"""Which local features of two pictures are the same places: mutual, clear, and all moved by one homography."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.geometric.local import Locals, opencv

_RATIO = 0.8  # Lowe's: the nearest must be this much nearer than the second
_PIXELS = 3.0  # that an inlier may be off, in pictures of the bounded size
_MOST_DRAWS = 2000
_CONFIDENCE = 0.999
_MOST_ZOOM = 10.0  # of lengths; what is smaller than a tenth has no features left


@dataclass(frozen=True, slots=True)
class Match:
    """(m, 2) places of two pictures in pixels, the same in each."""

    query: NDArray[np.float32]
    hit: NDArray[np.float32]


def matched(mine: Locals, theirs: Locals) -> Match:
    """The inliers between two pictures; none where no plausible homography is found.

    Deterministic: OpenCV's USAC draws its samples from a state of its own that starts the same at every call.
    """
    cv2 = opencv()
    homography: NDArray[np.float64] | None
    mask: NDArray[np.uint8]
    here, there = pairs(mine.rooted(), theirs.rooted())
    query, hit = mine.points[here], theirs.points[there]
    nothing = Match(query[:0], hit[:0])
    if len(query) < 4:
        return nothing
    homography, mask = cv2.findHomography(
        query, hit, cv2.USAC_MAGSAC, _PIXELS, maxIters=_MOST_DRAWS, confidence=_CONFIDENCE
    )
    if homography is None or not plausible(homography, mine.width, mine.height):
        return nothing
    inside = mask.reshape(-1).astype(bool)
    return Match(query[inside], hit[inside])


def pairs(mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of rows that are each other's nearest, and clearly nearer than the second nearest on either side.

    Args:
        mine: (m, dim) of unit norm.
        theirs: (n, dim) of unit norm.

    Returns:
        Two arrays of equal length.
    """
    if min(len(mine), len(theirs)) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    products = mine @ theirs.T
    nearest = products.argmax(axis=1)
    here = np.flatnonzero(products.argmax(axis=0)[nearest] == np.arange(len(mine)))
    there = nearest[here]
    best = products[here, there]
    rivals = np.maximum(_second(products[here], there), _second(products.T[there], here))
    # |a - b|² = 2 - 2 a·b of unit rows: the ratio of distances, without the roots.
    kept = 1 - best < _RATIO**2 * (1 - rivals)
    return here[kept], there[kept]


def plausible(homography: NDArray[np.float64], width: int, height: int) -> bool:
    """Whether a picture seen through a homography is still a picture: not mirrored, not folded, and neither a speck nor a giant."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    moved = corners @ homography.T
    if not np.isfinite(moved).all() or moved[:, 2].min() * moved[:, 2].max() <= 0:
        return False  # the horizon runs through it
    flat = moved[:, :2] / moved[:, 2:]
    edges = np.roll(flat, -1, axis=0) - flat
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    area = 0.5 * (flat[:, 0] * np.roll(flat[:, 1], -1) - np.roll(flat[:, 0], -1) * flat[:, 1]).sum()
    zoom = area / (width * height)
    return bool((turns > 0).all() and 1 / _MOST_ZOOM**2 < zoom < _MOST_ZOOM**2)


def _second(products: NDArray[np.float32], best: NDArray[np.int64]) -> NDArray[np.float32]:
    """The largest product of each row, but for the one at `best`."""
    products[np.arange(len(products)), best] = -np.inf
    return np.asarray(products.max(axis=1), np.float32)
