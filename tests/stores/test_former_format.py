"""The format before: it opens, and the first writer turns it into today's."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.stores.local import LocalStore, database
from likewise.types import Item

CARD = MeanColour().card

# As docs/format.md described format 1.
TABLES = """
PRAGMA application_id = 1280005937;
PRAGMA user_version = 1;
CREATE TABLE manifest (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images ("row" INTEGER PRIMARY KEY, key TEXT NOT NULL, state INTEGER NOT NULL, content_sha256 BLOB NOT NULL,
  size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
  metadata TEXT NOT NULL);
CREATE UNIQUE INDEX images_by_key ON images (key) WHERE state < 2;
CREATE INDEX images_not_live ON images ("row") WHERE state <> 0;
CREATE TABLE blocks (first_row INTEGER PRIMARY KEY, rows INTEGER NOT NULL, blake2b BLOB NOT NULL);
CREATE TABLE skipped (key TEXT PRIMARY KEY, reason TEXT NOT NULL, size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE forgotten (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sources (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A collection of three images in format 1."""
    place = tmp_path / ".likewise"
    place.mkdir()
    manifest = {
        "card": CARD.to_json(),
        "fingerprint": CARD.fingerprint,
        "dtype": "float32",
        "generation": "0",
        "roots": "{}",
        "created_at": "2026-11-23T00:00:00+00:00",
    }
    connection = sqlite3.connect(place / "collection.sqlite")
    connection.executescript(TABLES)
    connection.executemany("INSERT INTO manifest VALUES (?, ?)", manifest.items())
    for row, record in enumerate(records("a", "b", "c")):
        facts = (record.size_bytes, record.modified_ns, record.width, record.height, json.dumps(dict(record.metadata)))
        digest = bytes.fromhex(record.content_sha256)
        connection.execute("INSERT INTO images VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)", (row, record.key, digest, *facts))
    connection.commit()
    connection.close()
    unit_rows(3).tofile(place / "embeddings-000000.f32")
    return place


def version(folder: Path) -> int:
    connection = sqlite3.connect(folder / "collection.sqlite")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


def test_it_is_read_as_it_is(folder: Path) -> None:
    with LocalStore.open(folder) as store:
        assert [record for _, record in store.records()] == records("a", "b", "c")
        np.testing.assert_array_equal(store.embeddings(np.arange(3)), unit_rows(3))
        assert store.with_content(records("a", "b")[1].content_sha256) == (1, records("a", "b")[1])
    assert version(folder) == 1


def test_whoever_writes_to_it_makes_it_todays(folder: Path) -> None:
    with LocalStore.open(folder) as store:
        for _ in range(2):
            with store.write():
                pass
            assert version(folder) == database.FORMAT
        with store.write() as writer:
            writer.extend([records("a", "b", "c", "d")[3]], unit_rows(1, seed=4))
        assert [record.key for _, record in store.records()] == ["a", "b", "c", "d"]


def test_a_copy_is_found_by_an_index_and_not_by_reading_the_table(folder: Path) -> None:
    with LocalStore.open(folder) as store, store.write():
        pass
    connection = sqlite3.connect(folder / "collection.sqlite")
    (plan,) = connection.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM images WHERE content_sha256 = x'00' ORDER BY \"row\" LIMIT 1"
    )
    connection.close()
    assert "images_by_content" in plan[3]


def test_etags_come_without_a_new_format(folder: Path) -> None:
    with LocalStore.open(folder) as store:
        with store.write() as writer:
            writer.refresh([replace(records("a")[0], etag='"1"')])
        known = store.known("a")
        assert known is not None
        assert known.etag == '"1"'
        assert known.unchanged(Item("a", known.size_bytes, 5, etag='"1"'))  # another date, the same object
        assert not known.unchanged(Item("a", known.size_bytes, known.modified_ns, etag='"2"'))
        with store.write() as writer:
            writer.delete(["a"])
            writer.compact()
    connection = sqlite3.connect(folder / "collection.sqlite")
    assert connection.execute("SELECT count(*) FROM etags").fetchone() == (0,)
    connection.close()
    assert version(folder) == database.FORMAT
