"""One writer at a time: a lock that dies with its process, and a note that says who holds it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from likewise.errors import StoreBusy


@contextmanager
def exclusive(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the writer's lock of a collection.

    Raises:
        StoreBusy: If another process holds it for more than `wait_s` seconds.
    """
    lock = FileLock(folder / "writer.lock", timeout=wait_s)
    note = folder / "writer.json"
    try:
        lock.acquire()
    except Timeout:
        raise StoreBusy(
            f"{_holder(note)} is writing to {folder}: wait until it has finished (--wait does that), or end it"
        ) from None
    try:
        note.write_text(json.dumps(_me()))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _me() -> dict[str, str | int]:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": since}


def _holder(note: Path) -> str:
    try:
        told = json.loads(note.read_text())
        return f"process {told['pid']} on {told['host']} (since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # it holds the lock and has not written its note yet
