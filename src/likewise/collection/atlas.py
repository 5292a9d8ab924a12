"""Sheets of small thumbnails for a map, made when they are first asked for and kept beside it, within a bound."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from likewise import images
from likewise.collection import pictures
from likewise.errors import BadArgument, SourceError
from likewise.maps import Map, keeping
from likewise.show import sheets
from likewise.stores import Store
from likewise.types import Image, Record

COLUMNS = 16
PER_SHEET = COLUMNS * COLUMNS
SIDE = 64  # pixels of a thumbnail: a sheet is 1024 × 1024
MOST_BYTES = 512 << 20  # of all sheets of a collection; those that were made first go first
_CELLS = 60  # across a drawing

_making = threading.Semaphore(1)  # sheets at once: each decodes 256 pictures, and searches go on beside it


def count(shown: Map) -> int:
    """How many sheets a map has."""
    return -(-len(shown) // PER_SHEET)


def sheet(store: Store, folder: Path, shown: Map, number: int, limits: images.Limits) -> bytes:
    """The WebP of sheet `number`: points `number` × 256 and on, 16 beside each other, each 64 × 64 pixels.

    Args:
        store: Whose pictures.
        folder: Of the collection.
        shown: Its map.
        number: From 0.
        limits: Of the decoder.

    Raises:
        BadArgument: If there is no such sheet.
    """
    if not 0 <= number < count(shown):
        raise BadArgument(f"there is no sheet {number}: this map has 0 to {count(shown) - 1}")
    keys = shown.keys[number * PER_SHEET : (number + 1) * PER_SHEET]
    known = [store.known(key) for key in keys]
    records = [None if each is None else each.record for each in known]
    digest = hashlib.sha256(
        f"{SIDE} ".encode() + " ".join("-" if r is None else r.content_sha256 for r in records).encode()
    )
    path = folder / keeping.FOLDER / f"sheet-{digest.hexdigest()[:24]}.webp"
    with suppress(OSError):
        return path.read_bytes()
    with _making:
        with suppress(OSError):  # somebody made it while we waited
            return path.read_bytes()
        data = sheets.sheet([_small(store, record, limits) for record in records], SIDE, COLUMNS)
        _keep(path, data)
    return data


def drawn_map(store: Store, shown: Map, side: int, limits: images.Limits) -> bytes:
    """A PNG of a map: the first picture of each cell of a grid, so that none hides another."""
    tile = max(8, side // _CELLS)
    cells = np.floor((shown.points + 1) / 2 * (side // tile - 1) + 0.5).astype(np.int64)
    _, chosen = np.unique(cells[:, 0] * side + cells[:, 1], return_index=True)
    known = [store.known(shown.keys[i]) for i in chosen.tolist()]
    small = [_small(store, None if each is None else each.record, limits) for each in known]
    across = cells[chosen]
    corner = np.stack([across[:, 0], side // tile - 1 - across[:, 1]], axis=1) * tile
    return sheets.scattered(small, corner, tile, side)


def _small(store: Store, record: Record | None, limits: images.Limits) -> Image | None:
    """A picture whose shorter side is about that of a square; None if it is gone."""
    if record is None:
        return None
    longer, shorter = max(record.width, record.height), max(1, min(record.width, record.height))
    try:
        return pictures.of_record(store, record, min(SIDE * 8, max(SIDE, SIDE * longer // shorter)), limits)
    except SourceError:  # pragma: no cover - `of_record` catches it
        return None


def _keep(path: Path, data: bytes) -> None:
    """Write a sheet; where nothing can be written, nothing is."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
        kept = sorted(path.parent.glob("sheet-*.webp"), key=lambda each: each.stat().st_mtime_ns)
        total = sum(each.stat().st_size for each in kept)
        for each in kept[:-1]:
            if total <= MOST_BYTES:
                break
            total -= each.stat().st_size
            each.unlink()
