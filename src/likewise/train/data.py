"""Labelled pictures in memory, from any source, and the order in which training meets them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from likewise import pipeline
from likewise.errors import BadArgument
from likewise.sources import Source, class_of
from likewise.types import Pixels, Recipe, Skipped


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures of known classes.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        labels: (n,) from 0.
        names: Of the classes; `names[labels[i]]` is picture i's.
        keys: Of the pictures.
        skipped: What could not be read or has no class.
        sets: (classes,) which set each class is of, where several were gathered: their classes may overlap, and the same thing
            may have a name in each.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    keys: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    sets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over keys, labels and pixels."""
        whole = hashlib.sha256("\n".join(self.keys).encode())
        whole.update(self.labels.tobytes())
        for picture in self.pixels:
            whole.update(picture.tobytes())
        return whole.hexdigest()

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Labelled:
        """Some of the pictures; classes without any left are dropped and the others numbered anew."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        left, labels = np.unique(self.labels[rows], return_inverse=True)
        names = tuple(self.names[label] for label in left)
        keys = tuple(self.keys[row] for row in rows)
        sets = self.sets[left] if len(self.sets) else self.sets
        return Labelled(self.pixels[rows], labels.astype(np.int64), names, keys, sets=sets)


def gathered(
    source: Source,
    recipe: Recipe,
    *,
    how: pipeline.How | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    labelled: bool = True,
    without: Collection[str] = (),
) -> Labelled:
    """Read and decode all pictures of a source.

    The class is the source's label if it tells one (CIFAR), or else the folder that the picture lies in.

    Args:
        source: A folder of folders, an archive of such, CIFAR.
        recipe: Makes the pixels.
        how: Of speed and limits.
        progress: Told (pictures read, pictures in all).
        labelled: Without it every picture is taken, and all are of one class.
        without: Keys of pictures that are left out, such as copies of those that will judge.

    Raises:
        BadArgument: If there are fewer than two classes.
    """
    listed = (item for item in source.items() if item.key not in without)
    items = sorted(listed, key=lambda item: item.key)  # the same order from folders and from the official files
    pixels: list[NDArray[np.uint8]] = []
    classes: list[str] = []
    keys: list[str] = []
    skipped: list[Skipped] = []

    for done, found in enumerate(pipeline.prepared(source, items, recipe, how), 1):
        name = class_of(found.item) if labelled else "any"
        if found.pixels is None or not name:
            skipped.append(Skipped(found.item.key, found.reason or "lies in no folder of a class"))
        else:
            pixels.append(found.pixels)
            classes.append(name)
            keys.append(found.item.key)
        progress(done, len(items))
    names, labels = np.unique(classes, return_inverse=True)
    if len(names) < (2 if labelled else 1):
        raise BadArgument(f"{source.name} has {len(names)} classes: training needs at least two, one folder for each")
    return Labelled(np.stack(pixels), labels.astype(np.int64), tuple(names.tolist()), tuple(keys), tuple(skipped))


def together(sets: Sequence[Labelled]) -> Labelled:
    """Several sets as one: a class of one is no class of another, whatever its name; names and keys tell which set, from 1.

    Raises:
        BadArgument: If their pixels were made by different recipes.
    """
    if len(sets) == 1:
        return sets[0]
    if len({each.pixels.shape[1:] for each in sets}) > 1:
        raise BadArgument(
            f"the sets are of {', '.join(str(each.pixels.shape[1:]) for each in sets)}: one recipe for all"
        )
    firsts = np.cumsum([0, *(len(each.names) for each in sets)])
    return Labelled(
        np.concatenate([each.pixels for each in sets]),
        np.concatenate([each.labels + first for each, first in zip(sets, firsts, strict=False)]),
        tuple(f"{i}/{name}" for i, each in enumerate(sets, 1) for name in each.names),
        tuple(f"{i}/{key}" for i, each in enumerate(sets, 1) for key in each.keys),
        tuple(replace(skip, key=f"{i}/{skip.key}") for i, each in enumerate(sets, 1) for skip in each.skipped),
        np.repeat(np.arange(len(sets)), [len(each.names) for each in sets]),
    )


def held_out(
    labelled: Labelled, *, classes: Sequence[str] = (), images: int = 0, seed: int = 0
) -> tuple[Labelled, Labelled]:
    """Split what is trained on from what judges it: whole classes, and/or some images of the classes that stay.

    Args:
        labelled: Everything.
        classes: Names of classes that are kept out of training altogether.
        images: How many images of the other classes are kept out, spread evenly over them.
        seed: Of the choice of images.

    Returns:
        What to train on, and what to judge with (it may be empty).

    Raises:
        BadArgument: If a class is unknown, or nothing would be left to train on.
    """
    unknown = set(classes) - set(labelled.names)
    if unknown:
        raise BadArgument(f"no class is called {', '.join(sorted(unknown))}: choose from {', '.join(labelled.names)}")
    chosen = np.isin(labelled.labels, [labelled.names.index(name) for name in classes])
    if images:
        draw = np.random.default_rng(seed)
        order = draw.permutation(np.flatnonzero(~chosen))
        chosen[_first_of_each(order, labelled.labels)[:images]] = True
    if chosen.all():
        raise BadArgument("everything would be held out: leave at least two classes to train on")
    return labelled.only(~chosen), labelled.only(chosen)


def _alike(sets: NDArray[np.int64]) -> NDArray[np.int64]:
    """All rows, those of a small set as many times as brings them nearest to the largest."""
    _, of, counts = np.unique(sets, return_inverse=True, return_counts=True)
    return np.repeat(np.arange(len(sets)), np.rint(counts.max() / counts).astype(np.int64)[of])


def _first_of_each(order: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same rows, such that the first of every class come before the second of any."""
    turn = np.zeros(len(order), np.int64)
    seen: dict[int, int] = {}
    for i, label in enumerate(labels[order].tolist()):
        turn[i] = seen.get(label, 0)
        seen[label] = int(turn[i]) + 1
    return order[np.argsort(turn, kind="stable")]


def batches(
    labels: NDArray[np.int64],
    batch: int,
    seed: int,
    epoch: int,
    per_class: int = 0,
    sets: NDArray[np.int64] | None = None,
) -> Iterator[NDArray[np.int64]]:
    """The rows of one epoch, in batches of equal size: the same for the same seed and epoch.

    Args:
        labels: (n,) of all pictures.
        batch: Pictures in a batch; with fewer pictures than that there is one batch of all.
        seed: Of the run.
        epoch: From 0.
        per_class: 0 takes every picture once (those that fill no batch wait for the next epoch); m draws classes, all as
            often, and m pictures of each (class-balanced), for losses that need several of one class.
        sets: (n,) the set of each picture. Small sets come several times in an epoch, so that all are met about as often as
            the largest; None for one set.
    """
    draw = np.random.default_rng([seed, epoch])
    batch = min(batch, len(labels))
    met = np.arange(len(labels)) if sets is None else _alike(sets)
    count = len(met) // batch
    if not per_class:
        order = draw.permutation(met)
        for i in range(count):
            yield order[i * batch : (i + 1) * batch]
        return
    members = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    groups = max(1, batch // per_class)
    waiting: list[int] = []
    for _ in range(count):
        while len(waiting) < groups:
            waiting += draw.permutation(len(members)).tolist()
        chosen, waiting = waiting[:groups], waiting[groups:]
        yield np.concatenate([draw.choice(members[c], per_class, replace=len(members[c]) < per_class) for c in chosen])
