"""The indexing path, from a source to a store: list, read, decode, embed, keep. Read it from top to bottom."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from likewise import images
from likewise.encoders import Encoder
from likewise.encoders.runtimes import running
from likewise.errors import BadImage, SourceError
from likewise.sources import Source
from likewise.stores import Known, Store, Writer
from likewise.types import Image, Item, Record, Skipped


@dataclass(frozen=True, slots=True)
class Options:
    """How to go about it; none of this changes an embedding.

    Attributes:
        batch: Images given to the encoder at once.
        workers: Threads that read and decode while the encoder works.
        commit_s: Seconds between two transactions, at the most; a killed run loses no more than that.
        retry: Try again what was skipped before and has not changed.
        wait_s: How long to wait for another process that is writing.
        limits: Of the decoder.
    """

    batch: int = 64
    workers: int = 2
    commit_s: float = 2.0
    retry: bool = False
    wait_s: float = 0.0
    limits: images.Limits = field(default_factory=images.Limits)


@dataclass(slots=True)
class Report:
    """What a run did, counted in images; grows while it runs.

    Attributes:
        total: How many images the source lists.
        added: Met for the first time and embedded.
        changed: Embedded again because their bytes changed.
        unchanged: Left as they were.
        returned: Vanished once, and there again.
        vanished: Known, and no longer there.
        forgotten: Left out because the user asked for it earlier.
        skipped: Not embedded, with the reason; those of earlier runs that are still so are counted in `still_skipped`.
        still_skipped: Skipped before, unchanged, and not tried again.
        seconds: Wall-clock time.
    """

    total: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    returned: int = 0
    vanished: int = 0
    forgotten: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    still_skipped: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many of the listed images are dealt with."""
        embedded = self.added + self.changed
        return embedded + self.unchanged + self.returned + self.forgotten + len(self.skipped) + self.still_skipped


Watch: TypeAlias = Callable[[Report], None]
"""Called in the thread of `ingest` after every step that changed the report."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One image, read and decoded: either `record` and `pixels`, or `reason` says why not."""

    item: Item
    key: str
    record: Record | None = None
    pixels: Image | None = None
    reason: str = ""


def ingest(
    source: Source,
    store: Store,
    encoder: Encoder,
    options: Options | None = None,
    watch: Watch = lambda _: None,
) -> Report:
    """Bring a store up to date with a source.

    Only new and changed images are read; what the source covers and no longer lists is marked as vanished. It may be
    interrupted at any moment (what was embedded is kept), and run again at any time.

    Args:
        source: Where the images are.
        store: A collection of this encoder's card.
        encoder: Makes the embeddings.
        options: Of speed and limits.
        watch: Is told of every step; raising there stops the run.

    Returns:
        What was done.

    Raises:
        StoreBusy: If another process is writing to the store.
        StoreFull: If the disk is full; everything before the last batch is kept.
        KeyboardInterrupt: When interrupted; everything embedded until then is kept.
    """
    options = options or Options()
    with store.write(wait_s=options.wait_s) as writer:
        return _Run(source, store, writer, encoder, options, watch).whole()


def added_up(reports: Iterable[Report]) -> Report:
    """One report for several runs."""
    whole = Report()
    for report in reports:
        for name in ("total", "added", "changed", "unchanged", "returned", "vanished", "forgotten", "still_skipped"):
            setattr(whole, name, getattr(whole, name) + getattr(report, name))
        whole.skipped += report.skipped
        whole.seconds += report.seconds
    return whole


class _Run:
    """One call of `ingest`: what its steps share."""

    def __init__(
        self, source: Source, store: Store, writer: Writer, encoder: Encoder, options: Options, watch: Watch
    ) -> None:
        self._source, self._store, self._writer, self._encoder = source, store, writer, encoder
        self._options, self._watch = options, watch
        self._roots = store.roots.including(source.location)
        self._report = Report()
        self._started = self._committed_at = time.monotonic()
        self._known: dict[str, Known] = {}
        self._kept: list[tuple[Record, Image]] = []
        self._embedded: list[tuple[list[Record], np.ndarray[tuple[int, int], np.dtype[np.float32]]]] = []
        self._refreshed: list[Record] = []
        self._skips: list[tuple[Skipped, Item]] = []

    def whole(self) -> Report:
        items = list(self._source.items())
        self._report.total = len(items)
        self._writer.note_source(self._source.name, self._roots)
        try:
            for read in self._reads(self._worth_reading(items)):
                self._take(read)
                self._tell()
            self._embed()
        except KeyboardInterrupt:
            self._commit()
            raise
        self._commit()
        self._mark_vanished({self._key(item) for item in items})
        self._tell()
        return self._report

    def _worth_reading(self, items: Iterable[Item]) -> Iterator[tuple[Item, str]]:
        """(item, key) of what must be read; the rest is counted here."""
        for item in items:
            key = self._key(item)
            known = self._store.known(key)
            if known is not None and self._settled(item, known):
                self._tell()
            elif self._store.is_forgotten(key):
                self._report.forgotten += 1
            else:
                if known is not None:
                    self._known[key] = known
                yield item, key

    def _settled(self, item: Item, known: Known) -> bool:
        """Count an image that need not be read, because nothing about it has changed."""
        if not known.unchanged(item):
            return False
        if known.record is None:
            self._report.still_skipped += not self._options.retry
            return not self._options.retry
        if known.live:
            self._report.unchanged += 1
        else:
            self._report.returned += 1
        if not known.live or known.record.metadata != item.metadata:
            self._refreshed.append(replace(known.record, metadata=item.metadata))
        return True

    def _reads(self, wanted: Iterable[tuple[Item, str]]) -> Iterator[_Read]:
        """Read and decode in threads, in order, no further ahead than two batches."""
        ahead = 2 * self._options.batch + self._options.workers
        waiting: deque[Future[_Read]] = deque()
        pool = ThreadPoolExecutor(self._options.workers, thread_name_prefix="likewise-read")
        try:
            for item, key in wanted:
                waiting.append(pool.submit(self._read, item, key))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, item: Item, key: str) -> _Read:
        try:
            data = self._source.read(item)
            digest = hashlib.sha256(data).hexdigest()
            known = self._known.get(key)
            size = item.size_bytes if item.size_bytes >= 0 else len(data)
            if known is not None and known.record is not None and known.record.content_sha256 == digest:
                same = replace(known.record, size_bytes=size, modified_ns=item.modified_ns, metadata=item.metadata)
                return _Read(item, key, same)
            prepared = images.prepare(data, self._encoder.card.recipe, self._options.limits)
        except (BadImage, SourceError) as error:
            return _Read(item, key, reason=str(error))
        except MemoryError:
            return _Read(item, key, reason="there was not enough memory to decode it")
        record = Record(key, digest, size, item.modified_ns, prepared.width, prepared.height, item.metadata)
        return _Read(item, key, record, prepared.pixels)

    def _take(self, read: _Read) -> None:
        if read.record is None:
            skipped = Skipped(read.key, read.reason)
            self._report.skipped.append(skipped)
            self._skips.append((skipped, read.item))
        elif read.pixels is None:
            self._refreshed.append(read.record)
            known = self._known[read.key]
            if known.live:
                self._report.unchanged += 1
            else:
                self._report.returned += 1
        else:
            self._kept.append((read.record, read.pixels))
            if len(self._kept) >= self._options.batch:
                self._embed()
        if time.monotonic() - self._committed_at >= self._options.commit_s:
            self._commit()

    def _embed(self) -> None:
        if not self._kept:
            return
        records = [record for record, _ in self._kept]
        embeddings = self._encoder.encode(np.stack([pixels for _, pixels in self._kept]))
        self._embedded.append((records, embeddings))
        self._kept = []
        changed = sum(self._was_embedded(record.key) for record in records)
        self._report.changed += changed
        self._report.added += len(records) - changed

    def _commit(self) -> None:
        """Hand everything that is finished to the store."""
        if self._embedded:
            records = [record for part, _ in self._embedded for record in part]
            self._writer.note_running(running(self._encoder).short)
            self._writer.extend(records, np.concatenate([part for _, part in self._embedded]))
            self._embedded = []
        if self._refreshed:
            self._writer.refresh(self._refreshed)
            self._refreshed = []
        if self._skips:
            self._writer.skip(self._skips)
            self._skips = []
        self._committed_at = time.monotonic()
        self._tell()

    def _was_embedded(self, key: str) -> bool:
        known = self._known.pop(key, None)
        return known is not None and known.record is not None

    def _mark_vanished(self, listed: set[str]) -> None:
        gone = [record.key for _, record in self._store.records() if self._is_ours(record.key, listed)]
        gone += [skip.key for skip in self._store.skipped() if self._is_ours(skip.key, listed)]
        if gone:
            self._writer.vanish(gone)
        self._report.vanished = len(gone)

    def _is_ours(self, key: str, listed: set[str]) -> bool:
        """Whether the source would have listed this key if the image were still there."""
        if key in listed:
            return False
        path, start = self._roots.path(key), self._source.location.rstrip("/") + "/"
        return path.startswith(start) and self._source.covers(path[len(start) :])

    def _key(self, item: Item) -> str:
        return self._roots.key(f"{self._source.location.rstrip('/')}/{item.key}")

    def _tell(self) -> None:
        self._report.seconds = time.monotonic() - self._started
        self._watch(self._report)
