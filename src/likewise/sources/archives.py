"""Archives, read in place: `.zip` by its directory, `.tar` by an index made in one pass; nothing is ever unpacked to the disk."""

from __future__ import annotations

import calendar
import posixpath
import tarfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from likewise.errors import SourceError
from likewise.sources import paths
from likewise.sources.cifar import Cifar, in_tar
from likewise.types import Item

MAX_ENTRY_BYTES = 1 << 30

Entry = TypeVar("Entry")


class Zip:
    """The images of a `.zip`. Dates are those of the entries, taken as UTC (the format does not say which zone)."""

    def __init__(self, path: Path) -> None:
        self.location = self.name = paths.absolute(path)
        self._guard = threading.Lock()
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise SourceError(f"{path}: cannot be opened as a zip ({error}): fetch it again, or repack it") from error
        self._entries = _keyed([(entry.filename, entry) for entry in self._file.infolist() if not entry.is_dir()])

    def items(self) -> Iterator[Item]:
        """See `Source.items`; in the order of the keys."""
        for key, entry in sorted(self._entries.items()):
            yield Item(key, entry.file_size, _nanoseconds(entry))

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        entry = self._entries.get(item.key)
        if entry is None:
            raise SourceError("is not in the archive any more")
        if entry.flag_bits & 1:
            raise SourceError("is encrypted in the archive: unpack it with its password")
        _check_size(entry.file_size)
        try:
            with self._guard, self._file.open(entry) as file:
                return file.read(entry.file_size)  # never more than the directory says, whatever is packed in it
        except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, zlib.error, RuntimeError) as error:
            raise SourceError(f"cannot be read from the archive: {error}") from error

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """An archive covers all that lies in it."""
        return True


class Tar:
    """The images of a `.tar`, also compressed. Reading in the order of the file is quick; jumping back in a compressed one starts anew."""

    def __init__(self, path: Path) -> None:
        self.location = self.name = paths.absolute(path)
        self._guard = threading.Lock()
        try:
            self._file = tarfile.open(path)  # noqa: SIM115 - stays open as long as the source
            weakref.finalize(self, self._file.close)
            members = [(member.name, member) for member in self._file if member.isreg()]
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{path}: cannot be opened as a tar ({error}): fetch it again, or repack it") from error
        self._entries = _keyed(members)

    def items(self) -> Iterator[Item]:
        """See `Source.items`; in the order of the file, which is the quickest to read."""
        for key, member in self._entries.items():
            yield Item(key, member.size, int(member.mtime * 1e9))

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        member = self._entries.get(item.key)
        if member is None:
            raise SourceError("is not in the archive any more")
        _check_size(member.size)
        try:
            with self._guard:
                file = self._file.extractfile(member)
                return file.read() if file is not None else b""
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise SourceError(f"cannot be read from the archive: {error}") from error

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """An archive covers all that lies in it."""
        return True


def open_archive(path: Path) -> Zip | Tar | Cifar:
    """A zip or a tar by its name; a tar that holds CIFAR is opened as CIFAR.

    Raises:
        SourceError: If it cannot be opened.
    """
    if path.name.lower().endswith(".zip"):
        return Zip(path)
    return in_tar(path) or Tar(path)


def _keyed(entries: list[tuple[str, Entry]]) -> dict[str, Entry]:
    """Key → entry, for what looks like an image and is not hidden; a name that comes again gets a number."""
    keyed: dict[str, Entry] = {}
    for name, entry in entries:
        # An absolute name or one with `..` cannot leave the archive: nothing is written anywhere by it.
        key = paths.kept(posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/"))
        parts = key.split("/")
        if any(part.startswith((".", "__MACOSX")) for part in parts) or not paths.is_image_name(parts[-1]):
            continue
        stem, dot, ending = key.rpartition(".")
        number = 1
        while key in keyed:
            number += 1
            key = f"{stem}-{number}{dot}{ending}"
        keyed[key] = entry
    return keyed


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_ENTRY_BYTES:
        raise SourceError(f"is {size_bytes / 1e6:,.0f} MB in the archive, over {MAX_ENTRY_BYTES / 1e6:,.0f}: unpack it")


def _nanoseconds(entry: zipfile.ZipInfo) -> int:
    return calendar.timegm((*entry.date_time, 0, 0, 0)) * 1_000_000_000
