"""Folders and patterns: one walk over a tree, which lists what a pattern asks for; a folder is the pattern that asks for all."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from likewise.errors import SourceError
from likewise.sources import files, paths
from likewise.types import Item

_HEAD_BYTES = 64
_Identity: TypeAlias = tuple[int, int]


class _Shape:
    """What a pattern such as `2019/**/*.jpg` asks of the parts of a path, held against it one part at a time.

    A state is a set of places in the pattern; whoever has reached its end takes everything below that is not hidden.
    """

    def __init__(self, parts: list[str]) -> None:
        self._parts = [None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts]
        self._hidden_too = [part.startswith(".") for part in parts]
        self.start = self._with_empty_runs({0})

    def step(self, state: frozenset[int], name: str) -> frozenset[int]:
        """The state behind one more part; empty when no path that begins so is asked for."""
        hidden, after = name.startswith("."), set[int]()
        for place in state:
            if place == len(self._parts) or (part := self._parts[place]) is None:
                after |= set() if hidden else {place}
            elif part.match(name) and (not hidden or self._hidden_too[place]):
                after.add(place + 1)
        return self._with_empty_runs(after)

    def is_met(self, state: frozenset[int]) -> bool:
        """Whether a path that ends here is asked for."""
        return len(self._parts) in state

    def _with_empty_runs(self, state: set[int]) -> frozenset[int]:
        for place in range(min(state, default=len(self._parts)), len(self._parts)):
            if place in state and self._parts[place] is None:  # `**` may stand for no folder at all
                state.add(place + 1)
        return frozenset(state)


@dataclass(frozen=True, slots=True)
class _Below:
    """A folder that the walk has met and not yet opened."""

    key: str
    path: str
    state: frozenset[int]
    above: tuple[_Identity, ...] = ()
    linked: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that is asked for, if it is an image."""

    key: str
    entry: os.DirEntry[str]


class Tree:
    """All images below a folder, or those that a pattern stands for, in the order of the bytes of their paths.

    Hidden files and folders are left out. A file counts as an image by its ending, or, without one, by its first bytes. Links
    to folders are followed, each target once; no folder is entered again below itself.

    Args:
        location: The folder that all of it lies in.
        name: What opens it again.
        pattern: What is asked for, one string for each part of the path; none asks for everything.
    """

    def __init__(self, location: str, name: str, pattern: list[str]) -> None:
        self.location, self.name = location, name
        self._shape = _Shape(pattern)
        self._closed: frozenset[str] = frozenset()

    def items(self) -> Iterator[Item]:
        """See `Source.items`; a folder that may not be opened is one item whose reading says so.

        Raises:
            SourceError: If the outermost folder cannot be opened.
        """
        walk = _Walk(self._shape)
        try:
            yield from walk.items(_Below("", paths.real(self.location), self._shape.start))
        finally:
            self._closed = frozenset(walk.closed)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return files.read_file(self.file(item))

    def file(self, item: Item) -> str:
        """See `Source.file`."""
        return f"{self.location}/{item.key}"

    def covers(self, key: str) -> bool:
        """What the pattern asks for, but nothing hidden, inside an archive, or in a folder that could not be opened."""
        parts, state = key.split("/"), self._shape.start
        for part in parts:
            state = self._shape.step(state, paths.real(part))
        if not self._shape.is_met(state) or any(key.startswith(f"{folder}/") for folder in self._closed):
            return False
        path = paths.real(f"{self.location.rstrip('/')}/{key}")
        if not _may_be_listed(parts[-1]) and os.path.isfile(path):  # noqa: PTH113
            return False
        return not any(os.path.isfile(path.rsplit("/", up)[0]) for up in range(1, len(parts)))  # noqa: PTH113


def folder(path: Path) -> Tree:
    """All images below a folder.

    Raises:
        SourceError: If it may not be opened.
    """
    try:
        os.scandir(path).close()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}: allow it to be read, or name another folder") from error
    location = paths.absolute(path)
    return Tree(location, location, [])


def pattern(text: str) -> Tree:
    """The images that a pattern such as `2019/**/*.jpg` stands for; a folder that it matches stands for all in it.

    `*` and `?` stay within a name, `**` crosses folders, none of them finds hidden names.
    """
    name = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111
    parts = paths.kept(name).split("/")
    fixed = next(i for i, part in enumerate(parts) if re.search(r"[*?\[]", part))
    return Tree("/".join(parts[:fixed]) or "/", paths.kept(name), [paths.real(part) for part in parts[fixed:]])


class _Walk:
    """One listing: which folders were entered by a link, and which could not be opened."""

    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._targets: set[_Identity] = set()
        self.closed: set[str] = set()

    def items(self, top: _Below) -> Iterator[Item]:
        try:
            waiting: list[Iterator[Item | _Below | _Entry]] = [iter(self._listed(top))]
        except OSError as error:
            raise SourceError(f"{top.path}: {error.strerror}: check the folder") from error
        while waiting:  # not recursive: folders may lie a thousand deep
            found = next(waiting[-1], None)
            if found is None:
                waiting.pop()
            elif isinstance(found, _Below):
                waiting.append(iter(self._opened(found)))
            elif isinstance(found, Item):
                yield found
            elif _is_image(found.entry) and (item := files.item_of(found.key, found.entry)) is not None:
                yield item

    def _opened(self, below: _Below) -> Sequence[Item | _Below | _Entry]:
        try:
            return self._listed(below)
        except (FileNotFoundError, NotADirectoryError):
            return []  # it went away meanwhile
        except OSError:
            self.closed.add(below.key)
            return [Item(below.key)]

    def _listed(self, below: _Below) -> list[_Below | _Entry]:
        facts = os.stat(below.path)  # noqa: PTH116
        identity = (facts.st_dev, facts.st_ino)
        if identity in below.above or (below.linked and identity in self._targets):
            return []
        if below.linked:
            self._targets.add(identity)
        above = (*below.above, identity)
        with os.scandir(below.path) as entries:
            found = [pair for entry in entries for pair in self._taken(entry, below, above)]
        return [what for _, what in sorted(found, key=lambda pair: pair[0])]

    def _taken(
        self, entry: os.DirEntry[str], below: _Below, above: tuple[_Identity, ...]
    ) -> Iterator[tuple[bytes, _Below | _Entry]]:
        """What an entry adds to the listing, with the bytes that say where; at most one."""
        state = self._shape.step(below.state, entry.name)
        if not state:
            return
        key = f"{below.key}/{paths.kept(entry.name)}".lstrip("/")
        place = os.fsencode(entry.name)
        if _is_folder(entry):
            linked = not entry.is_dir(follow_symlinks=False)
            yield place + b"/", _Below(key, entry.path, state, above, linked)
        elif self._shape.is_met(state):
            yield place, _Entry(key, entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    if "." in entry.name:
        return paths.is_image_name(entry.name)
    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123
            return paths.begins_like_an_image(file.read(_HEAD_BYTES))
    except OSError:
        return False


def _may_be_listed(name: str) -> bool:
    return "." not in name or paths.is_image_name(name)
