"""Pictures of this machine for a collection behind a server: sent as they are read, one request each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from likewise.client.transport import Body, Transport
from likewise.errors import BadImage, SourceError
from likewise.queries.reading import open_place
from likewise.sources import Source
from likewise.types import Item

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one picture.

    Attributes:
        key: In the collection.
        status: `added`, `replaced`, `unchanged`, or `skipped`.
        reason: Why it was skipped; empty otherwise.
    """

    key: str
    status: Literal["added", "replaced", "unchanged", "skipped"]
    reason: str = ""


def added(transport: Transport, collection: str | None, place: str, prefix: str) -> Iterator[Added]:
    """Send the pictures of a place, one after the other."""
    source = open_place(place)
    for item in source.items():
        key = f"{prefix.rstrip('/')}/{item.key}" if prefix else item.key
        try:
            told = _put(transport, collection, key, source, item)
        except (BadImage, SourceError) as error:
            yield Added(key, "skipped", str(error))
        else:
            yield Added(str(told.get("key", key)), told.get("status", "added"), str(told.get("reason") or ""))


def _put(transport: Transport, collection: str | None, key: str, source: Source, item: Item) -> dict[str, Any]:
    path = source.file(item)
    data = source.read(item) if path is None else b""

    def make() -> dict[str, Any]:
        content = data if path is None else _read(Path(path))
        headers = {"Content-Type": "application/octet-stream"}
        if path is not None:
            headers["Content-Length"] = str(Path(path).stat().st_size)
        return {"content": content, "headers": headers}

    return transport.json("PUT", f"/v1/images/{quote(key, safe='/')}", Body(make), collection=collection) or {}


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
