"""What a collection's database says of its images: facts, what was skipped, where it came from."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from likewise.filters import Filter
from likewise.roots import Roots
from likewise.stores import Known
from likewise.stores.local import database, filtering
from likewise.stores.local.snapshot import View
from likewise.types import Card, Record, Rows, Skipped

_FACTS = '"row", key, content_sha256, size_bytes, modified_ns, width, height, metadata'
_ETAG = "coalesce((SELECT etag FROM etags WHERE etags.key = {table}.key), '')"


class Catalogue:
    """The database of a collection in a folder, as its readers see it; threads may share it."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Look at an open database; the one who opened it closes it."""
        self._folder = folder
        self._database = connection
        self._guard = threading.RLock()
        self._card = Card.from_json(self._manifest()["card"])
        self._columns = self._skip_etag = ""
        self._look_for_etags()
        filtering.prepare(connection)

    @property
    def folder(self) -> Path:
        """The folder that holds everything."""
        return self._folder

    @property
    def card(self) -> Card:
        """Of the encoder that made the embeddings."""
        return self._card

    @property
    def roots(self) -> Roots:
        """How keys and places become each other; the base moves with the folder."""
        return Roots(self._folder.resolve().parent.as_posix(), json.loads(self._manifest()["roots"]))

    @property
    def created_at(self) -> str:
        """When the collection was made, ISO 8601 in UTC."""
        return self._manifest()["created_at"]

    @property
    def computed_by(self) -> list[str]:
        """Runtime and precision of what computed the embeddings, such as `openvino bf16`, in the order of the first time."""
        told: list[str] = json.loads(self._manifest().get("computed_by", "[]"))
        return told

    @property
    def layer_dims(self) -> list[int]:
        """How many numbers of an embedding come from each layer of a mix, in order; empty where nobody noted it."""
        told: list[int] = json.loads(self._manifest().get("layer_dims", "[]"))
        return told

    def __len__(self) -> int:
        return int(self._one(f"SELECT count(*) FROM images WHERE state = {database.LIVE}"))

    def counts(self) -> dict[str, int]:
        """How many images are live, vanished, skipped and forgotten, and how many dead rows `compact` would drop."""
        count = "SELECT count(*) FROM images WHERE state = "
        return {
            "live": int(self._one(f"{count}{database.LIVE}")),
            "vanished": int(self._one(f"{count}{database.VANISHED}")),
            "dead": int(self._one(f"{count}{database.DEAD}")),
            "skipped": int(self._one("SELECT count(*) FROM skipped")),
            "forgotten": int(self._one("SELECT count(*) FROM forgotten")),
        }

    def known(self, key: str) -> Known | None:
        """What is remembered of a key."""
        with self._guard:
            row = self._database.execute(
                f"SELECT {self._columns}, state FROM images WHERE key = ? AND state < {database.DEAD}", (key,)
            ).fetchone()
            if row is not None:
                record = _record(row)
                return Known(record, row[9] == database.LIVE, record.size_bytes, record.modified_ns, record.etag)
            question = f"SELECT size_bytes, modified_ns, {self._skip_etag} FROM skipped WHERE key = ?"
            row = self._database.execute(question, (key,)).fetchone()
            return None if row is None else Known(None, False, *row)

    def with_content(self, sha256: str) -> tuple[int, Record] | None:
        """(row, record) of an image of these bytes whose embedding is kept; the first of several."""
        question = f'SELECT {self._columns} FROM images WHERE content_sha256 = ? ORDER BY "row" LIMIT 1'
        with self._guard:
            row = self._database.execute(question, (bytes.fromhex(sha256),)).fetchone()
        return None if row is None else (row[0], _record(row))

    def live_with_content(self, sha256: str) -> str | None:
        """The key of an image of these bytes that a search can return; the first of several."""
        question = f'SELECT key FROM images WHERE content_sha256 = ? AND state = {database.LIVE} ORDER BY "row" LIMIT 1'
        with self._guard:
            found = self._database.execute(question, (bytes.fromhex(sha256),)).fetchone()
        return None if found is None else cast(str, found[0])

    def is_forgotten(self, key: str) -> bool:
        """Whether the user asked that this image stays out."""
        return bool(self._one("SELECT count(*) FROM forgotten WHERE key = ?", key))

    def row_of(self, key: str) -> int | None:
        """Where an image stands in the order of the gallery; None if no search can return it."""
        question = f'SELECT "row" FROM images WHERE key = ? AND state = {database.LIVE}'
        with self._guard:
            found = self._database.execute(question, (key,)).fetchone()
        return None if found is None else int(found[0])

    def records(
        self, prefix: str = "", where: Filter | None = None, *, after: int = -1
    ) -> Iterator[tuple[int, Record]]:
        """(row, record) of every live image that passes, whose key begins with `prefix`, behind the row `after`, in row order."""
        passing = filtering.Asked("1") if where is None else filtering.condition(where)
        question = (
            f'SELECT {self._columns} FROM images WHERE state = {database.LIVE} AND "row" > ?'
            f' AND substr(key, 1, length(?)) = ? AND {passing.sql} ORDER BY "row" LIMIT 4096'
        )
        last = after
        while True:  # in pages, so that nobody else waits for a slow reader
            with self._guard:
                page = self._database.execute(question, (last, prefix, prefix, *passing.values)).fetchall()
            yield from ((row[0], _record(row)) for row in page)
            if not page:
                return
            last = page[-1][0]

    def skipped(self) -> list[Skipped]:
        """What could not be embedded and why, by key."""
        return [Skipped(key, reason) for key, reason in self._all("SELECT key, reason FROM skipped ORDER BY key")]

    def forgotten(self) -> list[str]:
        """The keys that stay out, in their order."""
        return [key for (key,) in self._all("SELECT key FROM forgotten ORDER BY key")]

    def sources(self) -> list[str]:
        """The names of the sources that were indexed, in the order of their first time."""
        return [name for (name,) in self._all("SELECT name FROM sources ORDER BY number")]

    def records_in(self, view: View, rows: Rows) -> dict[int, Record] | None:
        """Row → record, or None if the rows have other numbers by now."""
        wanted = [int(row) for row in np.unique(rows)]
        found: dict[int, Record] = {}
        with self._guard, self._snapshot():
            if int(self._manifest()["generation"]) != view.generation:
                return None
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ",".join("?" * len(part))
                question = f'SELECT {self._columns} FROM images WHERE "row" IN ({marks})'
                for row in self._database.execute(question, part):
                    found[row[0]] = _record(row)
        return found

    def _look_for_etags(self) -> None:
        """Prepare the questions by what the file has; a collection of before has no ETags until somebody writes to it."""
        has = database.has_etags(self._database)
        of_image, of_skip = ((_ETAG.format(table=table) if has else "''") for table in ("images", "skipped"))
        self._columns, self._skip_etag = f"{_FACTS}, {of_image}", of_skip

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("ROLLBACK")

    def _manifest(self) -> dict[str, str]:
        return dict(self._all("SELECT name, value FROM manifest"))

    def _one(self, question: str, *values: object) -> int | str:
        with self._guard:
            return cast("int | str", self._database.execute(question, values).fetchone()[0])

    def _all(self, question: str) -> list[tuple[Any, ...]]:
        with self._guard, database.told_as_ours(self._folder / database.FILE_NAME):
            return self._database.execute(question).fetchall()


def _record(row: Sequence[object]) -> Record:
    _, key, digest, size, modified, width, height, metadata, etag, *_ = row
    return Record(
        key=cast(str, key),
        content_sha256=cast(bytes, digest).hex(),
        size_bytes=cast(int, size),
        modified_ns=cast(int, modified),
        width=cast(int, width),
        height=cast(int, height),
        metadata=json.loads(cast(str, metadata)),
        etag=cast(str, etag),
    )
