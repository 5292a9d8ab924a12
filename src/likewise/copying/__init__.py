"""Copy a gallery from one form to another: a folder, Milvus, Parquet. Nothing is embedded again.

Rows stream through in their order, a few MB at a time. What is there already is not written again, so that a copy that was killed goes on
where it was; then all of it is read back and compared. Read this file from top to bottom; `ends` has the three forms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.copying.ends import Answers, End, Rows, opened, target
from likewise.errors import BadArgument, LikewiseError
from likewise.stores.home import Place
from likewise.stores.parquet import Head, Kind, columns_of
from likewise.types import Record

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told (what is done, images of which that is true, of how many)."""

ASKED, NEIGHBOURS = 16, 10
"""Images whose neighbours are compared in the end, and how many of each."""

_SAME_SCORE = 1e-4  # above it two scores differ by more than how they were summed up


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did and found.

    Attributes:
        images: In both, by count.
        written: Of these, how many were written now; the others were there from a copy before.
        checksum: Of both: the sum, modulo 2¹²⁸, of BLAKE2b over key and embedding of each image, so that no order matters.
        asked: Images whose neighbours were compared.
        base: Where keys without a root lie in the gallery that was copied; empty if there are none such.
        is_rooted: Whether they lie there in the copy too.
    """

    images: int
    written: int
    checksum: str
    asked: int
    base: str = ""
    is_rooted: bool = True


def copy(origin: Place, goal: Place, *, wait_s: float = 0.0, watch: Watch = lambda _what, _done, _all: None) -> Copied:
    """Make a copy, or finish one.

    Args:
        origin: A collection's folder (the one that is called `.likewise`), an address of Milvus, or a folder or file of Parquet.
        goal: Likewise; there is nothing, or a part of this copy.
        wait_s: For another process that is writing to it.
        watch: Told of every step.

    Returns:
        What was found the same on both sides.

    Raises:
        BadArgument: If the goal holds images that the origin does not have.
        StoreMismatch: If it holds embeddings of another encoder.
        LikewiseError: If what was read back is not what was read; the message says what differs.
    """
    with opened(origin) as source:
        look = _looked_over(source, watch)
        head = Head(source.head.card, source.head.roots, source.head.sources, look.columns)
        with target(goal, head, wait_s) as made:
            there = _present(made, look, watch)
            sent = _Sum()
            written = made.take(head, _missing(source, there, sent, look, watch), source)
            _compare(made, look, sent, watch)
            _compare_searches(source, made, sent.samples, watch)
            base = head.roots.base if look.has_bare_keys else ""
            return Copied(look.count, written, sent.text, len(sent.samples), base, made.is_at(head.roots))


@dataclass(slots=True)
class _Look:
    """What a first look at all records has brought; 16 bytes an image.

    Attributes:
        count: Images.
        keys: (count,) hashes of the keys, sorted.
        columns: Of metadata; see `parquet.columns_of`.
        has_bare_keys: Whether some keys have no root.
    """

    count: int = 0
    keys: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    columns: dict[str, Kind] = field(default_factory=dict)
    has_bare_keys: bool = False


@dataclass(slots=True)
class _Sum:
    """The checksum of what went by, and a few of the images.

    Attributes:
        total: So far.
        count: Images so far.
        samples: (key, embedding) of some.
    """

    total: int = 0
    count: int = 0
    samples: list[tuple[str, NDArray[np.float32]]] = field(default_factory=list)

    def add(self, records: Sequence[Record], rows: NDArray[np.float32], every: int = 0) -> None:
        """Count some rows in, and keep one in so many as a sample."""
        plain = np.ascontiguousarray(rows, "<f4")
        for record, row in zip(records, plain, strict=True):
            digest = hashlib.blake2b(record.key.encode() + b"\0" + row.tobytes(), digest_size=16).digest()
            self.total = (self.total + int.from_bytes(digest)) % (1 << 128)
            if every and self.count % every == 0 and len(self.samples) < ASKED:
                self.samples.append((record.key, row.copy()))
            self.count += 1

    @property
    def text(self) -> str:
        """32 hexadecimal digits."""
        return f"{self.total:032x}"


def _looked_over(source: End, watch: Watch) -> _Look:
    """Read what is told of all images, without their embeddings."""
    look, hashes = _Look(), []

    def passing() -> Iterator[Record]:
        for part in source.records():
            hashes.append(np.array([_number(record.key) for record in part], np.uint64))
            look.count += len(part)
            look.has_bare_keys = look.has_bare_keys or any("://" not in record.key for record in part)
            watch("reading what is told", look.count, 0)
            yield from part

    look.columns = columns_of(passing())
    look.keys = np.sort(np.concatenate([look.keys, *hashes]))
    return look


def _present(made: End, look: _Look, watch: Watch) -> dict[int, int]:
    """Hash of a key → hash of what is told of the image, of all that is there already.

    Raises:
        BadArgument: If something is there that the origin does not have.
    """
    there: dict[int, int] = {}
    for part in made.records():
        numbers = np.array([_number(record.key) for record in part], np.uint64)
        places = np.minimum(np.searchsorted(look.keys, numbers), max(0, look.count - 1))
        strange = np.flatnonzero(look.keys[places] != numbers) if look.count else np.arange(len(part))
        if len(strange):
            raise BadArgument(
                f"{made.place} holds {part[int(strange[0])].key}, which is not among what is to be copied: "
                "copy to a place where there is nothing, or only a part of this copy"
            )
        there |= {_number(record.key): _number(_told(record)) for record in part}
        watch("looking at what is there", len(there), look.count)
    return there


def _missing(source: End, there: dict[int, int], sent: _Sum, look: _Look, watch: Watch) -> Iterator[Rows]:
    """All rows pass by and are counted; those that are not there yet are handed on."""
    for records, rows in source.rows():
        sent.add(records, rows, max(1, look.count // ASKED))
        new = [i for i, record in enumerate(records) if there.get(_number(record.key)) != _number(_told(record))]
        if new:
            yield [records[i] for i in new], rows[new]
        watch("copying", sent.count, look.count)


def _compare(made: End, look: _Look, sent: _Sum, watch: Watch) -> None:
    """Read all of the copy.

    Raises:
        LikewiseError: If count or checksum differ.
    """
    back = _Sum()
    for records, rows in made.rows():
        back.add(records, rows)
        watch("reading back", back.count, look.count)
    if (back.count, back.total) != (sent.count, sent.total):
        raise LikewiseError(
            f"{made.place} holds {back.count:,} images with the checksum {back.text}, and {sent.count:,} with {sent.text} were read: "
            "one of the two was changed meanwhile; run the same command again, or remove the copy first"
        )


def _compare_searches(source: End, made: End, samples: Sequence[tuple[str, NDArray[np.float32]]], watch: Watch) -> None:
    """Ask both for the neighbours of some images.

    Raises:
        LikewiseError: If the answers differ by more than rounding.
    """
    if not samples:
        return
    queries = np.stack([row for _, row in samples])
    pairs = zip(samples, source.nearest(queries, NEIGHBOURS), made.nearest(queries, NEIGHBOURS), strict=True)
    for done, ((key, _), here, there) in enumerate(pairs, start=1):
        if not _alike(here, there):
            raise LikewiseError(
                f"{made.place}: the neighbours of {key} are {', '.join(there.keys[:3])} …, and they were {', '.join(here.keys[:3])} …: "
                "remove the copy and make it again"
            )
        watch("comparing searches", done, len(samples))


def _alike(one: Answers, other: Answers) -> bool:
    """The same images with the same scores, as far as scores tell them apart from the last of them."""
    if len(one.scores) != len(other.scores) or np.abs(one.scores - other.scores).max(initial=0) > _SAME_SCORE:
        return False
    there = dict(zip(other.keys, other.scores.tolist(), strict=True))
    sure = [
        pair for pair in zip(one.keys, one.scores.tolist(), strict=True) if pair[1] > one.scores[-1] + 2 * _SAME_SCORE
    ]
    return all(key in there and abs(there[key] - score) <= _SAME_SCORE for key, score in sure)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _told(record: Record) -> str:
    facts = (record.content_sha256, record.size_bytes, record.modified_ns, record.width, record.height)
    return f"{facts} {json.dumps(dict(record.metadata), sort_keys=True)}"
