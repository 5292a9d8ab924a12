"""The benchmark that draws itself: by kind of thing, and by the very object seen from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from likewise import weights
from likewise.benchmarks import rendered
from likewise.benchmarks.parts import listed
from likewise.benchmarks.types import Benchmark, Classes, Facts

_INSTANCES = 30
_UNSEEN = 5
_HOME = "drawn by this program"
_LICENCE = "Apache-2.0"


def category(path: Path | None) -> Benchmark:
    """2,400 pictures of 40 kinds; 200 unseen objects look for their kind."""
    scenes = rendered.scenes(_INSTANCES, 2)
    unseen = rendered.scenes(_UNSEEN, 1, first_instance=_INSTANCES)
    folder = _drawn(path, [*scenes, *unseen])
    truth = Classes(_kinds(unseen), _kinds(scenes), np.full(len(unseen), -1), rendered.KINDS)
    facts = Facts(
        "unseen objects of 40 kinds are searched among 2,400 pictures; right is the kind", _HOME, _LICENCE, "likewise"
    )
    sources = listed(folder, map(_file, scenes)), listed(folder, map(_file, unseen))
    return Benchmark("rendered", facts, *sources, {"": truth}, ("P@7", "P@1", "mAP", "MAP@R"))


def instance(path: Path | None) -> Benchmark:
    """1,200 objects, one view of each searched by another view of the same."""
    scenes = rendered.scenes(_INSTANCES, 2)
    folder = _drawn(path, scenes)
    first, second = ([scene for scene in scenes if scene.view == view] for view in (0, 1))
    rows = np.arange(len(first))
    facts = Facts(
        "a second view of each of 1,200 objects is searched among the first views", _HOME, _LICENCE, "likewise"
    )
    sources = listed(folder, map(_file, first)), listed(folder, map(_file, second))
    truth = Classes(rows, rows, np.full(len(rows), -1))
    return Benchmark("rendered-instance", facts, *sources, {"": truth}, ("R@1", "R@10", "MRR"))


def _drawn(path: Path | None, scenes: list[rendered.Scene]) -> Path:
    folder = path or weights.cache_folder() / "rendered" / "seed-0"
    rendered.write(folder, scenes, workers=os.cpu_count() or 1)
    return folder


def _file(scene: rendered.Scene) -> str:
    return f"{scene.kind}/{scene.name}.jpg"


def _kinds(scenes: list[rendered.Scene]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([rendered.KINDS.index(scene.kind) for scene in scenes], np.int64)
