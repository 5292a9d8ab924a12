"""`.tar`, plain or compressed, read in place by an index that one pass over it makes when it is first needed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import tarfile
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from likewise.errors import SourceError
from likewise.sources import archives, files, paths
from likewise.types import Item

BROKEN = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, zlib.error, lzma.LZMAError)
"""What the standard library raises on archives that are torn or made to break it."""

_BLOCK_BYTES = 512
_LARGEST_READ = files.MAX_BYTES
_LATEST_S = 9e9  # in the year 2255; nanoseconds of much more do not fit 64 bits
_PASSED_ENTRIES = 64
_PASSED_BYTES = 64 << 20


class Stream:
    """The bytes of a tar after decompression; refuses what no honest header asks for, such as a name of a gigabyte."""

    def __init__(self, path: Path | str, file: BinaryIO | None = None) -> None:
        self._raw = file or Path(path).open("rb")  # noqa: SIM115 - close() does
        self._raw.seek(0)
        head = self._raw.read(6)
        self._raw.seek(0)
        self.compressed = True
        self._plain: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
        if head.startswith(b"\x1f\x8b"):
            self._plain = gzip.GzipFile(fileobj=self._raw)
        elif head.startswith(b"BZh"):
            self._plain = bz2.BZ2File(self._raw)
        elif head.startswith(b"\xfd7zXZ\0"):
            self._plain = lzma.LZMAFile(self._raw)  # noqa: SIM115 - close() does
        else:
            self._plain, self.compressed = self._raw, False

    def read(self, size_bytes: int) -> bytes:
        """The next bytes; fewer only at the end."""
        if not 0 <= size_bytes <= _LARGEST_READ:
            raise tarfile.ReadError(f"a header asks for {size_bytes:,} bytes")
        return self._plain.read(size_bytes)

    def seek(self, offset: int) -> int:
        """Go to a place; going back in a compressed tar begins anew."""
        return self._plain.seek(offset)

    def tell(self) -> int:
        """Where the next read begins."""
        return self._plain.tell()

    def close(self) -> None:
        """Let go of the file."""
        self._plain.close()
        self._raw.close()

    def members(self) -> Iterator[tarfile.TarInfo]:
        """All members, to the proper end.

        Raises:
            tarfile.TarError: If the archive breaks off or is damaged; `BROKEN` has what else may be raised.
        """
        self.seek(0)
        with tarfile.TarFile(fileobj=self) as tar:  # type: ignore[arg-type]
            for member in tar:
                if member.size < 0:  # its successor would be itself, for ever
                    raise tarfile.ReadError("a member has a negative size")
                yield member
            self.seek(tar.offset)
        if self.read(_BLOCK_BYTES).strip(b"\0"):  # where `tarfile` sees a damaged header it just ends
            raise tarfile.ReadError("a header is damaged")

    def content(self, member: tarfile.TarInfo, size_bytes: int | None = None) -> bytes:
        """The first bytes of a member, or all of it."""
        self.seek(member.offset_data)
        return self.read(member.size if size_bytes is None else min(size_bytes, member.size))


@dataclass(frozen=True, slots=True)
class _Entry:
    offset: int
    size_bytes: int
    modified_ns: int


class Tar:
    """The images of a `.tar`, in the order of the file, which is the quickest to read.

    In a compressed tar, going back means to decompress from the start. Threads that share the work ask a little out of order,
    so the last few images that a read went over are kept for those who come for them.
    """

    def __init__(self, path: Path | str, file: BinaryIO | None = None) -> None:
        """Open one; with a file, what lies at an address."""
        self.location = self.name = paths.absolute(path) if file is None else str(path)
        self._path = path
        self._guard = threading.RLock()
        self._index: dict[str, _Entry] | None = None
        self._order: list[_Entry] = []
        self._numbers: dict[int, int] = {}
        self._next = 0  # the first entry in `_order` that the stream has not gone over
        self._passed: OrderedDict[int, bytes] = OrderedDict()
        try:
            self._stream = Stream(path, file)
        except OSError as error:
            raise archives.broken(path, "tar", error) from error
        weakref.finalize(self, self._stream.close)
        try:
            next(self._stream.members(), None)
        except BROKEN as error:
            raise archives.broken(path, "tar", error) from error

    def items(self) -> Iterator[Item]:
        """See `Source.items`.

        Raises:
            SourceError: If the archive is damaged or holds no images.
        """
        for key in self._entries():
            yield self.item(key)

    def item(self, key: str) -> Item:
        """The item of one key.

        Raises:
            SourceError: If the archive does not have it.
        """
        entry = self._entry(key)
        return archives.item(key, entry.size_bytes, entry.modified_ns)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        entry = self._entry(item.key)
        files.check_size(entry.size_bytes, " in the archive")
        try:
            with self._guard:
                data = self._content(entry)
        except BROKEN as error:
            raise SourceError(f"cannot be read from the archive: {error}") from error
        if len(data) != entry.size_bytes:
            raise SourceError("breaks off in the archive: fetch it again")
        return data

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """An archive covers all that lies in it."""
        return True

    def _entry(self, key: str) -> _Entry:
        entries = self._entries()
        if key not in entries:
            raise SourceError(f"is not in {self.location}: index the archive again")
        return entries[key]

    def _entries(self) -> dict[str, _Entry]:
        with self._guard:
            if self._index is None:
                try:
                    self._index = self._indexed()
                except BROKEN as error:
                    raise archives.broken(self._path, "tar", error) from error
                self._order = sorted(self._index.values(), key=lambda entry: entry.offset)
                self._numbers = {entry.offset: number for number, entry in enumerate(self._order)}
                self._next = len(self._order)
            if not self._index:
                raise archives.empty(self._path)
            return self._index

    def _indexed(self) -> dict[str, _Entry]:
        plain = ((member.name, member) for member in self._stream.members() if member.isreg() and not member.issparse())
        entries = archives.images_among(plain, lambda member: self._stream.content(member, archives.HEAD_BYTES))
        return {
            key: _Entry(member.offset_data, member.size, _nanoseconds(member.mtime)) for key, member in entries.items()
        }

    def _content(self, entry: _Entry) -> bytes:
        if not self._stream.compressed:
            return self._at(entry)
        number = self._numbers[entry.offset]
        if number in self._passed:
            return self._passed.pop(number)
        if number > self._next:
            for passed in range(max(self._next, number - _PASSED_ENTRIES), number):
                self._remember(passed)
        data = self._at(entry)
        self._next = number + 1
        return data

    def _remember(self, number: int) -> None:
        entry = self._order[number]
        if entry.size_bytes > _PASSED_BYTES // 4:
            return
        self._passed[number] = self._at(entry)
        while sum(map(len, self._passed.values())) > _PASSED_BYTES or len(self._passed) > _PASSED_ENTRIES:
            self._passed.popitem(last=False)

    def _at(self, entry: _Entry) -> bytes:
        self._stream.seek(entry.offset)
        return self._stream.read(entry.size_bytes)


def _nanoseconds(seconds: float) -> int:
    """A date as the header tells it; 0 where it tells none that can be."""
    return int(min(seconds, _LATEST_S) * 1_000_000_000) if math.isfinite(seconds) else 0
