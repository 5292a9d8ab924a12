"""From shard files into the store: each image once, however often it is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from likewise.distributed.manifest import Entry, Manifest
from likewise.errors import StoreMismatch
from likewise.ingest import Report
from likewise.stores import Known, Store, Writer, parquet
from likewise.types import Embeddings, Item, Record


class Loader:
    """Puts shards into a store, and counts.

    One shard is one transaction. A run that dies between that and the line in the manifest finds everything there the next time,
    and writes nothing.
    """

    def __init__(self, store: Store, writer: Writer, manifest: Manifest, report: Report) -> None:
        self._store, self._writer, self._manifest, self._report = store, writer, manifest, report

    def load(self, entry: Entry, items: Mapping[str, Item]) -> None:
        """Put one shard into the store.

        Args:
            entry: Of a shard whose file is there.
            items: Key → what the listing said, as far as there was one: ETags are not in the file.

        Raises:
            StoreMismatch: If its embeddings are of another encoder.
            StoreDamaged: If its file cannot be read.
        """
        path = self._manifest.file(entry.id)
        for shard in parquet.shards(path):
            if shard.head.card.fingerprint != self._store.card.fingerprint:
                ours = self._store.card
                raise StoreMismatch(
                    f"{path} holds {shard.head.card.name} embeddings, the collection {ours.name}: take the file away"
                )
            parts = list(parquet.rows_of(shard))
            records = [record for part, _ in parts for record in part]
            told = [
                replace(record, etag=items[record.key].etag) if record.key in items else record for record in records
            ]
            if told:
                self._writer.note_running(entry.running)
                self._put(told, np.concatenate([rows for _, rows in parts]))
        self._skip(entry)
        self._manifest.loaded(entry)

    def _put(self, records: Sequence[Record], embeddings: Embeddings) -> None:
        known = [self._store.known(record.key) for record in records]
        is_new = [
            not _is_kept(record, before) and not self._store.is_forgotten(record.key)
            for record, before in zip(records, known, strict=True)
        ]
        rows = np.flatnonzero(is_new).tolist()
        self._writer.extend([records[row] for row in rows], embeddings[rows])
        changed = sum((before := known[row]) is not None and before.record is not None for row in rows)
        self._report.changed += changed
        self._report.added += len(rows) - changed
        moved = [
            record
            for record, before, new in zip(records, known, is_new, strict=True)
            if not new and before is not None and (not before.live or before.record != record)
        ]
        if moved:
            self._writer.refresh(moved)
        returned = sum(before is not None and not before.live for before in known) - sum(
            (before := known[row]) is not None and not before.live for row in rows
        )
        self._report.returned += returned
        self._report.unchanged += len(records) - len(rows) - returned

    def _skip(self, entry: Entry) -> None:
        if entry.skipped:
            self._writer.skip(entry.skipped)
            self._report.skipped.extend(skip for skip, _ in entry.skipped)


def _is_kept(record: Record, known: Known | None) -> bool:
    """Whether the store has the embedding of these very bytes under this key."""
    return known is not None and known.record is not None and known.record.content_sha256 == record.content_sha256
