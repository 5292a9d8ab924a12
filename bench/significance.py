"""Is a chance of 1 in 100 one in 100? False alarms and detections, where it is known who has a match.

    python bench/significance.py --classes DIR  # folders of pictures, one for each class; again for more
        [--objects DIR]                         # pictures of objects, four of each, in the order of their names (UKBench)
        [--covers DIR]                          # Reference/ and other folders with photos of the same names
        [--model NAME]                          # again for more; compact and classical unless given
        [--splits N] [--most N] [--cache DIR]   # choices of classes, pictures of a class, where embeddings are kept
        [--ways]                                # instead: other ways to say what chance does, on the same pictures

Of each set of classes a fifth is kept out of the gallery, each fifth in turn: its pictures are strangers, who have no match. Half of the
pictures of the other classes are the gallery, the other half look for it. Of objects and covers each is left out once.

Prints for each stated significance the measured rate of false alarms (strangers whose best match is called one) with a 95 % interval
by resampling classes, the share of the others whose best match is called one and is right, and the share whose best match is right
whatever it is called. `told` galleries have their folders, `not told` are the same in one folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise import encoders
from likewise.collection import Collection
from likewise.errors import BadArgument
from likewise.significance import Null, fitted
from likewise.sources import class_of
from likewise.stores.local import LocalStore
from likewise.types import Card, Item, Record

STATED = (0.1, 0.03, 0.01, 0.003, 0.001)
FOLDS = 5
RESAMPLED = 2000

Array = NDArray[np.float64]


class Pictures:
    """All pictures of a set with the embeddings of one model, and the class of each."""

    def __init__(self, places: Sequence[Path], model: str, cache: Path) -> None:
        name = "-".join("_".join(place.parts[-2:]) for place in places)
        with Collection.create(cache / f"{name}-{model}", encoders.load(model)) as collection:
            collection.index(*places)
            found = list(collection.store.records())
            self.card: Card = collection.store.card
            self.rows = collection.store.embeddings(np.array([row for row, _ in found], np.int64))
        self.records: list[Record] = [record for _, record in found]
        self.names = np.array([class_of(Item(record.key, metadata=record.metadata)) for record in self.records])

    def searched(
        self, gallery: NDArray[np.int64], queries: NDArray[np.int64], *, told: bool
    ) -> tuple[Array, NDArray[np.bool_], Null]:
        """For each query the chance of its best match, and whether that is of its class."""
        records = [self.records[i] for i in gallery]
        if not told:
            records = [replace(record, key=f"{i}.png", metadata={}) for i, record in enumerate(records)]
        with tempfile.TemporaryDirectory() as folder, LocalStore.create(Path(folder) / "c", self.card) as store:
            with store.write() as writer:
                writer.extend(records, self.rows[gallery])
            null = fitted(store.snapshot(), self.card.metric)
            scores, rows = store.nearest(self.rows[queries], 1)
        right = self.names[gallery][rows[:, 0]] == self.names[queries]
        return null.chances(scores[:, 0], len(gallery)), right, null


def interval(values: Sequence[Array], seed: int = 0) -> tuple[float, float, float]:
    """Mean over all, and its 95 % interval by resampling groups whole."""
    sums, counts = np.array([each.sum() for each in values]), np.array([len(each) for each in values])
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLED, len(values)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(sums.sum() / counts.sum()), float(low), float(high)


def split(
    pictures: Pictures, seed: int, most: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64], list[NDArray[np.int64]]]:
    """The gallery in classes, others of the same classes, and strangers in classes; five splits leave out each class once."""
    rng = np.random.default_rng(seed // FOLDS)
    order = rng.permutation(len(pictures.names))
    names = rng.permutation(np.unique(pictures.names))
    of = {name: order[pictures.names[order] == name][:most] for name in names}
    out = names[seed % FOLDS :: FOLDS]
    halves = [np.array_split(of[name], 2) for name in np.setdiff1d(names, out)]
    return [half[0] for half in halves], np.concatenate([half[1] for half in halves]), [of[name] for name in out]


def told_of(name: str, strangers: Sequence[Array], known: Sequence[tuple[Array, NDArray[np.bool_]]], fits: str) -> None:
    """One table."""
    count = sum(map(len, strangers))
    chances = np.concatenate([each for each, _ in known])
    right = np.concatenate([each for _, each in known])
    print(f"\n{name}: {count:,} strangers, {len(right):,} others, whose best match is right {right.mean():.3f}; {fits}")
    for stated in STATED:
        rate, low, high = interval([(each <= stated).astype(np.float64) for each in strangers])
        called = chances <= stated
        sure = f", right {right[called].mean():.3f} of what is called so" if called.any() else ""
        print(
            f"  {stated:<6g} false alarms {rate:.4f} [{low:.4f}, {high:.4f}], {rate / stated:4.2f} of the stated; "
            f"detected {(called & right).mean():.3f}{sure}",
            flush=True,
        )


def classes(pictures: Pictures, splits: int, most: int, *, told: bool) -> None:
    """Strangers are pictures of classes that the gallery has not."""
    strangers: list[Array] = []
    known: list[tuple[Array, NDArray[np.bool_]]] = []
    fits: list[str] = []
    for seed in range(splits):
        inside, asked, outside = split(pictures, seed, most)
        gallery = np.concatenate(inside)
        chances, right, null = pictures.searched(gallery, np.concatenate([*outside, asked]), told=told)
        ends = np.cumsum([len(each) for each in outside])
        *groups, rest = np.split(chances, ends)
        strangers += groups
        known.append((rest, right[ends[-1] :]))
        fits.append(f"{null.tail.shape:+.2f}/{null.tail.misfit:.2f}")
    told_of(
        f"{'told' if told else 'not told'}, galleries of {len(gallery):,} in {len(inside)} classes",
        strangers,
        known,
        f"shape/misfit of the tails {' '.join(fits)}; {null.trimmed} of {len(null.best)} pictures had a relative",
    )


def ways(pictures: Pictures, splits: int, most: int) -> None:
    """Statistics of the best match, each with the null of pictures of the gallery without their class, counted and not fitted.

    `score` is ours. `less the mean` and `z` normalise it by all scores of its query; `own tail` counts it in mean excesses over the query's
    100th score, as meta-recognition does (Scheirer and others, TPAMI 33(8), 2011). `pair` is 1 - (1 - p)^n for the p of a random pair.
    """
    rates: dict[str, list[list[float]]] = {}
    for seed in range(splits):
        inside, asked, outside = split(pictures, seed, most)
        gallery = np.concatenate(inside)
        rows, names = pictures.rows[gallery], pictures.names[gallery]
        some = np.random.default_rng(seed).permutation(len(gallery))[:2000]
        others = statistics(rows[some], rows, names[some][:, None] != names)
        strangers = np.concatenate(outside)
        theirs = statistics(pictures.rows[strangers], rows, None)
        known = statistics(pictures.rows[asked], rows, None)
        right = names[known["row"].astype(np.int64)] == pictures.names[asked]
        others["pair"], theirs["pair"], known["pair"] = (
            np.searchsorted(np.sort(others["pairs"].ravel()), each["score"]) / others["pairs"].size
            for each in (others, theirs, known)
        )
        for name in ("score", "less the mean", "z", "own tail", "pair"):
            if name == "pair":
                chances, hits = (1 - each["pair"] ** len(gallery) for each in (theirs, known))
            else:
                null = np.sort(others[name])
                chances, hits = (
                    (len(null) - np.searchsorted(null, each[name]) + 1) / (len(null) + 1) for each in (theirs, known)
                )
            rates.setdefault(name, []).append(
                [float((chances <= stated).mean()) for stated in STATED]
                + [float(((hits <= stated) & right).mean()) for stated in STATED]
            )
    print(f"stated {' '.join(map(str, STATED))}: false alarms; detected; means of {splits} splits")
    for name, each in rates.items():
        mean = np.mean(each, axis=0)
        alarms, detected = (" ".join(f"{rate:.4f}" for rate in part) for part in np.split(mean, 2))
        print(f"  {name:14s} {alarms}; {detected}", flush=True)


def statistics(queries: Array, rows: Array, allowed: NDArray[np.bool_] | None) -> dict[str, Array]:
    """Of each query's scores with the rows that are allowed."""
    found: dict[str, list[Array]] = {}
    draw = np.random.default_rng(0).integers(0, len(rows), 500)
    for start in range(0, len(queries), 200):
        scores = queries[start : start + 200] @ rows.T
        if allowed is not None:
            scores = np.where(allowed[start : start + 200], scores, np.nan)
        mean, deviation, best = np.nanmean(scores, axis=1), np.nanstd(scores, axis=1), np.nanmax(scores, axis=1)
        top = -np.sort(-np.partition(np.nan_to_num(scores, nan=-9), -101, axis=1)[:, -101:], axis=1)
        excess = top[:, 10:100].mean(axis=1) - top[:, 100]
        part = {"score": best, "less the mean": best - mean, "z": (best - mean) / deviation}
        part |= {"own tail": (best - top[:, 100]) / excess, "row": np.nanargmax(scores, axis=1)}
        part["pairs"] = np.nan_to_num(scores[:, draw], nan=-9)
        for name, values in part.items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def left_out_once(
    pictures: Pictures,
    groups: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    whole: NDArray[np.int64],
    *,
    told: bool = False,
) -> None:
    """Each object's own pictures are left out of the gallery once, and once they are there, but for the one that looks."""
    strangers, known = [], []
    for own, asked in groups:
        chances, _, null = pictures.searched(np.setdiff1d(whole, own), asked, told=told)
        strangers.append(chances)
        for one in asked:
            chances, right, null = pictures.searched(np.setdiff1d(whole, [one]), np.array([one]), told=told)
            known.append((chances, right))
    fit = f"{null.trimmed} of {len(null.best)} pictures had a relative"
    told_of(f"{'told' if told else 'not told'}, a gallery of {len(whole)}", strangers, known, fit)


def objects(folder: Path, model: str, cache: Path) -> None:
    """Four pictures of each, by the order of their names."""
    pictures = Pictures([folder], model, cache)
    order = np.argsort([record.key for record in pictures.records])
    pictures.names[order] = [str(i // 4) for i in range(len(order))]
    groups = [np.flatnonzero(pictures.names == name) for name in np.unique(pictures.names)]
    labelled = zip(pictures.records, pictures.names.tolist(), strict=True)
    pictures.records = [replace(record, metadata={"label": name}) for record, name in labelled]
    for told in (True, False):
        left_out_once(pictures, [(each, each) for each in groups], np.arange(len(order)), told=told)


def covers(folder: Path, model: str, cache: Path) -> None:
    """Photos of covers look for the cover of their name; a gallery of covers."""
    pictures = Pictures([folder], model, cache)
    keys = [record.key for record in pictures.records]
    pictures.names = np.array([key.rsplit("/", 1)[1] for key in keys])
    is_cover = np.array(["Reference/" in key for key in keys])
    whole = np.flatnonzero(is_cover)
    groups = [(np.array([i]), np.flatnonzero(~is_cover & (pictures.names == pictures.names[i]))) for i in whole]
    left_out_once(pictures, groups, whole)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=Path, nargs="+", action="append", default=[])
    for name in ("objects", "covers", "cache"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--ways", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = given.cache or Path(temporary)
        for model in given.model or ("compact", "classical"):
            for places in given.classes:
                print(f"\n=== {' and '.join(map(str, places))}, {model}")
                pictures = Pictures(places, model, cache)
                if given.ways:
                    ways(pictures, given.splits, given.most)
                    continue
                for told in (True, False):
                    classes(pictures, given.splits, given.most, told=told)
            for each, folder in ((objects, given.objects), (covers, given.covers)):
                if folder is not None:
                    print(f"\n=== {folder}, {model}")
                    try:
                        each(folder, model, cache)
                    except BadArgument as error:
                        print(f"  {error}")


if __name__ == "__main__":
    main()
