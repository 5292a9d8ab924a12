"""Copy detection: which original is this an edited copy of, if any? Copydays and DISC21."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Facts, Lists
from likewise.benchmarks.views import Files, with_distractors
from likewise.errors import BadArgument
from likewise.sources import paths

COPYDAYS = Facts(
    about="Cropped, recompressed and strongly edited copies, searched among their 157 originals; right is the original.",
    home="https://lear.inrialpes.fr/people/jegou/data.php",
    licence="copyright INRIA, provided as is",
    citation=(
        "Matthijs Douze, Hervé Jégou, Harsimrat Sandhawalia, Laurent Amsaleg and Cordelia Schmid: Evaluation of GIST Descriptors "
        "for Web-Scale Image Search. CIVR 2009"
    ),
)
DISC21 = Facts(
    about="Edited copies among queries that mostly have no original, searched in 1,000,000 references; right is the original.",
    home="https://ai.meta.com/datasets/disc21-dataset/",
    licence="its own terms, to be accepted before the download",
    citation=(
        "Matthijs Douze, Giorgos Tolias, Ed Pizzi, Zoë Papakipos, Lowik Chanussot, Filip Radenović and others: The 2021 Image "
        "Similarity Dataset and Challenge. NeurIPS 2021 competition track, arXiv:2106.09672"
    ),
)
_PARTS = ("crops", "jpeg", "strong")
_METRICS = ("muAP", "mAP", "recall@10")
_NAMES = 10  # a note need not list thousands


def copydays(path: Path | None, *, part: str = "all", distractors: Path | str | None = None) -> Benchmark:
    """`original/200000.jpg` and the copies in `crops/`, `jpeg/` and `strong/`; see `open_benchmark`.

    Args:
        path: The folder of these four.
        part: `all`, or the one kind of copies that is asked for.
        distractors: A place whose images are appended to the originals.
    """
    place = layout.place_of("copydays", path, COPYDAYS)
    if part not in ("all", *_PARTS):
        raise BadArgument(f"copydays has no part {part!r}: take all, {', '.join(_PARTS)}")
    originals = place.numbered(r"(\d{6})", "original")
    rows = {number // 100: row for row, (_, number) in enumerate(originals)}
    copies = [(key, number) for kind in _PARTS if part in ("all", kind) for key, number in _copies(place, kind)]
    if not copies:
        raise place.wrong("no copies are there", f"them in {', '.join(_PARTS) if part == 'all' else part}")
    orphans = sum(number // 100 not in rows for _, number in copies)
    if 2 * orphans > len(copies):
        raise place.wrong(f"{orphans:,} of {len(copies):,} copies have no original", "the originals in original/")
    asked = [(key, rows[number // 100]) for key, number in copies if number // 100 in rows]
    empty = layout.row_set([])
    truth = Lists(tuple(layout.row_set([row]) for _, row in asked), (empty,) * len(asked))
    gallery, appended = with_distractors(Files(place.folder, [key for key, _ in originals]), distractors)
    notes = (
        *layout.counted(len(originals), 157, "originals"),
        *(
            layout.counted(len(asked), 3055, "copies")
            if part == "all"
            else (f"only the copies in {part}/ are asked for",)
        ),
        *((f"{orphans:,} copies whose original is missing are left out",) if orphans else ()),
        *appended,
    )
    queries = Files(place.folder, [key for key, _ in asked])
    return Benchmark("copydays", COPYDAYS, gallery, queries, {"": truth}, _METRICS, notes)


def disc21(path: Path | None, *, ground_truth: Path | str | None = None) -> Benchmark:
    """`queries/`, `references/` and a table of query_id,reference_id; see `open_benchmark`.

    Where the table lists queries without a reference, as the official ones do, its queries are those that are asked;
    where it lists only matches, all images in `queries/` are.

    Args:
        path: The folder of these three.
        ground_truth: The table; the one CSV in the folder whose name says ground truth unless it is given.
    """
    place = layout.place_of("disc21", path, DISC21)
    queries = _images(place, "queries", "query_images", "dev_queries", "final_queries")
    references = _images(place, "references", "reference_images")
    pairs = _pairs(place, _table(place, ground_truth))
    listed = dict.fromkeys(query for query, _ in pairs)
    asked = list(listed) if any(not reference for _, reference in pairs) else list(queries)
    there = [query for query in asked if query in queries]
    matches = [(query, reference) for query, reference in pairs if reference]
    lost = sum(query not in queries or reference not in references for query, reference in matches)
    if 2 * lost > len(matches) or not there:
        raise place.wrong(f"{lost:,} of the {len(matches):,} pairs in its table are missing", "their images")
    rows = {reference: row for row, reference in enumerate(references)}
    positives: dict[str, list[int]] = defaultdict(list)
    for query, reference in matches:
        positives[query] += [rows[reference]] if reference in rows else []
    empty = layout.row_set([])
    truth = Lists(tuple(layout.row_set(positives.get(query, ())) for query in there), (empty,) * len(there))
    notes = (
        *layout.counted(len(references), 1_000_000, "references"),
        *(
            (f"{len(asked) - len(there):,} queries of the table are missing and left out",)
            if len(asked) > len(there)
            else ()
        ),
        *((f"{lost:,} of {len(matches):,} matches have an image missing",) if lost else ()),
        f"{sum(len(rows) == 0 for rows in truth.positives):,} of {len(there):,} queries have no original among the references",
    )
    asked_for = Files(place.folder, [queries[query] for query in there])
    gallery = Files(place.folder, list(references.values()))
    return Benchmark("disc21", DISC21, gallery, asked_for, {"": truth}, _METRICS, notes)


def _copies(place: layout.Place, kind: str) -> list[tuple[str, int]]:
    """(key, number) of one kind's images, which lie in its folder or in folders for each strength."""
    found = []
    for folder in ("", *layout.names_in(place.folder / kind)):
        inside = f"{kind}/{folder}".rstrip("/")
        found += [
            (f"{inside}/{name}", int(PurePosixPath(name).stem))
            for name in layout.names_in(place.folder / inside)
            if paths.is_image_name(name) and PurePosixPath(name).stem.isdecimal()
        ]
    return found


def _images(place: layout.Place, *folders: str) -> dict[str, str]:
    """Name without ending → key, of the images in the first of some folders that is there."""
    folder = place.first(*folders)
    names = [name for name in layout.names_in(folder) if paths.is_image_name(name)]
    if not names:
        raise place.wrong(f"no images are in {folder.name}/", "them there")
    return {PurePosixPath(name).stem: f"{folder.name}/{name}" for name in names}


def _table(place: layout.Place, given: Path | str | None) -> Path:
    if given is not None:
        return Path(given)
    names = [name for name in layout.names_in(place.folder) if name.lower().endswith(".csv")]
    fitting = [name for name in names if "groundtruth" in name.lower().replace("_", "").replace("-", "")]
    if len(fitting) > 1:
        raise BadArgument(
            f"{place.folder} holds {', '.join(fitting[:_NAMES])}: pass the one that is meant as ground_truth"
        )
    if not fitting:
        raise place.wrong("no ground truth is there", "a table such as groundtruth.csv with query_id,reference_id")
    return place.folder / fitting[0]


def _pairs(place: layout.Place, table: Path) -> Sequence[tuple[str, str]]:
    """(query, reference) of each line; the reference is empty where the query has none."""
    rows = [row for _, row in layout.cells_of(table) if row != ["query_id", "reference_id"]]
    wrong = next((row for row in rows if len(row) != 2 or not row[0]), None)
    if wrong is not None or not any(row[1] for row in rows):
        raise place.wrong(
            f"{table.name} has {f'the line {wrong}' if wrong else 'no match'}", "query_id,reference_id there"
        )
    return [(query, reference) for query, reference in rows]
