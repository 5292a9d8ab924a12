"""Images in object storage: all below a prefix, one of them, or those in an archive that lies there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from likewise.errors import SourceError
from likewise.roots import address
from likewise.sources import ARCHIVES, LISTS, Source, archives, buckets, files, paths
from likewise.sources.buckets import Bucket, Found
from likewise.sources.fetched import Fetched
from likewise.types import Item

_LEAST_BYTES = 32  # of an object without an ending, to be taken for a picture: markers such as _SUCCESS are empty


class Objects:
    """The images below a prefix, in the order of the bytes of their keys; those without any ending are tried.

    Args:
        bucket: Where.
        prefix: Whole parts of keys, without a slash at its end; empty for the whole bucket.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._start = f"{prefix}/" if prefix else ""
        self.location = self.name = f"{bucket}/{prefix}" if prefix else str(bucket)

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        found = ((each.key[len(self._start) :], each) for each in self._bucket.listed(self._start.rstrip("/")))
        listed = sorted(((key, each) for key, each in found if _is_listed(key, each)), key=lambda pair: pair[0])
        return (_item(key, each) for key, each in listed)

    def item(self, key: str) -> Item:
        """The item of one key.

        Raises:
            SourceError: If there is no such object.
        """
        return _item(key, self._bucket.facts(self._start + key))

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        files.check_size(item.size_bytes, " in the bucket")
        return self._bucket.read(self._start + item.key)

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """A prefix covers all that lies below it."""
        return True


class Alone(Objects):
    """One object."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        folder, _, self._key = key.rpartition("/")
        super().__init__(bucket, folder)
        self.name = f"{bucket}/{key}"

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        yield self.item(self._key)

    def covers(self, key: str) -> bool:
        """Itself."""
        return key == self._key


def open_objects(place: str) -> Source:
    """What an address of object storage stands for.

    Args:
        place: `s3://`, `gs://` or `az://`, a bucket, and a prefix, an image, an archive, or a list.

    Raises:
        SourceError: If nothing is there, or we may not look; the message says what to do.
        MissingExtra: If obstore is not installed.
    """
    bucket, key = split(place)
    lower = key.lower()
    if lower.endswith(ARCHIVES):
        return archive(bucket, key)
    if lower.endswith(LISTS):
        from likewise.sources import linked

        text = bucket.read(key).decode("utf-8-sig", "surrogateescape")
        return linked.Linked.of_lines(f"{bucket}/{key}", text.split("\n"))
    if paths.is_image_name(key) and not place.endswith("/"):
        return Alone(bucket, key)
    if not bucket.check(key):
        raise SourceError(
            f"{bucket}/{key}: nothing lies below this prefix: check it, it is made of whole parts of keys"
        )
    return Objects(bucket, key)


def split(place: str) -> tuple[Bucket, str]:
    """The bucket, and the key or prefix in it.

    Raises:
        SourceError: If the address names no bucket.
        MissingExtra: If obstore is not installed.
    """
    scheme, _, rest = address(place).partition("://")
    name, _, key = rest.partition("/")
    if scheme not in buckets.SCHEMES or not name:
        raise SourceError(
            f"{place}: names no bucket: write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
        )
    return buckets.bucket(scheme, name), key.strip("/")


def locate(place: str) -> tuple[Source, Item]:
    """The source and the item behind an address, which may go on inside an archive.

    Raises:
        SourceError: If nothing is there.
    """
    bucket, key = split(place)
    for parent in list(PurePosixPath(key).parents)[:-1]:
        if parent.name.lower().endswith(ARCHIVES):
            facts = bucket.facts(str(parent))
            packed = _kept_open(bucket, facts)
            return packed, packed.item(key[len(str(parent)) + 1 :])  # type: ignore[attr-defined]
    alone = Alone(bucket, key)
    return alone, next(alone.items())


def archive(bucket: Bucket, key: str) -> Source:
    """An archive in a bucket, whose blocks are fetched as they are needed.

    Raises:
        SourceError: If it is not there, or is none.
    """
    return _opened(bucket, bucket.facts(key))


@lru_cache(maxsize=4)
def _kept_open(bucket: Bucket, facts: Found) -> Source:
    return _opened(bucket, facts)


def _opened(bucket: Bucket, facts: Found) -> Source:
    def fetch(start: int, end: int) -> bytes:
        try:
            return bucket.range(facts.key, start, end)
        except SourceError as error:
            raise OSError(str(error)) from error  # what archives expect of a file that cannot be read

    file = io.BufferedReader(Fetched(facts.size_bytes, fetch), 1 << 16)
    return archives.open_far(f"{bucket}/{facts.key}", cast(BinaryIO, file), facts.modified_ns)


def _is_listed(key: str, found: Found) -> bool:
    last = key.rpartition("/")[2]
    if not key or paths.is_hidden(key):
        return False
    return paths.is_image_name(last) or ("." not in last and found.size_bytes >= _LEAST_BYTES)


def _item(key: str, found: Found) -> Item:
    return Item(key, found.size_bytes, found.modified_ns, etag=found.etag)
