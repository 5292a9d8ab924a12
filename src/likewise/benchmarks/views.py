"""Sources that a benchmark is put together of: chosen files, parts of them, and two sources one behind the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from likewise.errors import LikewiseError, SourceError
from likewise.images import Box, cut
from likewise.sources import Source, files, open_source, paths
from likewise.types import Item, Metadata


class Files:
    """Some images below a folder, in the order that a benchmark gives them.

    Args:
        folder: That all of them lie in.
        keys: Their paths below it, each once.
        labels: One for each key; the empty one is not told.
    """

    def __init__(self, folder: Path, keys: Sequence[str], labels: Sequence[str] = ()) -> None:
        self.location = paths.absolute(folder)
        self.name = self.location  # all of the folder: no name stands for a choice
        told = labels or [""] * len(keys)
        self._labels = dict(zip(keys, told, strict=True))

    def items(self) -> Iterator[Item]:
        """See `Source.items`; metadata has the label, if there is one."""
        for key, label in self._labels.items():
            item = files.item_of(key, paths.real(f"{self.location}/{key}")) or Item(key)
            yield replace(item, metadata={"label": label}) if label else item

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        if item.key not in self._labels:
            raise SourceError(f"is not in this benchmark ({self.location})")
        return files.read_file(f"{self.location}/{item.key}")

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        return f"{self.location}/{item.key}" if item.key in self._labels else None

    def covers(self, key: str) -> bool:
        """What was chosen."""
        return key in self._labels


class Chosen:
    """Some items of another source, in its order.

    Args:
        source: Where they are from.
        items: Which.
    """

    def __init__(self, source: Source, items: Sequence[Item]) -> None:
        self.location, self.name = source.location, source.name
        self._source = source
        self._items = {item.key: item for item in items}

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        yield from self._items.values()

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        if item.key not in self._items:
            raise SourceError(f"is not in this benchmark ({self.location})")
        return self._source.read(item)

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        return self._source.file(item) if item.key in self._items else None

    def covers(self, key: str) -> bool:
        """What was chosen."""
        return key in self._items


class Cropped:
    """Boxes cut out of the images of another source, as PNG; the key is the image's, numbered where it comes again.

    Args:
        source: Of the whole images.
        cuts: (key there, box), one for each image of this source.
    """

    def __init__(self, source: Source, cuts: Sequence[tuple[str, Box]]) -> None:
        self.location, self.name = source.location, source.name
        self._source = source
        keys = paths.unique([key for key, _ in cuts])
        self._cuts: Mapping[str, tuple[str, Box]] = dict(zip(keys, cuts, strict=True))

    def items(self) -> Iterator[Item]:
        """See `Source.items`; metadata has the image and the box as x, y, width, height."""
        for key, (whole, box) in self._cuts.items():
            told: Metadata = {"image": whole, "box": list(box)}
            yield Item(key, metadata=told)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        if item.key not in self._cuts:
            raise SourceError(f"is not in this benchmark ({self.location})")
        whole, box = self._cuts[item.key]
        data = self._source.read(Item(whole))
        try:
            return cut(data, box)
        except LikewiseError as error:
            raise SourceError(str(error)) from error

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`: a part of a picture is no file."""
        return

    def covers(self, key: str) -> bool:
        """What is cut out."""
        return key in self._cuts


class Joined:
    """One source, then another behind it; an image that lies in both is listed once, in the first.

    Args:
        first: Its items keep their rows.
        second: What is appended, such as distractors.
    """

    def __init__(self, first: Source, second: Source) -> None:
        self.location = os.path.commonpath([first.location, second.location]).rstrip("/")
        self.name = first.name
        self._parts = [(self._prefix(first), first), (self._prefix(second), second)]

    def items(self) -> Iterator[Item]:
        """See `Source.items`; keys start at the folder above both."""
        seen: set[str] = set()
        for prefix, source in self._parts:
            for item in source.items():
                key = prefix + item.key
                if key not in seen:
                    yield replace(item, key=key)
                seen.add(key)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        found = self._behind(item)
        if found is None:
            raise SourceError(f"is not in this benchmark ({self.location})")
        source, inside = found
        return source.read(inside)

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        found = self._behind(item)
        return found[0].file(found[1]) if found is not None else None

    def covers(self, key: str) -> bool:
        """What either covers."""
        return any(key.startswith(prefix) and part.covers(key.removeprefix(prefix)) for prefix, part in self._parts)

    def _behind(self, item: Item) -> tuple[Source, Item] | None:
        """The source that an item is of, and the item there."""
        for prefix, source in self._parts:
            inside = item.key.removeprefix(prefix)
            if item.key.startswith(prefix) and source.covers(inside):
                return source, replace(item, key=inside)
        return None

    def _prefix(self, source: Source) -> str:
        inside = source.location[len(self.location) :].strip("/")
        return f"{inside}/" if inside else ""


def with_distractors(gallery: Source, distractors: Path | str | None) -> tuple[Source, tuple[str, ...]]:
    """The gallery with any place's images behind it, and the note that says so; as it is if there are none.

    Raises:
        SourceError: If the distractors are not there.
    """
    if distractors is None:
        return gallery, ()
    more = open_source(str(distractors))
    return Joined(gallery, more), (f"the images of {more.name} are appended to the gallery as distractors",)
