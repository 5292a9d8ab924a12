"""Fit a whitening on the pictures of a place: choose some of them, embed them as indexing does, fit."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise import weights
from likewise.encoders import Encoder, whitening
from likewise.encoders.whitened import Whitened, file_name
from likewise.encoders.whitening import Method, Whitening
from likewise.errors import BadArgument
from likewise.evaluate.embedding import Embedded, embed
from likewise.ingest import Options
from likewise.sources import Source, class_of, short_name
from likewise.stores.local import LocalStore
from likewise.types import Embeddings, Item, Record

SAMPLE_FOLDER = "whitening-sample"
"""Where a collection that is being made keeps the embeddings that its whitening is fitted on, until they are rows of its own."""

_CARRIED = 4096  # rows in one transaction

Watch = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fit.

    Attributes:
        dim: Length of what comes out.
        method: `pca`, `pca-whiten`, or `learned`, which needs classes: the source's labels, or folders.
        power: For `pca-whiten`, of the deviations that are divided by.
        sample: Pictures to look at, at the most.
        seed: Of the choice of these.
    """

    dim: int
    method: Method = "pca-whiten"
    power: float = 1.0
    sample: int = 10_000
    seed: int = 0


class Sample:
    """Some pictures of a source, in its order: a source itself."""

    def __init__(self, source: Source, items: Sequence[Item]) -> None:
        self._source, self._items = source, items

    @property
    def location(self) -> str:
        """See `Source.location`."""
        return self._source.location

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._source.name

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        return iter(self._items)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return self._source.read(item)

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        return self._source.file(item)

    def covers(self, key: str) -> bool:
        """See `Source.covers`."""
        return self._source.covers(key)


def fit(
    source: Source,
    encoder: Encoder,
    wanted: Wanted,
    *,
    store: LocalStore | None = None,
    options: Options | None = None,
    watch: Watch = lambda _what, _done, _total: None,
) -> Whitening:
    """Fit a whitening on pictures of a source.

    Embeddings are kept in a store, so a run that was killed goes on where it was, and a second fit only fits.

    Args:
        source: The pictures; not those of a benchmark that will judge.
        encoder: Makes the embeddings.
        wanted: Method, length, sample.
        store: Of this encoder; one in the cache unless given.
        options: Of speed and limits.
        watch: Told of every step.

    Raises:
        BadArgument: If there are too few pictures, classes or pairs for what is wanted.
    """
    items = list(source.items())
    chosen = _chosen(items, wanted)
    if wanted.method == "learned" and len({class_of(item) for item in chosen}) < 2:
        raise BadArgument(
            f"{source.name} has no two classes with two pictures each, from which a whitening could be learned: put pictures into a folder "
            "for each class, or take the method pca-whiten"
        )
    opened = LocalStore.create(_cache_folder(source, encoder), encoder.card) if store is None else store
    try:
        embedded = embed(
            Sample(source, chosen), opened, encoder, lambda done, total: watch("embedding", done, total), options
        )
        watch("fitting", 0, 0)
        return _fitted(source, embedded, chosen, len(items), wanted)
    finally:
        if store is None:
            opened.close()


def carry_over(folder: Path, store: LocalStore, encoder: Whitened) -> int:
    """Make what a whitening was fitted on rows of the collection, whitened, instead of embedding it twice.

    Args:
        folder: `SAMPLE_FOLDER` of the collection; removed when all of it is carried over. A run that was killed in between is
            simply repeated.
        store: The collection's.
        encoder: The collection's.

    Returns:
        How many rows came.

    Raises:
        StoreBusy: If another process is writing to either.
    """
    count = 0
    with LocalStore.open(folder) as sample:
        if sample.card.fingerprint == encoder.whitening.base.fingerprint:
            with sample.write(), store.write() as writer:
                roots = store.roots
                for place in sample.roots.named.values():
                    roots = roots.including(place)
                for name in sample.sources():
                    writer.note_source(name, roots)
                found = (
                    (row, replace(record, key=roots.key(sample.roots.path(record.key))))
                    for row, record in sample.records()
                )
                for part in _parts((row, record) for row, record in found if store.known(record.key) is None):
                    rows = sample.embeddings(np.array([row for row, _ in part], np.int64))
                    writer.extend([record for _, record in part], encoder.whitening.applied(rows))
                    count += len(part)
                for leftover in store.folder.glob(
                    "whitening-*.npz*"
                ):  # of runs that were killed before there was a collection
                    if leftover.name != file_name(encoder.card):
                        leftover.unlink()
    shutil.rmtree(folder)
    return count


def _parts(pairs: Iterator[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    while part := list(itertools.islice(pairs, _CARRIED)):
        yield part


def _chosen(items: Sequence[Item], wanted: Wanted) -> list[Item]:
    """Pictures to look at, in the order of the source: for `learned` two of each class in turn, else any."""
    draw = np.random.default_rng(wanted.seed)
    order = draw.permutation(len(items))
    if wanted.method == "learned":
        order = _by_twos(order, [class_of(item) for item in items])
    return [items[int(place)] for place in np.sort(order[: wanted.sample])]


def _by_twos(order: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.int64]:
    """The same order, such that the first two of every class come before the third of any; without the classless and the lonely."""
    members: dict[str, list[int]] = {}
    for place in order.tolist():
        members.setdefault(classes[place], []).append(place)
    members.pop("", None)
    turns = [
        (turn // 2, number, place)
        for number, places in enumerate(members.values())
        if len(places) > 1
        for turn, place in enumerate(places)
    ]
    return np.array([place for _, _, place in sorted(turns)], np.int64)


def _fitted(source: Source, embedded: Embedded, chosen: Sequence[Item], total: int, wanted: Wanted) -> Whitening:
    present = embedded.present
    rows = embedded.store.embeddings(embedded.rows[present])
    if len(rows) < 2:
        why = f": {embedded.skipped[0].key}: {embedded.skipped[0].reason}" if embedded.skipped else ""
        raise BadArgument(f"{source.name}: {len(rows)} pictures to fit on, it takes more than {wanted.dim}{why}")
    found = _by_method(rows, [class_of(chosen[int(i)]) for i in present], embedded, wanted)
    on = f"{len(rows):,} of {total:,} pictures of {short_name(source)}, seed {wanted.seed}"
    return replace(found, fit=replace(found.fit, on=on, set_sha256=_digest(embedded)))


def _by_method(rows: Embeddings, classes: Sequence[str], embedded: Embedded, wanted: Wanted) -> Whitening:
    base = embedded.store.card
    if wanted.method == "learned":
        _, labels = np.unique(classes, return_inverse=True)
        return whitening.learned(rows, labels.astype(np.int64), base, wanted.dim)
    return whitening.pca(rows, base, wanted.dim, power=0.0 if wanted.method == "pca" else wanted.power)


def _digest(embedded: Embedded) -> str:
    """Over the content of the pictures, whatever they are called and in whatever order they come."""
    wanted = set(embedded.rows[embedded.present].tolist())
    contents = [record.content_sha256 for row, record in embedded.store.records() if row in wanted]
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def _cache_folder(source: Source, encoder: Encoder) -> Path:
    place = hashlib.sha256(source.location.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return weights.cache_folder() / "whiten" / f"{place}-{encoder.card.fingerprint}"
