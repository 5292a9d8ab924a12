"""A folder of files that we wrote, among which others may lie: each written whole, only if it changed, and only ours are removed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from likewise.errors import BadArgument, StoreFull

LIST = "gallery.json"
_FORMAT = 1
_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")


class Folder:
    """What was exported before, and what is exported now.

    Attributes:
        path: Of the folder.
        written: How many files were written.
        unchanged: How many were there already.
        colours: What was noted of thumbnails: name → `rrggbb`.
    """

    def __init__(self, path: Path, ours: Iterable[str], colours: dict[str, str]) -> None:
        """Use `open`."""
        self.path = path
        self.written = self.unchanged = 0
        self.colours = colours
        self._ours = set(ours)
        self._current: set[str] = set()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take a folder that is free, or that holds a gallery of ours.

        Raises:
            BadArgument: If it holds something else, or cannot be written to.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if (path / LIST).is_file():
                return cls(path, *_listed(path / LIST))
            if any(path.iterdir()):
                raise BadArgument(f"{path} is not empty and holds no gallery of ours: name an empty or a new folder")
        except OSError as error:
            raise BadArgument(f"{path}: {error.strerror}: name a folder that can be written to") from error
        return cls(path, (), {})

    def announce(self, names: Iterable[str]) -> None:
        """Note which files come next, so that those of an interrupted export are known as ours."""
        self._ours |= set(names)
        self._save(self._ours)

    def has(self, name: str) -> bool:
        """Whether a file of ours is there; then it is one of the files of this export."""
        if not (self.path / name).is_file():
            return False
        self._current.add(name)
        self.unchanged += 1
        return True

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole, unless it is there with this content.

        Raises:
            StoreFull: If it cannot be written.
        """
        self._current.add(name)
        target = self.path / name
        try:
            if target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data:
                self.unchanged += 1
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{os.getpid()}.part")
            try:
                draft.write_bytes(data)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreFull(f"{target}: {error.strerror}: make room and run again, what was written is kept") from error
        self.written += 1

    def link(self, name: str, original: Path) -> bool:
        """Give a file a second name in the folder; False where the file system does not allow it."""
        target = self.path / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(original.resolve(), target)
        except OSError:
            return False
        self._current.add(name)
        self.written += 1
        return True

    def finish(self) -> int:
        """Remove what earlier exports wrote and this one does not need, and note what is left; returns how many files went."""
        gone = self._ours - self._current
        removed = 0
        for name in sorted(gone):
            target = self.path / name
            with suppress(OSError):
                target.unlink()
                removed += 1
                target.parent.rmdir()  # only if nothing is left in it
        self._ours = set(self._current)
        self._save(self._ours)
        return removed

    def size_bytes(self) -> int:
        """Of all files of this export."""
        return sum((self.path / name).stat().st_size for name in self._current)

    def _save(self, names: set[str]) -> None:
        known = {name: colour for name, colour in sorted(self.colours.items()) if name in names}
        told = {"format": _FORMAT, "files": sorted(names), "colours": known}
        draft = self.path / f".{LIST}.{os.getpid()}.part"
        try:
            draft.write_text(json.dumps(told, indent=0) + "\n", "utf-8")
            draft.replace(self.path / LIST)
        except OSError as error:
            raise StoreFull(f"{self.path / LIST}: {error.strerror}: make room and run again") from error


def _listed(path: Path) -> tuple[list[str], dict[str, str]]:
    try:
        told = json.loads(path.read_text("utf-8"))
        files, colours = [str(name) for name in told["files"]], dict(told["colours"])
        newer = told["format"] > _FORMAT
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadArgument(f"{path} is damaged ({error!r}): name a new folder, or empty this one") from error
    if newer:
        raise BadArgument(f"{path} was written by a newer program: update likewise, or name a new folder")
    odd = [name for name in files if not _NAME.fullmatch(name)]
    if odd:
        raise BadArgument(f"{path} lists {odd[0]!r}, which no gallery of ours has: name a new folder")
    return files, colours
