"""Change a collection on Milvus: versions and entries that nobody sees yet, then one row that says that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from likewise.roots import Roots
from likewise.stores.local.indexing import Wish
from likewise.stores.local.writer import demand_fit
from likewise.stores.milvus.catalogue import FORGOTTEN, ROOT, SKIPPED, SOURCE, Entry, Lease, State
from likewise.stores.milvus.columns import ALL, LIVE, NEVER, VANISHED, Version, at, row_of
from likewise.stores.milvus.reading import Gallery
from likewise.stores.milvus.remembering import ASKED_ONE_BY_ONE, Asked, Remembered
from likewise.stores.milvus.remote import Row
from likewise.types import Embeddings, Item, Record, Skipped


@dataclass(slots=True)
class _Change:
    """What one transaction has written so far; nothing of it is seen before the commit.

    Attributes:
        state: As it will be.
        gone: Keys whose version ends.
        added: Versions that begin.
        gone_entries: (kind, key) that end.
        added_entries: (kind, entry) that begin.
    """

    state: State
    gone: list[str] = field(default_factory=list)
    added: list[Version] = field(default_factory=list)
    gone_entries: list[tuple[int, str]] = field(default_factory=list)
    added_entries: list[tuple[int, Entry]] = field(default_factory=list)


class MilvusWriter:
    """The writing half of `MilvusStore`; lives as long as the lease is held.

    Every method is one transaction: whole or not at all, and on the server when it returns.
    """

    def __init__(self, gallery: Gallery, lease: Lease, state: State, told: Callable[[State], object]) -> None:
        self._gallery, self._lease, self.state, self._told = gallery, lease, state, told
        self._known: Remembered | Asked = Asked(gallery, state)
        self._lookups = 0
        self._is_torn = False
        self._recover()

    def known(self, looked_up: int = 1) -> Remembered | Asked:
        """What is there by key and content; read whole when it is asked for often."""
        self._lookups += looked_up
        if isinstance(self._known, Asked):
            if self._lookups > ASKED_ONE_BY_ONE:
                self._known = Remembered(self._gallery, self.state)
            else:
                self._known = Asked(self._gallery, self.state)
        return self._known

    def extend(self, records: Sequence[Record], embeddings: Embeddings) -> None:
        """See `Writer.extend`; idempotent, as all that is written goes by primary key."""
        if not records and not len(embeddings):
            return
        rows = demand_fit(self._gallery.card, records, embeddings)
        with self._transaction() as change:
            keys = [record.key for record in records]
            replaced = self.known(len(keys)).versions(keys)
            self._count_out(change, replaced)
            first_row, state = change.state.next_row, change.state
            change.state = replace(state, next_row=first_row + len(records), live=state.live + len(records))
            numbered = [(first_row + i, LIVE, record) for i, record in enumerate(records)]
            self._begin(change, numbered, rows)
            self._end(change, replaced)
            self._forget_entries(change, SKIPPED, keys)

    def refresh(self, records: Sequence[Record]) -> None:
        """See `Writer.refresh`."""
        with self._transaction() as change:
            told = {record.key: record for record in records}
            before = self.known(len(told)).versions(told)
            self._replace(
                change, before, [(each.row, LIVE, _refreshed(each.record, told[each.record.key])) for each in before]
            )
            back = sum(each.state == VANISHED for each in before)
            change.state = replace(change.state, live=change.state.live + back, vanished=change.state.vanished - back)

    def skip(self, skipped: Sequence[tuple[Skipped, Item]]) -> None:
        """See `Writer.skip`."""
        with self._transaction() as change:
            keys = [skip.key for skip, _ in skipped]
            gone = self.known(len(keys)).versions(keys)
            self._count_out(change, gone)
            self._end(change, gone)
            self._forget_entries(change, SKIPPED, keys)
            self._enter(
                change,
                SKIPPED,
                [(skip.key, [skip.reason, item.size_bytes, item.modified_ns]) for skip, item in skipped],
            )

    def vanish(self, keys: Sequence[str]) -> None:
        """See `Writer.vanish`."""
        with self._transaction() as change:
            before = [each for each in self.known(len(keys)).versions(keys) if each.state == LIVE]
            self._replace(change, before, [(each.row, VANISHED, each.record) for each in before])
            count = len(before)
            change.state = replace(change.state, live=change.state.live - count, vanished=change.state.vanished + count)
            self._forget_entries(change, SKIPPED, keys)

    def delete(self, keys: Sequence[str], *, remember: bool = False) -> int:
        """See `Writer.delete`."""
        with self._transaction() as change:
            gone = self.known(len(keys)).versions(keys)
            self._count_out(change, gone)
            self._end(change, gone)
            self._forget_entries(change, SKIPPED, keys)
            if remember:
                there = {entry.key for entry in self.known().entries(FORGOTTEN, keys)}
                self._enter(change, FORGOTTEN, [(key, None) for key in dict.fromkeys(keys) if key not in there])
        return len(gone)

    def recall_forgotten(self) -> int:
        """Let forgotten images in again at the next meeting; returns how many they were."""
        with self._transaction() as change:
            found = self._gallery.catalogue.entries(FORGOTTEN, self.state)
            self._end_entries(change, FORGOTTEN, found)
        return len(found)

    def note_source(self, name: str, roots: Roots) -> None:
        """See `Writer.note_source`."""
        catalogue = self._gallery.catalogue
        there = {entry.key for entry in catalogue.entries(SOURCE, self.state)}
        before = {entry.key: entry for entry in catalogue.entries(ROOT, self.state)}
        added = [
            (root, place) for root, place in roots.named.items() if root not in before or before[root].value != place
        ]
        if name in there and not added:
            return
        with self._transaction() as change:
            self._end_entries(change, ROOT, [before[root] for root, _ in added if root in before])
            self._enter(change, ROOT, added)
            self._enter(change, SOURCE, [] if name in there else [(name, None)])

    def note_running(self, told: str) -> None:
        """See `Writer.note_running`."""
        if told not in self.state.computed_by:
            with self._transaction() as change:
                change.state = replace(change.state, computed_by=(*change.state.computed_by, told))

    def note_layer_dims(self, dims: Sequence[int]) -> None:
        """See `HomeWriter.note_layer_dims`."""
        with self._transaction() as change:
            change.state = replace(change.state, layer_dims=tuple(dims))

    def note_base(self, base: str) -> None:
        """See `HomeWriter.note_base`: such as the folder of the local collection that this one is a copy of."""
        if base == self.state.base:
            return
        with self._transaction() as change:
            change.state = replace(change.state, base=base)

    def note_index(self, wish: Wish) -> None:
        """Remember which index the collection is to have; `MilvusStore.bring_index_up_to_date` makes it so."""
        with self._transaction() as change:
            change.state = replace(change.state, wish=wish.to_json())

    def note_built(self, index: dict[str, object] | None) -> None:
        """Say which index there is now."""
        with self._transaction() as change:
            change.state = replace(change.state, index=index)

    def compact(self) -> int:
        """Remove what no search returns from the server; the other rows keep their numbers.

        Returns:
            How many rows were dropped.
        """
        count = self.state.dead + self.state.vanished
        if not count:
            return 0
        with self._transaction() as change:
            hidden = self._gallery.versions(self.state, f"{at(self.state.commit)} and state == {VANISHED}")
            self._end(change, hidden)
            change.state = replace(change.state, vanished=0, dead=0, compacted=self.state.commit + 1, is_purged=False)
        self._purge()
        return count

    def _recover(self) -> None:
        """Take back what a writer that died had begun, and finish what it had decided."""
        gallery, state = self._gallery, self.state
        unborn = gallery.remote.query(gallery.name, f"born > {state.commit}", ("id",))
        gallery.remote.delete(gallery.name, [int(row["id"]) for row in unborn])
        marked = gallery.remote.query(gallery.name, f"died > {state.commit} and died < {NEVER}", ("id",))
        for part in self._whole([int(row["id"]) for row in marked]):
            gallery.remote.upsert(gallery.name, [row | {"died": NEVER} for row in part])
        gallery.catalogue.roll_back(state)
        if not state.is_purged:
            self._purge()
        self._is_torn = False

    def _purge(self) -> None:
        gallery, state = self._gallery, self.state
        gone = gallery.remote.query(gallery.name, f"died <= {state.commit}", ("id",))
        gallery.remote.delete(gallery.name, [int(row["id"]) for row in gone])
        gallery.catalogue.purge(state)
        with self._transaction() as change:
            change.state = replace(change.state, is_purged=True)
        self._known = Asked(gallery, self.state)

    @contextmanager
    def _transaction(self) -> Iterator[_Change]:
        if self._is_torn:
            self._recover()
        change = _Change(self.state)
        self._is_torn = True
        yield change
        self._gallery.catalogue.demand(self._lease, self.state)
        self._commit(replace(change.state, commit=self.state.commit + 1))
        self._is_torn = False
        if isinstance(self._known, Remembered):
            self._known.changed(change.gone, change.added)
            for kind in (SKIPPED, FORGOTTEN):
                gone = [key for of, key in change.gone_entries if of == kind]
                self._known.changed_entries(kind, gone, [entry for of, entry in change.added_entries if of == kind])

    def _commit(self, state: State) -> None:
        self._gallery.catalogue.commit(state)
        self.state = state
        self._told(state)

    def _begin(
        self, change: _Change, numbered: Sequence[tuple[int, int, Record]], rows: Embeddings | Sequence[object]
    ) -> None:
        """Write versions that are there from the next commit on."""
        state, born = change.state, self.state.commit + 1
        made = [Version(state.next_id + i, row, kind, record) for i, (row, kind, record) in enumerate(numbered)]
        told: list[Row] = [
            row_of(each.id, each.row, born, each.record, embedding, each.state)
            for each, embedding in zip(made, rows, strict=True)
        ]
        change.state = replace(state, next_id=state.next_id + len(made))
        self._note_time(change, self._gallery.remote.upsert(self._gallery.name, told))
        change.added += made

    def _end(self, change: _Change, versions: Sequence[Version]) -> None:
        """Mark versions as gone from the next commit on."""
        gallery = self._gallery
        for part in self._whole([each.id for each in versions]):
            marked = [row | {"died": self.state.commit + 1} for row in part]
            self._note_time(change, gallery.remote.upsert(gallery.name, marked))
        change.gone += [each.record.key for each in versions]

    def _replace(self, change: _Change, before: Sequence[Version], after: Sequence[tuple[int, int, Record]]) -> None:
        """End versions, and begin others of the same rows with the same embeddings."""
        step = self._gallery.page_rows
        for start in range(0, len(before), step):
            part = before[start : start + step]
            rows = self._gallery.embeddings(self.state, np.array([each.row for each in part], np.int64))
            self._begin(change, after[start : start + step], rows)
        self._end(change, before)

    def _whole(self, ids: Sequence[int]) -> Iterator[list[Row]]:
        step = self._gallery.page_rows
        for start in range(0, len(ids), step):
            told = f"id in [{', '.join(map(str, ids[start : start + step]))}]"
            yield [
                row | {"embedding": np.asarray(row["embedding"], np.float32)}
                for row in self._gallery.remote.query(self._gallery.name, told, ALL)
            ]

    def _enter(self, change: _Change, kind: int, pairs: Sequence[tuple[str, object]]) -> None:
        if not pairs:
            return
        first = change.state.next_id
        change.state, written_at = self._gallery.catalogue.add(
            kind, pairs, replace(change.state, commit=self.state.commit)
        )
        self._note_time(change, written_at)
        change.added_entries += [(kind, Entry(f"e:{first + i}", key, value)) for i, (key, value) in enumerate(pairs)]

    def _forget_entries(self, change: _Change, kind: int, keys: Sequence[str]) -> None:
        self._end_entries(change, kind, self.known().entries(kind, keys))

    def _end_entries(self, change: _Change, kind: int, entries: Sequence[Entry]) -> None:
        if entries:
            self._note_time(change, self._gallery.catalogue.end([entry.id for entry in entries], self.state))
            change.gone_entries += [(kind, entry.key) for entry in entries]

    def _count_out(self, change: _Change, gone: Sequence[Version]) -> None:
        live = sum(each.state == LIVE for each in gone)
        state, count = change.state, len(gone)
        change.state = replace(
            state, live=state.live - live, vanished=state.vanished - (count - live), dead=state.dead + count
        )

    @staticmethod
    def _note_time(change: _Change, written_at: int) -> None:
        change.state = replace(change.state, written_at=max(change.state.written_at, written_at))


def _refreshed(before: Record, told: Record) -> Record:
    """What is noted anew; the embedding is of the bytes of before."""
    return replace(before, size_bytes=told.size_bytes, modified_ns=told.modified_ns, metadata=told.metadata)
