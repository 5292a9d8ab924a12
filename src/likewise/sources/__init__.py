"""Seam: where images come from."""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from likewise.errors import SourceError
from likewise.roots import address
from likewise.sources import paths
from likewise.types import Item

if TYPE_CHECKING:
    from likewise.sources.cifar import Cifar
    from likewise.sources.parquets import Parquet
    from likewise.sources.tars import Tar
    from likewise.sources.zips import Zip

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".parquet")
LISTS = (".txt", ".lst", ".list")
WEB = ("https://", "http://")
TABLES = (".csv", ".tsv", ".jsonl")
_NOT_OPENED = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".tzst")


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

    def file(self, item: Item) -> str | None:
        """The plain file that holds these bytes and no others, as `files.read_file` takes it; None where there is none."""
        ...

    def covers(self, key: str) -> bool:
        """Whether an image of this key would be listed if it existed: what is covered and not listed has vanished."""
        ...


def open_source(place: str, *, lines: Iterable[str] | None = None) -> Source:
    """Open a place by what is found there.

    Args:
        place: A folder, `.zip`, `.tar` (also compressed), `.parquet`, CIFAR-10 or -100 (the folder of the download, or its .tar.gz;
            with `/train` or `/test` behind it, only that part), a list of paths (`.txt`, `.lst`, `.list`), a table of paths and
            metadata (`.csv`, `.tsv`, `.jsonl`), a pattern with `*`, `?` or `[`, an image, `-`, or an address: `s3://`, `gs://` or
            `az://` with a bucket and a prefix, an image, an archive or a list, `https://` with an image or a list.
        lines: For `-`: the paths, one in each; relative ones start at the current folder.

    Raises:
        SourceError: If nothing is there, or it cannot be opened; the message says what can be.
    """
    from likewise.sources import cifar, folders, lists

    if place == "-":
        if lines is None:
            raise SourceError("- means a list on standard input, and there is none here: name a file instead")
        return lists.listed("-", os.path.abspath("."), lists.entries_of(lines))  # noqa: PTH100
    if is_address(place):
        return _far(place)
    split = _split_of(place)
    if split is not None:
        return split
    path, mode = _found(place)
    if path is None and glob.has_magic(place):
        return folders.pattern(paths.real(place))
    if path is None:
        raise SourceError(f"{place}: nothing is there: name a folder, an archive, a list, a pattern, or an image")
    if stat.S_ISDIR(mode):
        return cifar.in_folder(path) or folders.folder(path)
    if stat.S_ISREG(mode):
        return _file(place, path)
    raise SourceError(f"{place}: is neither a file nor a folder: name one; - reads a list from standard input")


def is_many(place: str) -> bool:
    """Whether a place stands for a number of images rather than for one."""
    if is_address(place):
        return not paths.is_image_name(place) and not place.startswith(WEB)
    try:
        path, mode = _found(place)
    except SourceError:
        return False
    if path is not None:
        return stat.S_ISDIR(mode) or path.name.lower().endswith(ARCHIVES + LISTS + TABLES)
    return glob.has_magic(place) and "://" not in place


def class_of(item: Item) -> str:
    """The label that the source tells, or the name of the folder that the picture lies in; empty if there is none.

    A folder called `images` says nothing: the one around it does, as in Tiny ImageNet.

    >>> class_of(Item("birds/heron/1.jpg")), class_of(Item("train/n01443537/images/n01443537_0.JPEG"))
    ('heron', 'n01443537')
    """
    label = item.metadata.get("label")
    if label is not None:
        return str(label)
    folders = item.key.split("/")[:-1]
    if folders[1:] and folders[-1] == "images":
        del folders[-1]
    return folders[-1] if folders else ""


def short_name(source: Source) -> str:
    """What to call a source where its whole path is nobody's business: the last part of its location.

    >>> short_name(open_source("-", lines=[])) == Path.cwd().name
    True
    """
    return source.location.rstrip("/").rpartition("/")[2] or source.name


def locate(path: str) -> tuple[Source, Item]:
    """The source and the item behind a virtual path, such as `/a/photos.zip/2019/cat.jpg`.

    Raises:
        SourceError: If nothing is there.
    """
    from likewise.sources import lists

    if is_address(path):
        return _located(path)
    path = paths.absolute(paths.real(path))
    real = paths.real(path)
    if os.path.isfile(real):  # noqa: PTH113 - names that are no Unicode stay as they are
        folder, _, name = real.rpartition("/")
        alone = lists.Listed(real, folder or "/", [name])
        return alone, next(alone.items())
    for parent in Path(real).parents:
        packed = _packed(parent)
        if packed is not None:
            return packed, packed.item(path[len(packed.location) + 1 :])
    raise SourceError(f"{path}: no such file: index its folder again, or bring it back")


def is_address(place: str) -> bool:
    """Whether a place is named by an address rather than a path.

    >>> is_address("s3://bucket/photos"), is_address("photos/s3"), is_address("photos://cat.jpg")
    (True, False, False)
    """
    return "://" in place and address(place) == place


def _far(place: str) -> Source:
    from likewise.sources import linked, objects

    return linked.open_web(place) if place.startswith(WEB) else objects.open_objects(place)


def _located(place: str) -> tuple[Source, Item]:
    from likewise.sources import linked, objects

    if not place.startswith(WEB):
        return objects.locate(place)
    alone = linked.Linked(place, [place])
    return alone, next(alone.items())


def _found(place: str) -> tuple[Path | None, int]:
    """What is there, and the mode that the system gives it; a place may be written as names are kept.

    Raises:
        SourceError: If it may not be looked at.
    """
    for name in dict.fromkeys((place, paths.real(place))):
        path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser fails on the name of nobody
        try:
            return path, os.stat(path).st_mode if name else 0  # noqa: PTH116
        except (OSError, ValueError) as error:
            if getattr(error, "errno", 0) in (errno.EACCES, errno.EPERM, errno.EIO):
                raise SourceError(f"{place}: {getattr(error, 'strerror', error)}: allow it to be read") from error
    return None, 0


def _file(place: str, path: Path) -> Source:
    from likewise.sources import archives, lists, tables

    lower = path.name.lower()
    if lower.endswith(ARCHIVES):
        return archives.open_archive(path)
    if lower.endswith(LISTS):
        return lists.from_file(path)
    if lower.endswith(TABLES):
        return tables.open_table(path)
    if lower.endswith(_NOT_OPENED):
        raise SourceError(f"{place}: this kind of archive is not read: unpack it, or repack it as .zip or .tar")
    return lists.Listed(str(path), os.path.abspath(path.parent), [path.name])  # noqa: PTH100


def _split_of(place: str) -> Source | None:
    """One part of CIFAR, for a place that ends in `/train` or `/test`."""
    from likewise.sources import cifar

    for split in cifar.SPLITS:
        if place.endswith(f"/{split}"):
            path, mode = _found(place.removesuffix(f"/{split}"))
            if path is None:
                return None
            if stat.S_ISDIR(mode):
                return cifar.in_folder(path, split)
            return cifar.in_tar(path, split) if path.name.lower().endswith(ARCHIVES) else None
    return None


def _packed(path: Path) -> Zip | Tar | Cifar | Parquet | None:
    """What a path packs, if it is an archive or the folder of CIFAR."""
    from likewise.sources import cifar

    try:
        if path.is_file():
            facts = path.stat()
            archive = path.name.lower().endswith(ARCHIVES)
            return _opened(path, facts.st_mtime_ns, facts.st_size) if archive else None
        changed = cifar.modified_ns(path)
        return _opened(path, changed, 0) if changed else None
    except OSError:
        return None


@lru_cache(maxsize=4)
def _opened(path: Path, modified_ns: int, size_bytes: int) -> Zip | Tar | Cifar | Parquet | None:  # noqa: ARG001 - changed is another
    """An archive or a folder of CIFAR, kept open, since more will be asked of it."""
    from likewise.sources import archives, cifar

    return archives.open_archive(path) if path.is_file() else cifar.in_folder(path)
