"""CIFAR-10 and CIFAR-100: test images searched among the training images, or classes that no training has seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Facts
from likewise.benchmarks.views import Chosen
from likewise.errors import BadArgument, SourceError
from likewise.sources import Source, open_source
from likewise.sources.cifar import open_cifar
from likewise.types import Item

Classes: TypeAlias = Literal[10, 100]

_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_CITATION = "Alex Krizhevsky: Learning Multiple Layers of Features from Tiny Images. Technical report, University of Toronto, 2009"
_METRICS = ("mAP", "P@1", "P@7", "P@10", "R-precision", "MAP@R", "kNN@20")
_DISJOINT_METRICS = ("R@1", "R@2", "R@4", "R@8", "P@7", "R-precision", "MAP@R", "mAP")


def cifar10(path: Path | None) -> Benchmark:
    """The 10,000 test images of CIFAR-10 among its 50,000 training images; see `open_benchmark`."""
    return _test_in_train("cifar10", path, 10)


def cifar100(path: Path | None) -> Benchmark:
    """The 10,000 test images of CIFAR-100 among its 50,000 training images; see `open_benchmark`."""
    return _test_in_train("cifar100", path, 100)


def cifar10_disjoint(path: Path | None) -> Benchmark:
    """All 12,000 images of the 2 held-out classes of CIFAR-10, each among the others; see `open_benchmark`."""
    return _held_out("cifar10-disjoint", path, 10)


def cifar100_disjoint(path: Path | None) -> Benchmark:
    """All 12,000 images of the 20 held-out classes of CIFAR-100, each among the others; see `open_benchmark`."""
    return _held_out("cifar100-disjoint", path, 100)


def held_out_classes(names: Iterable[str]) -> tuple[str, ...]:
    """The classes that a class-disjoint benchmark asks for, and that no training for it may see.

    Args:
        names: Of all classes, at least two.

    Returns:
        The last fifth of the sorted names, at least one.

    Raises:
        BadArgument: If there are fewer than two.

    >>> held_out_classes(["dog", "ant", "cow", "bee", "elk"])
    ('elk',)
    """
    ordered = sorted(set(names))
    if len(ordered) < 2:
        raise BadArgument(f"{len(ordered)} classes cannot be split into some to train on and some to ask for: give two")
    return tuple(ordered[-max(1, len(ordered) // 5) :])


def _test_in_train(name: str, path: Path | None, classes: Classes) -> Benchmark:
    what = f"Test images of CIFAR-{classes} searched among its training images; right is the same class."
    facts = Facts(what, _HOME, "not stated", _CITATION)
    whole, items = _opened(name, path, classes, facts)
    queries = [item for item in items if item.metadata["split"] == "test"]
    gallery = [item for item in items if item.metadata["split"] == "train"]
    if not queries or not gallery:
        raise SourceError(f"{path}: only one of train and test is there; {name} wants both: get it from {_HOME}")
    notes = (
        *layout.counted(len(queries), 10_000, "queries"),
        *layout.counted(len(gallery), 50_000, "gallery images"),
        "the gallery is the training set of the classes asked for: an encoder trained on it is measured as a classifier",
    )
    truth = layout.apart(_labels(queries), _labels(gallery))
    return Benchmark(name, facts, Chosen(whole, gallery), Chosen(whole, queries), {"": truth}, _METRICS, notes)


def _held_out(name: str, path: Path | None, classes: Classes) -> Benchmark:
    what = (
        f"Images of the last fifth of CIFAR-{classes}'s sorted classes, each among the others; right is the same class."
    )
    facts = Facts(what, _HOME, "not stated", _CITATION)
    whole, items = _opened(name, path, classes, facts)
    held_out = held_out_classes(_labels(items))
    chosen = [item for item in items if item.metadata["label"] in held_out]
    source, truth = Chosen(whole, chosen), layout.among_themselves(_labels(chosen))
    notes = layout.counted(len(chosen), 12_000, "images")
    return Benchmark(name, facts, source, source, {"": truth}, _DISJOINT_METRICS, notes)


def _opened(name: str, path: Path | None, classes: Classes, facts: Facts) -> tuple[Source, list[Item]]:
    """CIFAR with that many classes, and its items."""
    if path is None:
        raise BadArgument(f"{name} needs the path of CIFAR's folder or .tar.gz: get it from {facts.home}")
    source: Source = _Folders(path) if _is_folders(path) else open_cifar(Path(path))
    items = list(source.items())
    # only CIFAR-100 has coarse labels; a copy that lost them still has more classes than ten
    found = 100 if "coarse_label" in items[0].metadata or len(np.unique(_labels(items))) > 10 else 10
    if found != classes:
        other = name.replace(str(classes), str(found))
        raise SourceError(
            f"{path}: holds CIFAR-{found}; {name} wants CIFAR-{classes}: ask for {other}, or get it from {_HOME}"
        )
    return source, items


def _is_folders(path: Path) -> bool:
    return (path / "train").is_dir() and (path / "test").is_dir()


class _Folders:
    """CIFAR as many copies of it are: `train/CLASS/NAME.png` and `test/CLASS/NAME.png`."""

    def __init__(self, path: Path) -> None:
        self._whole = open_source(str(path))
        self.location, self.name = self._whole.location, self._whole.name

    def items(self) -> Iterator[Item]:
        for item in self._whole.items():
            split, _, label = item.key.rpartition("/")[0].partition("/")
            if split in ("train", "test") and label:
                yield replace(item, metadata={"label": label, "split": split})

    def read(self, item: Item) -> bytes:
        return self._whole.read(item)

    def file(self, item: Item) -> str | None:
        return self._whole.file(item)

    def covers(self, key: str) -> bool:
        return self._whole.covers(key)


def _labels(items: Iterable[Item]) -> list[str]:
    return [str(item.metadata["label"]) for item in items]
