"""Benchmarks: galleries whose right answers are known, to say how good the neighbours are."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

from likewise import seams
from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists, Truth
from likewise.errors import BadArgument

__all__ = ["Benchmark", "Classes", "Facts", "Lists", "Truth", "about", "names", "open_benchmark"]

_BENCHMARKS = {
    "cifar10": "likewise.benchmarks.cifar:cifar10",
    "cifar10-disjoint": "likewise.benchmarks.cifar:cifar10_disjoint",
    "cifar100": "likewise.benchmarks.cifar:cifar100",
    "cifar100-disjoint": "likewise.benchmarks.cifar:cifar100_disjoint",
    "ukbench": "likewise.benchmarks.instances:ukbench",
    "holidays": "likewise.benchmarks.instances:holidays",
    "oxford5k": "likewise.benchmarks.landmarks:oxford5k",
    "paris6k": "likewise.benchmarks.landmarks:paris6k",
    "roxford5k": "likewise.benchmarks.revisited:roxford5k",
    "rparis6k": "likewise.benchmarks.revisited:rparis6k",
    "sop": "likewise.benchmarks.metric_learning:sop",
    "cub200": "likewise.benchmarks.metric_learning:cub200",
    "cars196": "likewise.benchmarks.metric_learning:cars196",
    "inshop": "likewise.benchmarks.metric_learning:inshop",
    "copydays": "likewise.benchmarks.copies:copydays",
    "disc21": "likewise.benchmarks.copies:disc21",
    "folder": "likewise.benchmarks.own:folder",
    "csv": "likewise.benchmarks.own:judged",
    "rendered": "likewise.benchmarks.drawn:rendered",
    "rendered-instance": "likewise.benchmarks.drawn:rendered_instance",
}


def names() -> list[str]:
    """What can be opened: docs/benchmarks.md says what each is and where to get it."""
    return seams.names("benchmark", _BENCHMARKS)


def about(name: str) -> str:
    """What a benchmark is, in the first sentence that its reader says of it.

    Raises:
        UnknownName: If there is no such benchmark.
    """
    first = (inspect.getdoc(seams.resolve("benchmark", name, _BENCHMARKS)) or "").partition("\n")[0]
    return re.sub(r"(; see| See) `open_benchmark`\.$", "", first).replace("`", "")


def open_benchmark(name: str, path: Path | None = None, **options: object) -> Benchmark:
    """Open a benchmark in its official layout on disk; nothing is fetched.

    Args:
        name: One of `names()`.
        path: The folder with its files; the drawn ones keep theirs in the cache folder unless it is given.
        options: What this benchmark takes beside, such as `distractors`: docs/benchmarks.md.

    Raises:
        UnknownName: If there is no such benchmark.
        BadArgument: If it takes no such option, or a path is needed and none is given.
        SourceError: If its files are not there, or contradict each other.
        MissingExtra: If its files need a package that is not installed.
    """
    reader = cast("Callable[..., Benchmark]", seams.resolve("benchmark", name, _BENCHMARKS))
    try:
        inspect.signature(reader).bind(path, **options)
    except TypeError as error:
        taken = [option for option in inspect.signature(reader).parameters if option != "path"]
        raise BadArgument(f"{name}: {error}: its options are {', '.join(taken) or 'none'}") from error
    return reader(path, **options)
