"""Oxford5k and Paris6k, and their revisited ground truth: buildings seen from elsewhere, queries cut out by a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.benchmarks.parts import (
    Box,
    Cropped,
    counted,
    half_there,
    listed,
    needed,
    rows_of,
    text_of,
    with_distractors,
)
from likewise.benchmarks.types import Benchmark, Facts, Lists, RowSet
from likewise.errors import SourceError
from likewise.sources import plain_pickles

_CORRUPT = frozenset(  # of Paris6k, as its page lists them
    f"paris_{place}_{number}"
    for place, numbers in {
        "louvre": "000136 000146",
        "moulinrouge": "000422",
        "museedorsay": "001059",
        "notredame": "000188",
        "pantheon": "000284 000960 000974",
        "pompidou": "000195 000196 000201 000467 000640",
        "sacrecoeur": "000299 000330 000353",
        "triomphe": "000662 000833 000863 000867",
    }.items()
    for number in numbers.split()
)
_REVISITED_METRICS = ("mAP-trapezoid", "revisited-P@1", "revisited-P@5", "revisited-P@10")


@dataclass(frozen=True, slots=True)
class _Place:
    """One of the two cities.

    Attributes:
        name: Of the benchmark.
        home: Of its files.
        images: How many the gallery has.
        queries: How many there are.
        paper: To cite.
    """

    name: str
    home: str
    images: int
    queries: int
    paper: str


_OXFORD = _Place(
    "oxford5k",
    "https://www.robots.ox.ac.uk/~vgg/data/oxbuildings/",
    5062,
    55,
    "Philbin et al., Object Retrieval with Large Vocabularies and Fast Spatial Matching, CVPR 2007",
)
_PARIS = _Place(
    "paris6k",
    "https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/",
    6392,
    55,
    "Philbin et al., Lost in Quantization, CVPR 2008",
)
_REVISITED_HOME = "http://cmp.felk.cvut.cz/revisitop/"
_ROXFORD = _Place("roxford5k", _REVISITED_HOME, 4993, 70, "Radenović et al., CVPR 2018, arXiv:1803.11285")
_RPARIS = _Place("rparis6k", _REVISITED_HOME, 6322, 70, "Radenović et al., CVPR 2018, arXiv:1803.11285")


def oxford5k(path: Path | None, distractors: Path | None = None) -> Benchmark:
    """Oxford5k by its original ground truth: good and ok are right, junk is junk."""
    return _original(_OXFORD, path, distractors)


def paris6k(path: Path | None, distractors: Path | None = None) -> Benchmark:
    """Paris6k by its original ground truth; its twenty broken images are left out."""
    return _original(_PARIS, path, distractors)


def roxford5k(path: Path | None, distractors: Path | None = None) -> Benchmark:
    """Revisited Oxford: easy, medium, hard."""
    return _revisited(_ROXFORD, path, distractors)


def rparis6k(path: Path | None, distractors: Path | None = None) -> Benchmark:
    """Revisited Paris: easy, medium, hard."""
    return _revisited(_RPARIS, path, distractors)


def _original(place: _Place, path: Path | None, distractors: Path | None) -> Benchmark:
    folder = needed(
        path, place.name, place.home, "the images and the files *_query.txt, *_good.txt, *_ok.txt, *_junk.txt"
    )
    truths = sorted(folder.rglob("*_query.txt"))
    if not truths:
        raise SourceError(f"{folder}: holds no *_query.txt: unpack the ground truth from {place.home} into it")
    files = {each.stem: each.relative_to(folder).as_posix() for each in sorted(folder.rglob("*.jpg"))}
    names = [name for name in files if name not in _CORRUPT]
    row = {name: i for i, name in enumerate(names)}
    boxes: dict[str, Box] = {}
    positives: list[RowSet] = []
    junk: list[RowSet] = []
    named: list[str] = []
    for each in truths:
        name, box = _query(each, place.home)
        right, left_out = (
            _names(each, "good", place.home) + _names(each, "ok", place.home),
            _names(each, "junk", place.home),
        )
        named += [name, *right, *left_out]
        if name in files and files[name] not in boxes:
            boxes[files[name]] = box
            positives.append(rows_of(right, row))
            junk.append(rows_of(left_out, row))
    notes = half_there([name for name in named if name not in _CORRUPT], row, "images of the ground truth", place.home)
    notes += counted(len(names), place.images, "images") + counted(len(boxes), place.queries, "queries")
    gallery, more = with_distractors(folder, [files[name] for name in names], distractors)
    facts = Facts(
        "each query, a building cut out by its box, is searched among all; good and ok are right, junk is taken out, "
        "and the query's own image counts as in the original",
        place.home,
        "not stated; photos from Flickr",
        place.paper,
    )
    asked = Cropped(listed(folder, boxes), boxes)
    truth = Lists(tuple(positives), tuple(junk))
    return Benchmark(place.name, facts, gallery, asked, {"": truth}, ("mAP-trapezoid", "P@1", "P@10"), notes + more)


def _revisited(place: _Place, path: Path | None, distractors: Path | None) -> Benchmark:
    file = f"gnd_{place.name}.pkl"
    folder = needed(path, place.name, place.home, f"{file} and jpg/")
    found = next(iter(sorted(folder.rglob(file))), None)
    if found is None:
        raise SourceError(f"{folder}: holds no {file}: fetch it from {place.home}")
    names, asked, truths = _gnd(plain_pickles.load_nested(found.read_bytes(), str(found)), found)
    files = {each.stem: each.relative_to(folder).as_posix() for each in sorted(folder.rglob("*.jpg"))}
    notes = half_there([*names, *asked], dict.fromkeys(files, 0), "images of the ground truth", place.home)
    gallery, more = with_distractors(folder, [files.get(name, f"jpg/{name}.jpg") for name in names], distractors)
    queries = [files.get(name, f"jpg/{name}.jpg") for name in asked]
    boxes = {file: _box(truth.get("bbx"), found) for file, truth in zip(queries, truths, strict=True)}
    lists = {name: [_rows(truth.get(name), len(names), found) for truth in truths] for name in ("easy", "hard", "junk")}
    setups = {
        "medium": _setup([lists["easy"], lists["hard"]], [lists["junk"]]),
        "hard": _setup([lists["hard"]], [lists["junk"], lists["easy"]]),
        "easy": _setup([lists["easy"]], [lists["junk"], lists["hard"]]),
    }
    facts = Facts(
        "each query, cut out by its box, is searched among images that hold no query; easy, medium and hard differ in what is "
        "right and what is junk",
        place.home,
        "not stated; photos from Flickr",
        place.paper,
    )
    notes += counted(len(names), place.images, "images") + counted(len(asked), place.queries, "queries")
    whole = Cropped(listed(folder, queries), boxes)
    return Benchmark(place.name, facts, gallery, whole, setups, _REVISITED_METRICS, notes + more)


def _setup(right: Sequence[Sequence[RowSet]], left_out: Sequence[Sequence[RowSet]]) -> Lists:
    positives = tuple(np.unique(np.concatenate(parts)) for parts in zip(*right, strict=True))
    junk = tuple(np.unique(np.concatenate(parts)) for parts in zip(*left_out, strict=True))
    return Lists(positives, junk)


def _query(file: Path, home: str) -> tuple[str, Box]:
    """The image and the box of one `*_query.txt`."""
    parts = text_of(file, home)[0].split()
    try:
        left, top, right, bottom = (float(part) for part in parts[1:5])
    except ValueError as error:
        raise SourceError(f"{file}: wants a name and four numbers: fetch it anew from {home}") from error
    return parts[0].removeprefix("oxc1_"), _whole(left, top, right, bottom)


def _names(query: Path, kind: str, home: str) -> list[str]:
    return text_of(query.with_name(query.name.replace("_query.txt", f"_{kind}.txt")), home)


def _gnd(content: object, file: Path) -> tuple[list[str], list[str], list[dict[str, object]]]:
    """(imlist, qimlist, gnd) of the revisited ground truth, checked."""
    if isinstance(content, dict):
        names, asked, truths = (content.get(key) for key in ("imlist", "qimlist", "gnd"))
        if (
            isinstance(names, list)
            and isinstance(asked, list)
            and isinstance(truths, list)
            and len(asked) == len(truths)
        ):
            return [str(name) for name in names], [str(name) for name in asked], [dict(truth) for truth in truths]
    raise SourceError(f"{file}: has no imlist, qimlist and gnd that fit together: fetch it anew from {_REVISITED_HOME}")


def _box(values: object, file: Path) -> Box:
    if not isinstance(values, list | tuple) or len(values) != 4:
        raise SourceError(f"{file}: a query has no box of four numbers: fetch it anew from {_REVISITED_HOME}")
    left, top, right, bottom = (float(value) for value in values)
    return _whole(left, top, right, bottom)


def _whole(left: float, top: float, right: float, bottom: float) -> Box:
    """Corners to left, top, width and height in whole pixels, as Pillow's crop rounds them."""
    x, y = round(left), round(top)
    return x, y, round(right) - x, round(bottom) - y


def _rows(values: object, count: int, file: Path) -> RowSet:
    rows = np.asarray(values if isinstance(values, list | tuple) else [], np.int64).reshape(-1)
    if len(rows) and not (rows.min() >= 0 and rows.max() < count):
        raise SourceError(f"{file}: names row {rows.max()} of {count} images: fetch it anew from {_REVISITED_HOME}")
    return np.unique(rows)
