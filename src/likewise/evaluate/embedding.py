"""The images of a benchmark, through the same path as any collection, into a store that the next run finds again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Numbers
from likewise.encoders import Encoder
from likewise.ingest import Options, Report, ingest
from likewise.sources import Source
from likewise.stores import Store
from likewise.types import Embeddings, Skipped

Watch: TypeAlias = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""

_HELD_BYTES = 512 << 20  # embeddings up to this size are read once, larger ones again for every block of queries


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of one source.

    Attributes:
        source: Where the images are from.
        keys: Of its items, in its order.
        rows: (n,) the row of each item in the store; -1 for one that could not be embedded.
        skipped: What could not be embedded and why, by the item's key.
        seconds: Time that this run took for it, which is little if an earlier one had done the work.
        store: Where the embeddings lie.
        kept: Those of the present items as they are kept, if that is not how they lie there.
    """

    source: Source
    keys: tuple[str, ...]
    rows: NDArray[np.int64]
    skipped: tuple[Skipped, ...]
    seconds: float
    store: Store
    kept: Numbers | None = None

    @property
    def present(self) -> NDArray[np.int64]:
        """The numbers of the items that have an embedding, rising."""
        return np.flatnonzero(self.rows >= 0)

    def reader(self) -> Callable[[int, int], Embeddings]:
        """A function from (start, stop) to the embeddings of those of the present items; threads may share it."""
        rows, kept = self.rows[self.present], self.kept
        if kept is not None:
            return lambda start, stop: np.asarray(kept[start:stop], np.float32)
        if 4 * len(rows) * self.store.card.dim > _HELD_BYTES:
            return lambda start, stop: self.store.embeddings(rows[start:stop])
        held = self.store.embeddings(rows)
        return lambda start, stop: held[start:stop]


def embed(
    source: Source,
    store: Store,
    encoder: Encoder,
    watch: Callable[[int, int], None],
    options: Options | None = None,
) -> Embedded:
    """Bring a store up to date with a source, and find every item of the source in it.

    A run that was killed goes on where it was. What was skipped before is tried again: it may have been for want of memory.

    Args:
        source: Of a benchmark; its order is the benchmark's.
        store: Of this encoder; images of other places may be in it, and are left alone.
        encoder: Makes the embeddings.
        watch: Told (done, in all).
        options: Of speed and limits.

    Raises:
        StoreBusy: If another process is writing to it.
    """
    started = time.monotonic()

    def told(report: Report) -> None:
        watch(report.done, report.total)

    ingest(source, store, encoder, replace(options or Options(), retry=True), told)
    keys = tuple(item.key for item in source.items())
    roots, start = store.roots, source.location.rstrip("/")
    names = [roots.key(f"{start}/{key}") for key in keys]
    row_of = {record.key: row for row, record in store.records()}
    reasons = {skip.key: skip.reason for skip in store.skipped()}
    rows = np.array([row_of.get(name, -1) for name in names], np.int64)
    skipped = tuple(
        Skipped(key, reasons.get(name, "was taken out of the store by hand"))
        for key, name, row in zip(keys, names, rows.tolist(), strict=True)
        if row < 0
    )
    return Embedded(source, keys, rows, skipped, time.monotonic() - started, store)
