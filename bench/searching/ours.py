"""Likewise as an engine: the index that a collection builds and opens, over embeddings in a memory-mapped file, as it has them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likewise
from likewise import indexes
from likewise.indexes.coded import Coded
from likewise.indexes.exact import Exact
from likewise.indexes.first import First
from likewise.stores.local import indexing
from likewise.types import Metric
from searching.made import Floats

EXACT = "exact"
_NOBODY = "0" * 16  # fingerprint of no card
_K = 10


class Ours:
    """What `likewise index --index KIND` makes. KIND@RECALL is asked for so much of the nearest, and exact search for all of it."""

    def __init__(self, spec: str, metric: Metric) -> None:
        kind, _, recall = spec.partition("@")
        self._wish = indexing.Wish(kind, float(recall)) if recall else indexing.Wish(kind)  # type: ignore[arg-type]
        self._asked = f"@{recall}" if recall else ""
        self._metric, self._unit = metric, metric == "cosine"
        self._first: First | None = None
        self._index: Any = None

    @property
    def version(self) -> str:
        """Of likewise, and of the very text of its indexes."""
        if self._wish.kind != EXACT:
            import faiss  # noqa: F401 - so that opening does not pay for it

        files = [*Path(indexes.__file__).parent.rglob("*.py"), Path(indexing.__file__)]
        text = b"".join(path.read_bytes() for path in sorted(files))
        return f"likewise {likewise.__version__} {hashlib.sha256(text).hexdigest()[:8]} {self._wish.kind}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:  # noqa: ARG002 - it takes what processors it may
        """Build, and measure what the dial must know."""
        live = np.ones(len(rows), np.bool_)
        state = indexing.State(rows, live, self._metric, self._unit, _NOBODY, 0)
        indexing.bring_up_to_date(folder, state, self._wish)

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002
        """Open what was built; exact search where nothing was."""
        self._rows = rows
        kept = indexing.current(folder, _NOBODY, 0, len(rows))
        self._first = None if kept is None else indexing.opened(folder, kept)
        if kept is None or self._first is None:
            self._index = Exact(rows, self._metric, unit=self._unit)
            return f"{self.version}{'' if self._wish.kind == EXACT else ': exact search'}"
        wanted = self._wish.recall
        self._index = Coded(self._first, kept.dial, rows, self._metric, unit=self._unit, recall=wanted)
        return f"{self.version}{self._asked}{'' if self._wish.kind == kept.kind else f': {kept.kind}'}"

    def search(self, queries: Floats, k: int, recall: float | None = None) -> NDArray[np.int64]:
        """`recall` is its dial, which exact search does not have."""
        if recall is None or isinstance(self._index, Exact):
            return np.asarray(self._index.search(queries, k)[1])
        return np.asarray(self._index.search(queries, k, recall=recall)[1])

    @property
    def read_bytes(self) -> int:
        """Codes of the lists that are read, and rows that are scored; all rows for exact search; 0 for a graph, where nobody knows."""
        setting = None if isinstance(self._index, Exact) else self._index.dial.at(self._index.recall, _K)
        if setting is None or self._first is None:
            return self._rows.nbytes
        if self._first.kind != "lists":
            return 0
        share = setting.width / self._first.widths[-1]
        codes = share * self._first.bytes_per_row * len(self._rows)
        return int(codes + setting.count * self._rows.nbytes / len(self._rows))
