"""The indexing path, from a source to a store: list, read, decode, embed, keep. Read it from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from typing import TypeAlias

import numpy as np

from likewise import images, pipeline
from likewise.encoders import Encoder, lacks_memory
from likewise.encoders.runtimes import running
from likewise.errors import LikewiseError
from likewise.pipeline import Prepared
from likewise.processors import processors
from likewise.reuse import Met
from likewise.roots import address
from likewise.sources import Source
from likewise.stores import Known, Store, Writer
from likewise.types import Embeddings, Image, Item, Metadata, Pixels, Record, Skipped

_NEAR_READS, _FAR_READS = 8, 32
_MOST_GATHERED = 1024  # copies have no pixels, and still some memory


@dataclass(frozen=True, slots=True)
class Options:
    """How to go about it; none of this changes an embedding.

    Attributes:
        batch: Images given to the encoder at once; fewer when its memory does not suffice.
        workers: Processes that decode while the encoder works (threads, where there are few images); as many as there are
            processors unless given.
        prefetch: Images that are being read at once; 0 for as many as the source is good for: 8 of a disk, 32 of a far place.
        ahead_bytes: Images that are read or decoded before the encoder has room for them, in bytes.
        deadline_s: For decoding one image.
        processes_from: Images from which on decoding has processes of its own; see `likewise.pipeline.How`.
        commit_s: Seconds between two transactions, at the most; a killed run loses no more than that.
        retry: Try again what was skipped before and has not changed.
        wait_s: How long to wait for another process that is writing.
        limits: Of the decoder.
    """

    batch: int = 64
    workers: int = field(default_factory=processors)
    prefetch: int = 0
    ahead_bytes: int = 256 << 20
    deadline_s: float = 300.0
    processes_from: int = 64
    commit_s: float = 2.0
    retry: bool = False
    wait_s: float = 0.0
    limits: images.Limits = field(default_factory=images.Limits)

    def for_source(self, source: Source) -> Options:
        """These options, with what was left open settled for a source."""
        return replace(self, prefetch=self.prefetch or (_FAR_READS if address(source.location) else _NEAR_READS))

    @property
    def pipeline(self) -> pipeline.How:
        """What the pipeline needs to know: it may be two batches ahead."""
        return pipeline.How(
            workers=self.workers,
            ahead=2 * self.batch + 4 * self.workers,
            ahead_bytes=self.ahead_bytes,
            prefetch=self.prefetch or _NEAR_READS,
            deadline_s=self.deadline_s,
            processes_from=self.processes_from,
            limits=self.limits,
        )


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
        reused: Of those added or changed, how many have bytes whose embedding was there already, and were neither decoded nor
            embedded: copies, and what was moved or renamed.
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
    reused: int = 0
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


def ingest(
    source: Source,
    store: Store,
    encoder: Encoder,
    options: Options | None = None,
    watch: Watch = lambda _: None,
) -> Report:
    """Bring a store up to date with a source.

    Only new and changed images are read, and only bytes that the store has never met are decoded and embedded; what the
    source covers and no longer lists is marked as vanished. It may be interrupted at any moment (what was embedded is
    kept), and run again at any time.

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
    options = (options or Options()).for_source(source)
    with store.write(wait_s=options.wait_s) as writer:
        return _Run(source, store, writer, encoder, options, watch).whole()


def added_up(reports: Iterable[Report]) -> Report:
    """One report for several runs."""
    whole = Report()
    for report in reports:
        for each in fields(Report):
            setattr(whole, each.name, getattr(whole, each.name) + getattr(report, each.name))
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
        self._met = Met(store)
        self._batch = options.batch
        self._gathered: list[tuple[Record, Image | None]] = []  # without pixels: an earlier image has the same bytes
        self._waiting = 0  # of these, how many have pixels
        self._embedded: list[tuple[list[Record], Embeddings]] = []
        self._refreshed: list[Record] = []
        self._skips: list[tuple[Skipped, Item]] = []

    def whole(self) -> Report:
        items = list(self._source.items())
        self._report.total = len(items)
        self._writer.note_source(self._source.name, self._roots)
        wanted, recipe = self._worth_reading(items), self._encoder.card.recipe
        try:
            with closing(
                pipeline.prepared(self._source, wanted, recipe, self._options.pipeline, self._met.needs)
            ) as line:
                for prepared in line:
                    self._take(prepared)
                    self._tell()
            self._embed()
        except KeyboardInterrupt:
            self._commit()
            raise
        self._commit()
        self._mark_vanished({self._key(item) for item in items})
        self._tell()
        return self._report

    def _worth_reading(self, items: Iterable[Item]) -> Iterator[Item]:
        """What must be read; the rest is counted here."""
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
                yield item

    def _settled(self, item: Item, known: Known) -> bool:
        """Count an image that need not be read, because nothing about it has changed."""
        if not known.unchanged(item):
            return False
        if known.record is None:
            self._report.still_skipped += not self._options.retry
            return not self._options.retry
        self._count_known(known)
        told = _told(item, known)
        date, etag = item.modified_ns or known.modified_ns, item.etag or known.etag
        refreshed = replace(known.record, modified_ns=date, metadata=told, etag=etag)
        if not known.live or refreshed != known.record:
            self._refreshed.append(refreshed)
        return True

    def _take(self, prepared: Prepared) -> None:
        """One image has come through: skip it, find it unchanged, or gather it for the encoder."""
        item, key = prepared.item, self._key(prepared.item)
        reason = prepared.reason or self._met.refusal(prepared.sha256)
        known = self._known.get(key)
        if reason:
            self._met.refuse(prepared.sha256, reason)
            skipped = Skipped(key, reason)
            self._report.skipped.append(skipped)
            self._skips.append((skipped, item))
        elif known is not None and known.record is not None and known.record.content_sha256 == prepared.sha256:
            size = item.size_bytes if item.size_bytes >= 0 else prepared.size_bytes
            told = _told(item, known)
            same = replace(known.record, size_bytes=size, modified_ns=item.modified_ns, metadata=told, etag=item.etag)
            self._refreshed.append(same)
            self._count_known(known)
        else:
            self._gather(prepared, key)
        if time.monotonic() - self._committed_at >= self._options.commit_s:
            self._commit()

    def _gather(self, prepared: Prepared, key: str) -> None:
        item = prepared.item
        twin, is_first = self._met.twin(prepared)
        size = item.size_bytes if item.size_bytes >= 0 else prepared.size_bytes
        told = _told(item, self._known.get(key))
        record = Record(key, prepared.sha256, size, item.modified_ns, twin.width, twin.height, told, item.etag)
        self._gathered.append((record, prepared.pixels if is_first else None))
        self._waiting += is_first
        if self._waiting >= self._batch or len(self._gathered) >= _MOST_GATHERED:
            self._embed()

    def _embed(self) -> None:
        """Embed what was gathered; of images with the same bytes only the first."""
        if not self._gathered:
            return
        first = [(record.content_sha256, pixels) for record, pixels in self._gathered if pixels is not None]
        if first:
            encoded = self._encoded(np.stack([pixels for _, pixels in first]))
            self._met.embedded([sha256 for sha256, _ in first], encoded)
        records = [record for record, _ in self._gathered]
        self._embedded.append((records, self._met.embeddings([record.content_sha256 for record in records])))
        self._gathered, self._waiting = [], 0
        changed = sum(self._was_embedded(record.key) for record in records)
        self._report.changed += changed
        self._report.added += len(records) - changed
        self._report.reused += len(records) - len(first)

    def _encoded(self, pixels: Pixels) -> Embeddings:
        """Embed in batches, smaller ones from now on if memory does not suffice."""
        while True:
            try:
                starts = range(0, len(pixels), self._batch)
                return np.concatenate([self._encoder.encode(pixels[i : i + self._batch]) for i in starts])
            except Exception as error:
                if not lacks_memory(error):
                    raise
                self._batch = min(self._batch, len(pixels)) // 2
                if self._batch < 1:
                    raise LikewiseError(
                        f"memory does not suffice for one image with {self._encoder.card.name}: "
                        "end other programs, or take a smaller model"
                    ) from error

    def _commit(self) -> None:
        """Hand everything that is finished to the store."""
        if self._embedded:
            records = [record for part, _ in self._embedded for record in part]
            self._writer.note_running(running(self._encoder).short)
            self._writer.extend(records, np.concatenate([part for _, part in self._embedded]))
            self._embedded = []
            self._met.committed({record.content_sha256 for record, _ in self._gathered})
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

    def _count_known(self, known: Known) -> None:
        if known.live:
            self._report.unchanged += 1
        else:
            self._report.returned += 1

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


def _told(item: Item, known: Known | None) -> Metadata:
    """An image's metadata: what this source tells, or, where it tells nothing, what another one told before."""
    return item.metadata or (known.record.metadata if known is not None and known.record is not None else {})
