"""What a person marked becomes one direction to search by: relevance feedback over embeddings that are kept.

No image is embedded again and no index changes: a direction is a query like any other. docs/teaching.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.teaching import logistic, rocchio
from likewise.types import Embeddings

if TYPE_CHECKING:
    from likewise.stores import Store

Method: TypeAlias = Literal["logistic", "rocchio"]

Rows64: TypeAlias = NDArray[np.float64]
"""(n, dim) of unit norm, in double precision: what is fitted to few rows goes without rounding."""

DEFAULT: Method = "logistic"
MOST_MARKS = 1024
"""Liked and disliked together: the time to learn grows with their cube."""

_UNMARKED = 256  # gallery images that stand for all others; docs/LOG.md says what more bring
_SEED = 20
_LEAST_NORM = 1e-5
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person said of some gallery images.

    Attributes:
        liked: Keys of images to find more of, each once.
        disliked: Keys of images to lead away from, each once.
        method: How they become a direction.

    Raises:
        BadArgument: If there are none or too many, a key is marked both ways, or there is no such method.
    """

    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    method: Method = DEFAULT

    def __post_init__(self) -> None:
        object.__setattr__(self, "liked", tuple(dict.fromkeys(self.liked)))
        object.__setattr__(self, "disliked", tuple(dict.fromkeys(self.disliked)))
        both = [key for key in self.liked if key in set(self.disliked)]
        if both:
            raise BadArgument(f"{both[0]} is marked as liked and as disliked: take one of the marks back")
        if not 1 <= len(self) <= MOST_MARKS:
            raise BadArgument(f"{len(self):,} images are marked: mark 1 to {MOST_MARKS:,}")
        if self.method not in get_args(Method):
            raise BadArgument(
                f"there is no method {self.method!r} to learn from marks: take {' or '.join(get_args(Method))}"
            )

    def __len__(self) -> int:
        return len(self.liked) + len(self.disliked)

    def __str__(self) -> str:
        """`3 liked, 1 disliked`."""
        told = [f"{len(keys)} {what}" for keys, what in ((self.liked, "liked"), (self.disliked, "disliked")) if keys]
        return ", ".join(told)


def taught(store: Store, marks: Marks, base: Embeddings | None = None) -> NDArray[np.float32]:
    """Learn a direction from marks; those whose image is gone do not count.

    Args:
        store: Whose images are marked; compared by angle.
        marks: At least one of them is still in the gallery, unless there is a base.
        base: (1, dim) a query that they are about; none where the marks are all there is.

    Returns:
        (dim,) of unit norm.

    Raises:
        BadArgument: If none of the marked images is in the gallery any more, or the marks say nothing (the same picture both ways).
    """
    liked, disliked = _rows(store, marks.liked), _rows(store, marks.disliked)
    if not len(liked) and not len(disliked):
        if base is not None:
            return np.asarray(base[0], np.float32)
        raise BadArgument(f"none of the {len(marks):,} marked images is in the collection any more: mark others")
    start = _unit(np.zeros((0, store.card.dim), np.float32) if base is None else base)
    if marks.method == "rocchio":
        found = rocchio.direction(start, liked, disliked)
    else:
        found = logistic.direction(
            np.concatenate([start, liked]), disliked, unmarked(store, (*marks.liked, *marks.disliked))
        )
    norm = float(np.linalg.norm(found))
    if norm < _LEAST_NORM:
        raise BadArgument(
            "the marks cancel each other out: what is liked and what is disliked are the same to the model: mark others"
        )
    return np.asarray(found / norm, np.float32)


def unmarked(store: Store, marked: Sequence[str]) -> Rows64:
    """(n, dim) up to 256 images that nobody marked, of unit norm; the same at every call in one state of the gallery."""
    named = frozenset(marked)
    while True:
        snapshot = store.snapshot()
        rows = _sample(snapshot.live)
        records = snapshot.records(rows)
        if records is not None:  # otherwise the rows were renumbered while we looked at them
            free = [row for row in rows.tolist() if records[row].key not in named]
            return _unit(snapshot.embeddings(np.array(free, np.int64)))


def _rows(store: Store, keys: Sequence[str]) -> Rows64:
    found = [rows for rows in (store.embedding(key) for key in keys) if rows is not None]
    return _unit(np.concatenate(found) if found else np.zeros((0, store.card.dim), np.float32))


def _unit(rows: Embeddings) -> Rows64:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _TINY), np.float64)


def _sample(live: NDArray[np.int64]) -> NDArray[np.int64]:
    draw = np.random.default_rng(_SEED)
    return np.sort(draw.choice(live, min(_UNMARKED, len(live)), replace=False))
