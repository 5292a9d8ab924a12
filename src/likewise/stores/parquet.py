"""Embeddings and what is known of their images as Parquet: the form that other programs read. docs/format.md has every column.

A gallery is a folder of shards, `part-000000.parquet` and on, or one file. Each carries the encoder's card, so that none can be taken for
embeddings of another encoder. A shard appears whole under its name or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from likewise.errors import BadArgument, LikewiseError, MissingExtra, StoreDamaged, StoreMismatch
from likewise.roots import Roots
from likewise.types import Card, Embeddings, Json, Record

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
ENDING = ".parquet"
SHARD_ROWS = 50_000
"""Of one file: 50 MB at 256 dimensions, and what a killed copy has to do again at the most."""

Kind: TypeAlias = Literal["text", "whole", "number", "truth"]
"""Of a column made of metadata."""

_BATCH_BYTES = 16 << 20  # of embeddings, read or written at once
_MOST_COLUMNS = 64  # made of metadata: a table of thousands of columns serves nobody


@dataclass(frozen=True, slots=True)
class Head:
    """What a shard says of all its rows.

    Attributes:
        card: Of the encoder that made the embeddings.
        roots: How keys and places become each other.
        sources: What was indexed, in the order of the first time.
        columns: Names of top-level metadata that have a column of their own beside the JSON, and its kind.
    """

    card: Card
    roots: Roots = field(default_factory=lambda: Roots(""))
    sources: tuple[str, ...] = ()
    columns: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shard:
    """One file.

    Attributes:
        path: Where it lies.
        head: What it says of all its rows.
        rows: How many there are.
    """

    path: Path
    head: Head
    rows: int


def arrow() -> Any:
    """The package pyarrow.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("Parquet needs pyarrow: pip install 'likewise[parquet]'") from error
    return pyarrow


def columns_of(records: Iterable[Record]) -> dict[str, Kind]:
    """The top-level metadata worth a column: those whose values are of one kind wherever there are any; 64 at most, by name.

    Args:
        records: All that will be written, or some that stand for them: a value that does not fit its column is null there, and
            always in the JSON.
    """
    found: dict[str, set[Kind | None]] = {}
    for record in records:
        for name, value in record.metadata.items():
            if value is not None:
                found.setdefault(name, set()).add(_kind(value))
    whole: dict[str, Kind] = {}
    for name, kinds in sorted(found.items()):
        kind: Kind | None = "number" if kinds == {"whole", "number"} else next(iter(kinds)) if len(kinds) == 1 else None
        if kind is not None and len(whole) < _MOST_COLUMNS:
            whole[name] = kind
    return whole


def schema(head: Head) -> pa.Schema:
    """The columns, and the head as metadata of the schema.

    Raises:
        MissingExtra: If pyarrow is not installed.
    """
    pa = arrow()
    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
    fields = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("content_sha256", pa.binary(32), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("modified_ns", pa.int64(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(pa.field("item", pa.float32(), nullable=False), head.card.dim), nullable=False),
        *(pa.field(f"metadata.{name}", types[kind]) for name, kind in head.columns.items()),
    ]
    return pa.schema(fields, metadata=_told(head))


def batch(head: Head, records: Sequence[Record], embeddings: Embeddings) -> pa.RecordBatch:
    """Some rows.

    Args:
        head: Of the shard that they go to.
        records: One per row of `embeddings`.
        embeddings: (len(records), head.card.dim).

    Raises:
        BadArgument: If the two do not fit together, or metadata hold NaN or infinity.
    """
    pa, wanted = arrow(), (len(records), head.card.dim)
    if embeddings.shape != wanted:
        raise BadArgument(f"embeddings have shape {embeddings.shape}, wanted {wanted}")
    made = schema(head)
    numbers = pa.array(np.ascontiguousarray(embeddings, np.float32).reshape(-1))
    arrays = [
        pa.array([record.key for record in records], pa.string()),
        pa.array([bytes.fromhex(record.content_sha256) for record in records], pa.binary(32)),
        pa.array([record.size_bytes for record in records], pa.int64()),
        pa.array([record.modified_ns for record in records], pa.int64()),
        pa.array([record.width for record in records], pa.int32()),
        pa.array([record.height for record in records], pa.int32()),
        pa.array([_json(record) for record in records], pa.string()),
        pa.FixedSizeListArray.from_arrays(numbers, type=made.field("embedding").type),
        *(
            pa.array(
                [_fitting(record.metadata.get(name), kind) for record in records], made.field(f"metadata.{name}").type
            )
            for name, kind in head.columns.items()
        ),
    ]
    return pa.record_batch(arrays, schema=made)


def shard_name(number: int) -> str:
    """The name of a shard of a folder.

    >>> shard_name(7)
    'part-000007.parquet'
    """
    return f"part-{number:06d}{ENDING}"


def write_shard(path: Path, head: Head, parts: Iterable[tuple[Sequence[Record], Embeddings]]) -> int:
    """Write one shard: it appears under its name when all of it is on the disk.

    Args:
        path: Of the file; its folder is made if missing.
        head: What it says of all its rows.
        parts: Its rows, a few thousand at once.

    Returns:
        How many rows it has.

    Raises:
        BadArgument: As `batch`; then there is no file.
    """
    arrow()
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    draft, count = path.with_name(f"{path.name}.{os.getpid()}.part"), 0
    try:
        with draft.open("wb") as file:
            # Embeddings are noise to a dictionary and to a compressor; texts are not.
            with pq.ParquetWriter(
                file, schema(head), compression=_compression(head), use_dictionary=["metadata"]
            ) as writer:
                for records, embeddings in parts:
                    writer.write_batch(batch(head, records, embeddings))
                    count += len(records)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def shards(place: Path) -> list[Shard]:
    """The shards of a folder in the order of their names, or the one file; none where there is nothing.

    Raises:
        StoreDamaged: If a file is no Parquet of ours.
        StoreMismatch: If two of them are of different encoders.
    """
    arrow()
    paths = sorted(place.glob(f"*{ENDING}")) if place.is_dir() else [place] if place.exists() else []
    found = [_shard(path) for path in paths]
    for each in found[1:]:
        if each.head.card.fingerprint != found[0].head.card.fingerprint:
            theirs, first = each.head.card, found[0].head.card
            raise StoreMismatch(
                f"{each.path} holds {theirs.name} ({theirs.fingerprint}) embeddings and {found[0].path.name} beside it {first.name} "
                f"({first.fingerprint}): they cannot be compared; put them in folders of their own"
            )
    return found


def rows_of(shard: Shard, *, batch_rows: int | None = None) -> Iterator[tuple[list[Record], Embeddings]]:
    """The rows of a shard in their order, a few thousand at once.

    Args:
        shard: As `shards` found it.
        batch_rows: How many at once; 16 MB of embeddings unless given.
    """
    import pyarrow.parquet as pq

    dim = shard.head.card.dim
    with _told_as_ours(shard.path), pq.ParquetFile(shard.path) as file:
        for part in file.iter_batches(batch_rows or max(1, _BATCH_BYTES // (4 * dim)), columns=_COLUMNS):
            numbers = part.column("embedding").flatten().to_numpy(zero_copy_only=False)
            yield _records(part), np.asarray(numbers, np.float32).reshape(-1, dim)


def records_of(shard: Shard) -> Iterator[list[Record]]:
    """As `rows_of`, without reading the embeddings."""
    import pyarrow.parquet as pq

    with _told_as_ours(shard.path), pq.ParquetFile(shard.path) as file:
        for part in file.iter_batches(8192, columns=_COLUMNS[:-1]):
            yield _records(part)


_COLUMNS = ["key", "content_sha256", "size_bytes", "modified_ns", "width", "height", "metadata", "embedding"]


def _records(part: Any) -> list[Record]:
    columns = [part.column(name).to_pylist() for name in _COLUMNS[:-1]]
    return [
        Record(key, digest.hex(), size, modified, width, height, json.loads(told))
        for key, digest, size, modified, width, height, told in zip(*columns, strict=True)
    ]


def _kind(value: Json) -> Kind | None:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int):
        return "whole" if -(2**63) <= value < 2**63 else None
    return "number" if isinstance(value, float) else None


def _fitting(value: Json, kind: Kind) -> str | int | float | bool | None:
    """The value, if it is of the column's kind."""
    found = _kind(value)
    if found == kind:
        return value  # type: ignore[return-value]  # a list or an object has no kind
    return float(value) if found == "whole" and kind == "number" and isinstance(value, int) else None


def _json(record: Record) -> str:
    try:
        return json.dumps(dict(record.metadata), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise BadArgument(f"{record.key}: its metadata hold NaN or infinity, which is no JSON: leave it out") from error


def _compression(head: Head) -> dict[str, str]:
    made = schema(head)
    return {
        **{name: "zstd" for name in made.names if name != "embedding"},
        "embedding.list.element": "none",
    }


def _told(head: Head) -> dict[str, str]:
    return {
        "likewise.format": str(FORMAT),
        "likewise.card": head.card.to_json(),
        "likewise.fingerprint": head.card.fingerprint,
        "likewise.roots": json.dumps({"base": head.roots.base, "named": dict(head.roots.named)}, sort_keys=True),
        "likewise.sources": json.dumps(list(head.sources)),
        "likewise.columns": json.dumps(dict(head.columns), sort_keys=True),
    }


def _shard(path: Path) -> Shard:
    import pyarrow.parquet as pq

    with _told_as_ours(path):
        found = pq.read_metadata(path)
        told = {
            name.decode(): value.decode() for name, value in (found.schema.to_arrow_schema().metadata or {}).items()
        }
        if "likewise.card" not in told:
            raise StoreDamaged(f"{path} is Parquet and says of no encoder: only what likewise has written can be read")
        if int(told["likewise.format"]) > FORMAT:
            raise LikewiseError(
                f"{path} has format {told['likewise.format']}, this program reads up to {FORMAT}: install a newer likewise to read it"
            )
        roots = json.loads(told["likewise.roots"])
        head = Head(
            Card.from_json(told["likewise.card"]),
            Roots(roots["base"], roots["named"]),
            tuple(json.loads(told["likewise.sources"])),
            json.loads(told["likewise.columns"]),
        )
        return Shard(path, head, int(found.num_rows))


@contextmanager
def _told_as_ours(path: Path) -> Iterator[None]:
    pa = arrow()
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise StoreDamaged(
            f"{path} cannot be read as Parquet ({error}): write it again, or take it out of the folder"
        ) from error
