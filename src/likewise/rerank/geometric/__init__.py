"""Geometric verification: hits that show the very thing in the query share many small places, and one homography maps them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.rerank.expansion import VERIFIED
from likewise.rerank.geometric.local import LocalFeatures, Locals
from likewise.rerank.geometric.matching import Match, matched
from likewise.rerank.types import Correspondences, Original, Setting, Shortlists

_MOST_THREADS = 4


class Geometry:
    """RootSIFT, mutual nearest neighbours that pass the ratio test, and a homography by MAGSAC++; the score is the inliers.

    The former score, squeezed into 0..1, stands behind the point: it orders equal counts. Fewer inliers than the third setting are what
    chance gives, and count as none, so that hits which share nothing keep their order. A picture without features, or that cannot
    be read, keeps its place behind.

    Why a homography and not a fundamental matrix: it maps a place to a place, not to a line, so chance seldom agrees with it (of
    wrong pairs of DVD covers 99.9 % have 7 inliers or fewer), and it is exact for what geometry is asked about most: covers, pages,
    pictures, façades, copies. Of a thing in the round it finds the plane with the most places.

    Source: Philbin, Chum, Isard, Sivic and Zisserman, CVPR 2007 (verification of a short list); Lowe, IJCV 2004 (SIFT, ratio test);
        Arandjelović and Zisserman, CVPR 2012 (RootSIFT); Barath, Noskova, Ivashechkin and Matas, CVPR 2020, arXiv:1912.05909 (MAGSAC++).
    """

    SETTINGS: ClassVar = (
        Setting("longest side in pixels", 640, 64, 4096),
        Setting("local features of a picture", 1000, 16, 10_000),
        Setting("fewest inliers that count", VERIFIED, 4),
    )
    needs_pictures: ClassVar = True

    def __init__(self, side: int = 640, most: int = 1000, least: int = VERIFIED) -> None:
        self._features, self._least = LocalFeatures(side, most), least

    def rerank(self, found: Shortlists) -> Shortlists:
        """See `Reranker.rerank`."""
        scores = squeezed(found.scores)
        inliers: list[dict[int, int]] = []
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), thread_name_prefix="likewise-match") as pool:
            for line, asked, rows in zip(scores, found.asked, found.rows.tolist(), strict=True):
                mine = [known for known in map(self._features.of, asked.pictures) if known is not None]
                originals = found.gallery.originals(rows) if mine else []
                counts = list(pool.map(lambda original, mine=mine: self._most_inliers(mine, original), originals))
                inliers.append({row: count for row, count in zip(rows, counts, strict=False) if count is not None})
                for place, count in enumerate(counts):
                    line[place] += count or 0
        return Shortlists(found.gallery, found.asked, found.points, found.scores, found.rows, inliers).reordered(scores)

    def correspondences(self, query: Original, hit: Original) -> Correspondences | None:
        """See `Matcher.correspondences`."""
        mine, theirs = self._features.of(query), self._features.of(hit)
        if mine is None or theirs is None:
            return None
        found = self._match(mine, theirs)
        return Correspondences(mine.shares(found.query), theirs.shares(found.hit))

    def _most_inliers(self, mine: Sequence[Locals], original: Original | None) -> int | None:
        """Of the query's pictures the one that agrees best; None if the hit shows nothing to compare."""
        theirs = None if original is None else self._features.of(original)
        return None if theirs is None else max(len(self._match(each, theirs).query) for each in mine)

    def _match(self, mine: Locals, theirs: Locals) -> Match:
        found = matched(mine, theirs)
        return found if len(found.query) >= self._least else Match(found.query[:0], found.hit[:0])


def squeezed(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of any kind between 0 and 1, in the same order."""
    wide = scores.astype(np.float64)
    return np.asarray(0.5 + 0.499 * wide / (1 + np.abs(wide)))
