"""Fit a whitening, and a codec, on the pictures of a place: choose some of them, embed them as indexing does, fit."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise import compression, weights
from likewise.compression import Codebook, Compression
from likewise.encoders import Encoder, whitening
from likewise.encoders.whitened import Whitened, file_name
from likewise.encoders.whitening import Method, Whitening
from likewise.errors import BadArgument
from likewise.evaluate import compressing
from likewise.evaluate.embedding import Embedded, embed
from likewise.ingest import Options
from likewise.sources import Source, class_of, short_name
from likewise.stores.home import Home
from likewise.stores.local import LocalStore
from likewise.types import Card, Embeddings, Item, Metric, Record

SAMPLE_FOLDER = "sample"
"""Where a collection that is being made keeps the embeddings that it is fitted on, until they are rows of its own."""

SAMPLE_FOLDERS = (SAMPLE_FOLDER, "whitening-sample")
"""The same, and how it was called when only whitenings were fitted."""

_ASKED = 500  # embeddings that a codec is not fitted on, at the most: what it keeps is measured with them

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


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a collection is made with.

    Attributes:
        whitening: Behind the encoder; None for none.
        codebook: How embeddings are kept.
    """

    whitening: Whitening | None
    codebook: Codebook


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
    with _opened(source, encoder, store) as opened:
        looked = _looked(source, encoder, wanted, opened, options, watch)
        watch("fitting", 0, 0)
        return _fitted(looked, wanted)


def fit_all(  # noqa: PLR0913 - all that is settled when a collection is made
    source: Source,
    encoder: Encoder,
    wanted: Wanted | None,
    keep: Compression,
    *,
    store: LocalStore,
    options: Options | None = None,
    watch: Watch = lambda _what, _done, _total: None,
) -> Fitted:
    """Fit all that a collection is to be made with, on one sample.

    A codec is fitted on most of the sample, whitened if that is wanted; what it keeps of their neighbours is measured with the others.

    Args:
        source: The pictures.
        encoder: Makes the embeddings.
        wanted: A whitening behind it, or none.
        keep: How embeddings are to be kept.
        store: Of this encoder.
        options: Of speed and limits.
        watch: Told of every step.

    Raises:
        BadArgument: If there are too few pictures, classes or pairs for what is wanted.
    """
    looked = _looked(source, encoder, wanted, store, options, watch)
    watch("fitting", 0, 0)
    found = None if wanted is None else _fitted(looked, wanted)
    rows = looked.rows if found is None else found.applied(looked.rows)
    card = encoder.card
    metric, unit = (card.metric, card.unit) if found is None else ("cosine", True)
    return Fitted(found, _codebook(looked, keep, rows, metric, unit=unit))


def carry_over(folder: Path, store: Home, encoder: Encoder) -> int:
    """Make what a collection was fitted on its rows, whitened where it whitens, instead of embedding it twice.

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
    whitened = encoder.whitening if isinstance(encoder, Whitened) else None
    with LocalStore.open(folder) as sample:
        if sample.card.fingerprint == (encoder.card if whitened is None else whitened.base).fingerprint:
            with sample.write(), store.write() as writer:
                roots = store.roots
                for place in sample.roots.named.values():
                    roots = roots.including(place)
                for name in sample.sources():
                    writer.note_source(name, roots)
                for told in sample.computed_by:
                    writer.note_running(told)
                found = (
                    (row, replace(record, key=roots.key(sample.roots.path(record.key))))
                    for row, record in sample.records()
                )
                for part in _parts((row, record) for row, record in found if store.known(record.key) is None):
                    rows = sample.embeddings(np.array([row for row, _ in part], np.int64))
                    writer.extend([record for _, record in part], rows if whitened is None else whitened.applied(rows))
                    count += len(part)
                for leftover in _leftovers(store, encoder):
                    leftover.unlink()
    shutil.rmtree(folder)
    return count


def _leftovers(store: Home, encoder: Encoder) -> list[Path]:
    """Files of runs that were killed before there was a collection."""
    ours = file_name(encoder.card)
    return [
        *(path for path in store.folder.glob("whitening-*.npz*") if path.name != ours),
        *compression.leftovers(store.folder, store.codebook_sha256),
    ]


def _parts(pairs: Iterator[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    while part := list(itertools.islice(pairs, _CARRIED)):
        yield part


@dataclass(frozen=True, slots=True)
class _Looked:
    """A sample with its embeddings.

    Attributes:
        source: It was drawn from.
        embedded: The sample.
        chosen: Its items.
        total: Pictures of the source.
        seed: Of the choice.
    """

    source: Source
    embedded: Embedded
    chosen: Sequence[Item]
    total: int
    seed: int

    @property
    def rows(self) -> Embeddings:
        """(n, dim) of those that could be embedded."""
        return self.embedded.store.embeddings(self.embedded.rows[self.embedded.present])

    def on(self, count: int) -> str:
        """So many of its pictures, in words."""
        return f"{count:,} of {self.total:,} pictures of {short_name(self.source)}, seed {self.seed}"

    @property
    def why_few(self) -> str:
        """The first reason why a picture could not be embedded."""
        skipped = self.embedded.skipped
        return f": {skipped[0].key}: {skipped[0].reason}" if skipped else ""


@contextmanager
def _opened(source: Source, encoder: Encoder, store: LocalStore | None) -> Iterator[LocalStore]:
    if store is not None:
        yield store
        return
    with LocalStore.create(_cache_folder(source, encoder), encoder.card) as opened:
        yield opened


def _looked(
    source: Source,
    encoder: Encoder,
    wanted: Wanted | None,
    store: LocalStore,
    options: Options | None,
    watch: Watch,
) -> _Looked:
    items = list(source.items())
    learned = wanted is not None and wanted.method == "learned"
    sample, seed = (compressing.SAMPLE, 0) if wanted is None else (wanted.sample, wanted.seed)
    chosen = _chosen(items, sample, seed, by_twos=learned)
    if learned and len({class_of(item) for item in chosen}) < 2:
        raise BadArgument(
            f"{source.name} has no two classes with two pictures each, from which a whitening could be learned: put pictures into a folder "
            "for each class, or take the method pca-whiten"
        )
    embedded = embed(
        Sample(source, chosen), store, encoder, lambda done, total: watch("embedding", done, total), options
    )
    return _Looked(source, embedded, chosen, len(items), seed)


def _chosen(items: Sequence[Item], sample: int, seed: int, *, by_twos: bool = False) -> list[Item]:
    """Pictures to look at, in the order of the source; if wanted two of each class in turn, else any."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(items))
    if by_twos:
        order = _by_twos(order, [class_of(item) for item in items])
    return [items[int(place)] for place in np.sort(order[:sample])]


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


def _fitted(looked: _Looked, wanted: Wanted) -> Whitening:
    rows = looked.rows
    if len(rows) < 2:
        raise BadArgument(
            f"{looked.source.name}: {len(rows)} pictures to fit on, it takes more than {wanted.dim}{looked.why_few}"
        )
    classes = [class_of(looked.chosen[int(i)]) for i in looked.embedded.present]
    found = _by_method(rows, classes, looked.embedded.store.card, wanted)
    return replace(found, fit=replace(found.fit, on=looked.on(len(rows)), set_sha256=_digest(looked.embedded)))


def _by_method(rows: Embeddings, classes: Sequence[str], base: Card, wanted: Wanted) -> Whitening:
    if wanted.method == "learned":
        _, labels = np.unique(classes, return_inverse=True)
        return whitening.learned(rows, labels.astype(np.int64), base, wanted.dim)
    return whitening.pca(rows, base, wanted.dim, power=0.0 if wanted.method == "pca" else wanted.power)


def _codebook(looked: _Looked, keep: Compression, rows: Embeddings, metric: Metric, *, unit: bool) -> Codebook:
    """A codec fitted on some of the rows, and what it keeps of the neighbours of the others, among all; of floating point, neither.

    Codes of rows that it was fitted on are hardly better than others: of `compact` on CIFAR-100, 0.960 of the ten nearest of new pictures
    stayed among 10,000, whether or not the codec was fitted on these (pq:64, fitted on 8,000; 0.946 among 50,000).
    """
    if keep.is_float:
        return keep.made(rows.shape[1], unit=unit)
    order = np.random.default_rng(looked.seed).permutation(len(rows))
    asked = np.sort(order[: min(_ASKED, len(rows) // 5 if keep.least else len(rows))])
    rest = np.sort(order[len(asked) :]) if keep.least else order[:0]
    if len(rest) < keep.least:
        raise BadArgument(
            f"{looked.source.name}: {len(rows)} pictures to fit {keep.name} on, it takes {-(-5 * keep.least // 4)}{looked.why_few}; "
            "begin with a larger PLACE, or keep int8, which needs no fit"
        )
    made = keep.fitted(rows[rest], unit=unit, on=looked.on(len(rest)), seed=looked.seed)
    kept = compressing.neighbours_kept(made, rows, asked, metric)
    return replace(made, fit=replace(made.fit, neighbours=kept, asked=len(asked), among=len(rows)))


def _digest(embedded: Embedded) -> str:
    """Over the content of the pictures, whatever they are called and in whatever order they come."""
    wanted = set(embedded.rows[embedded.present].tolist())
    contents = [record.content_sha256 for row, record in embedded.store.records() if row in wanted]
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def _cache_folder(source: Source, encoder: Encoder) -> Path:
    place = hashlib.sha256(source.location.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return weights.cache_folder() / "whiten" / f"{place}-{encoder.card.fingerprint}"
