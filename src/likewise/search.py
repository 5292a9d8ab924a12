"""The query path, from a query to hits: decode, embed, mix, find, re-rank. Read it from top to bottom."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from likewise import images
from likewise.duplicates.folding import Fold, Folding
from likewise.encoders import Encoder, TextEncoder
from likewise.errors import BadArgument, BadImage
from likewise.filters import Filter
from likewise.layers import Layered, Weighing
from likewise.queries import ByImage, ByKey, ByMarks, ByText, Part, Query, mixing
from likewise.queries.reranking import reranked
from likewise.rerank import Chain
from likewise.significance.judging import Judge
from likewise.stores import Store
from likewise.teaching import taught
from likewise.types import Embeddings, Hit, Image, Metric, Skipped

_COPIES = 16  # hits behind the k-th that are looked at at least, as they may be copies of the first k
_BATCH = 64  # queries searched, and pictures embedded, at once; no hit depends on it

Row: TypeAlias = NDArray[np.float32]
"""(dim,): one embedding."""

Find: TypeAlias = Callable[[Sequence[Query], Embeddings, int], list[list[Hit]]]
"""Queries, where they stand, and how many hits of each are wanted → these hits, best first."""


@dataclass(frozen=True, slots=True)
class Found:
    """A query and its hits, best first; gallery images that it names are not among them, unless it says so.

    Attributes:
        query: What was looked for.
        hits: At most k.
        by_chance: Those of the k best that are left out, because chance explains them.
    """

    query: Query
    hits: tuple[Hit, ...]
    by_chance: tuple[Hit, ...] = ()


def search(  # noqa: PLR0913 - how it is asked, and how it is answered
    store: Store,
    encoder: Encoder,
    queries: Iterable[Query | Skipped],
    k: int = 7,
    *,
    metric: Metric | None = None,
    limits: images.Limits | None = None,
    rerank: Chain | None = None,
    where: Filter | None = None,
    significance: float | None = None,
    fold: Folding | None = None,
    embedded: Mapping[Part, Row | Skipped] | None = None,
    layers: tuple[Layered, Weighing] | None = None,
) -> Iterator[Found | Skipped]:
    """Find the k most similar images of a gallery for each query, in the order of the queries.

    Args:
        store: Holds the gallery's embeddings.
        encoder: The one that made them; queries pass the same recipe.
        queries: Of one part or several; a `Skipped` among them is handed through.
        k: At least 1; more than the gallery holds gives the whole gallery, or all of it that passes.
        metric: The card's unless given.
        limits: Of the decoder.
        rerank: Makes the answers better; none unless given.
        where: Which images may be found; all unless given. The answers are those of a gallery that holds no others.
        significance: The chance up to which a hit is shown; hits are told without their chance, and all of them, unless given.
        fold: Puts copies under the best of them, so that k different pictures are found; none unless given.
        embedded: Parts that somebody has embedded already, or could not: nothing is decoded or computed for them.
        layers: Compares the layers of a mix each for itself, by weights; the whole embedding is compared unless given.

    Yields:
        For each query its hits, or why it was skipped.

    Raises:
        BadArgument: If k is below 1, the rerankers do not go with how the gallery is compared, the gallery is too small for
            the significance, or its embeddings have no layers to weigh, or these do not go with what else is asked for.
        StoreMismatch: If the encoder is not the one that made the gallery's embeddings.
    """
    if k < 1:
        raise BadArgument(f"k is {k}: ask for at least 1 neighbour")
    used, limits = metric or encoder.card.metric, limits or images.Limits()
    if layers is not None and (rerank is not None or significance is not None or used != "cosine"):
        raise BadArgument(
            "weights for layers make scores of their own: go without re-ranking, significance and another metric"
        )
    judge = None if significance is None else Judge.of(store, used, significance, where)
    folding = None if fold is None else fold.by(used)
    rest = iter(queries)
    while group := list(itertools.islice(rest, _BATCH)):
        parts = [term.part for query in group if isinstance(query, Query) for term in query.terms]
        known = _embedded(parts, store, encoder, limits, embedded or {})
        points = [_point(query, known, store, encoder, used) for query in group]
        if rerank is not None and rerank.needs_pictures:
            points = [_with_a_picture(query, point, rerank) for query, point in zip(group, points, strict=True)]
        if judge is not None:
            points = [_of_one_picture(query, point) for query, point in zip(group, points, strict=True)]

        def find(asked: Sequence[Query], at: Embeddings, count: int) -> list[list[Hit]]:
            if layers is not None:
                return layers[0].search(at, count, layers[1], where)
            if rerank is None:
                return store.search(at, count, metric, where)
            return reranked(store, rerank, asked, at, count, metric=used, limits=limits, where=where)

        answer = find if folding is None else _folded(find, folding)
        for found, point in zip(_found(answer, group, points, k), points, strict=True):
            yield found if judge is None else _judged(found, point, judge, by_embedding=rerank is None)


def _embedded(
    parts: Iterable[Part], store: Store, encoder: Encoder, limits: images.Limits, before: Mapping[Part, Row | Skipped]
) -> Mapping[Part, Row | Skipped]:
    """Part → its embedding, or why there is none; a part that several queries share is embedded once."""
    known: dict[Part, Row | Skipped] = {}
    pictures: list[tuple[ByImage, Image]] = []
    for part in dict.fromkeys(parts):
        if part in before:
            known[part] = before[part]
        elif isinstance(part, ByKey):
            known[part] = _kept(part, store)
        elif isinstance(part, ByText):
            known[part] = _of_words(part, encoder)
        elif isinstance(part, ByMarks):
            known[part] = _learnt(part, store)
        else:
            pixels = _prepared(part, encoder, limits)
            if isinstance(pixels, Skipped):
                known[part] = pixels
            else:
                pictures.append((part, pixels))
        if len(pictures) == _BATCH:
            known |= _encoded(pictures, encoder)
            pictures = []
    return known | _encoded(pictures, encoder)


def _kept(part: ByKey, store: Store) -> Row | Skipped:
    rows = store.embedding(part.key)
    return Skipped(part.name, "no image of the collection has this key any more") if rows is None else rows[0]


def _of_words(part: ByText, encoder: Encoder) -> Row | Skipped:
    if not isinstance(encoder, TextEncoder):
        return Skipped(part.name, f"{encoder.card.name} has no text: search by a picture")
    rows: Embeddings = encoder.encode_texts([part.words])
    return cast(Row, rows[0])


def _learnt(part: ByMarks, store: Store) -> Row | Skipped:
    try:
        return taught(store, part.marks)
    except BadArgument as error:
        return Skipped(part.name, str(error))


def _prepared(part: ByImage, encoder: Encoder, limits: images.Limits) -> Image | Skipped:
    """One picture's pixels, (side, side, 3), or why there are none."""
    try:
        data = part.data if part.region is None else images.cut(part.data, part.region, limits)
        return images.prepare(data, encoder.card.recipe, limits).pixels
    except (BadImage, BadArgument) as error:
        return Skipped(part.name, str(error))


def _encoded(pictures: Sequence[tuple[ByImage, Image]], encoder: Encoder) -> dict[Part, Row | Skipped]:
    if not pictures:
        return {}
    parts, pixels = zip(*pictures, strict=True)
    return dict(zip(parts, encoder.encode(np.stack(pixels)), strict=True))


def _point(
    query: Query | Skipped, known: Mapping[Part, Row | Skipped], store: Store, encoder: Encoder, metric: Metric
) -> Row | Skipped:
    """Where in the space of embeddings a query stands, or why nowhere."""
    if isinstance(query, Skipped):
        return query
    rows = [known[term.part] for term in query.terms]
    for row in rows:
        if isinstance(row, Skipped):
            return row
    try:
        if metric == "l2" and not encoder.card.unit and query.is_taught:
            raise BadArgument(
                f"{encoder.card.name} compares lengths, and marks make a direction: compare by angle (--metric cosine)"
            )
        weights = [term.weight for term in query.terms]
        point = mixing.mixed(np.stack(cast("list[Row]", rows)), weights, encoder.card, metric)
        return point if query.marks is None else taught(store, query.marks, point[None])
    except BadArgument as error:
        return Skipped(query.name, str(error))


def _with_a_picture(query: Query | Skipped, point: Row | Skipped, rerank: Chain) -> Row | Skipped:
    """The point of a query, unless it shows nothing and the rerankers compare pictures."""
    if isinstance(query, Skipped) or isinstance(point, Skipped):
        return point
    if any(term.weight > 0 and isinstance(term.part, ByImage | ByKey) for term in query.terms):
        return point
    return Skipped(query.name, f"{rerank.name} compares pictures, and here is none: re-rank by something else, or not")


def _of_one_picture(query: Query | Skipped, point: Row | Skipped) -> Row | Skipped:
    """The point of a query, unless it is none that pictures of the gallery could stand for."""
    if isinstance(query, Skipped) or isinstance(point, Skipped):
        return point
    if len(query.terms) > 1 or query.is_taught:
        return Skipped(
            query.name,
            "what chance does is known of single pictures, not of mixes and marks: go without --significance",
        )
    if isinstance(query.terms[0].part, ByText):
        return Skipped(query.name, "what chance does is known of pictures, not of words: go without --significance")
    return point


def _folded(find: Find, fold: Fold) -> Find:
    """Asks for more until there are so many hits that are no copies of each other, or there are no more."""

    def answer(asked: Sequence[Query], at: Embeddings, count: int) -> list[list[Hit]]:
        folded: list[list[Hit]] = [[] for _ in asked]
        pending, depth = list(range(len(asked))), count + _COPIES
        while pending:
            answers = find([asked[i] for i in pending], at[pending], depth)
            for i, hits in zip(pending, answers, strict=True):
                folded[i] = fold([hit for hit in hits if hit.key not in asked[i].left_out])
            sizes = zip(pending, answers, strict=True)
            pending = [i for i, hits in sizes if len(folded[i]) < count and len(hits) == depth]
            depth *= 2
        return folded

    return answer


def _found(
    find: Find,
    group: Sequence[Query | Skipped],
    points: Sequence[Row | Skipped],
    k: int,
) -> Iterator[Found | Skipped]:
    """One search for a group; an image that is left out makes room for the next, so that there are still k."""
    usable = [
        (query, point)
        for query, point in zip(group, points, strict=True)
        if isinstance(query, Query) and not isinstance(point, Skipped)
    ]
    most = max((len(query.left_out) for query, _ in usable), default=0)
    rows = [point for _, point in usable]
    answers = iter(find([query for query, _ in usable], np.stack(rows), k + most) if rows else [])
    for query, point in zip(group, points, strict=True):
        if isinstance(point, Skipped) or isinstance(query, Skipped):
            yield cast(Skipped, point)
        else:
            others = [hit for hit in next(answers) if hit.key not in query.left_out][:k]
            yield Found(query, tuple(replace(hit, rank=rank) for rank, hit in enumerate(others, start=1)))


def _judged(found: Found | Skipped, point: Row | Skipped, judge: Judge, *, by_embedding: bool) -> Found | Skipped:
    """The same without hits that chance explains, and with the chance of each."""
    if isinstance(found, Skipped) or isinstance(point, Skipped):
        return found
    hits, by_chance = judge.judged(point, found.hits, by_embedding=by_embedding)
    return Found(found.query, tuple(hits), tuple(by_chance))
