"""Indexing by many workers: cut a place into shards, let a crew embed them, write each as Parquet, load it. docs/distributed.md.

Read it from top to bottom. What is done is never done again: a shard is on the disk, and on a list, before it is loaded, and the
next run begins with what it finds there. The store ends up as one machine would have left it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from likewise.distributed import shards
from likewise.distributed.crews import Crew, GivenUp
from likewise.distributed.loading import Loader
from likewise.distributed.manifest import Entry, Manifest
from likewise.distributed.shards import Place, Shard
from likewise.distributed.working import Made
from likewise.ingest import Report, Watch
from likewise.roots import Roots
from likewise.sources import Source, paths
from likewise.stores import Known, Store, Writer, parquet
from likewise.types import Item, Record

__all__ = ["Plan", "Staff", "Summary", "index"]

Staff: TypeAlias = Callable[[Roots], Crew]
"""Makes the crew, once the roots of the collection are settled, and only if there is work."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to go about it; none of this changes an embedding.

    Attributes:
        folder: Where shards and the list of them lie.
        keep: Leave the files of loaded shards there.
        shard_images: Images of a listing that one shard spans.
        retry: Try again what was skipped before and has not changed.
        wait_s: How long to wait for another process that is writing.
    """

    folder: Path
    keep: bool = False
    shard_images: int = shards.SHARD_IMAGES
    retry: bool = False
    wait_s: float = 0.0


@dataclass(slots=True)
class Summary:
    """What a run did.

    Attributes:
        report: In images.
        shards: How many were made in this run.
        found: How many were on the disk from a run before.
        given_up: Those whose workers died of them, and why.
    """

    report: Report = field(default_factory=Report)
    shards: int = 0
    found: int = 0
    given_up: list[GivenUp] = field(default_factory=list)


def index(place: Place, store: Store, staff: Staff, plan: Plan, watch: Watch = lambda _: None) -> Summary:
    """Bring a store up to date with a place, by a crew.

    It may be interrupted or killed at any moment, and run again at any time: shards that are on the disk are loaded, the rest is made.

    Args:
        place: As `shards.opened` found it.
        store: A collection of the encoder that the crew has.
        staff: Makes the crew.
        plan: Where shards lie, and how large they are.
        watch: Told of the progress, with what workers have under way counted as added.

    Returns:
        What was done.

    Raises:
        StoreBusy: If another process is writing to the store.
        LikewiseError: If a worker raised one, such as that it does not see the place.
    """
    with store.write(wait_s=plan.wait_s) as writer:
        return _Run(place, store, writer, plan, watch).whole(staff)


class _Run:
    """One call of `index`: what its steps share."""

    def __init__(self, place: Place, store: Store, writer: Writer, plan: Plan, watch: Watch) -> None:
        self._place, self._store, self._writer, self._plan, self._watch = place, store, writer, plan, watch
        self._roots = store.roots
        self._manifest = Manifest(plan.folder, keep=plan.keep)
        self._found = Summary()
        self._report = self._found.report
        self._loader = Loader(store, writer, self._manifest, self._report)
        self._refreshed: list[Record] = []
        self._items: dict[str, Item] = {}  # by their keys in the collection
        self._started = time.monotonic()

    def whole(self, staff: Staff) -> Summary:
        locations = [self._place.source.location] if self._place.source else []
        for location in [*locations, *(place for place, _ in self._place.archives)]:
            self._roots = self._roots.including(location)
        self._writer.note_source(self._place.name, self._roots)
        needed = self._cut()
        if self._load_leftovers({shard.id for shard in needed}):
            needed = self._cut_again()
        if self._refreshed:
            self._writer.refresh(self._refreshed)
        self._make(needed, staff)
        if not self._found.given_up:
            self._mark_vanished()
        self._tell(0)
        return self._found

    def _cut(self) -> list[Shard]:
        """What there is to do."""
        fingerprint = self._store.card.fingerprint
        if self._place.source is None:
            every = shards.of_archives(fingerprint, self._place.archives)
            return [shard for shard in every if self._is_needed(shard)]
        items = list(self._place.source.items())
        self._report.total = len(items)
        worth = [self._is_worth_it(self._place.source, item) for item in items]
        return shards.cut(fingerprint, self._place.source.name, iter(items), worth, self._plan.shard_images)

    def _is_needed(self, shard: Shard) -> bool:
        entry = self._manifest[shard.id]
        if entry is None or not entry.loaded or (self._plan.retry and entry.skipped):
            return True
        self._report.total += entry.rows + len(entry.skipped)
        self._report.unchanged += entry.rows
        self._report.still_skipped += len(entry.skipped)
        return False

    def _is_worth_it(self, source: Source, item: Item) -> bool:
        """Whether an image is to be embedded; what is not is counted, and refreshed where something else of it has changed."""
        key = self._roots.key(f"{source.location.rstrip('/')}/{item.key}")
        self._items[key] = item
        known = self._store.known(key)
        if known is None:
            forgotten = self._store.is_forgotten(key)
            self._report.forgotten += forgotten
            return not forgotten
        if not known.unchanged(item):
            return True
        if known.record is None:
            self._report.still_skipped += not self._plan.retry
            return self._plan.retry
        self._refresh(known.record, known, item)
        return False

    def _refresh(self, record: Record, known: Known, item: Item) -> None:
        self._report.unchanged += known.live
        self._report.returned += not known.live
        date, told = item.modified_ns or known.modified_ns, item.metadata or record.metadata
        fresh = replace(record, modified_ns=date, metadata=told, etag=item.etag or known.etag)
        if not known.live or fresh != record:
            self._refreshed.append(fresh)

    def _load_leftovers(self, wanted: set[str]) -> bool:
        """Load what a run of before has made and this one would cut otherwise; returns whether there was any."""
        left = [entry for key, entry in self._manifest.waiting().items() if key not in wanted]
        for entry in left:
            self._loader.load(entry, self._items)
            self._found.found += 1
        return bool(left)

    def _cut_again(self) -> list[Shard]:
        """As `_cut`, after leftovers were loaded: what they brought is new, though the listing knows it by now."""
        carried = self._report.added + self._report.changed
        self._found.report = self._report = Report()
        self._loader = Loader(self._store, self._writer, self._manifest, self._report)
        self._refreshed.clear()
        needed = self._cut()
        carried = min(carried, self._report.unchanged)
        self._report.added, self._report.unchanged = carried, self._report.unchanged - carried
        return needed

    def _make(self, needed: Sequence[Shard], staff: Staff) -> None:
        """Have shards made, and load them in their order, each as soon as those before it are loaded."""
        there = {shard.id for shard in needed if self._is_there(shard)}
        self._found.found += len(there)
        ready: dict[int, Shard | GivenUp] = {n: shard for n, shard in enumerate(needed) if shard.id in there}
        places = {shard.id: n for n, shard in enumerate(needed)}
        missing = [shard for shard in needed if shard.id not in there]
        following = self._load_ready(ready, 0)
        if not missing:
            return
        with closing(staff(self._roots).each(missing, self._tell)) as answers:
            for answer in answers:
                n = places[answer.shard.id]
                ready[n] = answer if isinstance(answer, GivenUp) else self._write(answer)
                following = self._load_ready(ready, following)

    def _is_there(self, shard: Shard) -> bool:
        entry = self._manifest[shard.id]
        return entry is not None and not entry.loaded

    def _write(self, made: Made) -> Shard:
        """Put a shard on the disk, then on the list."""
        head = parquet.Head(self._store.card, self._roots, (self._place.name,))
        path = self._manifest.file(made.shard.id)
        parquet.write_shard(path, head, [(made.records, made.embeddings)])
        shard, rows = made.shard, len(made.records)
        whole = shard.items is None
        entry = Entry(shard.id, shard.place, rows, made.running, tuple(made.skipped), whole=whole)
        self._manifest.written(entry)
        self._found.shards += 1
        return shard

    def _load_ready(self, ready: dict[int, Shard | GivenUp], following: int) -> int:
        while following in ready:
            shard = ready.pop(following)
            following += 1
            if isinstance(shard, GivenUp):
                self._found.given_up.append(shard)
                continue
            entry = self._manifest[shard.id]
            assert entry is not None  # noqa: S101 - it was written before
            if shard.items is None:
                self._report.total += entry.rows + len(entry.skipped)
                self._forget_replaced(entry)
            self._loader.load(entry, self._items)
            self._tell(0)
        return following

    def _forget_replaced(self, entry: Entry) -> None:
        """Of an archive that has changed, take away what it no longer holds."""
        prefix = self._roots.prefix(paths.kept(entry.place))
        listed = {skip.key for skip, _ in entry.skipped}
        for shard in parquet.shards(self._manifest.file(entry.id)):
            listed.update(record.key for part in parquet.records_of(shard) for record in part)
        keys = [record.key for _, record in self._store.records(prefix)]
        keys += [skip.key for skip in self._store.skipped() if skip.key.startswith(prefix)]
        gone = [key for key in keys if key not in listed]
        if gone:
            self._writer.vanish(gone)
            self._report.vanished += len(gone)

    def _mark_vanished(self) -> None:
        source = self._place.source
        keys = [record.key for _, record in self._store.records()]
        keys += [skip.key for skip in self._store.skipped()]
        if source is not None:
            gone = [key for key in keys if key not in self._items and _is_covered(self._roots.path(key), source)]
        else:
            there = {place for place, _ in self._place.archives}
            gone = [key for key in keys if self._was_in_archive(self._roots.path(key), there)]
        if gone:
            self._writer.vanish(gone)
        self._report.vanished += len(gone)

    def _was_in_archive(self, path: str, there: set[str]) -> bool:
        """Whether an image lay in an archive of this folder that is there no longer; a pattern covers nothing but what it matches."""
        folder = paths.absolute(Path(self._place.name).expanduser().resolve())
        archive = path[len(folder) + 1 :].partition("/")[0] if path.startswith(f"{folder}/") else ""
        return archive.lower().endswith(shards.PACKED) and f"{folder}/{archive}" not in there and Path(folder).is_dir()

    def _tell(self, under_way: int) -> None:
        self._report.seconds = time.monotonic() - self._started
        shown = replace(self._report, added=self._report.added + under_way)
        self._watch(replace(shown, total=max(shown.total, shown.done)))


def _is_covered(path: str, source: Source) -> bool:
    """Whether a source would list what lies at a path, if it were there."""
    start = source.location.rstrip("/") + "/"
    return path.startswith(start) and source.covers(path[len(start) :])
