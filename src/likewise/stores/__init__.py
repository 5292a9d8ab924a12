"""Seam: a gallery that lasts, with the search over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.filters import Filter
from likewise.roots import Roots
from likewise.types import Card, Embeddings, Hit, Item, Metric, Record, Rows, Scores, Skipped


@dataclass(frozen=True, slots=True)
class Known:
    """What a store remembers of a key before its image is read again.

    Attributes:
        record: As it was embedded; None when the image was skipped.
        live: Whether searches return it; False for a vanished image, whose embedding is still kept.
        size_bytes: As last seen.
        modified_ns: As last seen.
        etag: As last seen; empty where none was, or the store keeps none.
    """

    record: Record | None
    live: bool
    size_bytes: int
    modified_ns: int
    etag: str = ""

    def unchanged(self, item: Item) -> bool:
        """Whether the source says that the bytes are the ones we know, without reading them.

        An ETag outweighs a date: objects that are copied over themselves get another date and keep it.
        """
        if item.size_bytes not in (-1, self.size_bytes):
            return False
        if item.etag and self.etag:
            return item.etag == self.etag
        return item.modified_ns == self.modified_ns != 0


class Writer(Protocol):
    """The one process that changes a store. Every method is one transaction: whole or not at all, and kept when it returns."""

    def extend(self, records: Sequence[Record], embeddings: Embeddings) -> None:
        """Add images; a key that is there already is replaced, and the new row takes its place in searches.

        Raises:
            BadArgument: If the embeddings are not finite, of another shape or, for a unit card, not of unit norm; if a key comes twice; if
                metadata hold NaN or infinity.
            StoreFull: If the disk is full; the store is as it was before the call.
        """
        ...

    def refresh(self, records: Sequence[Record]) -> None:
        """Note a new date or metadata for images whose embedding stays, and bring vanished ones back."""
        ...

    def skip(self, skipped: Sequence[tuple[Skipped, Item]]) -> None:
        """Remember what could not be embedded and why; an embedding of the same key is no longer returned."""
        ...

    def vanish(self, keys: Sequence[str]) -> None:
        """Take images out of searches whose files are gone; their embeddings are kept until `compact`."""
        ...

    def delete(self, keys: Sequence[str], *, remember: bool = False) -> int:
        """Take images out for good; with `remember` they also stay out when they are met again. Returns how many there were."""
        ...

    def note_source(self, name: str, roots: Roots) -> None:
        """Remember a source, and the roots that its keys need."""
        ...

    def note_running(self, told: str) -> None:
        """Remember what computes the embeddings that come next, such as `openvino bf16`."""
        ...

    def compact(self) -> int:
        """Rewrite the store without rows that no search returns; returns how many rows were dropped."""
        ...


class Snapshot(Protocol):
    """One committed state of a gallery: rows keep their numbers and embeddings as long as it is held, whatever is written meanwhile.

    Taken with a filter, it is that of a gallery which holds nothing but the images that passed at that moment.
    """

    @property
    def live(self) -> NDArray[np.int64]:
        """(n,) the rows that a search can return, rising."""
        ...

    @property
    def state(self) -> str:
        """16 hexadecimal digits, others for every other state of the whole gallery; a part has those of the whole."""
        ...

    def nearest(self, queries: Embeddings, k: int, metric: Metric | None = None) -> tuple[Scores, Rows]:
        """See `Store.nearest`."""
        ...

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Store.embeddings`."""
        ...

    def records(self, rows: Rows) -> Mapping[int, Record] | None:
        """Row → record; None if the store has given its rows other numbers since."""
        ...

    def remembered(
        self, name: str, make: Callable[[], Mapping[str, NDArray[np.generic]]], *, lasting: bool = False
    ) -> Mapping[str, NDArray[np.generic]]:
        """What was worked out of this state under a name; `make` is called where nothing was.

        What is `lasting` may be kept beside the store, and is never the truth.
        """
        ...

    def is_exact(self, metric: Metric | None = None) -> bool:
        """Whether `nearest` compares with every row; where not, asking it for each row is quicker than to compare all pairs."""
        ...

    def note(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Leave what a long work on this state has brought so far, in the place of what was left before, for whoever goes on with it."""
        ...

    def noted(self, name: str) -> Mapping[str, NDArray[np.generic]] | None:
        """What was left under a name at this state; None if nothing was, or it was lost."""
        ...


class Store(Protocol):
    """A gallery of one card's embeddings.

    Contract: rows that a writer acknowledged survive kill -9; readers see whole batches; a key is there once; the hits are
    those of exact search unless the store says otherwise. Where there is a filter, they are those of a gallery which holds
    nothing but the images that pass (`Filter.matches`), however few these are.
    """

    @property
    def card(self) -> Card:
        """Of the encoder that made the embeddings."""
        ...

    @property
    def roots(self) -> Roots:
        """How keys and places become each other."""
        ...

    def __len__(self) -> int:
        """How many images a search can return."""
        ...

    def known(self, key: str) -> Known | None:
        """What is remembered of a key: embedded, vanished or skipped; None when it was never met."""
        ...

    def with_content(self, sha256: str) -> tuple[int, Record] | None:
        """(row, record) of an image of these bytes whose embedding is kept, be it one that no search returns any more.

        Args:
            sha256: Of the encoded image, 64 hexadecimal digits.
        """
        ...

    def is_forgotten(self, key: str) -> bool:
        """Whether the user asked that this image stays out."""
        ...

    def records(
        self, prefix: str = "", where: Filter | None = None, *, after: int = -1
    ) -> Iterator[tuple[int, Record]]:
        """(row, record) of every image that a search can return, that passes, and whose key begins with `prefix`, in row order.

        Args:
            prefix: Of keys.
            where: The filter.
            after: Only rows behind this one.
        """
        ...

    def row_of(self, key: str) -> int | None:
        """Where an image stands in the order of the gallery; None if no search can return it."""
        ...

    def skipped(self) -> list[Skipped]:
        """What could not be embedded and why, by key."""
        ...

    def sources(self) -> list[str]:
        """The names of the sources that were indexed, in the order of their first time."""
        ...

    def nearest(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> tuple[Scores, Rows]:
        """The rows of the k best images of each query; `metric` is the card's unless given, and all images pass."""
        ...

    def search(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> list[list[Hit]]:
        """The k best images of each query, best first."""
        ...

    def snapshot(self, where: Filter | None = None) -> Snapshot:
        """The state committed last, or the part of it that passes, for what takes more than one look at it."""
        ...

    def embeddings(self, rows: Rows) -> Embeddings:
        """The embeddings of some rows (of any shape; flattened), in float32."""
        ...

    def embedding(self, key: str) -> Embeddings | None:
        """(1, dim): the embedding kept under a key, in float32; None for a key that no search can return."""
        ...

    def write(self, *, wait_s: float = 0.0) -> AbstractContextManager[Writer]:
        """Become the writer.

        Raises:
            StoreBusy: If another process is still writing after `wait_s` seconds; the message says which.
        """
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


def described(card: Card) -> str:
    """A card in words that tell it from others."""
    weights = f", weights {card.weights_sha256[:8]}" if card.weights_sha256 else ""
    quantised = f", int8 {card.quantised[:8]}" if card.quantised else ""
    return f"{card.name} ({card.recipe.name}, {card.dim}-d{weights}{quantised}, {card.fingerprint})"
