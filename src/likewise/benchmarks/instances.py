"""Benchmarks of one object or scene seen again: UKBench, INRIA Holidays, Copydays, DISC21."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from likewise.benchmarks.parts import counted, listed, needed, pictures, required, rows_of, with_distractors
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists, RowSet
from likewise.errors import SourceError

_INRIA = "https://lear.inrialpes.fr/~jegou/data.php"
_NONE: RowSet = np.zeros(0, np.int64)


def ukbench(path: Path | None) -> Benchmark:
    """UKBench: four views of each object, `ukbench00000.jpg` and on; any subset of them."""
    home = "https://archive.org/details/ukbench"
    folder = needed(path, "ukbench", home, "ukbench00000.jpg …")
    folder = folder / "full" if (folder / "full").is_dir() else folder
    names = [name for name in pictures(folder) if name.startswith("ukbench") and name[7:12].isdigit()]
    if not names:
        raise SourceError(f"{folder}: holds no ukbench00000.jpg: fetch UKBench from {home}")
    objects = np.array([int(name[7:12]) // 4 for name in names])
    _, labels = np.unique(objects, return_inverse=True)
    source = listed(folder, names)
    facts = Facts(
        "each image is searched among all, itself among them; the N-S score counts its object among the first four (1 to 4)",
        home,
        "not stated",
        "Nistér and Stewénius, Scalable Recognition with a Vocabulary Tree, CVPR 2006",
    )
    views = Counter(labels.tolist())
    torn = sum(count != 4 for count in views.values())
    notes = counted(len(names), 10_200, "images") + ((f"{torn} objects have not four views",) if torn else ())
    truth = Classes(labels.astype(np.int64), labels.astype(np.int64), np.full(len(labels), -1))
    return Benchmark("ukbench", facts, source, source, {"": truth}, ("N-S", "P@1", "mAP"), notes)


def holidays(path: Path | None) -> Benchmark:
    """INRIA Holidays: `jpg/100000.jpg` and on; the first of every hundred is the query and junk in its own ranking."""
    folder = needed(path, "holidays", _INRIA, "jpg/100000.jpg …")
    folder = folder / "jpg" if (folder / "jpg").is_dir() else folder
    names = [name for name in pictures(folder) if name[:6].isdigit() and len(name) == 10]
    if not names:
        raise SourceError(f"{folder}: holds no 100000.jpg: fetch Holidays from {_INRIA}")
    row = {name: i for i, name in enumerate(names)}
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(int(name[:6]) // 100, []).append(name)
    queries = [name for name in names if int(name[:6]) % 100 == 0]
    positives = tuple(rows_of(groups[int(name[:6]) // 100], row) for name in queries)
    junk = tuple(np.array([row[name]], np.int64) for name in queries)
    facts = Facts(
        "the first image of each of 500 groups is searched among all 1,491; itself is taken out and later ranks move up",
        _INRIA,
        "research use; each photo belongs to its photographer",
        "Jégou, Douze and Schmid, Hamming Embedding and Weak Geometric Consistency, ECCV 2008",
    )
    notes = counted(len(names), 1491, "images") + counted(len(queries), 500, "queries")
    sources = listed(folder, names), listed(folder, queries)
    return Benchmark("holidays", facts, *sources, {"": Lists(positives, junk)}, ("mAP-trapezoid", "mAP", "R@1"), notes)


def copydays(path: Path | None, distractors: Path | None = None) -> Benchmark:
    """Copydays: transformed images in `jpeg/QUALITY/`, `crops/SHARE/` and `strong/`, originals in `original/`."""
    folder = needed(path, "copydays", _INRIA, "original, jpeg, crops and strong")
    originals = pictures(required(folder / "original", _INRIA))
    changed = [
        each.relative_to(folder).as_posix()
        for kind in ("crops", "jpeg", "strong")
        for each in sorted((folder / kind).rglob("*.jpg"))
    ]
    if not originals or not changed:
        raise SourceError(f"{folder}: holds no originals or no copies: fetch Copydays from {_INRIA}")
    names = [f"original/{name}" for name in originals]
    gallery, more = with_distractors(folder, names, distractors)
    block = {name[:4]: i for i, name in enumerate(originals)}
    positives = tuple(_one(block.get(Path(name).name[:4])) for name in changed)
    facts = Facts(
        "each attacked copy is searched among the originals and any distractors; right is its own original",
        _INRIA,
        "research use; each photo belongs to its photographer",
        "Douze et al., Evaluation of GIST Descriptors for Web-Scale Image Search, CIVR 2009",
    )
    truth = Lists(positives, tuple(_NONE for _ in changed))
    notes = counted(len(originals), 157, "originals") + more
    return Benchmark("copydays", facts, gallery, listed(folder, changed), {"": truth}, ("mAP", "R@1", "muAP"), notes)


def disc21(path: Path | None) -> Benchmark:
    """DISC21: `queries/` (or `dev_queries/`), `references/`, and a ground truth `*ground_truth*.csv` of query, reference."""
    home = "https://ai.meta.com/datasets/disc21-dataset/"
    folder = needed(path, "disc21", home, "queries, references and a ground truth .csv")
    tables = sorted(folder.glob("*ground*truth*.csv")) + sorted(folder.glob("*groundtruth*.csv"))
    if not tables:
        raise SourceError(f"{folder}: holds no ground truth .csv: fetch it from {home}")
    asked = next((each for each in ("queries", "dev_queries", "final_queries") if (folder / each).is_dir()), "queries")
    queries, references = pictures(required(folder / asked, home)), pictures(required(folder / "references", home))
    row = {Path(name).stem: i for i, name in enumerate(references)}
    pairs: dict[str, list[int]] = {}
    with tables[0].open(newline="", encoding="utf-8") as file:
        for line in csv.reader(file):
            if len(line) >= 2 and line[1] in row:
                pairs.setdefault(line[0], []).append(row[line[1]])
    positives = tuple(np.array(sorted(pairs.get(Path(name).stem, [])), np.int64) for name in queries)
    if not any(len(each) for each in positives):
        raise SourceError(
            f"{tables[0]}: names no pair of these queries and references: fetch the parts that fit together"
        )
    facts = Facts(
        "each query is searched among the references; µAP over all pairs, most queries have no original",
        home,
        "custom licence of Meta for research",
        "Douze et al., The 2021 Image Similarity Dataset and Challenge, 2021, arXiv:2106.09672",
    )
    sources = listed(folder / "references", references), listed(folder / asked, queries)
    truth = Lists(positives, tuple(_NONE for _ in queries))
    return Benchmark("disc21", facts, *sources, {"": truth}, ("muAP", "R@1", "mAP"))


def _one(row: int | None) -> RowSet:
    return _NONE if row is None else np.array([row], np.int64)
