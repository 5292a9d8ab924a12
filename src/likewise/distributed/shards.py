"""Into which parts the images of a place are cut: the same ones at every run, each done by one worker at a time, and once."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from likewise.errors import SourceError
from likewise.queries.reading import open_place
from likewise.sources import ARCHIVES, Source, is_address
from likewise.types import Item

SHARD_IMAGES = 2048
"""What a killed worker has to do again at the most, and what a worker holds in memory."""

PACKED = tuple(ending for ending in ARCHIVES if ending != ".zip")
"""What can only be read from front to back: one worker takes the whole."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Images that one worker embeds in one go.

    Attributes:
        id: 16 hexadecimal digits, equal for the same images at every run, and for no others.
        number: Its place in the order of all.
        place: What opens the source that its images come from.
        items: Which of its images; None for all of an archive, which lists itself where it is read.
    """

    id: str
    number: int
    place: str
    items: tuple[Item, ...] | None = None

    @property
    def name(self) -> str:
        """What to call it, to a person."""
        if self.items is None:
            return self.place
        return f"{self.items[0].key} to {self.items[-1].key} of {self.place}"


@dataclass(frozen=True, slots=True)
class Place:
    """What a user names, as it is cut: a source that is listed here, or archives that are listed by whoever reads them.

    Attributes:
        name: As the user wrote it.
        source: Lists the images; None where there are archives.
        archives: Each as (what opens it, size and date or ETag).
    """

    name: str
    source: Source | None = None
    archives: tuple[tuple[str, str], ...] = field(default=())


def opened(place: str) -> Place:
    """Look what a place is.

    Args:
        place: As for `likewise.sources.open_source`; also a pattern of tars or Parquet files, or a folder that holds some and no images.

    Raises:
        SourceError: If nothing is there, or it comes by standard input, which no other process can read.
    """
    if place == "-":
        raise SourceError("- is standard input, which workers cannot read again: save the list as a file and name it")
    packed = _packed_at(place)
    if packed:
        return Place(place, archives=tuple(packed))
    return Place(place, open_place(place))


def cut(fingerprint: str, place: str, items: Iterator[Item], worth: Sequence[bool], size: int) -> list[Shard]:
    """The shards of a listing; those without anything to do are left out.

    Args:
        fingerprint: Of the encoder.
        place: What opens the source.
        items: The whole listing, in its order.
        worth: For each, whether it is to be embedded.
        size: Images of the listing that one shard spans.

    Returns:
        In the order of the listing, which is how they are to be loaded.
    """
    found: list[Shard] = []
    flags = iter(worth)
    while part := list(islice(items, size)):
        chosen = tuple(item for item, wanted in zip(part, flags, strict=False) if wanted)
        if chosen:
            told = [[item.key, item.size_bytes, item.modified_ns, item.etag, dict(item.metadata)] for item in chosen]
            found.append(Shard(_id(fingerprint, place, told), len(found), place, chosen))
    return found


def of_archives(fingerprint: str, archives: Sequence[tuple[str, str]]) -> list[Shard]:
    """One shard for each archive."""
    return [Shard(_id(fingerprint, place, state), number, place) for number, (place, state) in enumerate(archives)]


def _id(fingerprint: str, place: str, told: object) -> str:
    text = json.dumps([fingerprint, place, told], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _packed_at(place: str) -> list[tuple[str, str]]:
    """The archives that a place stands for; none if it is another kind of place."""
    if is_address(place):
        return _in_bucket(place)
    path = Path(place).expanduser()
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if each.name.lower().endswith(PACKED) and each.is_file())
        others = (each for each in path.iterdir() if not each.name.startswith(".") and each not in set(inside))
        found = inside if inside and not any(each.is_dir() for each in others) else []
    elif path.is_file():
        found = [path] if _is_packed(path) else []
    else:
        matched = sorted(Path(each) for each in glob.glob(str(path), recursive=True))  # noqa: PTH207
        found = matched if matched and all(map(_is_packed, matched)) else []
    return [(str(each.resolve()), f"{each.stat().st_size} {each.stat().st_mtime_ns}") for each in found]


def _is_packed(path: Path) -> bool:
    from likewise.sources import cifar

    lower = path.name.lower()
    return lower.endswith(PACKED) and (lower.endswith(".parquet") or cifar.in_tar(path) is None)


def _in_bucket(place: str) -> list[tuple[str, str]]:
    from likewise.sources import WEB, objects

    if place.startswith(WEB):
        return []
    start = place.partition("*")[0].rpartition("/")[0] if "*" in place else place
    bucket, key = objects.split(start)
    if key.lower().endswith(PACKED):
        facts = bucket.facts(key)
        return [(f"{bucket}/{key}", f"{facts.size_bytes} {facts.etag or facts.modified_ns}")]
    if "*" not in place:
        return []
    import fnmatch

    return [
        (f"{bucket}/{each.key}", f"{each.size_bytes} {each.etag or each.modified_ns}")
        for each in bucket.listed(key)
        if fnmatch.fnmatchcase(f"{bucket}/{each.key}", place) and each.key.lower().endswith(PACKED)
    ]
