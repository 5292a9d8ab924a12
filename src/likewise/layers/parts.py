"""Which numbers of an embedding come from which layer of a mix, and how much each counts; no network is loaded to say so.

A mix is made of parts that are each made unit, multiplied by a weight, and put behind one another; then the whole is made unit. So the
squares of a row, added up from the left, reach the same value at the end of a part in every row: that is how the ends are found in
a collection that did not note them. Where mirror images or scales are averaged it does not hold, and only the note helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from likewise.encoders import naming
from likewise.errors import BadArgument
from likewise.stores import Snapshot
from likewise.types import Card

_LOOKED_AT = 4096  # rows, spread over the gallery
_BLOCK = 256
_TOLERANCE = 1e-5  # of the sum of squares, 1; float32 rounds it by less than 1e-6
_TOLERANCE_OF_HALVES = 2e-3  # float16 rounds each number by up to 5e-4 of itself
_FAMILY_OF_WHITENED = "whitened/"


@dataclass(frozen=True, slots=True)
class Slice:
    """One layer's part of an embedding.

    Attributes:
        name: `LAYER` or `LAYER|POOLING`, as the model's name tells it.
        start: The first of its numbers.
        stop: One past the last.
        weight: Its share of the model's own score; the shares of all parts add up to 1.
    """

    name: str
    start: int
    stop: int
    weight: float


def named(card: Card) -> tuple[str, ...]:
    """The parts of a mix, in their order.

    Raises:
        BadArgument: If the embedding is no mix of layers, or no longer.
    """
    return tuple(name for name, _ in _told(card))


def parts_of(card: Card, snapshot: Snapshot, dims: Sequence[int] = (), kept_as: str = "float32") -> tuple[Slice, ...]:
    """The parts of a collection's embeddings.

    Args:
        card: Of the encoder that made them.
        snapshot: The embeddings; looked at where `dims` do not tell.
        dims: How many numbers each part has, if it was noted when the collection was made.
        kept_as: How embeddings are kept.

    Raises:
        BadArgument: If the embedding is no mix of layers, or nobody can say where its parts end.
    """
    told = _told(card)
    shares = np.array([weight**2 for _, weight in told])
    shares /= shares.sum()
    if len(dims) == len(told) and sum(dims) == card.dim:
        ends = list(np.cumsum(dims))
    else:
        kept = snapshot.remembered(
            "layers", lambda: {"ends": _ends(card, snapshot, np.cumsum(shares)[:-1], kept_as)}, lasting=True
        )
        ends = [*kept["ends"].tolist(), card.dim]
    return tuple(
        Slice(name, int(start), int(stop), float(share))
        for (name, _), share, (start, stop) in zip(told, shares, pairwise([0, *ends]), strict=True)
    )


def _told(card: Card) -> list[tuple[str, float]]:
    if card.name.startswith(_FAMILY_OF_WHITENED):
        raise BadArgument(
            f"{card.name} is whitened: every number of its embeddings is a sum over all layers, so that none belongs to one of them; "
            "index with a mix of layers and without --whiten, in a collection of its own with -c DIR"
        )
    name = naming.parse(card.name)
    if name is None or len(name.parts) < 2:
        raise BadArgument(
            f"{card.name} is no mix of layers, so there is nothing to weigh: index with one, such as "
            "--model 'vgg19/conv3_1|gem+fc1', in a collection of its own with -c DIR"
        )
    return [(f"{part.layer}|{part.pooling}" if part.pooling else part.layer, part.weight) for part in name.parts]


def _ends(card: Card, snapshot: Snapshot, reached: NDArray[np.float64], kept_as: str) -> NDArray[np.int64]:
    """Where every row's squares add up to what the parts so far weigh."""
    name = naming.parse(card.name)
    averaged = name is not None and (name.flip or name.scales != (1.0,))
    if averaged or kept_as not in ("float32", "float16"):
        why = "averages views" if averaged else f"keeps {kept_as}"
        raise BadArgument(
            f"{card.name}: this collection {why} and did not note where its layers' parts end: index again into a new collection "
            "(-c DIR), which does"
        )
    live = snapshot.live
    rows = live[:: max(1, len(live) // _LOOKED_AT)]
    far = np.zeros((len(reached), card.dim))
    for start in range(0, len(rows), _BLOCK):
        sums = np.cumsum(np.square(snapshot.embeddings(rows[start : start + _BLOCK]).astype(np.float64)), axis=1)
        for i, value in enumerate(reached):
            np.maximum(far[i], np.abs(sums - value).max(axis=0), out=far[i])
    ends = far.argmin(axis=1)
    worst = float(far[np.arange(len(reached)), ends].max(initial=0.0)) if len(rows) else 1.0
    if worst > (_TOLERANCE if kept_as == "float32" else _TOLERANCE_OF_HALVES) or (np.diff(ends) <= 0).any():
        raise BadArgument(
            f"{card.name}: where its layers' parts end does not show in the {len(rows):,} embeddings at hand: add pictures, or index again "
            "into a new collection (-c DIR), which notes it"
        )
    return np.asarray(ends + 1, np.int64)
