"""Your own pictures as a benchmark: folders that are classes, or a table that says what belongs to what."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists
from likewise.benchmarks.views import Files, with_distractors
from likewise.errors import BadArgument, SourceError
from likewise.sources import folders, paths
from likewise.sources.lists import Listed

FOLDER = Facts(
    about="Your own folder, whose subfolders are classes; right is the query's class.",
    home="your own files, one folder for each class",
    licence="yours",
    citation="none",
)
JUDGED = Facts(
    about="Your own table of queries and keys; right is what it says.",
    home="your own table with the columns query,key,relevance",
    licence="yours",
    citation="none",
)
_COLUMNS = ("query", "key", "relevance")
_CLASSES = ("R@1", "P@5", "P@7", "P@10", "mAP", "R-precision", "MAP@R", "kNN@20")
_LISTS = ("mAP", "R@1", "R@10", "P@10", "recall@10", "recall@100", "MRR", "nDCG@10")


def folder(path: Path | None) -> Benchmark:
    """A folder of classes: each image among the others, or `queries/` among `gallery/`; see `open_benchmark`.

    An image's class is the first folder on its way. With `gallery` or `train` and `queries`, `query` or `test` in it,
    these are the two sides; otherwise each image is asked for and its own row taken out.
    """
    place = layout.place_of("folder", path, FOLDER)
    sides = [_side(place, "gallery", "train"), _side(place, "queries", "query", "test")]
    if not all(sides):
        labels = _labelled(place, "")
        return _benchmark(place, labels, labels, alone=True)
    return _benchmark(place, _labelled(place, sides[0]), _labelled(place, sides[1]), alone=False)


def judged(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """A CSV with the columns query, key, relevance; see `open_benchmark`.

    Paths start at its folder. Relevance above 0 is right, 0 wrong, -1 junk; the gallery is all keys in their first order. A
    query that is also a key, and not judged against itself, is junk in its own ranking.

    Args:
        path: The CSV.
        distractors: A place whose images are appended to the gallery.
    """
    if path is None:
        raise BadArgument(f"csv needs the path of {JUDGED.home}")
    table = Path(path)
    rows = _judgements(table)
    queries = {query: row for row, query in enumerate(dict.fromkeys(row.query for row in rows))}
    keys = {key: row for row, key in enumerate(dict.fromkeys(row.key for row in rows))}
    _check_there(table, [*queries, *keys])
    positives: list[set[int]] = [set() for _ in queries]
    junk: list[set[int]] = [set() for _ in queries]
    judged_already = {(row.query, row.key) for row in rows}
    for row in rows:
        if row.relevance != 0:
            (positives if row.relevance > 0 else junk)[queries[row.query]].add(keys[row.key])
    for query, number in queries.items():
        if query in keys and (query, query) not in judged_already:
            junk[number].add(keys[query])
    truth = Lists(tuple(map(layout.row_set, positives)), tuple(map(layout.row_set, junk)))
    above = str(table.parent)
    gallery, appended = with_distractors(Listed(str(table), above, list(keys)), distractors)
    graded = ("relevance above 1 counts as 1",) if any(row.relevance > 1 for row in rows) else ()
    asked = Listed(str(table), above, list(queries))
    return Benchmark("csv", JUDGED, gallery, asked, {"": truth}, _LISTS, (*graded, *appended))


@dataclass(frozen=True, slots=True)
class _Judgement:
    """One line; both paths absolute."""

    query: str
    key: str
    relevance: float


def _benchmark(place: layout.Place, gallery: Mapping[str, str], asked: Mapping[str, str], *, alone: bool) -> Benchmark:
    queries = {key: label for key, label in asked.items() if label}
    names = sorted({label for label in (*gallery.values(), *queries.values()) if label})
    if not queries or not any(gallery.values()):
        raise place.wrong("no images lie in folders of it", "one folder for each class")
    rows = {key: row for row, key in enumerate(gallery)}
    own = [rows[key] if alone else -1 for key in queries]
    truth = Classes(
        layout.numbers_of(list(queries.values()), names),
        layout.numbers_of(list(gallery.values()), names),
        np.array(own, dtype=np.int64),
        tuple(names),
    )
    loose = len(asked) - len(queries)
    notes = (f"{loose:,} images lie in no class's folder and are not asked for",) if loose else ()
    held = Files(place.folder, list(gallery), list(gallery.values()))
    source = Files(place.folder, list(queries), list(queries.values()))
    return Benchmark("folder", FOLDER, held, source, {"": truth}, _CLASSES, notes)


def _side(place: layout.Place, *names: str) -> str:
    return next((name for name in names if (place.folder / name).is_dir()), "")


def _labelled(place: layout.Place, side: str) -> dict[str, str]:
    """Key → class of all images of a side; the class is empty where no folder tells it."""
    start = f"{side}/" if side else ""
    found = [item.key for item in folders.folder(place.folder / side).items()]
    return {start + key: key.partition("/")[0] if "/" in key else "" for key in found}


def _judgements(table: Path) -> list[_Judgement]:
    lines = layout.cells_of(table)
    head = [name.lower() for name in lines[0][1]] if lines else []
    if not set(_COLUMNS) <= set(head):
        raise SourceError(f"{table}: its first line is {','.join(head)!r}: make it {','.join(_COLUMNS)}")
    rows: list[_Judgement] = []
    told: dict[tuple[str, str], float] = {}
    for number, cells in lines[1:]:
        row = _judgement(table, number, dict(zip(head, cells, strict=False)))
        if told.setdefault((row.query, row.key), row.relevance) != row.relevance:
            raise SourceError(f"{table}: line {number} judges a query and a key otherwise than a line before: keep one")
        rows.append(row)
    if not rows:
        raise SourceError(f"{table}: has no lines below {','.join(_COLUMNS)}: add one for each query and key")
    return rows


def _judgement(table: Path, number: int, line: Mapping[str, str]) -> _Judgement:
    query, key, told = (line.get(column, "") for column in _COLUMNS)
    try:
        relevance = float(told)
    except ValueError:
        relevance = float("nan")
    if not query or not key or not (relevance >= 0 or relevance == -1):
        raise SourceError(
            f"{table}: line {number} reads {query},{key},{told}: give two paths and a number, -1 for junk"
        )
    return _Judgement(_absolute(table, query), _absolute(table, key), relevance)


def _absolute(table: Path, name: str) -> str:
    return os.path.abspath(table.parent / paths.real(name))  # noqa: PTH100 - Path.absolute leaves `..` in


def _check_there(table: Path, named: Sequence[str]) -> None:
    once = list(dict.fromkeys(named))
    missing = [name for name in once if not Path(name).is_file()]
    if missing:
        raise SourceError(
            f"{table}: {len(missing):,} of the {len(once):,} images that it names are not there, such as {missing[0]}: "
            "mend the paths, which start at the table's folder"
        )
