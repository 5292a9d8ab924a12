"""A query becomes hits: pictures of several requests are embedded together, and searched for together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from likewise.collection import Hits
from likewise.queries import ByImage, Part, Query
from likewise.search import Row
from likewise.service.batching import Batches
from likewise.service.galleries import Gallery
from likewise.service.models import Timing
from likewise.service.telemetry import Telemetry
from likewise.types import Hit, Image, Metric, Skipped

STAGES = ("wait", "decode", "embed", "search", "rerank")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a query is answered; equal wishes are searched together."""

    metric: Metric | None = None
    rerank: str | None = None
    where: str | None = None
    significance: float | None = None
    fold: bool = False
    layers: tuple[tuple[str, float], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the first k hits are the same whatever k is, and cost about as much."""
        return self.rerank is None and self.significance is None and not self.fold


@dataclass(slots=True)
class Times:
    """Seconds of each stage of one request."""

    began: float = field(default_factory=perf_counter)
    wait: float = 0.0
    decode: float = 0.0
    embed: float = 0.0
    search: float = 0.0
    rerank: float = 0.0

    def told(self) -> Timing:
        """In milliseconds, as answers tell them."""
        return Timing(**{name: round(1000 * seconds, 3) for name, seconds in self.stages().items()})

    def stages(self) -> dict[str, float]:
        """In seconds, all together so far among them."""
        return {name: getattr(self, name) for name in STAGES} | {"total": perf_counter() - self.began}


@dataclass(frozen=True, slots=True)
class _Line:
    """What may be searched together: one gallery, one wish, and one k where it matters."""

    gallery: Gallery
    wish: Wish
    k: int


@dataclass(frozen=True, slots=True)
class _Asked:
    query: Query
    embedded: Mapping[Part, Row | Skipped]
    k: int


@dataclass(frozen=True, slots=True)
class _Done:
    answer: Hits | Skipped
    hits: Sequence[Hit]
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits of one query.

    Attributes:
        hits: At most k, best first.
        by_chance: Of the k best those that chance explains; ranks are among all k.
        note: For a reader.
        total: Images in the gallery.
    """

    hits: Sequence[Hit]
    by_chance: Sequence[Hit]
    note: str
    total: int


class Searching:
    """Answers queries, many at a time."""

    def __init__(self, workers: int, batch: int, window_s: float, telemetry: Telemetry) -> None:
        """Start threads.

        Args:
            workers: Searches side by side.
            batch: Queries embedded, or searched, in one call at most.
            window_s: How long a picture waits for others that are still being decoded.
            telemetry: Is told of batches.
        """
        self._expected = 0
        self._embedder = ThreadPoolExecutor(1, "embed")
        self._searchers = ThreadPoolExecutor(workers, "search")
        self._embeds: Batches[Gallery, Image, tuple[Row, float]] = Batches(
            _embedded,
            self._embedder,
            most=batch,
            window_s=window_s,
            expected=lambda: self._expected,
            watch=telemetry.batches.labels("embed").observe,
        )
        self._searches: Batches[_Line, _Asked, _Done] = Batches(
            _searched,
            self._searchers,
            lanes=workers,
            most=batch,
            watch=telemetry.batches.labels("search").observe,
        )

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While the block runs, a picture is decoded that will be embedded: others may wait for it."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def embed(self, gallery: Gallery, pixels: Mapping[ByImage, Image], times: Times) -> dict[Part, Row]:
        """The embedding of each picture."""
        if not pixels:
            return {}
        began = perf_counter()
        found = await asyncio.gather(*(self._embeds.do(gallery, shown) for shown in pixels.values()))
        computed = max(seconds for _, seconds in found)
        times.embed += computed
        times.wait += max(0.0, perf_counter() - began - computed)
        return {part: row for part, (row, _) in zip(pixels, found, strict=True)}

    async def search(
        self, gallery: Gallery, query: Query, embedded: Mapping[Part, Row], k: int, wish: Wish, times: Times
    ) -> Answer | Skipped:
        """The k best, as the library gives them."""
        began = perf_counter()
        line = _Line(gallery, wish, 0 if wish.is_plain else k)
        done = await self._searches.do(line, _Asked(query, embedded, k))
        if wish.rerank is None:
            times.search += done.seconds
        else:
            times.rerank += done.seconds
        times.wait += max(0.0, perf_counter() - began - done.seconds)
        if isinstance(done.answer, Skipped):
            return done.answer
        return Answer(done.hits, done.answer.by_chance, done.answer.note, done.total)

    def close(self) -> None:
        """End the threads, after what they do."""
        self._embedder.shutdown()
        self._searchers.shutdown()


def _embedded(gallery: Gallery, pictures: Sequence[Image]) -> Sequence[tuple[Row, float]]:
    began = perf_counter()
    rows = gallery.collection.encoder.encode(np.stack(pictures))
    seconds = perf_counter() - began
    return [(row, seconds) for row in rows]


def _searched(line: _Line, asked: Sequence[_Asked]) -> Sequence[_Done]:
    began = perf_counter()
    wish, known = line.wish, {part: row for each in asked for part, row in each.embedded.items()}
    found = line.gallery.collection.search_many(
        [each.query for each in asked],
        max(each.k for each in asked),
        metric=wish.metric,
        rerank=wish.rerank,
        where=wish.where,
        significance=wish.significance,
        fold=wish.fold,
        embedded=known,
        layers=dict(wish.layers) if wish.layers else None,
    )
    answers = list(found)
    total = len(line.gallery.collection.store.snapshot().live)
    seconds = perf_counter() - began
    return [
        _Done(answer, [] if isinstance(answer, Skipped) else answer[: each.k], total, seconds)
        for answer, each in zip(answers, asked, strict=True)
    ]


def paged(answer: Answer, offset: int) -> Answer:
    """What is behind the first `offset` of an answer to as many and k more.

    The first k of a ranking and its next k are together its first 2k, whatever chance explains: its places are counted, not hits.
    """
    if not offset:
        return answer
    explained = {hit.rank for hit in answer.by_chance}
    places = [place for place in range(1, len(answer.hits) + len(explained) + 1) if place not in explained]
    hits = [hit for hit, place in zip(answer.hits, places, strict=True) if place > offset]
    return replace(answer, hits=hits, by_chance=[hit for hit in answer.by_chance if hit.rank > offset])
