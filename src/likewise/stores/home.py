"""What a collection asks of its store beside searching, and how one is opened, wherever it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Codebook
from likewise.indexes.dial import Dial
from likewise.indexes.first import Kind, Watch
from likewise.stores import Store, Writer
from likewise.stores.local import LocalStore, database
from likewise.types import Card

if TYPE_CHECKING:
    from likewise.stores.local.indexing import Wish

Place: TypeAlias = Path | str
"""The folder of a local collection, or the address of one on Milvus."""


class Built(Protocol):
    """An index that is there."""

    @property
    def kind(self) -> Kind:
        """Of its first pass."""
        ...

    @property
    def rows(self) -> int:
        """That are in it."""
        ...

    @property
    def dial(self) -> Dial:
        """What was measured."""
        ...

    @property
    def seconds(self) -> float:
        """That building took."""
        ...

    @property
    def size_bytes(self) -> int:
        """What it takes."""
        ...


class HomeWriter(Writer, Protocol):
    """A writer to whom the owner's wishes can be told."""

    def recall_forgotten(self) -> int:
        """Let forgotten images in again at the next meeting; returns how many they were."""
        ...

    def note_base(self, base: str) -> None:
        """Say where keys without a root lie, where that is not settled by where the collection itself lies."""
        ...

    def note_index(self, wish: Wish) -> None:
        """Remember which index the collection is to have."""
        ...

    def note_layer_dims(self, dims: Sequence[int]) -> None:
        """Remember how many numbers of an embedding come from each layer of a mix."""
        ...


class Home(Store, Protocol):
    """A store with all that a collection tells of itself and looks after."""

    recall: float
    """How much of the k nearest searches through this object are to find: as wished for the collection, unless it was set."""

    def live_with_content(self, sha256: str) -> str | None:
        """The key of an image of these bytes that a search can return; None if none is known."""
        ...

    @property
    def place(self) -> str:
        """Where it is, as messages say it: a folder or an address."""
        ...

    @property
    def folder(self) -> Path:
        """A folder of this machine for small files of the collection, such as a whitening."""
        ...

    @property
    def created_at(self) -> str:
        """When the collection was made, ISO 8601 in UTC."""
        ...

    @property
    def computed_by(self) -> list[str]:
        """Runtime and precision of what computed the embeddings, in the order of the first time."""
        ...

    @property
    def consistency(self) -> str:
        """What a search sees of what others write, in words."""
        ...

    @property
    def kept_as(self) -> str:
        """How embeddings are kept, such as `float32` or `pq:64`."""
        ...

    @property
    def codebook(self) -> Codebook:
        """What embeddings are encoded and decoded with."""
        ...

    @property
    def codebook_sha256(self) -> str:
        """Of its file; empty where nothing was fitted."""
        ...

    @property
    def wish(self) -> Wish:
        """Which index the collection is to have, and how good."""
        ...

    @property
    def index(self) -> Built | None:
        """The index that searches use; None where they are exact."""
        ...

    def bring_index_up_to_date(
        self, watch: Watch = lambda _what, _done, _all: None, *, anew: bool = False
    ) -> Built | None:
        """Build the index, add to it or remove it, as the rows and the wish ask for.

        Args:
            watch: Told (what is done, how much of it, of how much).
            anew: Build even where what is there would do.
        """
        ...

    def forgotten(self) -> list[str]:
        """The keys that the user asked to stay out."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many images are live, vanished, skipped and forgotten, and how many dead rows `compact` would drop."""
        ...

    def size_bytes(self) -> int:
        """What the collection takes where it is kept."""
        ...

    def demand(self, card: Card) -> None:
        """Refuse an encoder whose embeddings cannot be compared with the ones that are here.

        Raises:
            StoreMismatch: If the fingerprints differ; the message names both and the way out.
        """
        ...

    def demand_kept_as(self, name: str) -> None:
        """Refuse another way to keep embeddings than the one that was chosen when the collection was made.

        Raises:
            StoreMismatch: If it is another.
        """
        ...

    def check(self) -> tuple[int, list[str]]:
        """Look at every embedding: how many blocks there were, and what is wrong, in words."""
        ...

    def shares_found(self, queries: int) -> NDArray[np.float64] | None:
        """(q,) how much of their ten true nearest a search finds for some of the images; None where searches are exact."""
        ...

    @property
    def layer_dims(self) -> list[int]:
        """How many numbers of an embedding come from each layer of a mix, in order; empty where nobody noted it."""
        ...

    def keep_file(self, path: Path) -> None:
        """Keep a small file of `folder` wherever the collection is kept."""
        ...

    def fetch_file(self, name: str, *, again: bool = False) -> bool:
        """Have a small file of the collection in `folder`, if it keeps one of this name.

        Args:
            name: Of the file.
            again: Also where it is there already, as others may have kept a newer one.
        """
        ...

    def write(self, *, wait_s: float = 0.0) -> AbstractContextManager[HomeWriter]:
        """See `Store.write`."""
        ...


def is_address(place: Place) -> bool:
    """Whether a place is an address and no folder."""
    from likewise.stores.milvus.address import is_address as is_milvus

    return isinstance(place, str) and is_milvus(place)


def is_there(place: Place) -> bool:
    """Whether there is a collection.

    Raises:
        StoreAway: If that cannot be known, because a server does not answer.
    """
    if isinstance(place, Path):
        return (place / database.FILE_NAME).exists()
    from likewise.errors import NoCollection

    try:
        opened(place).close()
    except NoCollection:
        return False
    return True


def opened(place: Place) -> Home:
    """Open a collection.

    Raises:
        NoCollection: If there is none.
        MissingExtra: If it is on Milvus, and pymilvus is not installed.
        StoreAway: If its server does not answer.
    """
    if isinstance(place, Path):
        return LocalStore.open(place)
    from likewise.stores.milvus import MilvusStore

    return MilvusStore.open(place)


def created(place: Place, card: Card, keep: str | Codebook | None = None) -> Home:
    """Make a collection, or open the one that is there.

    Raises:
        StoreMismatch: If it is of another card, or kept otherwise.
        MissingExtra, StoreAway: As `opened`.
    """
    if isinstance(place, Path):
        return LocalStore.create(place, card, keep)
    from likewise.stores.milvus import MilvusStore

    return MilvusStore.create(place, card, keep)


def files_of(place: Place) -> Path:
    """The folder of this machine for small files of a collection, be it made already or not."""
    if isinstance(place, Path):
        return place
    from likewise.stores.milvus.address import Address, folder_of

    return folder_of(Address.parse(place))
