"""Oxford and Paris buildings with their first ground truth: text files that call images good, ok or junk for each query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Facts, Lists, RowSet
from likewise.benchmarks.views import Cropped, Files, with_distractors
from likewise.images import Box

TERMS = "Flickr's terms of use, and the Visual Geometry Group's terms of access"

OXFORD = Facts(
    about="55 boxes that show 11 landmarks, searched among 5,063 photographs of Oxford; right are the good and the ok ones.",
    home="https://www.robots.ox.ac.uk/~vgg/data/oxbuildings/",
    licence=TERMS,
    citation=(
        "James Philbin, Ondřej Chum, Michael Isard, Josef Sivic and Andrew Zisserman: Object Retrieval with Large Vocabularies "
        "and Fast Spatial Matching. CVPR 2007"
    ),
)
PARIS = Facts(
    about="55 boxes that show 11 landmarks, searched among 6,392 photographs of Paris; right are the good and the ok ones.",
    home="https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/",
    licence=TERMS,
    citation=(
        "James Philbin, Ondřej Chum, Michael Isard, Josef Sivic and Andrew Zisserman: Lost in Quantization: Improving "
        "Particular Object Retrieval in Large Scale Image Databases. CVPR 2008"
    ),
)
# these files of the official archives hold a web page of Flickr's instead of a picture
_NO_IMAGES = {
    *("paris_louvre_000136", "paris_louvre_000146", "paris_moulinrouge_000422", "paris_museedorsay_001059"),
    *("paris_notredame_000188", "paris_pantheon_000284", "paris_pantheon_000960", "paris_pantheon_000974"),
    *("paris_pompidou_000195", "paris_pompidou_000196", "paris_pompidou_000201", "paris_pompidou_000467"),
    *("paris_pompidou_000640", "paris_sacrecoeur_000299", "paris_sacrecoeur_000330", "paris_sacrecoeur_000353"),
    *("paris_triomphe_000662", "paris_triomphe_000833", "paris_triomphe_000863", "paris_triomphe_000867"),
}
_METRICS = ("mAP-trapezoid", "mAP", "P@10")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One query of the ground truth, all images by name."""

    image: str
    box: Box
    positives: tuple[str, ...]
    junk: tuple[str, ...]


def oxford5k(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """All images anywhere below the folder, the ground truth in it or in one folder below; see `open_benchmark`.

    The query's whole image stays in the gallery and counts, as in its authors' program.
    """
    return _landmarks(layout.place_of("oxford5k", path, OXFORD), OXFORD, 5063, distractors)


def paris6k(path: Path | None, *, distractors: Path | str | None = None) -> Benchmark:
    """As `oxford5k`, without the 20 files that hold no picture; see `open_benchmark`."""
    return _landmarks(layout.place_of("paris6k", path, PARIS), PARIS, 6392, distractors)


def corners(x1: float, y1: float, x2: float, y2: float) -> Box:
    """The box between two corners, rounded as the field's programs round them (Pillow's crop)."""
    left, top, right, bottom = round(x1), round(y1), round(x2), round(y2)
    return left, top, right - left, bottom - top


def _landmarks(place: layout.Place, facts: Facts, official: int, distractors: Path | str | None) -> Benchmark:
    stems = place.by_stem(distractors)
    for name in _NO_IMAGES:
        stems.pop(name, None)
    asked = [_asked(place, file) for file in _query_files(place)]
    _check(place, stems, asked)
    rows = {stem: row for row, stem in enumerate(stems)}
    truth = Lists(
        positives=tuple(_rows(rows, query.positives) for query in asked),
        junk=tuple(_rows(rows, query.junk) for query in asked),
    )
    whole = Files(place.folder, list(stems.values()))
    queries = Cropped(whole, [(stems[query.image], query.box) for query in asked])
    gallery, appended = with_distractors(whole, distractors)
    notes = (*layout.counted(len(asked), 55, "queries"), *layout.counted(len(stems), official, "images"), *appended)
    return Benchmark(place.name, facts, gallery, queries, {"": truth}, _METRICS, notes)


def _query_files(place: layout.Place) -> list[Path]:
    """The files of queries in the folder itself or the first one below that has any."""
    below = (place.folder / name for name in layout.names_in(place.folder))
    for folder in (place.folder, *below):
        found = [folder / name for name in layout.names_in(folder) if name.endswith("_query.txt")]
        if found:
            return found
    raise place.wrong("no ground truth is there", "its files such as all_souls_1_query.txt in it or in a folder below")


def _asked(place: layout.Place, file: Path) -> _Asked:
    def listed(kind: str) -> tuple[str, ...]:
        beside = file.with_name(file.name.replace("_query.txt", f"_{kind}.txt"))
        if not beside.is_file():
            raise place.wrong(f"{beside.name} is not there", "it beside the query's file")
        return tuple(layout.lines_of(beside))

    lines = layout.lines_of(file)
    parts = lines[0].split() if lines else []
    try:
        image, (x1, y1, x2, y2) = parts[0], map(float, parts[1:])
        box = corners(x1, y1, x2, y2)
    except (IndexError, ValueError, OverflowError) as error:
        raise place.wrong(f"{file.name} reads {' '.join(parts)!r}", "an image and four numbers there") from error
    return _Asked(image.removeprefix("oxc1_"), box, (*listed("good"), *listed("ok")), listed("junk"))


def _check(place: layout.Place, stems: dict[str, str], asked: Sequence[_Asked]) -> None:
    """Every image that the ground truth names must be there, and be of the right city."""
    named = {name for query in asked for name in (query.image, *query.positives, *query.junk)} - _NO_IMAGES
    strange = next(
        (query.image for query in asked if query.image.startswith("paris_") != (place.name == "paris6k")), None
    )
    if strange is not None:
        raise place.wrong(f"its ground truth asks for {strange}", "that of its own city")
    missing = sorted(named - stems.keys())
    if missing:
        raise place.wrong(
            f"{len(missing):,} of the {len(named):,} images that its ground truth names are missing, such as {missing[0]}.jpg",
            "all of them below the folder",
        )


def _rows(rows: dict[str, int], names: Sequence[str]) -> RowSet:
    return layout.row_set(rows[name] for name in names if name in rows)
