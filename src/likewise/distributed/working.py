"""What a worker does with a shard: the same indexing as everywhere, into a store that only gathers."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from likewise import __version__, encoders, ingest
from likewise.distributed.shards import Shard
from likewise.encoders import Encoder, whitened
from likewise.encoders.runtimes import Precision, Runtime, running
from likewise.errors import SourceError
from likewise.ingest import Options
from likewise.queries.reading import open_place
from likewise.roots import Roots
from likewise.sources import Source, paths
from likewise.stores import Store, Writer
from likewise.types import Card, Embeddings, Item, Record, Rows, Skipped


@dataclass(frozen=True, slots=True)
class Model:
    """What a worker needs to load the encoder of a collection.

    Attributes:
        card: Of the encoder; what is loaded must have its fingerprint.
        folder: Of the collection, which may keep a whitening.
        weights: A file, where it is none that the card's name leads to.
        runtime: As the driver computes; `auto` where there is no choice.
        precision: Likewise.
        device: As for `likewise.encoders.load`.
        threads: Of the arithmetic of one worker.
    """

    card: Card
    folder: str = ""
    weights: str = ""
    runtime: Runtime = "auto"
    precision: Precision = "auto"
    device: str = "auto"
    threads: int = 1

    @classmethod
    def of(cls, encoder: Encoder, folder: Path, weights: Path | None = None, device: str = "auto") -> Model:
        """The model of an encoder that is loaded: workers compute as it does."""
        told = running(encoder)
        fixed = told.runtime in ("onnx", "openvino")
        return cls(
            encoder.card,
            str(folder),
            "" if weights is None else str(weights.absolute()),
            cast(Runtime, told.runtime) if fixed else "auto",
            cast(Precision, told.precision) if fixed else "auto",
            device,
        )

    def loaded(self) -> Encoder:
        """The encoder.

        Raises:
            As `likewise.encoders.load`.
        """
        load = partial(
            encoders.load_as,
            weights=Path(self.weights) if self.weights else None,
            device=self.device,
            runtime=self.runtime,
            precision=self.precision,
            threads=self.threads,
        )
        kept = whitened.kept(Path(self.folder), self.card, load) if self.folder else None
        return kept or load(self.card)


@dataclass(frozen=True, slots=True)
class Made:
    """A shard whose work is done.

    Attributes:
        shard: Which.
        records: Of the images that were embedded, in the order of the shard.
        embeddings: (len(records), dim).
        skipped: What could not be embedded, and why.
        running: What computed them.
    """

    shard: Shard
    records: Sequence[Record]
    embeddings: Embeddings
    skipped: Sequence[tuple[Skipped, Item]]
    running: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker says of itself before it is given anything.

    Attributes:
        version: Of this program.
        fingerprint: Of its encoder.
        running: What computes its embeddings.
        where: Which machine and process it is.
    """

    version: str
    fingerprint: str
    running: str
    where: str


class Worker:
    """Holds an encoder and turns shards into embeddings, one after the other.

    Args:
        encoder: Made once, used for all shards.
        roots: Of the collection, the place included.
        options: Of speed and limits.
    """

    def __init__(self, encoder: Encoder, roots: Roots, options: Options) -> None:
        self._encoder, self._roots = encoder, roots
        # One commit, at the end; what is skipped is decided anew.
        self._options = replace(options, commit_s=math.inf, retry=True)
        self._source: Source | None = None
        self.done = 0

    def told(self, where: str) -> Told:
        """What the driver compares before it gives out work."""
        return Told(__version__, self._encoder.card.fingerprint, running(self._encoder).short, where)

    def make(self, shard: Shard, watch: Callable[[int], None] = lambda _done: None) -> Made:
        """Embed the images of a shard.

        Args:
            shard: Whose place this machine can open.
            watch: Told how many images of it are done.

        Raises:
            SourceError: If this machine does not see the place.
        """

        def tell(report: ingest.Report) -> None:
            self.done = report.done
            watch(report.done)

        source = self._opened(shard)
        part = source if shard.items is None else Part(source, shard.items)
        gathered = Gathered(self._encoder.card, self._roots)
        ingest.ingest(part, cast(Store, gathered), self._encoder, self._options, tell)
        _check_is_there(shard, source, gathered.left_out)
        embeddings = np.concatenate([*gathered.parts, np.zeros((0, self._encoder.card.dim), np.float32)])
        return Made(shard, gathered.kept, embeddings, gathered.left_out, running(self._encoder).short)

    def _opened(self, shard: Shard) -> Source:
        """The source; that of a listing stays open, since the next shard is of the same one."""
        if shard.items is None:
            return open_place(shard.place)
        if self._source is None or self._source.name != shard.place:
            self._source = open_place(shard.place)
        return self._source


def _check_is_there(shard: Shard, source: Source, skipped: Sequence[tuple[Skipped, Item]]) -> None:
    """A machine that does not see a folder must not take its images for lost: whoever listed them has seen them."""
    items = shard.items or ()
    if not items or len(skipped) < len(items):
        return
    files = [file for file in map(source.file, items) if file is not None]
    if files and not any(Path(paths.real(file)).exists() for file in files):
        raise SourceError(
            f"{source.location}: none of {len(items):,} images that were listed there is seen by {platform.node()}: "
            "mount it on every machine of the cluster, or take object storage"
        )


class Part:
    """Some of the images of a source; it covers nothing, so that nothing is taken for vanished."""

    def __init__(self, source: Source, items: Sequence[Item]) -> None:
        self._source, self._items = source, items
        self.location, self.name = source.location, source.name

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        return iter(self._items)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return self._source.read(item)

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        return self._source.file(item)

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """Nothing."""
        return False


@dataclass(slots=True)
class Gathered:
    """A store that knows nothing and keeps what it is given, as far as `ingest` asks."""

    card: Card
    roots: Roots
    kept: list[Record] = field(default_factory=list)
    parts: list[Embeddings] = field(default_factory=list)
    left_out: list[tuple[Skipped, Item]] = field(default_factory=list)

    @contextmanager
    def write(self, *, wait_s: float = 0.0) -> Iterator[Writer]:  # noqa: ARG002
        """Itself."""
        yield cast(Writer, self)

    def known(self, key: str) -> None:  # noqa: ARG002
        """Nothing is."""
        return

    def with_content(self, sha256: str) -> None:  # noqa: ARG002
        """Nothing has it."""
        return

    def is_forgotten(self, key: str) -> bool:  # noqa: ARG002
        """Whoever gave out the shard has seen to that."""
        return False

    def embeddings(self, rows: Rows) -> Embeddings:
        """None: nothing is looked up that was met in this run."""
        return np.zeros((len(rows), self.card.dim), np.float32)

    def records(self) -> Iterator[tuple[int, Record]]:
        """None: nothing vanishes here."""
        return iter(())

    def skipped(self) -> list[Skipped]:
        """None."""
        return []

    def extend(self, records: Sequence[Record], embeddings: Embeddings) -> None:
        """Keep."""
        self.kept.extend(records)
        self.parts.append(embeddings)

    def skip(self, skipped: Sequence[tuple[Skipped, Item]]) -> None:
        """Keep."""
        self.left_out.extend(skipped)

    def vanish(self, keys: Sequence[str]) -> None:
        """Nothing does."""

    def note_source(self, name: str, roots: Roots) -> None:
        """Whoever gave out the shard does."""

    def note_running(self, told: str) -> None:
        """Every shard says it."""
