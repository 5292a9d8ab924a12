"""Which shards are done: a folder of Parquet files, and a list beside it that says what each is. Survives kill -9 at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from likewise.stores import parquet
from likewise.types import Item, Json, Skipped

FILE_NAME = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one shard whose work is done.

    Attributes:
        id: Of the shard.
        place: See `Shard.place`.
        rows: Images that were embedded.
        running: What computed them, such as `openvino fp32`.
        skipped: What could not be embedded, and why.
        loaded: Whether the store has all of it.
        whole: Whether it is all of an archive, of which nobody asks again once it is loaded.
    """

    id: str
    place: str
    rows: int
    running: str
    skipped: tuple[tuple[Skipped, Item], ...] = ()
    loaded: bool = False
    whole: bool = False


class Manifest:
    """The shards of a collection that are on the disk. For the one process that writes to the collection.

    A shard's file appears whole; then one line is added to the list, which is waited for. A line that breaks off counts for nothing.

    Args:
        folder: Made if missing.
        keep: Leave the files of loaded shards there, for other programs.
    """

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.folder, self._keep = folder, keep
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._entries = {entry.id: entry for entry in map(_entry, _lines(self._path))}
        self._rewrite()

    def __getitem__(self, shard: str) -> Entry | None:
        return self._entries.get(shard)

    def file(self, shard: str) -> Path:
        """Where the Parquet of a shard lies."""
        return self.folder / f"shard-{shard}{parquet.ENDING}"

    def waiting(self) -> dict[str, Entry]:
        """What is written and not in the store yet."""
        return {entry.id: entry for entry in self._entries.values() if not entry.loaded}

    def written(self, entry: Entry) -> None:
        """Note a shard whose file is there."""
        self._append(entry)

    def loaded(self, entry: Entry) -> None:
        """Note that the store has a shard, and let go of its file."""
        self._append(
            Entry(entry.id, entry.place, entry.rows, entry.running, entry.skipped, loaded=True, whole=entry.whole)
        )
        if not self._keep:
            self.file(entry.id).unlink(missing_ok=True)

    def _append(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())

    def _rewrite(self) -> None:
        """Leave out what is of no use any more: lines of before, and loaded shards that a listing answers for."""
        known = {
            key: entry
            for key, entry in self._entries.items()
            if (entry.whole if entry.loaded else self.file(key).exists())
        }
        draft = self._path.with_suffix(".part")
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(map(_line, known.values()))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._entries = known


def _lines(path: Path) -> list[Mapping[str, Json]]:
    found: list[Mapping[str, Json]] = []
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # it broke off, and another was written behind it
    return found


def _line(entry: Entry) -> str:
    told = {
        "shard": entry.id,
        "place": entry.place,
        "rows": entry.rows,
        "running": entry.running,
        "skipped": [
            [skip.key, skip.reason, item.size_bytes, item.modified_ns, item.etag] for skip, item in entry.skipped
        ],
        "loaded": entry.loaded,
        "whole": entry.whole,
    }
    return json.dumps(told) + "\n"


def _entry(told: Mapping[str, Json]) -> Entry:
    skipped = cast("list[tuple[str, str, int, int, str]]", told["skipped"])
    return Entry(
        id=str(told["shard"]),
        place=str(told["place"]),
        rows=cast(int, told["rows"]),
        running=str(told["running"]),
        skipped=tuple(
            (Skipped(key, reason), Item(key, size, modified, etag=etag))
            for key, reason, size, modified, etag in skipped
        ),
        loaded=bool(told["loaded"]),
        whole=bool(told["whole"]),
    )
