"""Files named one by one: on a list, on standard input, or a single image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.errors import SourceError
from likewise.sources import files, paths
from likewise.types import Item

if TYPE_CHECKING:
    from likewise.sources.linked import Linked


class Listed:
    """The images that a list names, one path a line, in its order, each once.

    Args:
        name: What opens the list again.
        base: Absolute path of the folder that relative entries start from.
        entries: Paths as the system knows them.
    """

    def __init__(self, name: str, base: str, entries: Iterable[str]) -> None:
        self.name = name if name == "-" else paths.absolute(name)
        self._base = base
        self._paths = list(dict.fromkeys(self._full(entry) for entry in entries))
        self.location = _common_folder(paths.kept(base), self._paths)
        self._start = len(self.location.rstrip("/")) + 1
        self._keys = {path[self._start :] for path in self._paths}

    def items(self) -> Iterator[Item]:
        """See `Source.items`; what is missing is listed, and fails when it is read."""
        for path in self._paths:
            key = path[self._start :]
            yield files.item_of(key, paths.real(path)) or Item(key)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return files.read_file(self.file(item))

    def file(self, item: Item) -> str:
        """See `Source.file`."""
        return f"{self.location}/{item.key}"

    def covers(self, key: str) -> bool:
        """What the list names."""
        return key in self._keys

    def key(self, entry: str) -> str:
        """The key of one of its entries."""
        return self._full(entry)[self._start :]

    def _full(self, entry: str) -> str:
        return paths.kept(os.path.normpath(os.path.join(self._base, entry)))  # noqa: PTH118


def listed(name: str, base: str, entries: Sequence[str]) -> Listed | Linked:
    """The images that entries name: all of them paths, or all of them addresses.

    Raises:
        SourceError: If they are both, or addresses of several kinds.
    """
    from likewise.sources import is_address
    from likewise.sources.linked import Linked

    if any(map(is_address, entries)):
        return Linked(name if name == "-" else paths.absolute(name), entries)
    return Listed(name, base, entries)


def from_file(path: Path) -> Listed | Linked:
    """Read a list.

    Raises:
        SourceError: If it cannot be read as text, or mixes paths with addresses.
    """
    text = text_of(path, "list")
    return listed(str(path), os.path.abspath(path.parent), entries_of(text.split("\n")))  # noqa: PTH100


def text_of(path: Path, kind: str, errors: str = "surrogateescape") -> str:
    """A file as text: UTF-8, or UTF-16 with its mark, as PowerShell writes it.

    Args:
        path: Of the file.
        kind: What it should be, to say so: `list`, `table`.
        errors: What becomes of bytes that are no UTF-8; by itself, what `os.fsdecode` makes of them in a path.

    Raises:
        SourceError: If it cannot be read as text.
    """
    try:
        data = files.read_file(paths.absolute(path))
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16") if utf16 else data.decode("utf-8-sig", errors)
    except (SourceError, ValueError) as error:
        raise SourceError(f"{path}: this {kind} {error}: check it") from error
    if "\0" in text:
        raise SourceError(f"{path}: is no {kind} of paths, it has binary content: name a text file, one path a line")
    return text


def entries_of(lines: Iterable[str]) -> list[str]:
    """The paths of a list's lines: blank ones and those that begin with `#` are passed over, `~` is one's home."""
    entries = [line.rstrip("\r\n") for line in lines]
    return [os.path.expanduser(entry) for entry in entries if entry.strip() and not entry.startswith("#")]  # noqa: PTH111


def _common_folder(base: str, entries: list[str]) -> str:
    """The folder above everything that is listed; `base` if that holds it all."""
    prefix = base.rstrip("/") + "/"
    if all(entry.startswith(prefix) for entry in entries):
        return base
    return os.path.commonpath([os.path.dirname(entry) for entry in entries])  # noqa: PTH120
