"""Hits that are copies of a better hit fold under it: by their own embeddings and pixels, whatever the order they came in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from likewise.duplicates.confirming import LEAST, Pixels
from likewise.duplicates.threshold import threshold
from likewise.duplicates.types import Wanted
from likewise.images import Limits
from likewise.indexes.exact import plain_scores
from likewise.queries.reranking import located
from likewise.stores import Store
from likewise.types import Embeddings, Hit, Metric

Fold: TypeAlias = Callable[[Sequence[Hit]], list[Hit]]
"""Hits, best first → those that are left, with the others folded under them, ranked anew."""


class Folding:
    """Finds copies among hits; threads may share it.

    What counts as a copy is what `find` says by itself: a score by significance, and the pixels agree; or equal bytes. Each is a copy of
    the very hit it folds under, so that chains do not hide a picture.
    """

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        """Say whose hits they are.

        Args:
            store: The gallery.
            limits: Of the decoder.
        """
        self._store, bounds = store, limits or Limits()
        self._confirmer = Pixels(lambda record: located(store, record.key, record.content_sha256, bounds))

    def by(self, metric: Metric) -> Fold:
        """What folds hits of the gallery as it is now."""
        least = threshold(self._store.snapshot(), Wanted(), metric).score
        return lambda hits: self._folded(hits, least, metric)

    def _folded(self, hits: Sequence[Hit], least: float, metric: Metric) -> list[Hit]:
        points = [self._store.embedding(hit.key) for hit in hits]
        heads: list[int] = []
        below: dict[int, list[Hit]] = {}
        for i, hit in enumerate(hits):
            over = self._over(i, heads, hits, points, least, metric)
            if over is None:
                heads.append(i)
            else:
                below.setdefault(over, []).append(hit)
        return [
            replace(hits[i], rank=rank, folded=tuple(replace(hit, rank=rank) for hit in below.get(i, ())))
            for rank, i in enumerate(heads, start=1)
        ]

    def _over(
        self,
        i: int,
        heads: Sequence[int],
        hits: Sequence[Hit],
        points: Sequence[Embeddings | None],
        least: float,
        metric: Metric,
    ) -> int | None:
        """The best hit that this one is a copy of."""
        record, mine = hits[i].record, points[i]
        same = [head for head in heads if hits[head].record.content_sha256 == record.content_sha256]
        others = [(head, point) for head in heads if (point := points[head]) is not None and head not in same]
        if mine is None or not others:  # gone since it was found, or alone
            return min(same, default=None)
        rows = np.concatenate([point for _, point in others])
        scores = plain_scores(mine[0], rows, metric, unit=self._store.card.unit).tolist()
        likely = [head for (head, _), score in zip(others, scores, strict=True) if score >= least]
        agreements = self._confirmer.agreements([(hits[head].record, record) for head in likely]).tolist()
        same += [head for head, agreement in zip(likely, agreements, strict=True) if agreement >= LEAST]
        return min(same, default=None)
