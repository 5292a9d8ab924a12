"""What a collection shows: originals, thumbnails, and the places that two pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from likewise import images, sources
from likewise.errors import BadImage, SourceError
from likewise.queries import ByImage, ByKey, Query
from likewise.queries.reranking import Explained
from likewise.rerank import Original
from likewise.show import inliers_text, marked, score_text
from likewise.stores import Store
from likewise.types import Image, Record

if TYPE_CHECKING:
    from likewise.show.matches import Pair

_EXPLAINED_SIDE = 720  # pixels


def original(store: Store, record: Record) -> bytes:
    """The encoded bytes of a gallery image, from where it was found.

    Raises:
        SourceError: If it is no longer there.
    """
    source, item = sources.locate(store.roots.path(record.key))
    return source.read(item)


def of_record(store: Store, record: Record, side: int, limits: images.Limits) -> Image | None:
    """A thumbnail that fits in side × side; None when the original cannot be shown any more."""
    try:
        return images.thumbnail(original(store, record), side, limits)
    except (SourceError, BadImage):
        return None


def of_part(store: Store, part: ByImage | ByKey, side: int, limits: images.Limits) -> Image | None:
    """A thumbnail of a part of a query, its region framed; None when it cannot be shown."""
    try:
        if isinstance(part, ByKey):
            known = store.known(part.key)
            return None if known is None or known.record is None else of_record(store, known.record, side, limits)
        shown = images.thumbnail(part.data, side, limits)
        return shown if part.region is None else marked(shown, part.region, images.size(part.data, limits))
    except BadImage:  # pragma: no cover - the query was decoded before
        return None


def pair(query: Query, explained: Explained) -> Pair:
    """A query and a hit, with the places that they share."""
    from likewise.show.matches import Pair

    hit, places = explained.hit, explained.places
    told = [*inliers_text(hit)] or ["nothing to compare"]
    title = " · ".join([str(hit.rank), score_text(hit.score), *told, f"{query.name} and {hit.key}"])
    none = np.zeros((0, 2), np.float32)
    return Pair(
        title,
        _drawn(explained.picture),
        _drawn(explained.original),
        none if places is None else places.query,
        none if places is None else places.hit,
    )


def _drawn(original: Original) -> Image | None:
    try:
        return images.thumbnail(original.read(), _EXPLAINED_SIDE, original.limits)
    except (SourceError, BadImage):
        return None
