"""Archives: which kind it is, and what the kinds share. Nothing is ever unpacked to the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from likewise.errors import SourceError
from likewise.sources import paths
from likewise.types import Item

if TYPE_CHECKING:
    from likewise.sources.cifar import Cifar
    from likewise.sources.parquets import Parquet
    from likewise.sources.tars import Tar
    from likewise.sources.zips import Zip

HEAD_BYTES = 64
_LARGEST = 2**63 - 1  # what a store can hold; an archive may claim anything

Entry = TypeVar("Entry")


def open_archive(path: Path) -> Zip | Tar | Cifar | Parquet:
    """A zip, a tar or a Parquet file by its name; a tar that holds CIFAR is opened as CIFAR.

    Raises:
        SourceError: If it cannot be opened.
    """
    from likewise.sources import cifar, parquets, tars, zips

    if path.name.lower().endswith(".parquet"):
        return parquets.Parquet(path)
    if path.name.lower().endswith(".zip"):
        return zips.Zip(path)
    return cifar.in_tar(path) or tars.Tar(path)


def open_far(place: str, file: BinaryIO, modified_ns: int) -> Zip | Tar | Parquet:
    """An archive by its address and its bytes.

    Raises:
        SourceError: If it cannot be opened.
    """
    from likewise.sources import parquets, tars, zips

    if place.lower().endswith(".parquet"):
        return parquets.Parquet(place, file, modified_ns)
    return zips.Zip(place, file) if place.lower().endswith(".zip") else tars.Tar(place, file)


def images_among(entries: Iterable[tuple[str, Entry]], head: Callable[[Entry], bytes]) -> dict[str, Entry]:
    """Key → entry, for what looks like an image and is not hidden, in the order given.

    Args:
        entries: (name in the archive, entry); a name that comes again gets a number.
        head: The first `HEAD_BYTES` of an entry; asked only of names without an ending.
    """
    chosen = []
    for name, entry in entries:
        key = paths.inside(name)
        last = key.rpartition("/")[2]
        if paths.is_hidden(key):
            continue
        if paths.is_image_name(last) or ("." not in last and paths.begins_like_an_image(head(entry))):
            chosen.append((key, entry))
    return dict(zip(paths.unique([key for key, _ in chosen]), (entry for _, entry in chosen), strict=True))


def item(key: str, size_bytes: int, modified_ns: int) -> Item:
    """An item of numbers that an archive claims, within what a store can hold."""
    return Item(key, max(-1, min(size_bytes, _LARGEST)), max(0, min(modified_ns, _LARGEST)))


def broken(path: Path | str, kind: str, error: Exception) -> SourceError:
    """What to say of an archive that cannot be opened."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return SourceError(f"{path}: cannot be read as a {kind} ({why}): fetch it again, or pack it again")


def empty(path: Path | str) -> SourceError:
    """What to say of an archive without images."""
    return SourceError(f"{path}: holds no images: name another archive, or unpack those inside it")
