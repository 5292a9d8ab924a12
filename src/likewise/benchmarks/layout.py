"""What the readers share: files that are found, or missed in words that help, and class numbers and row sets out of names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from likewise.benchmarks.types import Classes, Facts, RowSet
from likewise.errors import BadArgument, SourceError
from likewise.sources import files, folders, paths


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one benchmark lie.

    Attributes:
        name: The benchmark's.
        folder: Exists.
        home: Where the official files are.
    """

    name: str
    folder: Path
    home: str

    def wrong(self, found: str, wanted: str) -> SourceError:
        """The error that says what was found, what was wanted, and where to get it."""
        return SourceError(f"{self.folder}: {found}; {self.name} wants {wanted}: get it from {self.home}")

    def first(self, *names: str) -> Path:
        """The first of some files or folders that is there.

        Raises:
            SourceError: If none is.
        """
        there = (self.folder / name for name in names)
        found = next((path for path in there if path.exists()), None)
        if found is None:
            raise self.wrong(f"no {' or '.join(names)} is there", names[0])
        return found

    def lines(self, *names: str) -> list[str]:
        """The lines of the first of some text files that is there, without blank ones.

        Raises:
            SourceError: If none is there, or it cannot be read.
        """
        return lines_of(self.first(*names))

    def table(self, columns: int, *names: str, skip: int = 0) -> list[list[str]]:
        """The lines of a text file, cut at their spaces; the last column may have spaces.

        Raises:
            SourceError: If it is not there, or a line has fewer columns.
        """
        rows = [line.split(maxsplit=columns - 1) for line in self.lines(*names)[skip:]]
        short = next((row for row in rows if len(row) < columns), None)
        if short is not None or not rows:
            found = f"{self.first(*names).name} has {'the line ' + repr(' '.join(short)) if short else 'no lines'}"
            raise self.wrong(found, f"{columns} columns in each")
        return rows

    def numbered(self, pattern: str, *inside: str) -> list[tuple[str, int]]:
        """The images of the first folder that holds any of a name such as `ukbench00012.jpg`.

        Args:
            pattern: Of a name without its ending; its one group is the number.
            inside: Folders below the place; the empty one is the place itself.

        Returns:
            (key, number), in the order of the names.

        Raises:
            SourceError: If there is no such image.
        """
        for folder in inside:
            found = []
            for name in names_in(self.folder / folder):
                match = re.fullmatch(pattern, name.rpartition(".")[0])
                if match and paths.is_image_name(name):
                    found.append((f"{folder}/{name}".lstrip("/"), int(match[1])))
            if found:
                return found
        looked = " or ".join(f"{folder or '.'}/" for folder in inside)
        raise self.wrong(f"no image with a name like {pattern} is in {looked}", "its images there")

    def by_stem(self, leave_out: Path | str | None = None) -> dict[str, str]:
        """Name without ending → key, of all images below the folder, in the order of the keys.

        Args:
            leave_out: A folder whose images are not meant, such as distractors that lie below too.
        """
        out = f"{paths.absolute(leave_out)}/" if leave_out is not None else "\0"
        location = paths.absolute(self.folder)
        stems: dict[str, str] = {}
        for item in folders.folder(self.folder).items():
            if not f"{location}/{item.key}".startswith(out):
                stems.setdefault(PurePosixPath(item.key).stem, item.key)
        return stems

    def present(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        """(n,) whether each file is there; one listing of each folder, however many files."""
        above = {key.rpartition("/")[0] for key in keys}
        there = {f"{folder}/{name}".lstrip("/") for folder in above for name in names_in(self.folder / folder)}
        return np.array([key in there for key in keys], dtype=np.bool_)

    def subset(self, keys: Sequence[str]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Which of the images that the ground truth names are there, and a note if not all are.

        Raises:
            SourceError: If more are missing than are there: then it is the wrong folder.
        """
        there = self.present(keys)
        missing = int((~there).sum())
        example = keys[int(np.argmin(there))] if missing else ""
        if 2 * missing > len(keys):
            raise self.wrong(f"{missing:,} of {len(keys):,} images are missing, such as {example}", "them below it")
        note = f"{missing:,} of {len(keys):,} images are missing, such as {example}, and left out"
        return there, (note,) if missing else ()


def place_of(name: str, path: Path | str | None, facts: Facts, *inside: str) -> Place:
    """The place of a benchmark's files.

    Args:
        name: The benchmark's.
        path: As it was given.
        facts: For where to get it.
        inside: Folders that the official archive unpacks to; the first that is there is gone into.

    Raises:
        BadArgument: If no path was given.
        SourceError: If it is no folder.
    """
    if path is None:
        raise BadArgument(f"{name} needs the path of its folder: get it from {facts.home}")
    folder = Path(path)
    if not folder.is_dir():
        raise SourceError(f"{folder}: is no folder; {name} wants one: get it from {facts.home}")
    deeper = (folder / part for part in inside)
    return Place(name, next((part for part in deeper if part.is_dir()), folder), facts.home)


def names_in(folder: Path) -> list[str]:
    """The names in a folder as they are kept, sorted, hidden ones left out; none if there is no such folder.

    Raises:
        SourceError: If it may not be read.
    """
    try:
        names = sorted(paths.kept(entry.name) for entry in folder.iterdir() if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}: allow it to be read") from error
    return names


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, stripped, without blank ones.

    Raises:
        SourceError: If it cannot be read.
    """
    text = read(path).decode("utf-8-sig", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def cells_of(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each line of a CSV, without blank ones; cells are stripped.

    Raises:
        SourceError: If it cannot be read.
    """
    reader = csv.reader(read(path).decode("utf-8-sig", "replace").splitlines())
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except csv.Error as error:
        raise SourceError(f"{path}: is no table of commas ({error}): save it as CSV") from error


def read(path: Path) -> bytes:
    """The bytes of a file of ground truth.

    Raises:
        SourceError: If it cannot be read; the message names it.
    """
    try:
        return files.read_file(paths.absolute(path))
    except SourceError as error:
        raise SourceError(f"{path} {error}") from error


def counted(found: int, official: int, what: str) -> tuple[str, ...]:
    """A note if a count is not the official one."""
    return () if found == official else (f"{found:,} {what} instead of the official {official:,}",)


def row_set(rows: Iterable[int]) -> RowSet:
    """Rows in rising order, each once."""
    return np.array(sorted(set(rows)), dtype=np.int64)


def among_themselves(labels: Sequence[str]) -> Classes:
    """Every image is a query among all others: its own row is taken out."""
    names = sorted(set(labels))
    numbers = numbers_of(labels, names)
    return Classes(numbers, numbers, np.arange(len(labels), dtype=np.int64), tuple(names))


def apart(queries: Sequence[str], gallery: Sequence[str]) -> Classes:
    """No query is in the gallery."""
    names = sorted({*queries, *gallery})
    alone = np.full(len(queries), -1, dtype=np.int64)
    return Classes(numbers_of(queries, names), numbers_of(gallery, names), alone, tuple(names))


def numbers_of(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """(n,) the place of each label among the names; -1 for one that has none."""
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers.get(label, -1) for label in labels], dtype=np.int64)
