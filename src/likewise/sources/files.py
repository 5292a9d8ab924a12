"""Plain files: a folder, a pattern, a list."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from likewise.errors import SourceError
from likewise.sources import paths
from likewise.types import Item


class Folder:
    """All images below a folder, in the order of their names' bytes, folder by folder.

    Hidden files and folders are left out, links to folders are followed, and no folder is entered twice on one way down. A
    file counts as an image by its ending, or, without one, by its first bytes.
    """

    def __init__(self, path: Path) -> None:
        self.location = paths.absolute(path)
        self.name = self.location

    def items(self) -> Iterator[Item]:
        """See `Source.items`; a folder that may not be opened is one item whose reading says so."""
        return self._below("", ())

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return read_file(f"{self.location}/{item.key}")

    def covers(self, key: str) -> bool:
        """Everything below the folder that is not hidden and does not lie inside a file, such as an archive."""
        parts = key.split("/")
        if any(part.startswith(".") for part in parts):
            return False
        return not _inside_a_file(self.location, parts)

    def _below(self, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[Item]:
        folder = paths.real(f"{self.location}/{prefix}")
        try:
            here = os.stat(folder)  # noqa: PTH116 - names that are no Unicode stay as they are
            identity = (here.st_dev, here.st_ino)
            if identity in above:
                return  # a link that leads back up
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        except OSError:
            yield Item(prefix.rstrip("/") or ".")
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            key = prefix + paths.kept(entry.name)
            if _is_folder(entry):
                yield from self._below(f"{key}/", (*above, identity))
            elif _is_image(entry):
                yield _item(key, entry)


class Pattern:
    """The images that a pattern such as `2019/**/*.jpg` stands for, in the order of their names' bytes."""

    def __init__(self, pattern: str) -> None:
        self.name = paths.absolute(Path(pattern).expanduser())
        fixed = re.split(r"[*?\[]", self.name)[0]
        self.location = fixed.rpartition("/")[0] or "/"

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        start = len(self.location.rstrip("/")) + 1
        for name in sorted(glob.iglob(paths.real(self.name), recursive=True), key=os.fsencode):  # noqa: PTH207
            if os.path.isfile(name):  # noqa: PTH113
                yield _item(paths.kept(name)[start:], name)

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return read_file(f"{self.location}/{item.key}")

    def covers(self, key: str) -> bool:
        """What the pattern matches."""
        path = f"{self.location.rstrip('/')}/{key}"
        matches = re.fullmatch(_expression(self.name), path) is not None
        return matches and not _inside_a_file(self.location, key.split("/"))


class Listed:
    """The images that a list names, one path a line, in its order, each once.

    Relative paths start at the list's folder. Blank lines and lines that begin with `#` are passed over.
    """

    def __init__(self, name: str, base: str, entries: Iterable[str]) -> None:
        self.name = name if name == "-" else paths.absolute(Path(name).expanduser())
        full = [paths.kept(os.path.normpath(os.path.join(base, entry))) for entry in entries]  # noqa: PTH118
        self._paths = list(dict.fromkeys(full))
        self.location = _common_folder(base, self._paths)
        self._start = len(self.location.rstrip("/")) + 1
        self._keys = {path[self._start :] for path in self._paths}

    @classmethod
    def from_file(cls, path: Path) -> Listed:
        """Read a list.

        Raises:
            SourceError: If it cannot be read as text.
        """
        try:
            lines = path.read_text("utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}: check the list") from error
        return cls(str(path), paths.absolute(path.parent), entries_of(lines))

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        for path in self._paths:
            yield _item(path[self._start :], paths.real(path))

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return read_file(f"{self.location}/{item.key}")

    def covers(self, key: str) -> bool:
        """What the list names."""
        return key in self._keys


def entries_of(lines: Iterable[str]) -> list[str]:
    """The paths of a list's lines."""
    entries = [line.strip("\r\n") for line in lines]
    return [os.path.expanduser(entry) for entry in entries if entry.strip() and not entry.startswith("#")]  # noqa: PTH111


def read_file(path: str) -> bytes:
    """The bytes of a plain file.

    Raises:
        SourceError: If it cannot be read, with the system's reason.
    """
    try:
        return Path(paths.real(path)).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}") from error


def _common_folder(base: str, entries: list[str]) -> str:
    """The folder above everything that is listed; `base` if that holds it all."""
    prefix = base.rstrip("/") + "/"
    if all(entry.startswith(prefix) for entry in entries):
        return base
    return os.path.commonpath([os.path.dirname(entry) for entry in entries])  # noqa: PTH120


def _item(key: str, file: os.DirEntry[str] | str) -> Item:
    try:
        facts = file.stat() if isinstance(file, os.DirEntry) else os.stat(file)  # noqa: PTH116
    except OSError:
        return Item(key)  # reading it will say why
    return Item(key, facts.st_size, facts.st_mtime_ns)


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
            return paths.begins_like_an_image(file.read(16))
    except OSError:
        return False


def _inside_a_file(location: str, parts: list[str]) -> bool:
    """Whether one of the folders on the way is a file: then the last part lies in an archive."""
    path = location.rstrip("/")
    for part in parts[:-1]:
        path = f"{path}/{part}"
        if os.path.isfile(paths.real(path)):  # noqa: PTH113
            return True
    return False


def _expression(pattern: str) -> str:
    """The regular expression of a pattern, as `glob` reads it: `**` crosses folders, `*` and `?` do not, none finds hidden names."""
    pieces = []
    for part in re.split(r"(\*\*/|\*|\?|\[!?\]?[^]]*\])", pattern):
        if part == "**/":
            pieces.append(r"(?:(?!\.)[^/]+/)*")
        elif part == "*":
            pieces.append(r"(?:(?<=/)(?!\.)|(?<!/))[^/]*")
        elif part == "?":
            pieces.append(r"(?:(?<=/)(?!\.)|(?<!/))[^/]")
        elif part.startswith("[") and part.endswith("]"):
            inside = part[1:-1].replace("\\", "\\\\")
            pieces.append("[^" + inside[1:] + "]" if inside.startswith("!") else f"[{inside}]")
        else:
            pieces.append(re.escape(part))
    return "".join(pieces)
