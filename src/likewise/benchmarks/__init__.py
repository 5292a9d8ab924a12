"""Benchmarks: galleries whose right answers are known, to say how good the neighbours are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import cast

from likewise import seams
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists, Truth
from likewise.errors import BadArgument

__all__ = ["Benchmark", "Classes", "Facts", "Lists", "Truth", "names", "open_benchmark"]

_READERS = {
    "cifar10": "likewise.benchmarks.cifar:cifar10",
    "cifar100": "likewise.benchmarks.cifar:cifar100",
    "cifar100-disjoint": "likewise.benchmarks.cifar:cifar100_disjoint",
    "rendered": "likewise.benchmarks.drawn:category",
    "rendered-instance": "likewise.benchmarks.drawn:instance",
    "folder": "likewise.benchmarks.own:folder",
    "csv": "likewise.benchmarks.own:table",
    "ukbench": "likewise.benchmarks.instances:ukbench",
    "holidays": "likewise.benchmarks.instances:holidays",
    "oxford5k": "likewise.benchmarks.landmarks:oxford5k",
    "paris6k": "likewise.benchmarks.landmarks:paris6k",
    "roxford5k": "likewise.benchmarks.landmarks:roxford5k",
    "rparis6k": "likewise.benchmarks.landmarks:rparis6k",
    "sop": "likewise.benchmarks.metric_learning:sop",
    "cub200": "likewise.benchmarks.metric_learning:cub200",
    "cars196": "likewise.benchmarks.metric_learning:cars196",
    "inshop": "likewise.benchmarks.metric_learning:inshop",
    "copydays": "likewise.benchmarks.instances:copydays",
    "disc21": "likewise.benchmarks.instances:disc21",
}


def names() -> list[str]:
    """All benchmarks; docs/benchmarks.md says what each is and where its files are."""
    return seams.names("benchmark", _READERS)


def about(name: str) -> str:
    """The first sentence that a reader says of its benchmark.

    Raises:
        UnknownName: If there is no such benchmark.
    """
    return (inspect.getdoc(_reader(name)) or "").splitlines()[0]


def open_benchmark(name: str, path: Path | None = None, *, distractors: Path | None = None) -> Benchmark:
    """Read a benchmark from its official files.

    Args:
        name: As `names` lists them.
        path: Of the files; those that are drawn need none.
        distractors: Images added to the gallery, where a protocol has them (Oxford and Paris with the 1M distractors).

    Raises:
        UnknownName: If there is no such benchmark.
        SourceError: If files are missing or say something else than the official ones; the message says where they are from.
        BadArgument: If distractors are given to a benchmark that has none.
    """
    reader = _reader(name)
    if distractors is None:
        return reader(path)
    if "distractors" not in inspect.signature(reader).parameters:
        raise BadArgument(f"the protocol of {name} has no distractors: go without them")
    return reader(path, distractors=distractors)


def _reader(name: str) -> Callable[..., Benchmark]:
    return cast("Callable[..., Benchmark]", seams.resolve("benchmark", name, _READERS))
