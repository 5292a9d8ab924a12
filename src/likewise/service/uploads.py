"""Query pictures that are kept for a while, so that an address can hold a query."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """One picture.

    Attributes:
        id: 32 hexadecimal digits, of the content.
        data: As it was sent.
        width: Upright, in pixels.
        height: Upright, in pixels.
        until_s: Seconds since 1970.
    """

    id: str
    data: bytes
    width: int
    height: int
    until_s: float


class Uploads:
    """The pictures, in memory only; what was used last goes last. For one thread, that of the event loop."""

    def __init__(self, most_bytes: int, for_s: float, clock: Callable[[], float] = time.time) -> None:
        self._most_bytes, self._for_s, self._clock = most_bytes, for_s, clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """Of all pictures."""
        return self._bytes

    def keep(self, data: bytes, width: int, height: int) -> Kept:
        """Keep a picture from now on; the same one again is kept longer."""
        name = id_of(data)
        self._drop(name)
        kept = Kept(name, data, width, height, self._clock() + self._for_s)
        self._kept[name] = kept
        self._bytes += len(data)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))
        return kept

    def get(self, name: str) -> Kept | None:
        """A picture; None where it is gone."""
        for each in [each for each in self._kept.values() if each.until_s <= self._clock()]:
            self._drop(each.id)
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def _drop(self, name: str) -> None:
        gone = self._kept.pop(name, None)
        self._bytes -= 0 if gone is None else len(gone.data)


def id_of(data: bytes) -> str:
    """The name of a picture: half of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]
