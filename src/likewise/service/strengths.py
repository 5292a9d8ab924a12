"""How strong a hit is, in a word, from what chance does in its gallery; nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import numpy as np

from likewise.errors import LikewiseError
from likewise.service.galleries import Gallery
from likewise.significance import Null
from likewise.types import Hit

Strength = Literal["strong", "fair", "weak"]

_STRONG, _FAIR = 0.001, 0.05  # chances
_STALE_S = 60.0  # a gallery that grows all the time is not looked at anew for each picture


@dataclass(frozen=True, slots=True)
class _Learned:
    """What is known of a gallery: nothing where it is too small; and of how many images, and since when."""

    null: Null | None
    images: int
    at_s: float


class Strengths:
    """Remembers what chance does in each gallery, and learns it anew behind the answers; threads may share it."""

    def __init__(self, threads: Executor, clock: Callable[[], float] = monotonic) -> None:
        self._threads, self._clock = threads, clock
        self._learned: dict[Gallery, _Learned] = {}
        self._learning: set[Gallery] = set()
        self._guard = threading.Lock()

    def learn(self, gallery: Gallery) -> None:
        """Work it out, for a thread: up to seconds for a large gallery."""
        try:
            images = len(gallery.collection)
            null = gallery.collection.null()
        except LikewiseError:  # too few images, or files that cannot be read: the answers say nothing of strength
            null = None
        with self._guard:
            self._learned[gallery] = _Learned(null, images, self._clock())
            self._learning.discard(gallery)

    def told(self, gallery: Gallery, hits: Sequence[Hit], images: int) -> list[Strength | None]:
        """A word for each hit of a single picture in so many images, by its embedding's score; None where nobody knows yet, or can."""
        known = self._known(gallery, images)
        if known is None or known.null is None:
            return [in_a_word(None, hit.inliers) for hit in hits]
        chances = known.null.chances(np.array([hit.score for hit in hits], np.float64), max(1, images)).tolist()
        return [in_a_word(chance, hit.inliers) for hit, chance in zip(hits, chances, strict=True)]

    def _known(self, gallery: Gallery, images: int) -> _Learned | None:
        with self._guard:
            known = self._learned.get(gallery)
            due = known is None or self._clock() - known.at_s > _STALE_S
            if due and gallery not in self._learning and (known is None or known.images != images):
                self._learning.add(gallery)
                self._threads.submit(self.learn, gallery)
        return known


def in_a_word(chance: float | None, inliers: int | None) -> Strength | None:
    """A chance in a word; what geometry has verified is strong whatever its embedding says.

    >>> in_a_word(0.0005, None), in_a_word(0.01, None), in_a_word(0.5, None), in_a_word(0.5, 20), in_a_word(None, 0)
    ('strong', 'fair', 'weak', 'strong', None)
    """
    if inliers:
        return "strong"
    if chance is None:
        return None
    return "strong" if chance <= _STRONG else "fair" if chance <= _FAIR else "weak"
