"""The SQLite file that is the truth of a collection: its schema, its opening, and its errors in our words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likewise.errors import LikewiseError, StoreDamaged, StoreFull

FORMAT = 2
FORMAT_OF_CODES = 3
"""The same tables, where embeddings are kept as codes: programs that know formats up to 2 would clear the codes away as a leftover."""

APPLICATION_ID = 0x4C4B5731  # "LKW1"
FILE_NAME = "collection.sqlite"

LIVE, VANISHED, DEAD = 0, 1, 2

_ETAGS = "CREATE TABLE IF NOT EXISTS etags (key TEXT PRIMARY KEY, etag TEXT NOT NULL) WITHOUT ROWID"
_BY_CONTENT = "CREATE INDEX images_by_content ON images (content_sha256)"

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE manifest (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
  "row" INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  state INTEGER NOT NULL,
  content_sha256 BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  metadata TEXT NOT NULL
);
CREATE UNIQUE INDEX images_by_key ON images (key) WHERE state < {DEAD};
CREATE INDEX images_not_live ON images ("row") WHERE state <> {LIVE};
{_BY_CONTENT};
CREATE TABLE blocks (first_row INTEGER PRIMARY KEY, rows INTEGER NOT NULL, blake2b BLOB NOT NULL);
CREATE TABLE skipped (
  key TEXT PRIMARY KEY, reason TEXT NOT NULL, size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE forgotten (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sources (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
{_ETAGS};
"""


def create(path: Path, manifest: dict[str, str], number: int = FORMAT) -> None:
    """Make the file in one step: it appears whole under its name, or not at all.

    Args:
        path: Where.
        manifest: Its first content.
        number: Of the format.

    Raises:
        StoreFull: If the disk is full.
    """
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with told_as_ours(path):
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(f"BEGIN; PRAGMA user_version = {number}; {SCHEMA}")
            connection.executemany("INSERT INTO manifest VALUES (?, ?)", manifest.items())
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        draft.replace(path)


def connect(path: Path) -> sqlite3.Connection:
    """Open a collection's database, with autocommit, for use under a lock by any thread.

    Raises:
        StoreDamaged: If the file is no collection's database.
        LikewiseError: If a newer version of this program wrote it.
    """
    with told_as_ours(path):
        try:
            connection = _opened(f"{path.absolute().as_uri()}?mode=rw")
        except sqlite3.OperationalError:
            # A medium that cannot be written to: without a log beside it the file alone is the whole truth.
            if path.with_name(path.name + "-wal").exists():
                raise
            connection = _opened(f"{path.absolute().as_uri()}?mode=ro&immutable=1")
        _check_format(connection, path)
    return connection


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Turn a database of the format before into one of this; for its one writer.

    Format 1 lacks the index over the bytes' hashes, without which finding a copy means to read the whole table.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == 1:
        connection.executescript(f"BEGIN IMMEDIATE; {_BY_CONTENT}; PRAGMA user_version = {FORMAT}; COMMIT")
    if not has_etags(connection):
        connection.execute(_ETAGS)


def has_etags(connection: sqlite3.Connection) -> bool:
    """Whether ETags are kept: a table that came later, without a new format, since whoever does not know it misses nothing."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'etags'").fetchone() is not None


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30.0)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("SELECT count(*) FROM manifest").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT_OF_CODES:
        connection.close()
        raise LikewiseError(
            f"{path} has format {found}, this program reads up to {FORMAT_OF_CODES}: install a newer likewise to open it"
        )


@contextmanager
def told_as_ours(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the disk into the ones that a user can mend.

    Raises:
        StoreFull: For a full disk, a quota, or a limit on file sizes.
        StoreDamaged: For a file that SQLite cannot read.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code == "SQLITE_FULL" or code.startswith("SQLITE_IOERR"):
            raise StoreFull(f"{path.parent}: {error}; {_ROOM}") from error
        if isinstance(error, sqlite3.OperationalError):
            raise LikewiseError(f"{path}: {error}") from error
        raise StoreDamaged(
            f"{path}: {error}: put it back from a backup, or delete the folder and index again"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreFull(f"{path.parent}: {error.strerror}; {_ROOM}") from error
        raise


_ROOM = "make room and run the same command again: what was kept before is safe"
