"""Small benchmarks whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fakes import Memory, colours, png
from likewise.benchmarks import Benchmark, Classes, Facts, Lists, Truth

FACTS = Facts("Squares among squares.", "https://example.org/squares", "CC0", "A. Painter, Squares, 2024.")
SEPARATE = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10), (10, 250, 250), (250, 10, 250)]


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


def benchmark(
    gallery: Memory, queries: Memory, truths: Truth | Mapping[str, Truth], metrics: Sequence[str] = ("mAP", "R@1")
) -> Benchmark:
    named = truths if isinstance(truths, Mapping) else {"": truths}
    return Benchmark("squares", FACTS, gallery, queries, named, tuple(metrics), ("made by a test",))


def no_self(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(count, -1, np.int64)


def meaningless(count: int = 240, classes: int = 6) -> tuple[Memory, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Pictures of different colours, and classes that have nothing to do with them."""
    return Memory(distinct(count), "/gallery"), np.arange(count) % classes


def distinct(count: int, seed: int = 0) -> dict[str, bytes]:
    """As `colours`, and no two of the pictures are equal."""
    made = colours(count, seed)
    assert len(set(made.values())) == count
    return made


def separate(per_class: int, location: str = "/gallery") -> tuple[Memory, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Classes of one colour each: every encoder that sees colours tells them apart."""
    files = {f"{c}-{i}.png": png(colour, 12 + i) for c, colour in enumerate(SEPARATE) for i in range(per_class)}
    return Memory(files, location), np.repeat(np.arange(len(SEPARATE)), per_class)


def lists_of(classes: np.ndarray[tuple[int], np.dtype[np.int64]], *, without_self: bool) -> Lists:
    """The same truth as classes, written as lists, for queries that are the gallery."""
    positives = tuple(np.flatnonzero(classes == each) for each in classes)
    junk = tuple(rows(i) if without_self else rows() for i in range(len(classes)))
    return Lists(positives, junk)


def classes_of(classes: np.ndarray[tuple[int], np.dtype[np.int64]], *, without_self: bool) -> Classes:
    count = len(classes)
    return Classes(classes, classes, np.arange(count) if without_self else no_self(count))
