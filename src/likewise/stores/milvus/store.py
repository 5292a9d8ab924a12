"""A gallery on Milvus: the store seam over a server, or a file of milvus-lite."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from likewise import compression
from likewise.compression import Codebook
from likewise.errors import BadArgument, NoCollection, StoreDamaged, StoreMismatch
from likewise.filters import Filter
from likewise.indexes.first import Watch
from likewise.roots import Roots
from likewise.stores import Known, described
from likewise.stores.local.indexing import Wish
from likewise.stores.milvus import indexing, remembering
from likewise.stores.milvus.address import Access, Address, folder_of
from likewise.stores.milvus.catalogue import FORGOTTEN, FORMAT, SKIPPED, SUFFIX, State
from likewise.stores.milvus.columns import RECORD, VERSIONS, at, content_number, number_of, record_of
from likewise.stores.milvus.indexing import Built
from likewise.stores.milvus.reading import Gallery, View
from likewise.stores.milvus.remembering import Asked
from likewise.stores.milvus.remote import Remote, Row, index_metric
from likewise.stores.milvus.searching import Found, nearest
from likewise.stores.milvus.snapshot import MilvusSnapshot
from likewise.stores.milvus.writer import MilvusWriter
from likewise.types import Card, Embeddings, Hit, Metric, Record, Rows, Scores, Skipped

_BOUND_S = 1.0  # how old a state may be that `consistency=bounded` searches
_CARD, _FINGERPRINT, _FORMAT = "likewise.card", "likewise.fingerprint", "likewise.format"


class MilvusStore:
    """A collection on Milvus; threads may share it. Use `create` or `open`."""

    def __init__(self, remote: Remote, card: Card) -> None:
        self.address = remote.address
        self.gallery = Gallery(remote, remote.address.name, card)
        self._guard = threading.RLock()
        self._view: View | None = None
        self._seen_at = 0.0
        self._writer: MilvusWriter | None = None
        self._recall: float | None = None
        self.codebook_sha256 = ""

    @classmethod
    def create(
        cls, address: str | Address, card: Card, keep: str | Codebook | None = None, *, access: Access | None = None
    ) -> Self:
        """Make an empty collection, or open the one that is there already.

        Args:
            address: As `Address.parse` reads it.
            card: Of the encoder whose embeddings it will hold.
            keep: How embeddings are kept: `float32`, which is all that every server can do.
            access: What opens the server; from the environment unless given.

        Raises:
            StoreMismatch: If it holds embeddings of another card.
            BadArgument: If embeddings are to be kept otherwise.
            StoreAway: If the server does not answer.
        """
        place = address if isinstance(address, Address) else Address.parse(address)
        name = keep.name if isinstance(keep, Codebook) else keep
        if name not in (None, "float32"):
            raise BadArgument(
                f"{place} keeps float32, not {name}: go without --keep, and have --index lists if memory on the server is short"
            )
        remote = Remote(place, access)
        if not remote.exists(place.name):
            told = {_CARD: card.to_json(), _FINGERPRINT: card.fingerprint, _FORMAT: str(FORMAT)}
            remote.create(place.name, VERSIONS, card.dim, index_metric(card.metric, unit=card.unit), told)
        store = cls(remote, _card_of(remote))
        store.demand(card)
        store.gallery.catalogue.create(place.text)
        store._ready()
        return store

    @classmethod
    def open(cls, address: str | Address, *, access: Access | None = None) -> Self:
        """Open a collection to read; `write` makes this process its writer.

        Raises:
            NoCollection: If there is none of that name.
            StoreAway: If the server does not answer.
        """
        place = address if isinstance(address, Address) else Address.parse(address)
        if place.is_file and not Path(place.uri).exists():
            raise NoCollection(f"no collection at {place}: make one with `likewise -c {place} index FOLDER`")
        remote = Remote(place, access)
        if not (remote.exists(place.name) and remote.exists(place.name + SUFFIX)):
            remote.close()
            raise NoCollection(
                f"no collection at {place}: make one with `likewise -c {place} index FOLDER`, or mend the name"
            )
        store = cls(remote, _card_of(remote))
        store._ready()
        return store

    @property
    def card(self) -> Card:
        """See `Store.card`."""
        return self.gallery.card

    @property
    def place(self) -> str:
        """See `Home.place`."""
        return self.address.text

    @property
    def folder(self) -> Path:
        """A folder of this machine for copies of the small files that the collection keeps on the server."""
        return folder_of(self.address)

    @property
    def state(self) -> State:
        """The one that was looked at last."""
        return self._last().state

    @property
    def roots(self) -> Roots:
        """See `Store.roots`."""
        view = self._last()
        return Roots(view.state.base or self.address.text, self.gallery.roots(view)[0])

    @property
    def created_at(self) -> str:
        """See `Home.created_at`."""
        return self.state.created_at

    @property
    def computed_by(self) -> list[str]:
        """See `Home.computed_by`."""
        return list(self.view().state.computed_by)

    @property
    def layer_dims(self) -> list[int]:
        """See `Home.layer_dims`."""
        return list(self.view().state.layer_dims)

    @property
    def consistency(self) -> str:
        """See `Home.consistency`."""
        if self.address.consistency == "strong":
            return "strong: a search sees all that was acknowledged before it"
        return f"bounded: a search may miss what was acknowledged in the last {_BOUND_S:g} s"

    @property
    def kept_as(self) -> str:
        """How embeddings are kept."""
        return "float32"

    @property
    def codebook(self) -> Codebook:
        """See `Home.codebook`."""
        return compression.compression("float32").made(self.card.dim, unit=self.card.unit)

    @property
    def wish(self) -> Wish:
        """See `Home.wish`."""
        return indexing.wish_of(self.view().state)

    @property
    def recall(self) -> float:
        """See `Home.recall`."""
        return indexing.wish_of(self._last().state).recall if self._recall is None else self._recall

    @recall.setter
    def recall(self, value: float) -> None:
        self._recall = Wish(recall=value).recall

    @property
    def index(self) -> Built | None:
        """The index that searches use; None where they are exact."""
        return Built.of(self.view().state)

    def __len__(self) -> int:
        return self.view().state.live

    def counts(self) -> dict[str, int]:
        """See `Home.counts`."""
        state = self.view().state
        entries = {
            name: len(self.gallery.catalogue.entries(kind, state))
            for name, kind in (("skipped", SKIPPED), ("forgotten", FORGOTTEN))
        }
        return {"live": state.live, "vanished": state.vanished, "dead": state.dead, **entries}

    def size_bytes(self) -> int:
        """What the collection takes, roughly: a server does not tell."""
        state = self.view().state
        return (state.live + state.vanished + state.dead) * (4 * self.card.dim + 500)

    def bring_index_up_to_date(
        self, watch: Watch = lambda _what, _done, _all: None, *, anew: bool = False
    ) -> Built | None:
        """Have the server build the index that is wished, and measure how wide it must be searched; it cannot be searched meanwhile.

        Args:
            watch: Told (what is done, how much of it, of how much).
            anew: Build even where what is there would do.
        """
        state = self.view().state
        wish = indexing.wish_of(state)
        kind = indexing.wanted_kind(wish, state.live)
        if not (anew or indexing.is_due(wish, state)) or (kind is None and state.index is None):
            return Built.of(state)
        with self.write() as writer:
            writer.note_built(None)  # a search meanwhile must not be as narrow as the one before was measured
            made = indexing.built(self.gallery, writer.state, kind, watch)
            writer.note_built(None if made is None else made.told())
        return made

    def demand(self, card: Card) -> None:
        """See `Home.demand`."""
        if card.fingerprint != self.card.fingerprint:
            theirs, ours = described(self.card), described(card)
            self.close()
            raise StoreMismatch(
                f"{self.address} holds {theirs} embeddings, this encoder is {ours}: "
                f"pass --model {self.card.name} --recipe {self.card.recipe.name}{' --precision int8' if self.card.quantised else ''}, "
                "or keep the other model in a collection of another name"
            )

    def demand_kept_as(self, name: str) -> None:
        """See `Home.demand_kept_as`."""
        if compression.compression(name).name != self.kept_as:
            self.close()
            raise StoreMismatch(f"{self.address} keeps float32: go without --keep {name}")

    def known(self, key: str) -> Known | None:
        """See `Store.known`."""
        return remembering.known(self._asked(), key)

    def with_content(self, sha256: str) -> tuple[int, Record] | None:
        """See `Store.with_content`."""
        return self._asked().with_content(sha256)

    def live_with_content(self, sha256: str) -> str | None:
        """See `Home.live_with_content`."""
        state = self.view().state
        asked = f"content == {content_number(sha256)} and {at(state.commit)} and state == 0"
        found = self.gallery.remote.query(self.gallery.name, asked, ("record", "row"), state.written_at)
        records = (record_of(row) for row in sorted(found, key=lambda row: int(row["row"])))
        return next((record.key for record in records if record.content_sha256 == sha256), None)

    def is_forgotten(self, key: str) -> bool:
        """See `Store.is_forgotten`."""
        return bool(self._asked().entries(FORGOTTEN, [key]))

    def row_of(self, key: str) -> int | None:
        """See `Store.row_of`."""
        found = self._live(key, ("record", "row"))
        return None if found is None else int(found["row"])

    def records(
        self, prefix: str = "", where: Filter | None = None, *, after: int = -1
    ) -> Iterator[tuple[int, Record]]:
        """See `Store.records`."""
        for page in self.gallery.pages(self.view().state, where, columns=RECORD, after=after):
            for row in page:
                record = record_of(row)
                if record.key.startswith(prefix):
                    yield int(row["row"]), record

    def skipped(self) -> list[Skipped]:
        """See `Store.skipped`."""
        found = self.gallery.catalogue.entries(SKIPPED, self.view().state)
        return sorted((Skipped(entry.key, entry.value[0]) for entry in found), key=lambda skip: skip.key)

    def forgotten(self) -> list[str]:
        """See `Home.forgotten`."""
        return sorted(entry.key for entry in self.gallery.catalogue.entries(FORGOTTEN, self.view().state))

    def sources(self) -> list[str]:
        """See `Store.sources`."""
        return self.gallery.roots(self.view())[1]

    def nearest(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> tuple[Scores, Rows]:
        """See `Store.nearest`."""
        found = self.nearest_in(self.view(), queries, k, metric, where)
        return found.scores, found.rows

    def search(
        self, queries: Embeddings, k: int, metric: Metric | None = None, where: Filter | None = None
    ) -> list[list[Hit]]:
        """See `Store.search`."""
        view = self.view()
        found = self.nearest_in(view, queries, k, metric, where)
        missing = [row for row in np.unique(found.rows).tolist() if row not in found.records]
        records = found.records | self.gallery.records(view.state, np.array(missing, np.int64))
        roots = Roots(view.state.base or self.address.text, self.gallery.roots(view)[0])
        return [
            [
                Hit(rank, float(score), records[row], int(row), roots.path(records[row].key))
                for rank, (score, row) in enumerate(zip(*pair, strict=True), start=1)
            ]
            for pair in zip(found.scores, found.rows.tolist(), strict=True)
        ]

    def snapshot(self, where: Filter | None = None) -> MilvusSnapshot:
        """See `Store.snapshot`."""
        return MilvusSnapshot(self, self.view(), where)

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Store.embeddings`."""
        return self.gallery.embeddings(self._last().state, rows)

    def embedding(self, key: str) -> Embeddings | None:
        """See `Store.embedding`."""
        found = self._live(key, ("record", "embedding"))
        return None if found is None else np.array([found["embedding"]], np.float32)

    def _live(self, key: str, columns: Sequence[str]) -> Row | None:
        """What is kept of an image that searches can return."""
        state = self.view().state
        asked = f"key_hash == {number_of(key)} and {at(state.commit)} and state == 0"
        rows = self.gallery.remote.query(self.gallery.name, asked, columns, state.written_at)
        return next((row for row in rows if record_of(row).key == key), None)

    def check(self) -> tuple[int, list[str]]:
        """See `Home.check`: every embedding is read, and what the state says is held against what is there."""
        state, wrong, blocks, count = self.view().state, [], 0, 0
        for rows, block in self.gallery.blocks(state):
            blocks, count = blocks + 1, count + len(rows)
            if len(np.unique(rows)) != len(rows):
                wrong.append(f"a row of {rows[0]} to {rows[-1]} is there twice: index again into another collection")
            if not np.isfinite(block).all():
                wrong.append(f"an embedding of the rows {rows[0]} to {rows[-1]} holds NaN or infinity: index again")
        if count != state.live:
            wrong.append(
                f"{count:,} images are there where the collection counts {state.live:,}: index again into another collection"
            )
        return blocks, wrong

    def shares_found(self, queries: int) -> NDArray[np.float64] | None:
        """See `Home.shares_found`."""
        return indexing.shares_found(self.gallery, self.view().state, queries, self.recall)

    def keep_file(self, path: Path) -> None:
        """Keep a small file on the server, so that whoever opens the collection has it in `folder`."""
        self.gallery.catalogue.keep_file(path.name, path.read_bytes())

    def fetch_file(self, name: str, *, again: bool = False) -> bool:
        """See `Home.fetch_file`."""
        path = self.folder / name
        if again or not path.exists():
            found = self.gallery.catalogue.file(name)
            if found is None:
                path.unlink(missing_ok=True)
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{name}.{threading.get_ident()}.part")
            draft.write_bytes(found[0])
            draft.replace(path)
        return True

    @contextmanager
    def write(self, *, wait_s: float = 0.0) -> Iterator[MilvusWriter]:
        """See `Store.write`."""
        with self.gallery.catalogue.leased(wait_s) as lease:
            writer = MilvusWriter(self.gallery, lease, self.gallery.catalogue.state(), self._met)
            self._met(writer.state)
            self._writer = writer
            try:
                yield writer
            finally:
                self._writer = None

    def close(self) -> None:
        """Let go of the connection."""
        self.gallery.remote.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def view(self) -> View:
        """The state committed last, or with `consistency=bounded` one of the last second."""
        with self._guard:
            is_recent = self.address.consistency == "bounded" and time.monotonic() - self._seen_at < _BOUND_S
            if self._view is not None and (self._writer is not None or is_recent):
                return self._view  # nobody else can have written while we may
        state = self.gallery.catalogue.state()
        return self._met(state)

    def nearest_in(
        self, view: View, queries: Embeddings, k: int, metric: Metric | None, where: Filter | None = None
    ) -> Found:
        """As `nearest`, in one state."""
        used = metric or self.card.metric
        how = indexing.plan(self.gallery, view.state, max(1, k), used, self.recall, filtered=where is not None)
        return nearest(self.gallery, view.state, queries, k, used, where, how)

    def is_exact_in(self, view: View, metric: Metric | None) -> bool:
        """Whether `nearest_in` compares with every row."""
        how = indexing.plan(self.gallery, view.state, 1, metric or self.card.metric, self.recall, filtered=False)
        return how is None or how.is_exact

    def _asked(self) -> remembering.Remembered | Asked:
        writer = self._writer
        return writer.known() if writer is not None else Asked(self.gallery, self.view().state)

    def _last(self) -> View:
        with self._guard:
            return self._view if self._view is not None else self.view()

    def _met(self, state: State) -> View:
        with self._guard:
            self._seen_at = time.monotonic()
            if self._view is None or state.commit > self._view.state.commit:
                self._view = View(state)
            return self._view

    def _ready(self) -> None:
        self.gallery.remote.load(self.gallery.name)
        self.gallery.catalogue.load()
        self.view()
        if self.card.name.startswith("whitened/"):
            self.fetch_file(f"whitening-{self.card.weights_sha256[:16]}.npz")


def _card_of(remote: Remote) -> Card:
    """The card in a collection's properties.

    Raises:
        StoreDamaged: If it is no collection of ours.
    """
    told = remote.properties(remote.address.name)
    if _CARD not in told:
        raise StoreDamaged(
            f"{remote.address} is a collection of something else: it says of no encoder; take another name"
        )
    card = Card.from_json(told[_CARD])
    if int(told.get(_FORMAT, "0")) > FORMAT:
        raise StoreDamaged(
            f"{remote.address} has format {told[_FORMAT]}, this program reads up to {FORMAT}: install a newer likewise"
        )
    if card.fingerprint != told.get(_FINGERPRINT):
        raise StoreDamaged(
            f"{remote.address} says it is of {told.get(_FINGERPRINT)}, and its card is {card.fingerprint}: index again"
        )
    return card
