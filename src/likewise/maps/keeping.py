"""The file of a map, beside the store: `map/map.npz`; docs/format.md has its fields."""

from __future__ import annotations

import json
import os
import threading
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.stores.local import database

FOLDER, FILE_NAME = "map", "map.npz"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A map as it was made.

    Attributes:
        keys: n of them.
        contents: The first 16 hexadecimal digits of each image's content hash.
        points: (n, 2) float32.
        rows: (n,) of the state that it was made of.
        method: How.
        state: Of the gallery; see `Snapshot.state`.
        fingerprint: Of the embeddings' card.
        made: An identity of its own.
    """

    keys: Sequence[str]
    contents: Sequence[str]
    points: NDArray[np.float32]
    rows: NDArray[np.int64]
    method: str
    state: str
    fingerprint: str
    made: str = field(default_factory=lambda: uuid.uuid4().hex)


def keep(folder: Path, kept: Kept) -> None:
    """Write a map, whole or not at all.

    Raises:
        StoreFull: If the disk is full.
    """
    target = folder / FOLDER / FILE_NAME
    told = {
        "format": FORMAT,
        "method": kept.method,
        "state": kept.state,
        "fingerprint": kept.fingerprint,
        "made": kept.made,
    }
    draft = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    with database.told_as_ours(target):
        target.parent.mkdir(exist_ok=True)
        try:
            with draft.open("wb") as file:
                np.savez(
                    file,
                    allow_pickle=False,
                    told=_as_bytes(told),
                    keys=_as_bytes(list(kept.keys)),
                    contents=np.array([int(each, 16) for each in kept.contents], np.uint64),
                    points=kept.points,
                    rows=kept.rows,
                )
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def read(folder: Path) -> Kept | None:
    """The map that is there; None if there is none, or it cannot be read: it can be made anew."""
    try:
        with (folder / FOLDER / FILE_NAME).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            told = json.loads(arrays["told"].tobytes())
            if told["format"] != FORMAT:
                return None
            keys = json.loads(arrays["keys"].tobytes())
            contents = [f"{each:016x}" for each in arrays["contents"].tolist()]
            points, rows = arrays["points"], arrays["rows"]
            if points.shape != (len(keys), 2) or rows.shape != (len(keys),) or len(contents) != len(keys):
                return None
            return Kept(keys, contents, points, rows, told["method"], told["state"], told["fingerprint"], told["made"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _as_bytes(value: object) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)
