"""Read a collection's folder: the committed state, whole batches only, however often it is written to meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from likewise import compression
from likewise.compression import Codebook
from likewise.errors import NoCollection, StoreMismatch
from likewise.filters import Filter
from likewise.indexes import Index
from likewise.indexes.coded import Coded
from likewise.indexes.exact import Exact
from likewise.indexes.first import Watch
from likewise.stores import described
from likewise.stores.local import arrays, database, filtering, indexing, lock
from likewise.stores.local.catalogue import Catalogue
from likewise.stores.local.indexing import Kept, Wish
from likewise.stores.local.parts import Part, Parts
from likewise.stores.local.snapshot import LocalSnapshot, View
from likewise.stores.local.writer import LocalWriter
from likewise.types import Card, Embeddings, Hit, Metric, Rows, Scores

_REPAIR = "restore the folder from a backup, or delete it and index again"


class LocalStore(Catalogue):
    """A collection in a folder of this machine; threads may share it.

    Use `create` or `open`; both take the folder that holds `collection.sqlite`.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        super().__init__(folder, connection)
        manifest = self._manifest()
        self._kept_as, self.codebook_sha256 = manifest["dtype"], manifest.get("codebook", "")
        self._codebook: Codebook | None = None
        self._seen: tuple[int, tuple[int, int] | None] = (-1, None)
        self._view: View | None = None
        self._recall: float | None = None
        self._parts = Parts()

    @classmethod
    def create(cls, folder: Path, card: Card, keep: str | Codebook | None = None) -> Self:
        """Make an empty collection, or open the one that is there already.

        Args:
            folder: Made if missing; keys are relative to its parent.
            card: Of the encoder whose embeddings it will hold.
            keep: How embeddings are kept, as `likewise.compression.names()` lists them; a codebook where something had to be fitted. As
                they are, or in float32, unless given.

        Raises:
            StoreMismatch: If the folder holds a collection of another card, or one that is kept otherwise.
            BadArgument: If something would have to be fitted first.
            StoreBusy: If another process is making it at this moment.
        """
        path = folder / database.FILE_NAME
        codebook = None
        if not path.exists():
            codebook = keep if isinstance(keep, Codebook) else _unfitted(keep or "float32", card)
            with database.told_as_ours(path):
                folder.mkdir(parents=True, exist_ok=True)
                with lock.exclusive(folder, wait_s=10.0):
                    if not path.exists():
                        kept = codebook.write(folder) if codebook.is_fitted else ""
                        database.create(
                            path, _first_manifest(card, codebook.name, kept), arrays.format_of(codebook.name)
                        )
                        arrays.sync_folder(folder)
        store = cls.open(folder)
        store.demand(card)
        if keep is not None:
            store.demand_kept_as(keep.name if isinstance(keep, Codebook) else keep)
        store._codebook = codebook
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a collection to read; `write` makes this process its writer.

        Raises:
            NoCollection: If there is none in the folder.
            StoreDamaged: If its database cannot be read.
        """
        path = folder / database.FILE_NAME
        if not path.exists():
            raise NoCollection(f"no collection in {folder}: make one with `likewise index FOLDER`, or pass -c DIR")
        return cls(folder, database.connect(path))

    @property
    def place(self) -> str:
        """See `Home.place`."""
        return str(self._folder)

    @property
    def consistency(self) -> str:
        """See `Home.consistency`."""
        return "strong: a search sees all that was committed before it"

    def size_bytes(self) -> int:
        """See `Home.size_bytes`."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def keep_file(self, path: Path) -> None:
        """See `Home.keep_file`: what lies in the folder is kept."""

    def fetch_file(self, name: str, *, again: bool = False) -> bool:  # noqa: ARG002 - nothing is elsewhere
        """See `Home.fetch_file`: what is kept lies in the folder."""
        return (self.folder / name).exists()

    @property
    def kept_as(self) -> str:
        """How embeddings are kept, such as `float32` or `pq:64`."""
        return self._kept_as

    @property
    def codebook(self) -> Codebook:
        """What embeddings are encoded and decoded with.

        Raises:
            StoreDamaged: If it was fitted, and its file is not the one that the collection was made with.
        """
        with self._guard:
            if self._codebook is None:
                if self.codebook_sha256:
                    self._codebook = compression.read(self._folder, self.codebook_sha256)
                else:
                    self._codebook = _unfitted(self._kept_as, self.card)
            return self._codebook

    @property
    def wish(self) -> Wish:
        """Which index the collection is to have, and how good."""
        told = self._manifest().get("index")
        return Wish() if told is None else Wish.from_json(told)

    @property
    def recall(self) -> float:
        """How much of the k nearest searches through this object are to find: as wished for the collection, unless it was set."""
        return self.wish.recall if self._recall is None else self._recall

    @recall.setter
    def recall(self, value: float) -> None:
        self._recall = Wish(recall=value).recall
        with self._guard:
            self._seen = (-1, None)  # and with the view its indexes are made anew
            self._view = None

    @property
    def index(self) -> Kept | None:
        """The index that searches use; None where they are exact."""
        return self.view().kept

    def bring_index_up_to_date(
        self, watch: Watch = lambda _what, _done, _all: None, *, anew: bool = False
    ) -> Kept | None:
        """Build the index, add to it or remove it, as the rows and the wish ask for; searches go on meanwhile.

        Args:
            watch: Told (what is done, how much of it, of how much).
            anew: Build even where what is there would do.

        Returns:
            The index that is there now; None where searches are exact.

        Raises:
            StoreFull: If the disk is full; what was there before still serves.
        """
        view = self.view()
        state = indexing.State(
            view.searched, view.live, self.card.metric, self.card.unit, self.card.fingerprint, view.generation
        )
        with database.told_as_ours(self._folder / database.FILE_NAME):
            return indexing.bring_up_to_date(self._folder, state, self.wish, watch, anew=anew)

    def demand(self, card: Card) -> None:
        """Refuse an encoder whose embeddings cannot be compared with the ones that are here.

        Raises:
            StoreMismatch: If the fingerprints differ; the message names both and the way out.
        """
        if card.fingerprint == self.card.fingerprint:
            return
        theirs, ours = described(self.card), described(card)
        self.close()
        raise StoreMismatch(
            f"{self._folder} holds {theirs} embeddings, this encoder is {ours}: "
            f"pass --model {self.card.name} --recipe {self.card.recipe.name}{' --precision int8' if self.card.quantised else ''}, "
            "or keep the other model in a collection of its own with -c DIR"
        )

    def demand_kept_as(self, name: str) -> None:
        """Refuse another way to keep embeddings than the one that was chosen when the collection was made.

        Raises:
            StoreMismatch: If it is another.
        """
        if compression.compression(name).name != self._kept_as:
            self.close()
            raise StoreMismatch(
                f"{self._folder} keeps {self._kept_as}: go without --keep {name}, or make another collection with -c DIR"
            )

    def nearest(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> tuple[Scores, Rows]:
        """The rows of the k best images of each query: exact search over the memory-mapped rows."""
        view, part = self._narrowed(where)
        return self.nearest_in(view, queries, k, metric, part)

    def search(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> list[list[Hit]]:
        """The k best images of each query, best first."""
        while True:
            view, part = self._narrowed(where)
            scores, rows = self.nearest_in(view, queries, k, metric, part)
            records = self.records_in(view, rows)
            if records is not None:
                break  # otherwise the rows were renumbered while we searched them
        roots = self.roots
        return [
            [
                Hit(rank, float(score), records[row], int(row), roots.path(records[row].key))
                for rank, (score, row) in enumerate(zip(*pair, strict=True), start=1)
            ]
            for pair in zip(scores, rows.tolist(), strict=True)
        ]

    def snapshot(self, where: Filter | None = None) -> LocalSnapshot:
        """See `Store.snapshot`."""
        view, part = self._narrowed(where)
        return LocalSnapshot(self, view, self._folder, part)

    def embeddings(self, rows: Rows) -> Embeddings:
        """The embeddings of some rows, (rows.size, dim) float32."""
        return self.view().embeddings(rows)

    def embedding(self, key: str) -> Embeddings | None:
        """The embedding kept under a key, (1, dim) float32; None for a key that no search can return."""
        question = f'SELECT "row" FROM images WHERE key = ? AND state = {database.LIVE}'
        while True:
            view = self.view()
            with self._guard, self._snapshot():
                found = self._database.execute(question, (key,)).fetchone()
                is_same = int(self._manifest()["generation"]) == view.generation
            if found is None:
                return None
            if is_same and found[0] < len(view.codes):
                return view.embeddings(np.array(found))
            # otherwise the rows were renumbered, or added to, since the view was taken

    def check(self) -> tuple[int, list[str]]:
        """Recompute every checksum of the array file.

        Returns:
            How many blocks were looked at, and what is wrong, in words.
        """
        view = self.view()
        wrong: list[str] = []
        blocks = self._all("SELECT first_row, rows, blake2b FROM blocks ORDER BY first_row")
        expected = 0
        for first, count, digest in blocks:
            if first != expected:
                wrong.append(f"rows {expected} to {first - 1} have no checksum")
            expected = first + count
            if first + count <= len(view.codes) and arrays.checksum(view.codes[first : first + count]) != digest:
                wrong.append(f"rows {first} to {first + count - 1} are not what was written: {_REPAIR}")
        if expected < len(view.codes):
            wrong.append(f"rows {expected} to {len(view.codes) - 1} have no checksum")
        wrong += indexing.damage(self._folder)
        wrong += [f"the database is damaged: {line}" for (line,) in self._all("PRAGMA integrity_check") if line != "ok"]
        return len(blocks), wrong

    def shares_found(self, queries: int) -> NDArray[np.float64] | None:
        """(q,) how much of their ten true nearest a search finds for some of the gallery's images; None where searches are exact."""
        self.nearest(np.zeros((0, self.card.dim), np.float32), 1)
        index = self.view().indexes[self.card.metric]
        return index.shares_found(queries) if isinstance(index, Coded) else None

    @contextmanager
    def write(self, *, wait_s: float = 0.0) -> Iterator[LocalWriter]:
        """Become the writer.

        Raises:
            StoreBusy: If another process is still writing after `wait_s` seconds.
        """
        with lock.exclusive(self._folder, wait_s):
            connection = database.connect(self._folder / database.FILE_NAME)
            try:
                writer = LocalWriter(self._folder, connection, self._card, self.codebook)
                with self._guard:
                    self._look_for_etags()  # a collection of before has them from now on
                yield writer
            finally:
                connection.close()

    def close(self) -> None:
        """Close the database; searches are over."""
        with self._guard:
            self._view = None
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def view(self) -> View:
        """The state committed last: taken anew only when another connection has changed the database, or the index is another."""
        with self._guard:
            seen = int(self._one("PRAGMA data_version")), indexing.stamp(self._folder)
            if self._view is None or seen != self._seen:
                self._view = self._look(self._view, is_same_index=seen[1] == self._seen[1])
                self._seen = seen
                self._parts.clear()  # also where no row is new: what is told of them may be
            return self._view

    def _look(self, before: View | None, *, is_same_index: bool) -> View:
        with self._guard, self._snapshot():
            manifest = self._manifest()
            count = int(self._one('SELECT coalesce(max("row") + 1, 0) FROM images'))
            not_live = self._all(f'SELECT "row" FROM images WHERE state <> {database.LIVE}')
            generation = int(manifest["generation"])
            path = self._folder / arrays.file_name(generation, self._kept_as)
            codes = arrays.mapped(path, count, self.codebook.codec.row_bytes)
        live = np.ones(count, np.bool_)
        live[[row for (row,) in not_live]] = False
        is_same = before is not None and before.generation == generation and np.array_equal(before.live, live)
        if before is not None and is_same and is_same_index:
            return before
        kept = indexing.current(self._folder, self.card.fingerprint, generation, count)
        known = before.known if before is not None and is_same else {}
        return View(generation, codes, self.codebook.codec, live, kept, known=known)

    def _narrowed(self, where: Filter | None) -> tuple[View, Part | None]:
        """The state committed last, and what a filter leaves of it."""
        while True:
            view = self.view()
            part = None if where is None else self._part_of(view, where)
            if where is None or part is not None:
                return view, part

    def _part_of(self, view: View, where: Filter) -> Part | None:
        """The rows of a state that pass; None if they have other numbers by now."""
        with self._guard:
            seen, is_current = self._seen, view is self._view
            kept = self._parts.get(where) if is_current else None
        if kept is not None:
            return kept
        # By a connection of its own: a second for a million rows, in which others go on searching.
        mask = filtering.mask_in(self._folder / database.FILE_NAME, where, view.generation, len(view.codes))
        if mask is None:
            return None
        part = Part(mask)
        with self._guard:
            if is_current and seen == self._seen:  # else somebody has met another state meanwhile
                self._parts.keep(where, part)
        return part

    def nearest_in(
        self, view: View, queries: Embeddings, k: int, metric: Metric | None, part: Part | None = None
    ) -> tuple[Scores, Rows]:
        """As `nearest`, in one state, or a part of it."""
        return self._index_in(view, metric).search(view.codec.asked(queries), k, None if part is None else part.mask)

    def is_exact_in(self, view: View, metric: Metric | None) -> bool:
        """Whether `nearest_in` compares with every row."""
        return isinstance(self._index_in(view, metric), Exact)

    def _index_in(self, view: View, metric: Metric | None) -> Index:
        chosen: Metric = metric or self.card.metric
        with self._guard:
            index = view.indexes.get(chosen)
            if index is None:
                index = view.indexes[chosen] = self._opened(view, chosen)
        return index

    def _opened(self, view: View, metric: Metric) -> Index:
        live = None if view.live.all() else view.live
        kept, unit = view.kept, self.card.unit
        if kept is not None and (kept.metric == metric or unit):  # of unit rows both metrics give the same order
            first = indexing.opened(self._folder, kept)
            if first is not None:
                return Coded(first, kept.dial, view.searched, metric, live, unit=unit, recall=self.recall)
        return Exact(view.searched, metric, live, unit=unit)


def _unfitted(name: str, card: Card) -> Codebook:
    return compression.compression(name).made(card.dim, unit=card.unit)


def _first_manifest(card: Card, kept_as: str, codebook: str) -> dict[str, str]:
    return {
        "card": card.to_json(),
        "fingerprint": card.fingerprint,
        "dtype": kept_as,
        **({"codebook": codebook} if codebook else {}),
        "generation": "0",
        "base": "",
        "roots": "{}",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
