"""Thumbnails of a gallery, and originals where they are wanted, as files whose names say what is in them."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from likewise import images
from likewise.collection import Collection
from likewise.errors import BadImage, SourceError
from likewise.gallery.folder import Folder
from likewise.images.kinds import Kind, kind_of
from likewise.images.writing import webp
from likewise.types import Image, Record

Originals: TypeAlias = Literal["none", "copy", "link"]

_VERSION = 1  # of how thumbnails are made; another one gives them other names
_AT_ONCE = 64  # images read before any is written: bounds the memory that originals take
_ENDINGS: dict[Kind, str] = {
    "JPEG": "jpg", "PNG": "png", "GIF": "gif", "WebP": "webp", "TIFF": "tif", "BMP": "bmp", "ICO": "ico",
    "PNM": "pnm", "JPEG 2000": "jp2", "AVIF": "avif", "HEIF": "heic",
}  # fmt: skip
ENDINGS = list(_ENDINGS.values())
_SPELLED = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif", "heif": "heic"} | {ending: ending for ending in ENDINGS}
NOTHING = bytes(8)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page has of one image.

    Attributes:
        thumbnail: 8 bytes that its file is named by; zeros where it cannot be shown.
        colour: Its mean, (red, green, blue).
        original: 8 bytes that the file of the original is named by; zeros where there is none.
        ending: Of that file, as a number from 1 in `ENDINGS`; 0 where there is none.
    """

    thumbnail: bytes
    colour: tuple[int, int, int]
    original: bytes = NOTHING
    ending: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """What was made of an original: nothing where it was not needed, and a reason where it could not be had."""

    thumbnail: bytes = b""
    colour: tuple[int, int, int] = (128, 128, 128)
    data: bytes = b""
    reason: str = ""


class Pictures:
    """Makes the pictures of an export, those that are not there yet.

    Attributes:
        missing: Key and reason of every image that cannot be shown.
        copied: How many originals were to be linked and had to be copied.
    """

    def __init__(self, collection: Collection, folder: Folder, side: int, originals: Originals) -> None:
        self._collection, self._folder, self._side, self._originals = collection, folder, side, originals
        self.missing: list[tuple[str, str]] = []
        self.copied = 0

    def announce(self, records: Sequence[Record]) -> None:
        """Note which files may come."""
        names = [thumbnail_name(self._thumbnail(record)) for record in records]
        if self._originals != "none":
            names += [original_name(_original(record), end) for record in records for end in _likely(record.key)]
        self._folder.announce(names)

    def made(self, records: Sequence[Record], watch: Callable[[int, int], None]) -> Iterator[Shown]:
        """One after the other, in order; `watch` is told (done, of)."""
        done, rest = 0, iter(records)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # decoders leave the interpreter to others
            while group := list(itertools.islice(rest, _AT_ONCE)):
                wanted = [(record, self._there(record)) for record in group]
                for (record, there), read in zip(wanted, pool.map(self._read, wanted), strict=True):
                    done += 1
                    watch(done, len(records))
                    yield self._kept(record, there, read)

    def _there(self, record: Record) -> _There:
        name = thumbnail_name(self._thumbnail(record))
        colour = self._folder.colours.get(name, "") if self._folder.has(name) else ""
        ending = 0
        if self._originals != "none":
            names = [original_name(_original(record), end) for end in ENDINGS]
            ending = next((i for i, each in enumerate(names, start=1) if self._folder.has(each)), 0)
        return _There(bool(colour), colour, ending, self._originals == "none" or ending > 0)

    def _read(self, wanted: tuple[Record, _There]) -> _Read:
        record, there = wanted
        if there.whole and there.original:
            return _Read()
        try:
            data = self._collection.original(record)
            if hashlib.sha256(data).hexdigest() != record.content_sha256:
                return _Read(reason="has changed since it was indexed: run likewise index")
            kept = b"" if there.original else data
            if there.whole:
                return _Read(data=kept)
            picture = images.thumbnail(data, self._side, self._collection.limits)
        except (SourceError, BadImage) as error:
            return _Read(reason=str(error))
        return _Read(webp(picture), _mean(picture), kept)

    def _kept(self, record: Record, there: _There, read: _Read) -> Shown:
        identity, original, ending = self._thumbnail(record), NOTHING, there.ending
        name, colour = thumbnail_name(identity), read.colour
        if read.thumbnail:
            self._folder.colours[name] = bytes(colour).hex()
            self._folder.write(name, read.thumbnail)
        elif there.whole:
            red, green, blue = bytes.fromhex(there.colour)
            colour = red, green, blue
        if read.data:
            ending = 1 + ENDINGS.index(_ENDINGS[kind_of(read.data)])
            self._keep_original(record, original_name(_original(record), ENDINGS[ending - 1]), read.data)
        if ending:
            original = _original(record)
        if read.reason:
            self.missing.append((record.key, read.reason))
        return Shown(NOTHING if read.reason and not there.whole else identity, colour, original, ending)

    def _keep_original(self, record: Record, name: str, data: bytes) -> None:
        path = Path(self._collection.store.roots.path(record.key))
        if self._originals == "link" and path.is_file() and self._folder.link(name, path):
            return
        self.copied += self._originals == "link"
        self._folder.write(name, data)

    def _thumbnail(self, record: Record) -> bytes:
        return _identity(f"thumbnail {_VERSION} {self._side} {record.content_sha256}")


@dataclass(frozen=True, slots=True)
class _There:
    """What an earlier export left of one image.

    Attributes:
        whole: Whether its thumbnail is there, and its colour known.
        colour: `rrggbb`, or nothing.
        ending: As of `Shown`.
        original: Whether nothing more is wanted of the original.
    """

    whole: bool
    colour: str
    ending: int
    original: bool


def thumbnail_name(identity: bytes) -> str:
    """Where a thumbnail lies."""
    return f"thumbs/{identity.hex()[:2]}/{identity.hex()}.webp"


def original_name(identity: bytes, ending: str) -> str:
    """Where an original lies."""
    return f"originals/{identity.hex()[:2]}/{identity.hex()}.{ending}"


def _likely(key: str) -> list[str]:
    """The endings that an original may get, by its name; what it is, its bytes say."""
    named = _SPELLED.get(key.rpartition(".")[2].lower())
    return ENDINGS if named is None else [named]


def _original(record: Record) -> bytes:
    return _identity(f"original {record.content_sha256}")


def _identity(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


def _mean(picture: Image) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in np.rint(picture.reshape(-1, 3).mean(axis=0)))
    return red, green, blue
