"""Tables: images named one by one, with what is known of each in columns (.csv, .tsv) or as JSON objects (.jsonl)."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from likewise.errors import SourceError
from likewise.sources.linked import Linked
from likewise.sources.lists import Listed, listed, text_of
from likewise.types import Item, Json, Metadata

PATH_COLUMNS = ("path", "file", "file_name", "filename", "image", "url", "key")
"""What the column of paths may be called, in any case; the first of these that is there."""

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,18})")  # 007 is a name
_REAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?")
_TRUTHS = {"true": True, "false": False}


class Table:
    """The images that a table names, in its order, with all other columns as metadata.

    A cell that is empty says nothing. A column is of numbers, or of true and false, if all its other cells are; else it is of texts.
    """

    def __init__(self, listed: Listed | Linked, told: Mapping[str, Metadata]) -> None:
        """Put the two together; `open_table` reads them.

        Args:
            listed: The images.
            told: Key → metadata.
        """
        self._listed, self._told = listed, told
        self.location, self.name = listed.location, listed.name

    def items(self) -> Iterator[Item]:
        """See `Source.items`; what is missing is listed, and fails when it is read."""
        return (replace(item, metadata=self._told[item.key]) for item in self._listed.items())

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        return self._listed.read(item)

    def file(self, item: Item) -> str | None:
        """See `Source.file`."""
        return self._listed.file(item)

    def covers(self, key: str) -> bool:
        """What the table names."""
        return self._listed.covers(key)


def open_table(path: Path) -> Table:
    """Read a table in UTF-8 or, with its mark, UTF-16; its paths start at its folder.

    Raises:
        SourceError: If it cannot be read, has no column of paths, or says two things of one image.
    """
    text = text_of(path, "table", "strict")
    rows = _objects(path, text) if path.name.lower().endswith(".jsonl") else _cells(path, text)
    entries = [os.path.expanduser(row.path) for row in rows]  # noqa: PTH111 - Path.expanduser fails on the name of nobody
    found = listed(str(path), os.path.abspath(path.parent), entries)  # noqa: PTH100
    told: dict[str, Metadata] = {}
    for row, entry in zip(rows, entries, strict=True):
        if told.setdefault(found.key(entry), row.metadata) != row.metadata:
            raise _wrong(path, row.line, f"says something else of {row.path} than a line before: keep one of them")
    return Table(found, told)


@dataclass(frozen=True, slots=True)
class _Row:
    """One image, as the table has it."""

    line: int
    path: str
    metadata: Metadata


def _cells(path: Path, text: str) -> list[_Row]:
    """The rows of a table whose first line names its columns."""
    lines = _split(path, text)
    if not lines:
        raise SourceError(f"{path}: is empty: its first line names the columns, {PATH_COLUMNS[0]} among them")
    (first, names), body = lines[0], lines[1:]
    at = _path_column(path, first, names)
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise _wrong(path, first, f"names the column {twice!r} twice: rename one")
    for number, cells in body:
        if len(cells) > len(names):
            told = f"has {len(cells)} cells, the first line {len(names)}: put quotes around what holds the separator"
            raise _wrong(path, number, told)
        if len(cells) <= at or not cells[at]:
            raise _wrong(path, number, f"has no {names[at]}: name an image, or take the line away")
        cells.extend([""] * (len(names) - len(cells)))
    columns = [_typed([cells[i] for _, cells in body]) for i in range(len(names))]
    kept = [i for i, name in enumerate(names) if name and i != at]  # pandas writes its count of rows without a name
    return [
        _Row(number, cells[at], {names[i]: columns[i][row] for i in kept if columns[i][row] is not None})
        for row, (number, cells) in enumerate(body)
    ]


def _split(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not blank, the cells without blanks around them."""
    head = text.partition("\n")[0]
    separator = "\t" if path.name.lower().endswith(".tsv") else ";" if ";" in head and "," not in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise _wrong(path, reader.line_num, f"is no line of a table ({error}): save it as CSV again") from error


def _objects(path: Path, text: str) -> list[_Row]:
    """The rows of a file with one JSON object a line."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return [_object(path, number, line) for number, line in lines]


def _object(path: Path, number: int, line: str) -> _Row:
    try:
        told: Json = json.loads(line, parse_constant=_no_constant)
        json.dumps(told, ensure_ascii=False).encode()  # half characters can be kept nowhere
    except (ValueError, RecursionError) as error:
        raise _wrong(path, number, f"is no JSON that can be kept ({error}): write one object a line") from error
    if not isinstance(told, dict):
        raise _wrong(path, number, 'is no object: write one such as {"path": "a.jpg", "label": "tiger"}')
    names = list(told)
    name = names[_path_column(path, number, names)]
    entry = told.pop(name)
    if not isinstance(entry, str) or not entry.strip():
        raise _wrong(path, number, f"has the {name} {json.dumps(entry)}: give the path of an image")
    return _Row(number, entry, told)


def _path_column(path: Path, line: int, names: Sequence[str]) -> int:
    small = [name.lower() for name in names]
    found = next((small.index(wanted) for wanted in PATH_COLUMNS if wanted in small), None)
    if found is None:
        told = (
            f"has {', '.join(names) or 'nothing'}, and no path: call what names the images {' or '.join(PATH_COLUMNS)}"
        )
        raise _wrong(path, line, told)
    return found


def _typed(cells: Sequence[str]) -> list[Json]:
    """A column's cells as numbers, or as true and false, if all are that; None where a cell is empty."""
    told = [cell for cell in cells if cell]
    if all(map(_WHOLE.fullmatch, told)):
        return [int(cell) if cell else None for cell in cells]
    if all(map(_REAL.fullmatch, told)):
        return [float(cell) if cell else None for cell in cells]
    if all(cell.lower() in _TRUTHS for cell in told):
        return [_TRUTHS[cell.lower()] if cell else None for cell in cells]
    return [cell or None for cell in cells]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


def _wrong(path: Path, line: int, told: str) -> SourceError:
    return SourceError(f"{path}: line {line} {told}")
