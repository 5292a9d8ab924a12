"""One's own pictures as a benchmark: folders that are classes, or a table of what belongs together."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from likewise.benchmarks.parts import listed, rows_of
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists
from likewise.errors import BadArgument, SourceError
from likewise.sources import open_source
from likewise.sources.folders import folder as folder_source
from likewise.types import Item

_FACTS = Facts("own pictures", "", "the user's", "")
_SIDES = (("gallery", "queries"), ("gallery", "query"), ("train", "test"))


def folder(path: Path | None) -> Benchmark:
    """A folder whose subfolders are classes: each image among the others, or `queries/` in `gallery/`, `test/` in `train/`."""
    if path is None or not path.exists():
        raise SourceError(f"{path or 'folder'}: give a folder that has a subfolder for each class")
    metrics = ("R@1", "P@10", "MAP@R", "mAP", "R-precision")
    for searched, asked in _SIDES:
        if (path / searched).is_dir() and (path / asked).is_dir():
            gallery, queries = folder_source(path / searched), folder_source(path / asked)
            searched_labels = [_label(item) for item in gallery.items()]
            asked_labels = [_label(item) for item in queries.items()]
            names = tuple(sorted({*searched_labels, *asked_labels}))
            truth = Classes(_numbers(asked_labels, names), _numbers(searched_labels, names), _none(asked_labels), names)
            return Benchmark("folder", _FACTS, gallery, queries, {"": truth}, metrics)
    source = open_source(str(path))
    labels = [_label(item) for item in source.items()]
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise BadArgument(f"{path}: has {len(names)} classes: a benchmark needs a subfolder for each of at least two")
    numbers = _numbers(labels, names)
    truth = Classes(numbers, numbers, np.arange(len(numbers)), names)
    return Benchmark("folder", _FACTS, source, source, {"": truth}, metrics)


def table(path: Path | None) -> Benchmark:
    """A CSV with the columns query, key and relevance; its paths start from its own folder.

    Relevance above 0 is right, below 0 is junk, 0 is wrong (an image that is only searched). The gallery is every key.
    """
    if path is None or not path.is_file():
        raise SourceError(f"{path or 'csv'}: give a .csv with the columns query, key, relevance")
    right: dict[str, list[str]] = {}
    junk: dict[str, list[str]] = {}
    keys: dict[str, None] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"query", "key", "relevance"} <= set(reader.fieldnames or ()):
            raise SourceError(f"{path}: has the columns {reader.fieldnames}, wanted query, key, relevance")
        for line in reader:
            try:
                relevance = float(line["relevance"])
            except ValueError as error:
                raise SourceError(
                    f"{path}, line {reader.line_num}: relevance {line['relevance']!r} is no number"
                ) from error
            keys[line["key"]] = None
            right.setdefault(line["query"], [])
            junk.setdefault(line["query"], [])
            if relevance > 0:
                right[line["query"]].append(line["key"])
            elif relevance < 0:
                junk[line["query"]].append(line["key"])
    row = {key: i for i, key in enumerate(keys)}
    truth = Lists(
        tuple(rows_of(each, row) for each in right.values()), tuple(rows_of(each, row) for each in junk.values())
    )
    sources = listed(path.parent, keys), listed(path.parent, right)
    return Benchmark("csv", _FACTS, *sources, {"": truth}, ("mAP", "R@1", "P@10", "MRR"))


def _label(item: Item) -> str:
    label = item.metadata.get("label")
    return str(label) if label is not None else item.key.rpartition("/")[0]


def _numbers(labels: list[str], names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    number = {name: i for i, name in enumerate(names)}
    return np.array([number[label] for label in labels], np.int64)


def _none(labels: list[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(len(labels), -1, np.int64)
