"""Likewise as an engine: the one place that knows how its indexes are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likewise
from likewise import indexes
from likewise.indexes.exact import Exact
from likewise.types import Metric
from searching.made import Floats

EXACT = "exact"


class Ours:
    """`likewise.indexes`, as a store uses it: the embeddings are its own memory-mapped file, the index lies in a folder beside."""

    def __init__(self, spec: str, metric: Metric) -> None:
        self._spec, self._metric = spec, metric
        self._index: Any = None
        self._rows: Any = None

    @property
    def version(self) -> str:
        """Of likewise, and of the very text of its indexes."""
        text = b"".join(path.read_bytes() for path in sorted(Path(indexes.__file__).parent.rglob("*.py")))
        return f"likewise {likewise.__version__} {hashlib.sha256(text).hexdigest()[:8]} {self._spec}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:  # noqa: ARG002 - it takes the processors that it may use
        """Build, and measure what the dial must know."""
        self._made(rows, folder)

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002
        """Open what was built."""
        self._rows, self._index = rows, self._made(rows, folder)
        return self.version

    def search(self, queries: Floats, k: int, recall: float | None = None) -> NDArray[np.int64]:
        """`recall` is its dial, which exact search does not have."""
        if recall is None or isinstance(self._index, Exact):
            return np.asarray(self._index.search(queries, k)[1])
        return np.asarray(self._index.search(queries, k, recall=recall)[1])

    @property
    def read_bytes(self) -> int:
        """What one query reads at the least, where the index tells."""
        return int(getattr(self._index, "read_bytes", self._rows.nbytes if isinstance(self._index, Exact) else 0))

    def _made(self, rows: Floats, folder: Path) -> Any:
        load: Callable[[str], Any] | None = getattr(indexes, "load", None)
        if load is None:
            if self._spec != EXACT:
                raise NotImplementedError(f"this likewise has no index {self._spec!r}: pass --ours {EXACT}")
            return Exact(rows, self._metric, unit=self._metric == "cosine")
        return load(self._spec).build(rows, self._metric, folder, lambda _what, _done, _all: None)
