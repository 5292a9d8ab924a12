"""One committed state of a collection, for what takes more than one look at it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Codec, Codes, Numbers
from likewise.indexes import Index
from likewise.stores.local import derived
from likewise.stores.local.indexing import Kept
from likewise.stores.local.parts import Part
from likewise.types import Embeddings, Metric, Record, Rows, Scores

if TYPE_CHECKING:
    from likewise.stores.local.store import LocalStore

_WORTH_A_FILE = 5000  # images; what is worked out of fewer takes less than a second


@dataclass(frozen=True, slots=True)
class View:
    """One committed state, as the searches of this moment see it.

    Attributes:
        generation: Of the array file.
        codes: Its valid rows, as they lie in the file.
        codec: What they are made with.
        live: Which of them a search may return.
        kept: The index beside them; None if there is none.
        indexes: As they are asked for.
        known: As it is worked out.
    """

    generation: int
    codes: Codes
    codec: Codec
    live: np.ndarray[tuple[int], np.dtype[np.bool_]]
    kept: Kept | None = None
    indexes: dict[Metric, Index] = field(default_factory=dict)
    known: dict[str, Mapping[str, NDArray[np.generic]]] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)

    @property
    def rows(self) -> Numbers:
        """The embeddings."""
        return self.codec.rows(self.codes)

    def embeddings(self, rows: Rows) -> Embeddings:
        """Some of them, (rows.size, dim) float32."""
        return np.asarray(self.rows[rows.reshape(-1)], np.float32)

    @property
    def searched(self) -> Numbers:
        """What an index looks at; see `Codec.searched`."""
        return self.codec.searched(self.codes)

    def state(self, fingerprint: str) -> str:
        """16 hexadecimal digits that differ for every other state of a collection."""
        digest = hashlib.sha256(f"{fingerprint} {self.generation} {len(self.codes)} ".encode())
        digest.update(np.packbits(self.live).tobytes())
        return digest.hexdigest()[:16]


class LocalSnapshot:
    """See `likewise.stores.Snapshot`."""

    def __init__(self, store: LocalStore, view: View, folder: Path, part: Part | None = None) -> None:
        self._store, self._view, self._folder, self._part = store, view, folder, part

    @property
    def live(self) -> NDArray[np.int64]:
        """See `Snapshot.live`."""
        return np.flatnonzero(self._view.live if self._part is None else self._view.live & self._part.mask)

    @property
    def state(self) -> str:
        """See `Snapshot.state`."""
        return self._view.state(self._store.card.fingerprint)

    def nearest(self, queries: Embeddings, k: int, metric: Metric | None = None) -> tuple[Scores, Rows]:
        """See `Snapshot.nearest`."""
        return self._store.nearest_in(self._view, queries, k, metric, self._part)

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Snapshot.embeddings`."""
        return self._view.embeddings(rows)

    def records(self, rows: Rows) -> Mapping[int, Record] | None:
        """See `Snapshot.records`."""
        return self._store.records_in(self._view, rows)

    def remembered(
        self, name: str, make: Callable[[], Mapping[str, NDArray[np.generic]]], *, lasting: bool = False
    ) -> Mapping[str, NDArray[np.generic]]:
        """See `Snapshot.remembered`; what lasts lies in the folder `derived` of a collection of 5,000 images or more.

        What was worked out of the part that a filter leaves is kept as long as that part is, and never on the disk.
        """
        view = self._view
        known = view.known if self._part is None else self._part.known
        with view.guard:  # who comes second waits, instead of working out the same
            if name in known:
                return known[name]
            on_disk = lasting and self._part is None and len(view.codes) >= _WORTH_A_FILE
            state = self.state if on_disk else ""
            found = derived.load(self._folder, name, state) if on_disk else None
            if found is None:
                found = make()
                if on_disk:
                    derived.keep(self._folder, name, state, found)
            known[name] = found
            return found

    def is_exact(self, metric: Metric | None = None) -> bool:
        """See `Snapshot.is_exact`."""
        return self._store.is_exact_in(self._view, metric)

    def note(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """See `Snapshot.note`; what was left lies in the folder `derived`, and of a part nothing is."""
        if self._part is None:
            derived.keep(self._folder, name, self.state, arrays)

    def noted(self, name: str) -> Mapping[str, NDArray[np.generic]] | None:
        """See `Snapshot.noted`."""
        if self._part is not None:
            return None
        return derived.load(self._folder, name, self.state)
