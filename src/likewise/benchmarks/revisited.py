"""Revisited Oxford and Paris: the same photographs, new ground truth in three setups, and up to a million distractors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from likewise.benchmarks import layout
from likewise.benchmarks.landmarks import TERMS, corners
from likewise.benchmarks.types import Benchmark, Facts, Lists, RowSet
from likewise.benchmarks.views import Cropped, Files, with_distractors
from likewise.images import Box
from likewise.sources.plain_pickles import Nested, load_nested

ROXFORD = Facts(
    about="70 boxes that show landmarks, searched among 4,993 other photographs of Oxford, in three setups of difficulty.",
    home="http://cmp.felk.cvut.cz/revisitop/",
    licence=f"{TERMS}; of the ground truth not stated",
    citation=(
        "Filip Radenović, Ahmet Iscen, Giorgos Tolias, Yannis Avrithis and Ondřej Chum: Revisiting Oxford and Paris: Large-Scale "
        "Image Retrieval Benchmarking. CVPR 2018, arXiv:1803.11285"
    ),
)
RPARIS = replace(
    ROXFORD,
    about="70 boxes that show landmarks, searched among 6,322 other photographs of Paris, in three setups of difficulty.",
)
_METRICS = ("mAP-trapezoid", "revisited-P@1", "revisited-P@5", "revisited-P@10")
_SETUPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # what is right, what is taken out
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}


def roxford5k(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """`gnd_roxford5k.pkl` in the folder, the images anywhere below; see `open_benchmark`."""
    return _revisited(layout.place_of("roxford5k", path, ROXFORD), ROXFORD, 4993, distractors)


def rparis6k(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """`gnd_rparis6k.pkl` in the folder, the images anywhere below; see `open_benchmark`."""
    return _revisited(layout.place_of("rparis6k", path, RPARIS), RPARIS, 6322, distractors)


def _revisited(place: layout.Place, facts: Facts, official: int, distractors: Path | str | None) -> Benchmark:
    file = place.first(f"gnd_{place.name}.pkl")
    told = load_nested(layout.read(file), str(file))
    gallery_names, query_names = _texts(place, told, "imlist"), _texts(place, told, "qimlist")
    judged = told.get("gnd")
    if not isinstance(judged, list) or len(judged) != len(query_names):
        raise place.wrong(f"{file.name} has no gnd for each of its {len(query_names):,} queries", "the official one")
    stems = place.by_stem(distractors)
    missing = [name for name in (*gallery_names, *query_names) if name not in stems]
    if missing:
        raise place.wrong(
            f"{len(missing):,} of the {len(gallery_names) + len(query_names):,} images that {file.name} names are missing, "
            f"such as {missing[0]}.jpg",
            "all of them below the folder",
        )
    truths = {
        setup: Lists(
            positives=tuple(_rows(place, query, right, len(gallery_names)) for query in judged),
            junk=tuple(_rows(place, query, out, len(gallery_names)) for query in judged),
        )
        for setup, (right, out) in _SETUPS.items()
    }
    cuts = [(stems[name], _box(place, query)) for name, query in zip(query_names, judged, strict=True)]
    queries = Cropped(Files(place.folder, [stems[name] for name in dict.fromkeys(query_names)]), cuts)
    gallery, appended = with_distractors(Files(place.folder, [stems[name] for name in gallery_names]), distractors)
    counts = (
        *layout.counted(len(query_names), 70, "queries"),
        *layout.counted(len(gallery_names), official, "gallery images"),
    )
    return Benchmark(place.name, facts, gallery, queries, truths, _METRICS, (*counts, *appended))


def _texts(place: layout.Place, told: Mapping[str, Nested], key: str) -> list[str]:
    found = told.get(key)
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    if not isinstance(found, list) or not names or len(names) != len(found):
        raise place.wrong(f"its pickle has no list of names called {key}", "the official one")
    if key == "imlist" and len(set(names)) != len(names):
        raise place.wrong("its pickle names an image of the gallery twice", "the official one")
    return names


def _rows(place: layout.Place, query: Nested, kinds: tuple[str, ...], count: int) -> RowSet:
    rows: list[int] = []
    for kind in kinds:
        listed = query.get(kind) if isinstance(query, dict) else None
        numbers = (
            [row for row in listed if isinstance(row, int) and 0 <= row < count] if isinstance(listed, list) else []
        )
        if not isinstance(listed, list) or len(numbers) != len(listed):
            raise place.wrong(
                f"its pickle has a query whose {kind} is no list of rows below {count:,}", "the official one"
            )
        rows += numbers
    return layout.row_set(rows)


def _box(place: layout.Place, query: Nested) -> Box:
    bounds = query.get("bbx") if isinstance(query, dict) else None
    numbers = [float(edge) for edge in bounds if isinstance(edge, int | float)] if isinstance(bounds, list) else []
    if len(numbers) != 4 or not all(math.isfinite(edge) for edge in numbers):
        raise place.wrong("its pickle has a query whose bbx is no four numbers", "the official one")
    return corners(*numbers)
