"""The hits of some queries, re-ranked: a store and its queries as rerankers see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise import images, sources
from likewise.filters import Filter
from likewise.queries import ByImage, ByKey, Query
from likewise.rerank import Arrays, Asked, Chain, Correspondences, Matcher, Original
from likewise.stores import Snapshot, Store
from likewise.types import Embeddings, Hit, Metric, Rows, Scores


def reranked(  # noqa: PLR0913 - a search, and how its hits are put in order
    store: Store,
    chain: Chain,
    queries: Sequence[Query],
    points: Embeddings,
    k: int,
    *,
    metric: Metric,
    limits: images.Limits,
    where: Filter | None = None,
) -> list[list[Hit]]:
    """The k best images of each query after re-ranking.

    Args:
        store: The gallery.
        chain: Rerankers.
        queries: q of them.
        points: (q, dim) where they stand.
        k: At least 1.
        metric: In use.
        limits: Of the decoder.
        where: Which images may be found, and are all that the rerankers know of; all unless given.

    Raises:
        BadArgument: If the rerankers do not go with how the gallery is compared.
    """
    asked = [Asked(tuple(originals_of(query, store, limits))) for query in queries]
    while True:
        snapshot = store.snapshot(where)
        found = chain.run(_Gallery(snapshot, store, metric, limits), asked, points)
        scores, rows = found.best(k)
        records = snapshot.records(rows)
        if records is not None:
            break  # otherwise the rows were renumbered while we looked at them
    roots = store.roots
    return [
        [
            Hit(rank, score, records[row], row, roots.path(records[row].key), inliers.get(row))
            for rank, (score, row) in enumerate(zip(line, places, strict=True), start=1)
        ]
        for line, places, inliers in zip(scores.tolist(), rows.tolist(), found.inliers, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a hit was verified, or was not.

    Attributes:
        hit: Of the query.
        picture: Of the query's pictures the one that agrees best.
        original: The hit's.
        places: The same in both; None if one of them cannot be read, or shows nothing to compare.
    """

    hit: Hit
    picture: Original
    original: Original
    places: Correspondences | None


def explained(
    store: Store, matcher: Matcher, query: Query, hits: Sequence[Hit], limits: images.Limits
) -> list[Explained]:
    """Which places of some hits are also in the query; of words alone nothing can be said."""
    pictures = originals_of(query, store, limits)
    found = []
    for hit in hits if pictures else []:
        original = located(store, hit.key, hit.record.content_sha256, limits)
        each = [(picture, matcher.correspondences(picture, original)) for picture in pictures]
        picture, places = max(each, key=lambda pair: -1 if pair[1] is None else len(pair[1].query))
        found.append(Explained(hit, picture, original, places))
    return found


def originals_of(query: Query, store: Store, limits: images.Limits) -> list[Original]:
    """The pictures that hits of a query should resemble: those that it does not lead away from."""
    parts = (term.part for term in query.terms if term.weight > 0)
    return [_original(part, store, limits) for part in parts if isinstance(part, ByImage | ByKey)]


def located(store: Store, key: str, sha256: str, limits: images.Limits) -> Original:
    """A gallery image, to be read where it was found."""

    def read() -> bytes:
        source, item = sources.locate(store.roots.path(key))
        return source.read(item)

    return Original(read, sha256, limits)


def _original(part: ByImage | ByKey, store: Store, limits: images.Limits) -> Original:
    if isinstance(part, ByKey):
        known = store.known(part.key)
        record = None if known is None else known.record
        return located(store, part.key, record.content_sha256 if record else "", limits)
    return Original.of(part.data if part.region is None else images.cut(part.data, part.region, limits), limits)


@dataclass(frozen=True, slots=True)
class _Gallery:
    """See `likewise.rerank.Gallery`."""

    snapshot: Snapshot
    store: Store
    metric: Metric
    limits: images.Limits

    @property
    def unit(self) -> bool:
        return self.store.card.unit

    @property
    def live(self) -> NDArray[np.int64]:
        return self.snapshot.live

    def nearest(self, points: Embeddings, k: int) -> tuple[Scores, Rows]:
        return self.snapshot.nearest(points, k, self.metric)

    def embeddings(self, rows: Rows) -> Embeddings:
        return self.snapshot.embeddings(rows)

    def originals(self, rows: Sequence[int]) -> Sequence[Original | None]:
        records = self.snapshot.records(np.array(rows, np.int64)) or {}
        found = [records.get(row) for row in rows]
        return [
            None if record is None else located(self.store, record.key, record.content_sha256, self.limits)
            for record in found
        ]

    def remembered(self, name: str, make: Callable[[], Arrays], *, lasting: bool = False) -> Arrays:
        return self.snapshot.remembered(name, make, lasting=lasting)
