"""Seam: where images come from."""

from __future__ import annotations

import glob as patterns
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from likewise.errors import SourceError
from likewise.sources import paths
from likewise.types import Item

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LISTS = (".txt", ".lst", ".list")
_NOT_OPENED = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst")


class Source(Protocol):
    """A place that lists images and reads their bytes.

    Contract: the order of `items` is stable; keys are unique; an item read twice gives equal bytes; `read` raises
    `SourceError` for one item without harm to the others; threads may call `read` side by side.
    """

    @property
    def location(self) -> str:
        """Absolute path with forward slashes: `location + "/" + item.key` is the item's virtual path."""
        ...

    @property
    def name(self) -> str:
        """What a user types to open this source again; `open_source(name)` gives an equal source."""
        ...

    def items(self) -> Iterator[Item]:
        """List all images, in a stable order; an entry that is missing is listed too, and fails when read."""
        ...

    def read(self, item: Item) -> bytes:
        """The encoded bytes of one image; only `item.key` is looked at."""
        ...

    def covers(self, key: str) -> bool:
        """Whether an image of this key would be listed if it existed: what is covered and not listed has vanished."""
        ...


def open_source(place: str, *, lines: Iterable[str] | None = None) -> Source:
    """Open a place by what is found there.

    Args:
        place: A folder, `.zip`, `.tar` (also compressed), CIFAR-10 or -100 (the folder of the official download, or its .tar.gz),
            a list of paths (`.txt`, `.lst`, `.list`), a pattern with `*`, `?` or `[`, an image, or `-`.
        lines: For `-`: the paths, one in each; relative ones start at the current folder.

    Raises:
        SourceError: If nothing is there, or it cannot be opened; the message says what can be.
    """
    from likewise.sources import archives, cifar, files

    if place == "-":
        if lines is None:
            raise SourceError("- means a list on standard input, and there is none here: name a file instead")
        return files.Listed("-", paths.absolute("."), files.entries_of(lines))
    path = Path(place).expanduser()
    lower = path.name.lower()
    if path.is_dir():
        return cifar.in_folder(path) or files.Folder(path)
    if path.is_file():
        if lower.endswith(ARCHIVES):
            return archives.open_archive(path)
        if lower.endswith(LISTS):
            return files.Listed.from_file(path)
        if lower.endswith(_NOT_OPENED):
            raise SourceError(f"{place}: this kind of archive is not read: unpack it, or repack it as .zip or .tar")
        return files.Listed(place, paths.absolute(path.parent), [path.name])
    if patterns.has_magic(place):
        return files.Pattern(place)
    raise SourceError(f"{place}: nothing is there: name a folder, an archive, a list, a pattern, or an image")


def is_many(place: str) -> bool:
    """Whether a place stands for a number of images rather than for one."""
    path = Path(place).expanduser()
    if path.exists():
        return path.is_dir() or path.name.lower().endswith(ARCHIVES + LISTS)
    return patterns.has_magic(place) and "://" not in place


def locate(path: str) -> tuple[Source, Item]:
    """The source and the item behind a virtual path, such as `/a/photos.zip/2019/cat.jpg`.

    Raises:
        SourceError: If nothing is there.
    """
    from likewise.sources import files

    real = paths.real(path)
    if os.path.isfile(real):  # noqa: PTH113 - names that are no Unicode stay as they are
        folder, _, name = path.rpartition("/")
        return files.Listed(path, folder, [name]), Item(name)
    for parent in Path(real).parents:
        if parent.is_file():
            packed = _opened(parent, parent.stat().st_mtime_ns)
            if packed is not None:
                return packed, Item(path[len(packed.location) + 1 :])
            break
    raise SourceError(f"{path}: no such file")


@lru_cache(maxsize=4)
def _opened(file: Path, modified_ns: int) -> Source | None:  # noqa: ARG001 - a file that changed is another one
    """What a file packs: an archive, or the CIFAR folder that it belongs to. Kept open, since more will be asked of it."""
    from likewise.sources import archives, cifar

    return archives.open_archive(file) if file.name.lower().endswith(ARCHIVES) else cifar.in_folder(file.parent)
