"""What chance alone would have given, said of hits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from likewise.filters import Filter
from likewise.indexes.exact import plain_scores
from likewise.significance.null import Null
from likewise.significance.sampling import fitted
from likewise.stores import Store
from likewise.types import Embeddings, Hit, Metric


@dataclass(frozen=True, slots=True)
class Judge:
    """Says how often the best match of an unrelated picture scores as a hit does, and tells hits from what chance explains.

    Attributes:
        store: That the hits come from.
        null: Of its gallery.
        significance: The chance up to which a hit is one.
        among: How many images were searched.
    """

    store: Store
    null: Null
    significance: float
    among: int

    @classmethod
    def of(cls, store: Store, metric: Metric, significance: float, where: Filter | None = None) -> Self:
        """A judge of the hits of one gallery.

        Args:
            store: The gallery.
            metric: How scores are made.
            significance: As above.
            where: Which images are searched; what chance does is worked out of all, and told of so many.

        Raises:
            BadArgument: If the gallery is too small, or the significance is no probability or more than the gallery can tell.
        """
        null = fitted(store.snapshot(), metric)
        among = max(1, len(store.snapshot(where).live))
        null.demand(significance, among)
        return cls(store, null, significance, among)

    def judged(self, point: Embeddings, hits: Sequence[Hit], *, by_embedding: bool) -> tuple[list[Hit], list[Hit]]:
        """Hits with their chance: those that are hits, ranked anew, and those that chance explains.

        What geometry has verified is a hit, whatever its embedding says.

        Args:
            point: (dim,) where the query stands.
            hits: Best first.
            by_embedding: Whether their scores are those of embeddings; if not, as after re-ranking, these are worked out.
        """
        scores = [hit.score for hit in hits] if by_embedding else [self._score(point, hit) for hit in hits]
        chances = self.null.chances(np.array(scores, np.float64), self.among).tolist()
        told = [replace(hit, chance=chance) for hit, chance in zip(hits, chances, strict=True)]
        good = [bool(hit.inliers) or chance <= self.significance for hit, chance in zip(hits, chances, strict=True)]
        shown = itertools.compress(told, good)
        left = [hit for hit, is_good in zip(told, good, strict=True) if not is_good]
        return [replace(hit, rank=rank) for rank, hit in enumerate(shown, start=1)], left

    def _score(self, point: Embeddings, hit: Hit) -> float:
        rows = self.store.embedding(hit.key)
        if rows is None:  # gone since it was found
            return -np.inf
        return float(plain_scores(point, rows, self.null.metric, unit=self.store.card.unit)[0])
