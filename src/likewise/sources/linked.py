"""Images named one by one by their addresses: `https://…`, or objects of buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

from likewise.errors import SourceError
from likewise.roots import address
from likewise.sources import LISTS, WEB, Source, is_address, lists, objects, paths, web
from likewise.types import Item

_ASKED_AT_ONCE = 32


class Linked:
    """The images at some addresses of one kind, in their order, each once.

    Whether an image has changed is asked of its server when it is listed, of many at once. What gives no answer is listed all
    the same, and fails when it is read.

    Args:
        name: What opens the list again.
        entries: Addresses.

    Raises:
        SourceError: If one is none, or they are of several kinds.
    """

    def __init__(self, name: str, entries: Iterable[str]) -> None:
        self.name = name
        self._addresses = list(dict.fromkeys(entries))
        for entry in self._addresses:
            if not is_address(entry):
                raise SourceError(f"{name}: holds addresses, and also {entry}: put the two on lists of their own")
        kinds = sorted({entry.partition("://")[0] for entry in self._addresses})
        if len(kinds) > 1:
            raise SourceError(f"{name}: holds addresses of {' and '.join(kinds)}: make a list for each")
        self.location = _common(kinds[0], self._addresses) if kinds else "https:/"
        self._keys = {self.key(entry) for entry in self._addresses}

    @classmethod
    def of_lines(cls, name: str, lines: Sequence[str]) -> Linked:
        """A list that lies at an address itself; what is no address is relative to it."""
        base = name.rpartition("/")[0]
        entries = lists.entries_of(lines)
        return cls(name, [entry if is_address(entry) else f"{base}/{entry}" for entry in entries])

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="likewise-ask") as pool:
            yield from pool.map(self._item, self._addresses)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        place = self._place(item.key)
        if item.key not in self._keys:
            raise SourceError(f"is not in {self.name}: index the list again")
        if place.startswith(WEB):
            return web.fetch(place, tries=4)
        bucket, key = objects.split(place)
        return bucket.read(key)

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:
        """What the list names."""
        return key.lstrip("/") in self._keys

    def key(self, entry: str) -> str:
        """The key of one of its entries."""
        return entry[len(self.location) + 1 :]

    def _place(self, key: str) -> str:
        return address(f"{self.location}/{key}")

    def _item(self, entry: str) -> Item:
        key = self.key(entry)
        try:
            if entry.startswith(WEB):
                told = web.facts(entry)
                return Item(key, told.size_bytes, told.modified_ns, etag=told.etag)
            bucket, inside = objects.split(entry)
            found = bucket.facts(inside)
            return Item(key, found.size_bytes, found.modified_ns, etag=found.etag)
        except SourceError:
            return Item(key)


def open_web(place: str) -> Source:
    """A list at an address, or the one image there.

    Raises:
        SourceError: If it cannot be fetched, or is neither.
    """
    if place.lower().endswith(LISTS):
        text = web.fetch(place, tries=4).decode("utf-8-sig", "surrogateescape")
        return Linked(place, [urljoin(place, entry) for entry in lists.entries_of(text.split("\n"))])
    if paths.is_image_name(place.partition("?")[0]):
        return Linked(place, [place])
    raise SourceError(
        f"{place}: is neither a list ({', '.join(LISTS)}) nor an image by its name: save it and pass its path"
    )


def _common(kind: str, addresses: Sequence[str]) -> str:
    """What all addresses begin with, up to a slash; where that is less than a host, the scheme and one slash."""
    first = addresses[0].split("?")[0].split("/")[:-1]
    shared = len(first)
    for entry in addresses[1:]:
        parts = entry.split("?")[0].split("/")[:-1]
        while first[:shared] != parts[:shared]:
            shared -= 1
    return "/".join(first[:shared]) if shared > 2 else f"{kind}:/"
