"""Rankings of a whole gallery whose first hits were put in a better order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likewise.evaluate.embedding import Embedded
from likewise.evaluate.ranking import ranked
from likewise.rerank import Asked, Chain, Original
from likewise.rerank.held import Held
from likewise.types import Embeddings, Item, Rows, Scores

QUERIES_AT_ONCE = 64  # re-ranking takes its time, and somebody waits for the bar to move


class Reranking:
    """Re-ranks blocks of queries; threads may share it. Holds the gallery's embeddings in memory."""

    def __init__(self, chain: Chain, gallery: Embedded, queries: Embedded) -> None:
        self._chain, self._queries = chain, queries
        self._card = gallery.store.card
        numbers = gallery.present.tolist()

        def originals(rows: Sequence[int]) -> list[Original | None]:
            return [_original(gallery, numbers[row]) for row in rows]

        rows = gallery.reader()(0, len(numbers))
        self._gallery = Held(rows, self._card.metric, unit=self._card.unit, originals=originals)

    def ranked(self, queries: Embeddings, numbers: NDArray[np.int64]) -> tuple[Scores, Rows]:
        """As `likewise.evaluate.ranking.ranked`, re-ranked.

        Args:
            queries: (b, dim).
            numbers: (b,) theirs in the benchmark.
        """
        asked = [Asked((_original(self._queries, number),)) for number in numbers.tolist()]
        found = self._chain.run(self._gallery, asked, queries)
        among = found.gallery  # that of other embeddings, where there was augmentation

        def read(start: int, stop: int) -> Embeddings:
            return among.embeddings(np.arange(start, stop))

        return found.before(*ranked(found.points, read, len(self._gallery.live), self._card))


def _original(embedded: Embedded, number: int) -> Original:
    return Original(lambda: embedded.source.read(Item(embedded.keys[number])))
