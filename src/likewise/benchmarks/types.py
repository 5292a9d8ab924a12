"""What a benchmark is: two sources of images, the truth about which belong together, and the protocol that judges a ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.sources import Source

RowSet: TypeAlias = NDArray[np.int64]
"""(m,) gallery rows, rising, each once."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one must know before publishing a figure on a benchmark.

    Attributes:
        about: One sentence: what is searched among what, and what counts as right.
        home: Where the official files are.
        licence: Of the images, as their makers state it.
        citation: Authors, title, venue, year, arXiv id if there is one.
    """

    about: str
    home: str
    licence: str
    citation: str


@dataclass(frozen=True, slots=True)
class Classes:
    """A positive is a gallery image of the query's class.

    Attributes:
        queries: (q,) class numbers from 0.
        gallery: (n,) class numbers from 0; -1 belongs to no class (a distractor).
        self_rows: (q,) the gallery row that *is* query i, to be taken out of its ranking; -1 where it is not in the gallery.
        names: Of the classes.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]
    self_rows: NDArray[np.int64]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lists:
    """Positives and junk are listed for each query.

    Attributes:
        positives: One set of gallery rows for each query; may be empty.
        junk: Rows that are taken out of the query's ranking, neither right nor wrong (the query itself, images nobody can
            decide); junk wins over positive.
    """

    positives: tuple[RowSet, ...]
    junk: tuple[RowSet, ...]


Truth: TypeAlias = Classes | Lists


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Queries, a gallery, and which belong together.

    Row i of the gallery is item i of `gallery.items()`, query i is item i of `queries.items()`.

    Attributes:
        name: As it is called on the command line.
        facts: Where it is from.
        gallery: What is searched.
        queries: What is looked for; a source whose images are cut out already where the protocol cuts them.
        truths: Name of the setup (empty if there is only one; `easy`, `medium`, `hard` …) → what is right in it.
        metrics: What this protocol reports, first the one that papers quote; names as in `likewise.evaluate.METRICS`.
        notes: Deviations and counts worth printing, such as `64 pictures of 2,550 objects are missing`.
    """

    name: str
    facts: Facts
    gallery: Source
    queries: Source
    truths: Mapping[str, Truth]
    metrics: tuple[str, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)
