"""The array file: row i of the file is row i of the table, appended and never changed in place."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import StoreDamaged

Dtype: TypeAlias = Literal["float32", "float16"]
Stored: TypeAlias = NDArray[np.float32] | NDArray[np.float16]

BLOCK_BYTES = 64 << 20


def file_name(generation: int, dtype: Dtype) -> str:
    """The name of the array file of one generation; every `compact` begins a new one."""
    return f"embeddings-{generation:06d}.{'f32' if dtype == 'float32' else 'f16'}"


def append(path: Path, at_row: int, rows: Stored) -> bytes:
    """Write rows behind the first `at_row` ones, cut off whatever lay there, and wait until they are on the disk.

    Returns:
        The checksum of the rows' bytes, as `checksum` gives it.
    """
    data = rows.tobytes()
    start = at_row * rows.itemsize * rows.shape[1]
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


def checksum(rows: Stored) -> bytes:
    """BLAKE2b, 16 bytes, over the rows as they lie in the file."""
    return _digest(rows.tobytes())


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def mapped(path: Path, rows: int, dim: int, dtype: Dtype) -> Stored:
    """The first `rows` rows as a read-only memory map.

    Raises:
        StoreDamaged: If the file is missing or shorter than the rows that were committed.
    """
    if rows == 0:
        return np.zeros((0, dim), dtype)
    wanted = rows * dim * np.dtype(dtype).itemsize
    found = path.stat().st_size if path.exists() else 0
    if found < wanted:
        raise StoreDamaged(
            f"{path} holds {found:,} bytes where the collection's {rows:,} rows need {wanted:,}: "
            "put the file back from a backup, or delete the collection's folder and index again"
        )
    array: Stored = np.memmap(path, dtype=dtype, mode="r", shape=(rows, dim))
    return array


def sync_folder(folder: Path) -> None:
    """Wait until the folder's list of files is on the disk (where the system can do that)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
