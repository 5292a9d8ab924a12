"""One state of a collection on Milvus, for what takes more than one look at it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likewise.filters import Filter
from likewise.stores.milvus.reading import View
from likewise.types import Embeddings, Metric, Record, Rows, Scores

if TYPE_CHECKING:
    from likewise.stores.milvus.store import MilvusStore

_LIVE = "live rows"
_MOST_NOTED_BYTES = 64 << 20


class MilvusSnapshot:
    """See `likewise.stores.Snapshot`; what `compact` has dropped since is gone here too."""

    def __init__(self, store: MilvusStore, view: View, where: Filter | None) -> None:
        self._store, self._view, self._where = store, view, where

    @property
    def live(self) -> NDArray[np.int64]:
        """See `Snapshot.live`."""
        found = self.remembered(_LIVE, lambda: {"rows": self._store.gallery.live(self._view.state, self._where)})
        return np.asarray(found["rows"], np.int64)

    @property
    def state(self) -> str:
        """See `Snapshot.state`."""
        told = f"{self._store.place} {self._store.card.fingerprint} {self._view.state.commit}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def nearest(self, queries: Embeddings, k: int, metric: Metric | None = None) -> tuple[Scores, Rows]:
        """See `Snapshot.nearest`."""
        found = self._store.nearest_in(self._view, queries, k, metric, self._where)
        return found.scores, found.rows

    def embeddings(self, rows: Rows) -> Embeddings:
        """See `Snapshot.embeddings`.

        Raises:
            StoreBusy: If one of them was dropped by `compact` since.
        """
        return self._store.gallery.embeddings(self._view.state, rows)

    def records(self, rows: Rows) -> Mapping[int, Record] | None:
        """See `Snapshot.records`."""
        found = self._store.gallery.records(self._view.state, rows)
        return found if len(found) == len(np.unique(rows)) else None

    def remembered(
        self,
        name: str,
        make: Callable[[], Mapping[str, NDArray[np.generic]]],
        *,
        lasting: bool = False,  # noqa: ARG002 - a server keeps nothing that can be worked out
    ) -> Mapping[str, NDArray[np.generic]]:
        """See `Snapshot.remembered`; kept in memory alone, as long as nothing is committed."""
        known = self._view.part(self._where).known
        with self._view.guard:  # who comes second waits, instead of working out the same
            if name not in known:
                known[name] = make()
            return known[name]

    def is_exact(self, metric: Metric | None = None) -> bool:
        """See `Snapshot.is_exact`."""
        return self._store.is_exact_in(self._view, metric)

    def note(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """See `Snapshot.note`; on the server, up to 64 MB, and of a part nothing is."""
        if self._where is not None:
            return
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
        if buffer.tell() <= _MOST_NOTED_BYTES:
            self._store.gallery.catalogue.keep_file(f"note-{name}", buffer.getvalue(), str(self._view.state.commit))

    def noted(self, name: str) -> Mapping[str, NDArray[np.generic]] | None:
        """See `Snapshot.noted`."""
        found = None if self._where is not None else self._store.gallery.catalogue.file(f"note-{name}")
        if found is None or found[1] != str(self._view.state.commit):
            return None
        try:
            with np.load(io.BytesIO(found[0]), allow_pickle=False) as kept:
                return {each: kept[each] for each in kept.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):  # pragma: no cover - its checksum was right
            return None
