"""Queries of a result as pictures, each hit with what it is: where a figure comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise import images, sources
from likewise.errors import BadImage, SourceError
from likewise.evaluate.comparing import Comparison, Difference
from likewise.evaluate.results import Estimate, Ranked, Result, Side
from likewise.metrics import Values
from likewise.show import Answer
from likewise.sources import Source
from likewise.types import Hit, Image, Item, Record

Read: TypeAlias = Callable[[str], bytes]
"""From a key to the encoded image; raises `SourceError` where there is none."""

_SIDE = 192
_SHOWN = 10


def reading(source: Source) -> Read:
    """Read images of a source that is open, as the benchmark gives them (cut out, where it cuts)."""
    return lambda key: source.read(Item(key))


def locating(side: Side) -> Read:
    """Read images where they were when the result was made; a query is shown whole, also if the benchmark had cut it."""

    def read(key: str) -> bytes:
        source, item = sources.locate(f"{side.location.rstrip('/')}/{key}")
        return source.read(item)

    return read


def worst(result: Result, estimate: Estimate, read_query: Read, read_hit: Read, count: int = 24) -> list[Answer]:
    """The queries with the lowest values, lowest first; equal ones in the benchmark's order."""
    names = f"{estimate.setup} {estimate.metric}".strip()
    return [
        answer_of(
            result, result.answers[i], estimate.setup, f"{names} {estimate.values[i]:.3f}", (read_query, read_hit)
        )
        for i in _lowest(estimate.values, count)
    ]


def changes(comparison: Comparison, difference: Difference, count: int = 12) -> list[Answer]:
    """The largest losses, then the largest wins: for each query what a found, then what b found."""
    a, b = comparison.a, comparison.b
    losses = [i for i in _lowest(difference.values, count) if difference.values[i] < 0]
    wins = [i for i in _lowest(-difference.values, count) if difference.values[i] > 0]
    readers = [(locating(each.queries), locating(each.gallery)) for each in (a, b)]
    values = [each.estimate(difference.metric, difference.setup).values for each in (a, b)]
    names = f"{difference.setup} {difference.metric}".strip()
    found = []
    for kind, places in (("loss", losses), ("win", wins)):
        for mine in places:
            theirs = comparison.order[mine]
            sides = zip("AB", (a, b), (mine, theirs), values, readers, strict=True)
            for letter, result, place, of_result, read in sides:
                told = f"{kind}, {letter}: {names} {of_result[place]:.3f}"
                found.append(answer_of(result, result.answers[place], difference.setup, told, read))
    return found


def answer_of(result: Result, answer: Ranked, setup: str, told: str, read: tuple[Read, Read]) -> Answer:
    """One query with its first hits; an original that cannot be reached leaves its place empty.

    Args:
        result: That the answer is of.
        answer: The query and its hits.
        setup: By whose truth the hits are judged.
        told: Put behind the query's name.
        read: The query, and a hit.
    """
    read_query, read_hit = read
    shown = answer.hits[:_SHOWN]
    start = result.gallery.location.rstrip("/")
    hits = [
        Hit(rank, hit.score, Record(hit.key, "", 0, 0, 0, 0), -1, f"{start}/{hit.key}")
        for rank, hit in enumerate(shown, start=1)
    ]
    pictures = _thumbnails(read_hit, (hit.key for hit in shown))
    verdicts = [hit.verdicts[setup] for hit in shown]
    [picture] = _thumbnails(read_query, [answer.key])
    return Answer(f"{answer.key} · {told}", picture, hits, pictures, verdicts)


def _lowest(values: Values, count: int) -> list[int]:
    defined: NDArray[np.int64] = np.flatnonzero(~np.isnan(values))
    found: list[int] = defined[np.argsort(values[defined], kind="stable")][:count].tolist()
    return found


def _thumbnails(read: Read, keys: Iterable[str]) -> Sequence[Image | None]:
    found: list[Image | None] = []
    for key in keys:
        try:
            found.append(images.thumbnail(read(key), _SIDE))
        except (SourceError, BadImage):
            found.append(None)
    return found
