"""The whole gallery in two dimensions: what is alike lies close together. docs/map.md.

A map is derived from the embeddings and kept beside the store; it is never the truth, and no search looks at it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.maps import keeping, placing
from likewise.maps.placing import METHODS, Method
from likewise.stores import Snapshot, Store

__all__ = ["METHODS", "Map", "Method", "Watch", "current", "made"]

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told (what is done, how much of it, of how much). What it raises ends the work, and nothing is kept."""


@dataclass(frozen=True, slots=True)
class Map:
    """Where each image of a gallery lies.

    Attributes:
        keys: n of them, in the order of the points: neighbours on the map are mostly neighbours here too, and images that came
            after the map was made stand last.
        points: (n, 2) float32; the longer side of what they fill is from −1 to 1.
        rows: (n,) of the gallery, in the state that the map was asked for.
        method: How it was made.
        later: How many images came since, and were placed by their neighbours.
        version: 16 hexadecimal digits, others for every other map.
    """

    keys: Sequence[str]
    points: NDArray[np.float32]
    rows: NDArray[np.int64] = field(repr=False)
    method: str
    later: int
    version: str

    def __len__(self) -> int:
        return len(self.keys)


def made(
    store: Store, folder: Path, method: Method | None = None, watch: Watch = lambda _what, _done, _of: None
) -> Map:
    """Make the map of a gallery anew and keep it.

    Args:
        store: The gallery.
        folder: Beside which it is kept.
        method: The best that is installed unless given.
        watch: Told of the progress.

    Raises:
        BadArgument: If there are fewer than 2 images.
        MissingExtra: If the method is not installed.
        StoreFull: If the disk is full; the map before it stays.
    """
    while True:
        snapshot = store.snapshot()
        chosen = method or placing.best()
        points = placing.placed(snapshot, chosen, store.card.metric, watch)
        records = snapshot.records(snapshot.live)
        if records is not None:
            break  # otherwise the rows were renumbered meanwhile
    order = along_a_curve(points)
    rows = snapshot.live[order]
    told = [records[row] for row in rows.tolist()]
    keeping.keep(
        folder,
        keeping.Kept(
            keys=[record.key for record in told],
            contents=[record.content_sha256[:16] for record in told],
            points=points[order],
            rows=rows,
            method=chosen,
            state=snapshot.state,
            fingerprint=store.card.fingerprint,
        ),
    )
    found = current(store, folder)
    assert found is not None  # noqa: S101 - it has just been kept
    return found


def current(store: Store, folder: Path) -> Map | None:
    """The map that is kept, brought to the state of the gallery: images that are gone left out, new ones beside their neighbours.

    None if none was made, or of other embeddings.
    """
    kept = keeping.read(folder)
    if kept is None or kept.fingerprint != store.card.fingerprint:
        return None
    snapshot = store.snapshot()
    if kept.state == snapshot.state:
        return _as_map(kept.keys, kept.points, kept.rows, kept, snapshot, 0)
    known = {(key, content): i for i, (key, content) in enumerate(zip(kept.keys, kept.contents, strict=True))}
    while True:
        snapshot = store.snapshot()
        records = snapshot.records(snapshot.live)
        if records is not None:
            break
    stays: list[tuple[int, int]] = []  # place on the map, row
    new: list[int] = []
    for row in snapshot.live.tolist():
        place = known.get((records[row].key, records[row].content_sha256[:16]))
        if place is None:
            new.append(row)
        else:
            stays.append((place, row))
    stays.sort()
    places, rows = [place for place, _ in stays], np.array([row for _, row in stays], np.int64)
    points = kept.points[places]
    added = placing.beside(snapshot, rows, points, np.array(new, np.int64))
    every = np.concatenate([rows, np.array(new, np.int64)])
    keys = [records[row].key for row in every.tolist()]
    return _as_map(keys, np.concatenate([points, added]), every, kept, snapshot, len(new))


def along_a_curve(points: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) an order in which points that follow each other lie close: along Morton's curve.

    Source: Morton, A computer oriented geodetic data base and a new technique in file sequencing, IBM, 1966.
    """
    low, size = points.min(axis=0), float(np.ptp(points, axis=0).max())
    grid = ((points - low) / max(size, 1e-12) * 65535).astype(np.uint64)
    return np.argsort(_spread(grid[:, 0]) | (_spread(grid[:, 1]) << np.uint64(1)), kind="stable")


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A zero between each two of the lower 16 bits."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        values = (values | (values << np.uint64(shift))) & np.uint64(mask)
    return values


def _as_map(
    keys: Sequence[str],
    points: NDArray[np.float32],
    rows: NDArray[np.int64],
    kept: keeping.Kept,
    snapshot: Snapshot,
    later: int,
) -> Map:
    version = hashlib.sha256(f"{kept.made} {snapshot.state}".encode()).hexdigest()[:16]
    return Map(keys, np.asarray(points, np.float32), rows, kept.method, later, version)
