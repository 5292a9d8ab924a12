"""`.zip`, read in place by its directory."""

from __future__ import annotations

import calendar
import lzma
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from likewise.errors import SourceError
from likewise.sources import archives, files, paths
from likewise.types import Item

# What the standard library raises on archives that are torn or made to break it.
_BROKEN = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError, struct.error, zlib.error, lzma.LZMAError)

_ENCRYPTED = 0x1
_NAMED_IN_UTF8 = 0x800
_TICK_NS = 2_000_000_000  # the dates of a zip are even seconds


class Zip:
    """The images of a `.zip`, in the order of the bytes of their keys."""

    def __init__(self, path: Path | str, file: BinaryIO | None = None) -> None:
        """Open one; with a file, what lies at an address."""
        self.location = self.name = paths.absolute(path) if file is None else str(path)
        self._guard = threading.Lock()
        try:
            self._file = zipfile.ZipFile(path if file is None else file)
            entries = [(_name(entry), entry) for entry in self._file.infolist() if not entry.is_dir()]
        except _BROKEN as error:
            raise archives.broken(path, "zip", error) from error
        found = archives.images_among(entries, self._head)
        if not found:
            raise archives.empty(path)
        if all(entry.flag_bits & _ENCRYPTED for entry in found.values()):
            raise SourceError(f"{path}: is encrypted: unpack it with its password, and name the folder")
        self._entries = dict(sorted(found.items()))

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        for key in self._entries:
            yield self.item(key)

    def item(self, key: str) -> Item:
        """The item of one key.

        Raises:
            SourceError: If the archive does not have it.
        """
        entry = self._entry(key)
        return archives.item(key, entry.file_size, _modified_ns(entry))

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        entry = self._entry(item.key)
        if entry.flag_bits & _ENCRYPTED:
            raise SourceError("is encrypted in the archive: unpack it with its password")
        files.check_size(entry.file_size, " in the archive")
        try:
            data = self._first(entry, entry.file_size)  # never more than the directory says, whatever is packed in it
        except _BROKEN as error:
            raise SourceError(f"cannot be read from the archive: {str(error) or type(error).__name__}") from error
        if len(data) != entry.file_size:
            raise SourceError(f"has {len(data):,} bytes in the archive, which says {entry.file_size:,}: pack it again")
        return data

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """An archive covers all that lies in it."""
        return True

    def _entry(self, key: str) -> zipfile.ZipInfo:
        if key not in self._entries:
            raise SourceError(f"is not in {self.location}: index the archive again")
        return self._entries[key]

    def _first(self, entry: zipfile.ZipInfo, size_bytes: int) -> bytes:
        with self._guard:  # ZipFile counts its open entries without a lock; reading them side by side is safe
            file = self._file.open(entry)
        try:
            return file.read(size_bytes)
        finally:
            with self._guard:
                file.close()

    def _head(self, entry: zipfile.ZipInfo) -> bytes:
        try:
            return self._first(entry, archives.HEAD_BYTES)
        except _BROKEN:
            return b""


def _name(entry: zipfile.ZipInfo) -> str:
    """The name in the archive; many programs write UTF-8 and do not say so, which `zipfile` reads as code page 437."""
    name = entry.filename
    if not entry.flag_bits & _NAMED_IN_UTF8 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except ValueError:
            name = entry.filename
    return re.sub(r"^[A-Za-z]:(?=/)", "", name.replace("\\", "/"))


def _modified_ns(entry: zipfile.ZipInfo) -> int:
    """The date, taken as UTC (a zip does not say which zone), and below its resolution a trace of the content's CRC-32.

    So an entry that was replaced by one of the same size and date is seen to have changed.
    """
    try:
        seconds = calendar.timegm((*entry.date_time, 0, 0, 0))
    except ValueError:  # month 0: no date was written
        seconds = calendar.timegm((1980, 1, 1, 0, 0, 0, 0, 0, 0))
    return seconds * 1_000_000_000 + entry.CRC % _TICK_NS
