"""What the readers share: files below a folder as a source, cut-out queries, rows by name, and counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from likewise import images
from likewise.benchmarks.types import RowSet
from likewise.errors import BadArgument, BadImage, SourceError
from likewise.sources import Source, open_source
from likewise.sources.lists import Listed
from likewise.types import Item

Box = tuple[int, int, int, int]


class Cropped:
    """A source whose images are cut out before they are embedded.

    Args:
        source: The whole images.
        boxes: Key → left, top, width, height in pixels; an image without one stays whole.
    """

    def __init__(self, source: Source, boxes: Mapping[str, Box]) -> None:
        self._source, self._boxes = source, boxes
        self.location, self.name = source.location, source.name

    def items(self) -> Iterator[Item]:
        """See `Source.items`; sizes and dates are those of the whole images."""
        yield from self._source.items()

    def read(self, item: Item) -> bytes:
        """See `Source.read`: a PNG of the part."""
        data = self._source.read(item)
        if item.key not in self._boxes:
            return data
        try:
            return images.cut(data, self._boxes[item.key])
        except (BadImage, BadArgument) as error:
            raise SourceError(str(error)) from error

    def covers(self, key: str) -> bool:
        """See `Source.covers`."""
        return self._source.covers(key)


class Several:
    """Sources one after the other as one; keys start from the folder that they share.

    Args:
        parts: At least one; no image may be in two of them.
        wanted: Which images; all unless given.
    """

    def __init__(self, parts: Sequence[Source], wanted: Callable[[Item], bool] = lambda _: True) -> None:
        places = [part.location.rstrip("/") for part in parts]
        self.location = os.path.commonpath(places)
        self.name = self.location
        self._found: dict[str, tuple[Source, Item, Item]] = {}
        for part, place in zip(parts, places, strict=True):
            start = place[len(self.location) :].lstrip("/")
            for item in part.items():
                if wanted(item):
                    key = f"{start}/{item.key}" if start else item.key
                    self._found[key] = (part, item, replace(item, key=key))

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        yield from (item for _, _, item in self._found.values())

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        part, inner, _ = self._found[item.key]
        return part.read(inner)

    def covers(self, key: str) -> bool:
        """What is listed."""
        return key in self._found


def with_distractors(folder: Path, names: Sequence[str], distractors: Path | None) -> tuple[Source, tuple[str, ...]]:
    """A gallery with another folder's images behind its own, and the note that says so."""
    own = listed(folder, names)
    if distractors is None:
        return own, ()
    more = open_source(str(distractors))
    return Several([own, more]), (
        f"{sum(1 for _ in more.items()):,} distractors from {distractors.name} in the gallery",
    )


def needed(path: Path | None, name: str, home: str, wanted: str) -> Path:
    """The folder of a benchmark.

    Raises:
        SourceError: If none was given, or it is not there.
    """
    if path is None:
        raise SourceError(f"{name} needs its files: fetch them from {home} and give the folder that holds {wanted}")
    if not path.is_dir():
        raise SourceError(f"{path}: is no folder: give the one that holds {wanted}, from {home}")
    return path


def required(path: Path, home: str) -> Path:
    """A file that the benchmark cannot do without.

    Raises:
        SourceError: If it is not there.
    """
    if not path.exists():
        raise SourceError(f"{path}: is missing: fetch it from {home}")
    return path


def text_of(path: Path, home: str) -> list[str]:
    """The lines of a text file, without empty ones.

    Raises:
        SourceError: If it is not there or no text.
    """
    try:
        lines = required(path, home).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {error}: fetch it anew from {home}") from error
    return [line.strip() for line in lines if line.strip()]


def listed(folder: Path, names: Iterable[str]) -> Listed:
    """Some files below a folder, in this order."""
    return Listed(str(folder), str(folder.absolute()), list(names))


def pictures(folder: Path, pattern: str = "*.jpg") -> list[str]:
    """Names of the pictures in a folder, sorted."""
    return sorted(path.name for path in folder.glob(pattern))


def rows_of(names: Iterable[str], row: Mapping[str, int]) -> RowSet:
    """Gallery rows of some names, rising; names that are not in the gallery are left out."""
    return np.array(sorted({row[name] for name in names if name in row}), np.int64)


def counted(found: int, wanted: int, what: str) -> tuple[str, ...]:
    """A note when a count is not the official one."""
    return () if found == wanted else (f"{found:,} {what} instead of the official {wanted:,}",)


def half_there(names: Sequence[str], there: Mapping[str, int], what: str, home: str) -> tuple[str, ...]:
    """A note about images that the ground truth names and that are missing.

    Raises:
        SourceError: If it is more than half of them: then it is another folder.
    """
    missing = [name for name in dict.fromkeys(names) if name not in there]
    if 2 * len(missing) > len(set(names)):
        raise SourceError(
            f"{len(missing):,} of {len(set(names)):,} {what} are missing, {missing[0]} first: fetch them from {home}"
        )
    return (f"{len(missing):,} {what} are missing, {missing[0]} first",) if missing else ()
