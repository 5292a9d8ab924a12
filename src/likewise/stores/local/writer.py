"""Change a collection: the array first, waited for; then the table, in one transaction. What was committed is never touched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Codebook, Codes
from likewise.errors import BadArgument
from likewise.roots import Roots
from likewise.stores.local import arrays, database
from likewise.stores.local.database import DEAD, LIVE, VANISHED
from likewise.stores.local.indexing import Wish
from likewise.types import Card, Embeddings, Item, Record, Skipped

_INSERT = "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RETIRE = f"UPDATE images SET state = {DEAD} WHERE key = ? AND state < {DEAD}"
_UNIT_TOLERANCE = 1e-3


class LocalWriter:
    """The writing half of `LocalStore`; lives as long as the writer's lock is held.

    Every method is one transaction: whole or not at all, and on the disk when it returns.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, card: Card, codebook: Codebook) -> None:
        self._folder = folder
        self._database = connection
        self._card = card
        self._kept_as, self._codec = codebook.name, codebook.codec
        with database.told_as_ours(folder / database.FILE_NAME):
            database.bring_up_to_date(connection)
        self._drop_leftovers()

    def extend(self, records: Sequence[Record], embeddings: Embeddings) -> None:
        """Add images; a key that is there already is replaced.

        Args:
            records: One per row of `embeddings`, each key once.
            embeddings: (len(records), card.dim), finite; of unit norm if the card says so.

        Raises:
            BadArgument: If the two do not fit together or a number is not allowed.
            StoreFull: If the disk is full; the collection is as it was before.
        """
        if not records and not len(embeddings):
            return
        codes = self._encoded(records, embeddings)
        with self._transaction():
            first = self._count()
            digest = arrays.append(self._array_path(), first, codes)
            self._database.execute("INSERT INTO blocks VALUES (?, ?, ?)", (first, len(codes), digest))
            self._database.executemany(_RETIRE, [(record.key,) for record in records])
            self._database.executemany("DELETE FROM skipped WHERE key = ?", [(record.key,) for record in records])
            self._database.executemany(_INSERT, [_columns(first + i, record) for i, record in enumerate(records)])
            self._keep_etags([(record.key, record.etag) for record in records])

    def refresh(self, records: Sequence[Record]) -> None:
        """Note new dates and metadata of images whose embedding stays, and bring vanished ones back."""
        with self._transaction():
            self._database.executemany(
                f"UPDATE images SET state = {LIVE}, size_bytes = ?, modified_ns = ?, metadata = ?"
                f" WHERE key = ? AND state < {DEAD}",
                [(record.size_bytes, record.modified_ns, _text(record), record.key) for record in records],
            )
            self._keep_etags([(record.key, record.etag) for record in records])

    def skip(self, skipped: Sequence[tuple[Skipped, Item]]) -> None:
        """Remember what could not be embedded and why; an embedding of the same key is no longer returned."""
        with self._transaction():
            self._database.executemany(_RETIRE, [(skip.key,) for skip, _ in skipped])
            self._database.executemany(
                "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?)",
                [(skip.key, skip.reason, item.size_bytes, item.modified_ns) for skip, item in skipped],
            )
            self._keep_etags([(skip.key, item.etag) for skip, item in skipped])

    def vanish(self, keys: Sequence[str]) -> None:
        """Take images out of searches whose files are gone; their embeddings are kept until `compact`."""
        each = [(key,) for key in keys]
        with self._transaction():
            self._database.executemany(f"UPDATE images SET state = {VANISHED} WHERE key = ? AND state = {LIVE}", each)
            self._database.executemany("DELETE FROM skipped WHERE key = ?", each)

    def delete(self, keys: Sequence[str], *, remember: bool = False) -> int:
        """Take images out for good; with `remember` they also stay out when they are met again.

        Returns:
            How many of the keys had an embedding.
        """
        each = [(key,) for key in keys]
        with self._transaction():
            count = self._database.executemany(_RETIRE, each).rowcount if each else 0
            self._database.executemany("DELETE FROM skipped WHERE key = ?", each)
            if remember:
                self._database.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", each)
        return max(count, 0)

    def recall_forgotten(self) -> int:
        """Let forgotten images in again at the next meeting; returns how many they were."""
        with self._transaction():
            return self._database.execute("DELETE FROM forgotten").rowcount

    def note_source(self, name: str, roots: Roots) -> None:
        """Remember a source, and the roots that its keys need."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO sources (name) VALUES (?)", (name,))
            self._database.execute(
                "UPDATE manifest SET value = ? WHERE name = 'roots'", (json.dumps(dict(roots.named)),)
            )

    def note_base(self, base: str) -> None:
        """See `HomeWriter.note_base`: it is the folder that holds the collection, and moves with it."""

    def note_running(self, told: str) -> None:
        """See `Writer.note_running`."""
        with self._transaction():
            kept = self._database.execute("SELECT value FROM manifest WHERE name = 'computed_by'").fetchone()
            names = json.loads(kept[0]) if kept else []
            if told not in names:
                self._database.execute(
                    "INSERT OR REPLACE INTO manifest VALUES ('computed_by', ?)", (json.dumps([*names, told]),)
                )

    def note_layer_dims(self, dims: Sequence[int]) -> None:
        """Remember how many numbers of an embedding come from each layer of a mix."""
        with self._transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO manifest VALUES ('layer_dims', ?)", (json.dumps(list(dims)),)
            )

    def note_index(self, wish: Wish) -> None:
        """Remember which index the collection is to have; `LocalStore.bring_index_up_to_date` makes it so."""
        with self._transaction():
            self._database.execute("INSERT OR REPLACE INTO manifest VALUES ('index', ?)", (wish.to_json(),))

    def compact(self) -> int:
        """Write a new generation of the array without vanished and dead rows, and number the rest anew, in order.

        Returns:
            How many rows were dropped.

        Raises:
            StoreFull: If the disk has no room for the second array; the collection is as it was before.
        """
        before = self._count()
        question = f'SELECT "row" FROM images WHERE state = {LIVE} ORDER BY "row"'
        kept = np.fromiter((row for (row,) in self._database.execute(question)), np.int64)
        if len(kept) == before:
            return 0
        try:
            with self._transaction():
                self._renumber(kept, before)
            with database.told_as_ours(self._folder / database.FILE_NAME):
                self._database.execute("VACUUM")
        finally:
            self._drop_leftovers()  # the old array; or the new one, if we did not come to the end
        return before - len(kept)

    def _keep_etags(self, told: Sequence[tuple[str, str]]) -> None:
        """Note what servers call some bytes, and forget what they called the ones of before."""
        self._database.executemany("DELETE FROM etags WHERE key = ?", [(key,) for key, etag in told if not etag])
        self._database.executemany("INSERT OR REPLACE INTO etags VALUES (?, ?)", [each for each in told if each[1]])

    def _renumber(self, kept: NDArray[np.int64], before: int) -> None:
        generation = self._generation() + 1
        self._database.execute("DELETE FROM blocks")
        self._copy_rows(self._folder / arrays.file_name(generation, self._kept_as), kept, before)
        self._database.execute(f"DELETE FROM images WHERE state <> {LIVE}")
        known = "SELECT key FROM images UNION SELECT key FROM skipped"
        self._database.execute(f"DELETE FROM etags WHERE key NOT IN ({known})")
        # Rising order keeps every new number free: a row never moves past one that is still to move.
        moves = ((new, row) for new, row in enumerate(kept.tolist()) if new != row)
        self._database.executemany('UPDATE images SET "row" = ? WHERE "row" = ?', moves)
        self._database.execute("UPDATE manifest SET value = ? WHERE name = 'generation'", (str(generation),))

    def _copy_rows(self, target: Path, kept: NDArray[np.int64], before: int) -> None:
        rows = arrays.mapped(self._array_path(), before, self._codec.row_bytes)
        step = max(1, arrays.BLOCK_BYTES // self._codec.row_bytes)
        for start in range(0, len(kept), step):
            block = rows[kept[start : start + step]]
            digest = arrays.append(target, start, block)
            self._database.execute("INSERT INTO blocks VALUES (?, ?, ?)", (start, len(block), digest))

    def _encoded(self, records: Sequence[Record], embeddings: Embeddings) -> Codes:
        """What is kept of embeddings, once they are found fit to be kept."""
        codes = self._codec.encode(demand_fit(self._card, records, embeddings))
        if self._kept_as != "float32":
            _demand_finite(records, self._codec.decode(codes), self._kept_as)
        return codes

    def _drop_leftovers(self) -> None:
        """Array files of other generations: of a `compact` that did not come to its end, or the one before it.

        Readers that have one mapped keep it until they let go of it.
        """
        current = self._array_path()
        for path in self._folder.glob("embeddings-*"):
            if path != current:
                path.unlink(missing_ok=True)

    def _array_path(self) -> Path:
        return self._folder / arrays.file_name(self._generation(), self._kept_as)

    def _generation(self) -> int:
        return int(self._database.execute("SELECT value FROM manifest WHERE name = 'generation'").fetchone()[0])

    def _count(self) -> int:
        return int(self._database.execute('SELECT coalesce(max("row") + 1, 0) FROM images').fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with database.told_as_ours(self._folder / database.FILE_NAME):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


def demand_fit(card: Card, records: Sequence[Record], embeddings: Embeddings) -> Embeddings:
    """The embeddings in float32, once they are found fit to be kept.

    Raises:
        BadArgument: As `Writer.extend`.
    """
    wanted = (len(records), card.dim)
    if embeddings.shape != wanted:
        raise BadArgument(f"embeddings have shape {embeddings.shape}, wanted {wanted}")
    if len({record.key for record in records}) != len(records):
        raise BadArgument("a key comes twice in one batch: keys are unique")
    with np.errstate(over="ignore"):
        embeddings = np.asarray(embeddings, np.float32)
    _demand_finite(records, embeddings, "float32")
    if card.unit:
        norms = np.linalg.norm(embeddings, axis=1)
        far = np.flatnonzero(np.abs(norms - 1) > _UNIT_TOLERANCE)
        if far.size:
            row = int(far[0])
            raise BadArgument(f"{card.name} promises unit rows; that of {records[row].key} has norm {norms[row]:.4f}")
    return embeddings


def _demand_finite(records: Sequence[Record], rows: Embeddings, kept_as: str) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        key = records[int(bad[0])].key
        raise BadArgument(
            f"{bad.size} of {len(records)} embeddings hold NaN or infinity as {kept_as}, the first of {key}: "
            "mend the encoder" + ("" if kept_as == "float32" else ", or keep float32")
        )


def _columns(row: int, record: Record) -> tuple[object, ...]:
    digest = bytes.fromhex(record.content_sha256)
    size = (record.size_bytes, record.modified_ns, record.width, record.height)
    return (row, record.key, LIVE, digest, *size, _text(record))


def _text(record: Record) -> str:
    try:
        return json.dumps(dict(record.metadata), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        told = f"{record.key}: its metadata hold NaN or infinity, which is no JSON, and no filter could read it: leave it out"
        raise BadArgument(told) from error
