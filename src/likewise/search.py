"""The query path, from an image to hits: decode, embed, find. Read it from top to bottom."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from likewise import images
from likewise.encoders import Encoder
from likewise.errors import BadImage, SourceError
from likewise.sources import Source
from likewise.stores import Store
from likewise.types import Hit, Image, Metric, Skipped

_BATCH = 64  # queries embedded and searched at once; no hit depends on it


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Attributes:
        name: To print.
        data: The encoded image.
    """

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A query and its hits, best first."""

    query: Query
    hits: tuple[Hit, ...]


def queries_of(source: Source) -> Iterator[Query | Skipped]:
    """All images of a source as queries; one that cannot be read is skipped."""
    for item in source.items():
        try:
            yield Query(item.key, source.read(item))
        except SourceError as error:
            yield Skipped(item.key, str(error))


def search(
    store: Store,
    encoder: Encoder,
    queries: Iterable[Query | Skipped],
    k: int = 7,
    *,
    metric: Metric | None = None,
    limits: images.Limits | None = None,
) -> Iterator[Found | Skipped]:
    """Find the k most similar images of a gallery for each query, in the order of the queries.

    Args:
        store: Holds the gallery's embeddings.
        encoder: The one that made them; queries pass the same recipe.
        queries: Encoded images; a `Skipped` among them is handed through.
        k: At least 1; more than the gallery holds gives the whole gallery.
        metric: The card's unless given.
        limits: Of the decoder.

    Yields:
        For each query its hits, or why it was skipped.

    Raises:
        BadArgument: If k is below 1.
        StoreMismatch: If the encoder is not the one that made the gallery's embeddings.
    """
    limits = limits or images.Limits()
    rest = iter(queries)
    while group := list(itertools.islice(rest, _BATCH)):
        prepared = [_prepared(query, encoder, limits) for query in group]
        pixels = [each for each in prepared if not isinstance(each, Skipped)]
        hits = iter(store.search(encoder.encode(np.stack(pixels)), k, metric) if pixels else [])
        for query, each in zip(group, prepared, strict=True):
            if isinstance(each, Skipped) or isinstance(query, Skipped):
                yield cast(Skipped, each)
            else:
                yield Found(query, tuple(next(hits)))


def _prepared(query: Query | Skipped, encoder: Encoder, limits: images.Limits) -> Image | Skipped:
    """One picture's pixels, (side, side, 3), or why there are none."""
    if isinstance(query, Skipped):
        return query
    try:
        return images.prepare(query.data, encoder.card.recipe, limits).pixels
    except BadImage as error:
        return Skipped(query.name, str(error))
