"""Plain files: what the system says of one, and its bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from likewise.errors import SourceError
from likewise.sources import paths
from likewise.types import Item

MAX_BYTES = 1 << 30
"""More than this is not read into memory, from wherever it comes; the decoder's own limit is lower."""


def read_file(path: str) -> bytes:
    """The bytes of a plain file, by its path as it is kept.

    Raises:
        SourceError: If it cannot be read, with the system's reason.
    """
    name = paths.real(path)
    try:
        facts = os.stat(name)  # noqa: PTH116 - names that are no Unicode stay as they are
        if stat.S_ISDIR(facts.st_mode):
            os.scandir(name).close()  # says why, where a listing could not open it
            raise SourceError("is a folder: name it by itself")
        if not stat.S_ISREG(facts.st_mode):
            raise SourceError("is no file but a pipe or a device, which could be read for ever: save it as a file")
        check_size(facts.st_size, "")
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"cannot be read: {why}: check that it is there and may be read") from error


def item_of(key: str, file: os.DirEntry[str] | str) -> Item | None:
    """The item of a plain file; None if it is no plain file. What cannot be looked at is listed, and its reading says why."""
    try:
        facts = file.stat() if isinstance(file, os.DirEntry) else os.stat(file)  # noqa: PTH116
    except (OSError, ValueError):
        return Item(key)
    return Item(key, facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def check_size(size_bytes: int, where: str) -> None:
    """Refuse what would not fit in memory.

    Raises:
        SourceError: If it is over `MAX_BYTES`.
    """
    if size_bytes > MAX_BYTES:
        raise SourceError(f"is {size_bytes / 1e6:,.0f} MB{where}, over {MAX_BYTES / 1e6:,.0f}: save it smaller")
