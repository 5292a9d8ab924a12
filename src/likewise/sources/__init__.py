"""Seam: where images come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from likewise.types import Item


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
