"""CIFAR-10 and CIFAR-100: test images look for train images; or held-out classes among themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from likewise.benchmarks.parts import Several, counted
from likewise.benchmarks.types import Benchmark, Classes, Facts
from likewise.errors import SourceError
from likewise.sources import Source, open_source
from likewise.types import Item

_METRICS = ("P@7", "P@1", "P@10", "mAP", "MAP@R", "R-precision", "MRR", "kNN@20")
_OPEN_METRICS = ("R@1", "MAP@R", "R-precision", "R@2", "R@4", "R@8", "mAP")
_PAPER = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, 2009"
_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_HELD_OUT = 0.2


def held_out_classes(names: Sequence[str]) -> tuple[str, ...]:
    """The classes that a class-disjoint benchmark judges with: the last fifth by name. Training leaves them out.

    >>> held_out_classes(["e", "a", "b", "d", "c"])
    ('e',)
    """
    ordered = sorted(set(names))
    return tuple(ordered[len(ordered) - round(_HELD_OUT * len(ordered)) :])


def cifar10(path: Path | None) -> Benchmark:
    """CIFAR-10, test → train."""
    return _test_to_train("cifar10", 10, path)


def cifar100(path: Path | None) -> Benchmark:
    """CIFAR-100, test → train."""
    return _test_to_train("cifar100", 100, path)


def cifar100_disjoint(path: Path | None) -> Benchmark:
    """The last 20 classes of CIFAR-100 by name, train and test together, each image among the others."""
    sides = _sides(path, "cifar100-disjoint")
    names = held_out_classes([_label(item) for side in sides for item in side.items()])
    chosen = Several(sides, lambda item: _label(item) in names)
    labels = _numbers(chosen, names)
    facts = Facts(
        "each image of the 20 held-out classes is searched among the 11,999 others; itself is left out by row",
        _HOME,
        "not stated; MIT for the collection as commonly redistributed",
        f"{_PAPER}; class-disjoint protocol: Musgrave et al., ECCV 2020, arXiv:2003.08505",
    )
    truth = Classes(labels, labels, np.arange(len(labels)), names)
    notes = counted(len(labels), 12_000, "images of held-out classes")
    return Benchmark("cifar100-disjoint", facts, chosen, chosen, {"": truth}, _OPEN_METRICS, notes)


def _test_to_train(name: str, classes: int, path: Path | None) -> Benchmark:
    train, test = _sides(path, name)
    names = tuple(sorted({_label(item) for item in train.items()}))
    queries, gallery = _numbers(test, names), _numbers(train, names)
    facts = Facts(
        f"each test image is searched among the train images; right is what shows the same of {classes} classes",
        _HOME,
        "not stated; MIT for the collection as commonly redistributed",
        _PAPER,
    )
    truth = Classes(queries, gallery, np.full(len(queries), -1), names)
    notes = (*counted(len(gallery), 50_000, "train images"), *counted(len(queries), 10_000, "test images"))
    return Benchmark(name, facts, train, test, {"": truth}, _METRICS, notes)


def _sides(path: Path | None, name: str) -> tuple[Source, Source]:
    """Train and test of the official layout (folder or archive), or of two folders with a folder for each class."""
    if path is None:
        official = "cifar-10-python.tar.gz" if name == "cifar10" else "cifar-100-python.tar.gz"
        raise SourceError(f"{name} needs its files: fetch {official} from {_HOME} and give its path")
    if path.is_dir() and (path / "train").is_dir() and (path / "test").is_dir():
        whole = open_source(str(path))
        return _Half(whole, "train"), _Half(whole, "test")
    from likewise.sources.cifar import open_cifar

    return open_cifar(path, "train"), open_cifar(path, "test")


class _Half:
    """One of the folders train and test."""

    def __init__(self, whole: Source, half: str) -> None:
        self._whole, self._half = whole, half
        self.location, self.name = whole.location, f"{whole.name}/{half}"

    def items(self) -> Iterator[Item]:
        yield from (item for item in self._whole.items() if item.key.startswith(f"{self._half}/"))

    def read(self, item: Item) -> bytes:
        return self._whole.read(item)

    def covers(self, key: str) -> bool:
        return key.startswith(f"{self._half}/")


def _label(item: Item) -> str:
    return str(item.metadata.get("label") or item.key.rsplit("/", 2)[-2])


def _numbers(source: Source, names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    number = {name: i for i, name in enumerate(names)}
    return np.array([number.get(_label(item), -1) for item in source.items()], np.int64)
