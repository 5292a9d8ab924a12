"""The benchmark that this program draws: which kind of thing is this, and where else is this very thing?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from likewise import weights
from likewise.benchmarks import layout
from likewise.benchmarks import rendered as drawing
from likewise.benchmarks.rendered import Scene
from likewise.benchmarks.types import Benchmark, Facts
from likewise.benchmarks.views import Files
from likewise.errors import BadArgument

_CITATION = "Likewise, docs/rendered.md; name the version, since another one may draw other pictures"
_UNSEEN = 5

KINDS = Facts(
    about="Drawn objects that the gallery does not hold, searched among 40 kinds of drawn things; right is the same kind.",
    home="drawn by likewise itself",
    licence="Apache-2.0",
    citation=_CITATION,
)
INSTANCES = Facts(
    about="A second view of each drawn object, searched among the first views of all; right is the same object.",
    home="drawn by likewise itself",
    licence="Apache-2.0",
    citation=_CITATION,
)
Progress = Callable[[int, int], None]


def rendered(
    path: Path | None,
    *,
    instances: int = 30,
    seed: int = 0,
    side: int = 160,
    workers: int = 1,
    progress: Progress | None = None,
) -> Benchmark:
    """Which kind is this? Two views of each object are the gallery, one view of five further objects the queries.

    Args:
        path: Where the pictures are drawn and kept; the cache folder unless given.
        instances: Objects of each kind in the gallery.
        seed: Another seed is another world.
        side: Pixels of the longer side.
        workers: Processes that draw.
        progress: Told (pictures that exist, all pictures).

    Raises:
        BadArgument: If a number is out of range.
    """
    _check(instances)
    gallery = drawing.scenes(instances, 2)
    queries = drawing.scenes(_UNSEEN, 1, first_instance=instances)
    folder = _drawn(path, [*gallery, *queries], (seed, side), workers, progress)
    held, asked = _kinds(gallery), _kinds(queries)
    truth = layout.apart(asked, held)
    metrics = ("P@7", "P@1", "P@10", "mAP", "R-precision", "MAP@R", "kNN@20")
    sources = Files(folder, _keys(gallery), held), Files(folder, _keys(queries), asked)
    return Benchmark("rendered", KINDS, *sources, {"": truth}, metrics, _notes(instances, seed, side))


def rendered_instance(
    path: Path | None,
    *,
    instances: int = 30,
    seed: int = 0,
    side: int = 160,
    workers: int = 1,
    progress: Progress | None = None,
) -> Benchmark:
    """Where else is this very object? View 0 of each object is the gallery, view 1 the queries; as `rendered`."""
    _check(instances)
    both = drawing.scenes(instances, 2)
    gallery, queries = [scene for scene in both if scene.view == 0], [scene for scene in both if scene.view == 1]
    folder = _drawn(path, both, (seed, side), workers, progress)
    labels = [f"{scene.kind}-{scene.instance:03d}" for scene in gallery]
    truth = layout.apart(labels, labels)
    sources = Files(folder, _keys(gallery), labels), Files(folder, _keys(queries), labels)
    metrics = ("R@1", "R@2", "R@4", "R@8", "R@10", "MRR")
    return Benchmark("rendered-instance", INSTANCES, *sources, {"": truth}, metrics, _notes(instances, seed, side))


def _check(instances: int) -> None:
    if instances < 1:
        raise BadArgument(f"instances is {instances}: draw at least 1 object of each kind")


def _drawn(
    path: Path | None, scenes: Sequence[Scene], how: tuple[int, int], workers: int, progress: Progress | None
) -> Path:
    """The folder with the pictures; of its own for each seed and side, which files do not tell apart."""
    seed, side = how
    home = Path(path) if path is not None else weights.cache_folder() / "data" / "rendered"
    folder = home / f"seed-{seed}-side-{side}"
    drawing.write(folder, scenes, seed=seed, side=side, workers=workers, progress=progress)
    return folder


def _keys(scenes: Sequence[Scene]) -> list[str]:
    return [f"{scene.kind}/{scene.name}.jpg" for scene in scenes]


def _kinds(scenes: Sequence[Scene]) -> list[str]:
    return [scene.kind for scene in scenes]


def _notes(instances: int, seed: int, side: int) -> tuple[str, ...]:
    usual = (instances, seed, side) == (30, 0, 160)
    return () if usual else (f"{instances} objects of each kind, seed {seed}, {side} pixels, not the usual 30, 0, 160",)
