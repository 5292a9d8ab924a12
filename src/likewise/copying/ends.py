"""The forms that a gallery has, as a copy sees them: something to read rows from, and something to write them to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.encoders import whitened
from likewise.errors import BadArgument, NoCollection, StoreMismatch
from likewise.indexes.exact import Exact
from likewise.roots import Roots
from likewise.stores import described, parquet
from likewise.stores import home as homes
from likewise.stores.home import Home, HomeWriter, Place
from likewise.stores.parquet import ENDING, SHARD_ROWS, Head
from likewise.types import Embeddings, Item, Record

Rows: TypeAlias = tuple[Sequence[Record], Embeddings]
"""Some images with their embeddings."""

_BLOCK_BYTES = 8 << 20
_EXACTLY = 1.0


@dataclass(frozen=True, slots=True)
class Answers:
    """The neighbours of one query.

    Attributes:
        keys: Best first.
        scores: (k,) theirs.
    """

    keys: Sequence[str]
    scores: NDArray[np.float32]


class End(Protocol):
    """One of the two ends of a copy."""

    @property
    def place(self) -> str:
        """As messages say it."""
        ...

    @property
    def head(self) -> Head:
        """What is true of all its images."""
        ...

    def records(self) -> Iterator[Sequence[Record]]:
        """What is told of the images, in their order."""
        ...

    def rows(self) -> Iterator[Rows]:
        """The images with their embeddings, in their order, a few MB at once."""
        ...

    def nearest(self, queries: Embeddings, k: int) -> list[Answers]:
        """The neighbours of some queries by exact search."""
        ...

    def take(self, head: Head, parts: Iterable[Rows], origin: End) -> int:
        """Write images, and what the origin keeps beside them; returns how many images were written."""
        ...

    def is_at(self, roots: Roots) -> bool:
        """Whether keys without a root lie here where they lie by these roots."""
        ...


class StoreEnd:
    """A collection, in a folder or on Milvus."""

    def __init__(self, store: Home, wait_s: float = 0.0) -> None:
        self.store, self._wait_s = store, wait_s
        store.recall = _EXACTLY

    @property
    def place(self) -> str:
        """See `End.place`."""
        return self.store.place

    @property
    def head(self) -> Head:
        """See `End.head`."""
        return Head(self.store.card, self.store.roots, tuple(self.store.sources()))

    def records(self) -> Iterator[Sequence[Record]]:
        """See `End.records`."""
        found = self.store.records()
        while part := [record for _, record in itertools.islice(found, 4096)]:
            yield part

    def rows(self) -> Iterator[Rows]:
        """See `End.rows`."""
        found, size = self.store.records(), max(64, _BLOCK_BYTES // (4 * self.store.card.dim))
        while part := list(itertools.islice(found, size)):
            yield [record for _, record in part], self.store.embeddings(np.array([row for row, _ in part], np.int64))

    def nearest(self, queries: Embeddings, k: int) -> list[Answers]:
        """See `End.nearest`."""
        found = self.store.search(queries, k)
        return [Answers([hit.key for hit in hits], np.array([hit.score for hit in hits], np.float32)) for hits in found]

    def take(self, head: Head, parts: Iterable[Rows], origin: End) -> int:
        """See `End.take`."""
        written = 0
        with self.store.write(wait_s=self._wait_s) as writer:
            writer.note_base(head.roots.base)
            for name in head.sources:
                writer.note_source(name, head.roots)
            for records, rows in parts:
                writer.extend(records, rows)
                written += len(records)
            if isinstance(origin, StoreEnd):
                self._take_rest(writer, origin.store)
        return written

    def is_at(self, roots: Roots) -> bool:
        """See `End.is_at`."""
        return self.store.roots.base == roots.base

    def _take_rest(self, writer: HomeWriter, theirs: Home) -> None:
        """What a store keeps beside images: what was skipped and forgotten, what computed, which index is wished, a whitening."""
        for told in theirs.computed_by:
            writer.note_running(told)
        known = [(skip, theirs.known(skip.key)) for skip in theirs.skipped()]
        there = {skip.key for skip in self.store.skipped()}
        new = [
            (skip, Item(skip.key, each.size_bytes, each.modified_ns))
            for skip, each in known
            if each and skip.key not in there
        ]
        if new:
            writer.skip(new)
        forgotten = [
            key for key in theirs.forgotten() if self.store.known(key) is None and not self.store.is_forgotten(key)
        ]
        if forgotten:
            writer.delete(forgotten, remember=True)
        if theirs.wish != self.store.wish:
            writer.note_index(theirs.wish)
        file = theirs.folder / whitened.file_name(theirs.card)
        if file.is_file():
            copied = self.store.folder / file.name
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(file.read_bytes())
            self.store.keep_file(copied)


class ParquetEnd:
    """A folder of shards, or one file."""

    def __init__(self, path: Path, head: Head | None = None) -> None:
        self._path = path
        self._shards = parquet.shards(path)
        if head is None and not self._shards:
            raise NoCollection(
                f"no Parquet at {path}: name a folder that ends in {ENDING} and has shards in it, or a file"
            )
        self._head = self._shards[0].head if self._shards or head is None else head

    @property
    def place(self) -> str:
        """See `End.place`."""
        return str(self._path)

    @property
    def head(self) -> Head:
        """See `End.head`."""
        return self._head

    def records(self) -> Iterator[Sequence[Record]]:
        """See `End.records`."""
        for shard in self._shards:
            yield from parquet.records_of(shard)

    def rows(self) -> Iterator[Rows]:
        """See `End.rows`."""
        for shard in self._shards:
            yield from parquet.rows_of(shard)

    def nearest(self, queries: Embeddings, k: int) -> list[Answers]:
        """See `End.nearest`: by reading all."""
        card, best = self.head.card, [Answers([], np.zeros(0, np.float32)) for _ in queries]
        for records, block in self.rows():
            scores, rows = Exact(np.ascontiguousarray(block), card.metric, unit=card.unit).search(queries, k)
            found = [Answers([records[row].key for row in line], each) for line, each in zip(rows, scores, strict=True)]
            best = [_best(one, other, k) for one, other in zip(best, found, strict=True)]
        return best

    def take(self, head: Head, parts: Iterable[Rows], origin: End) -> int:  # noqa: ARG002 - Parquet holds images alone
        """See `End.take`: shards of 50,000 rows, behind those that are there."""
        if self._path.suffix == ENDING and self._path.is_file():
            raise BadArgument(f"{self._path} is one file, and a copy is a folder of them: name another place")
        there = {record.key for part in self.records() for record in part}
        number, written, stream = _next_number(self._shards), 0, _Stream(parts)
        while stream.has_more():
            shard = self._checked(stream.shard(SHARD_ROWS), there)
            written += parquet.write_shard(self._path / parquet.shard_name(number), head, shard)
            number += 1
        if not number:
            parquet.write_shard(self._path / parquet.shard_name(0), head, [])
        self._shards = parquet.shards(self._path)
        return written

    def is_at(self, roots: Roots) -> bool:
        """See `End.is_at`."""
        return self.head.roots.base == roots.base

    def _checked(self, parts: Iterator[Rows], there: set[str]) -> Iterator[Rows]:
        for records, rows in parts:
            changed = next((record.key for record in records if record.key in there), None)
            if changed is not None:
                raise BadArgument(
                    f"{self._path}: {changed} has changed since the copy was begun, and shards are never changed: "
                    "remove the copy and make it again"
                )
            yield records, rows


class _Stream:
    """Parts that are cut anew, so that a shard ends where it should."""

    def __init__(self, parts: Iterable[Rows]) -> None:
        self._parts = iter(parts)
        self._rest: Rows | None = None

    def has_more(self) -> bool:
        """Whether there is another row."""
        while self._rest is None or not len(self._rest[0]):
            self._rest = next(self._parts, None)
            if self._rest is None:
                return False
        return True

    def shard(self, count: int) -> Iterator[Rows]:
        """The next so many rows."""
        while count and self.has_more() and self._rest is not None:
            records, rows = self._rest
            yield records[:count], rows[:count]
            self._rest = records[count:], rows[count:]
            count -= min(count, len(records))


def is_parquet(place: Path) -> bool:
    """Whether a path means Parquet."""
    return place.suffix == ENDING


@contextmanager
def opened(place: Place) -> Iterator[End]:
    """An end that is there.

    Raises:
        NoCollection: If there is nothing.
    """
    if isinstance(place, Path) and is_parquet(place):
        yield ParquetEnd(place)
        return
    store = homes.opened(place)
    try:
        yield StoreEnd(store)
    finally:
        store.close()


@contextmanager
def target(place: Place, head: Head, wait_s: float = 0.0) -> Iterator[End]:
    """An end to write to, made if it is not there.

    Raises:
        StoreMismatch: If it is of another encoder.
    """
    card = head.card
    if isinstance(place, Path) and is_parquet(place):
        made = ParquetEnd(place, head)
        if made.head.card.fingerprint != card.fingerprint:
            raise StoreMismatch(
                f"{place} holds {described(made.head.card)} embeddings, and {described(card)} are to be copied: name another place"
            )
        yield made
        return
    store = homes.created(place, card)
    try:
        yield StoreEnd(store, wait_s)
    finally:
        store.close()


def _best(one: Answers, other: Answers, k: int) -> Answers:
    keys, scores = [*one.keys, *other.keys], np.concatenate([one.scores, other.scores])
    order = np.argsort(-scores, kind="stable")[:k]
    return Answers([keys[i] for i in order], scores[order])


def _next_number(shards: Sequence[parquet.Shard]) -> int:
    numbers = [
        int(shard.path.stem[5:])
        for shard in shards
        if shard.path.stem[5:].isdecimal() and shard.path.stem.startswith("part-")
    ]
    return max(numbers, default=len(shards) - 1) + 1
