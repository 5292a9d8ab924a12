"""The array file: row i of the file is row i of the table, appended and never changed in place."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from likewise.compression import Codes
from likewise.errors import StoreDamaged
from likewise.stores.local import database

BLOCK_BYTES = 64 << 20

_ENDINGS = {"float32": "f32", "float16": "f16"}


def file_name(generation: int, kept_as: str) -> str:
    """The name of the array file of one generation; every `compact` begins a new one.

    >>> file_name(3, "float32"), file_name(0, "pq:64")
    ('embeddings-000003.f32', 'embeddings-000000.codes')
    """
    return f"embeddings-{generation:06d}.{_ENDINGS.get(kept_as, 'codes')}"


def format_of(kept_as: str) -> int:
    """The number of the format of a collection that keeps embeddings so."""
    return database.FORMAT if kept_as in _ENDINGS else database.FORMAT_OF_CODES


def append(path: Path, at_row: int, rows: Codes) -> bytes:
    """Write rows behind the first `at_row` ones, cut off whatever lay there, and wait until they are on the disk.

    Returns:
        The checksum of the rows' bytes, as `checksum` gives it.
    """
    data = rows.tobytes()
    start = at_row * rows.shape[1]
    is_new = not path.exists()
    with path.open("r+b" if not is_new else "x+b") as file:
        file.truncate(start)  # what lies past the committed rows was never acknowledged
        file.seek(start)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)
    return _digest(data)


def checksum(rows: Codes) -> bytes:
    """BLAKE2b, 16 bytes, over the rows as they lie in the file."""
    return _digest(rows.tobytes())


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def mapped(path: Path, rows: int, row_bytes: int) -> Codes:
    """The first `rows` rows as a read-only memory map.

    Raises:
        StoreDamaged: If the file is missing or shorter than the rows that were committed.
    """
    if rows == 0:
        return np.zeros((0, row_bytes), np.uint8)
    wanted = rows * row_bytes
    found = path.stat().st_size if path.exists() else 0
    if found < wanted:
        raise StoreDamaged(
            f"{path} holds {found:,} bytes where the collection's {rows:,} rows need {wanted:,}: "
            "put the file back from a backup, or delete the collection's folder and index again"
        )
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(rows, row_bytes))


def sync_folder(folder: Path) -> None:
    """Wait until the folder's list of files is on the disk (where the system can do that)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
