"""Benchmarks of single objects and scenes whose names say which belong together: UKBench and Holidays."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists
from likewise.benchmarks.views import Files, with_distractors

_VIEWS = 4

UKBENCH = Facts(
    about="Four photographs of each of 2,550 objects; each is a query, and right are all four, itself among them.",
    home="https://archive.org/details/ukbench",
    licence="not stated",
    citation="David Nistér and Henrik Stewénius: Scalable Recognition with a Vocabulary Tree. CVPR 2006",
)
HOLIDAYS = Facts(
    about="1,491 holiday photographs of 500 scenes; the first of each scene is the query, and right are its others.",
    home="https://lear.inrialpes.fr/people/jegou/data.php",
    licence="copyright INRIA, provided as is",
    citation=(
        "Hervé Jégou, Matthijs Douze and Cordelia Schmid: Hamming Embedding and Weak Geometric Consistency for Large Scale "
        "Image Search. ECCV 2008"
    ),
)


def ukbench(path: Path | None) -> Benchmark:
    """`ukbench00000.jpg` … in the folder or in its `full/`; any subset will do. See `open_benchmark`."""
    place = layout.place_of("ukbench", path, UKBENCH)
    found = place.numbered(r"ukbench(\d{5})", "", "full")
    objects = [number // _VIEWS for _, number in found]
    names = sorted(set(objects))
    numbers = np.searchsorted(names, objects).astype(np.int64)
    truth = Classes(numbers, numbers, np.full(len(found), -1, np.int64), tuple(f"{name:04d}" for name in names))
    source = Files(place.folder, [key for key, _ in found], [truth.names[number] for number in numbers])
    torn = int((np.bincount(numbers) != _VIEWS).sum())
    notes = (
        *layout.counted(len(names), 2550, "objects"),
        *((f"{torn:,} objects have not all their {_VIEWS} photographs, so N-S cannot reach 4",) if torn else ()),
    )
    return Benchmark("ukbench", UKBENCH, source, source, {"": truth}, ("N-S", "mAP"), notes)


def holidays(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """`100000.jpg` … in the folder's `jpg/` or in itself; any subset will do. See `open_benchmark`.

    Its authors' program takes the query out of its own ranking and measures the area by trapezoids, as Oxford's does.
    """
    place = layout.place_of("holidays", path, HOLIDAYS)
    found = place.numbered(r"(\d{6})", "jpg", "")
    groups: dict[int, list[int]] = defaultdict(list)
    for row, (_, number) in enumerate(found):
        groups[number // 100].append(row)
    asked = [row for row, (_, number) in enumerate(found) if number % 100 == 0]
    truth = Lists(
        positives=tuple(layout.row_set(set(groups[found[row][1] // 100]) - {row}) for row in asked),
        junk=tuple(layout.row_set([row]) for row in asked),
    )
    keys = [key for key, _ in found]
    labels = [str(number // 100) for _, number in found]
    queries = Files(place.folder, [keys[row] for row in asked], [labels[row] for row in asked])
    gallery, appended = with_distractors(Files(place.folder, keys, labels), distractors)
    headless = len(groups) - len(asked)
    notes = (
        *layout.counted(len(asked), 500, "queries"),
        *layout.counted(len(found), 1491, "images"),
        *((f"{headless:,} scenes lack their first photograph, which is the query",) if headless else ()),
        *appended,
    )
    return Benchmark("holidays", HOLIDAYS, gallery, queries, {"": truth}, ("mAP-trapezoid", "mAP", "P@1"), notes)
