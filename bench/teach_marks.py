"""What marks bring: a simulated user who likes what is of the query's class and dislikes what is not.

    python bench/teach_marks.py GALLERY QUERIES [--rounds 3] [--shown 10] [--most 500] [--skip 0] [--variants]

GALLERY and QUERIES are collections (folders with `.likewise`) of one model, whose images have labels. Half of the gallery is what the
user sees and marks, the `shown` best that are not marked yet in each round; the other half is where it is measured, so that no image that
was marked counts. Prints P@20 and mAP over that half for the query alone and after each round, with the paired difference to the former and
its 95 % interval by resampling queries, and how long it takes to learn a direction. `--variants` tries other settings of the methods.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.collection import Collection
from likewise.evaluate.intervals import interval
from likewise.teaching import logistic, rocchio

Array = NDArray[np.float64]
Learn = Callable[[Array, Array, Array, Array], Array]
"""(base (1, dim), liked, disliked, unmarked) → (dim,)."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shown", type=int, default=10)
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--variants", action="store_true")
    wanted = parser.parse_args()
    rows, labels = read(wanted.gallery)
    asked, truth = read(wanted.queries)
    draw = np.random.default_rng(0)
    chosen = draw.permutation(len(asked))[wanted.skip :][: wanted.most]
    half = draw.permutation(len(rows)) < len(rows) // 2
    unmarked = draw.choice(np.flatnonzero(half), 256, replace=False)
    print(f"{len(chosen)} queries, {half.sum():,} images to mark, {(~half).sum():,} to measure over, {rows.shape[1]}-d")
    for name, learn in (variants() if wanted.variants else methods()).items():
        values, seconds = simulated(rows, labels, half, unmarked, asked[chosen], truth[chosen], learn, wanted)
        told = [f"{name:34}"]
        for number in range(wanted.rounds + 1):
            for measure in range(2):
                mean = values[:, number, measure].mean()
                gain = interval(values[:, number, measure] - values[:, 0, measure], 0)
                told.append(f"{mean:.3f}" + (f" [{gain.low:+.3f}, {gain.high:+.3f}]" if number else ""))
        print("  ".join(told), f" {1000 * np.median(seconds):.1f} ms", flush=True)


def methods() -> dict[str, Learn]:
    """What is offered."""
    return {"rocchio": by_rocchio, "logistic": by_logistic}


def variants() -> dict[str, Learn]:
    """Other settings of the same."""
    found: dict[str, Learn] = dict(methods())
    for liked, disliked in ((1.0, 0.0), (1.0, 0.5), (2.0, 0.5), (4.0, 1.0), (4.0, 2.0)):
        found[f"rocchio β {liked:g} γ {disliked:g}"] = partial(by_rocchio, liked_weight=liked, disliked_weight=disliked)
    for penalty in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0):
        found[f"logistic λ {penalty:g}"] = partial(by_logistic, penalty=penalty)
    for share in (0.2, 0.8):
        found[f"logistic unmarked {share:g}"] = partial(by_logistic, share=share)
    return found


def by_rocchio(
    base: Array,
    liked: Array,
    disliked: Array,
    _: Array,
    liked_weight: float = rocchio.LIKED,
    disliked_weight: float = rocchio.DISLIKED,
) -> Array:
    """See `likewise.teaching.rocchio`."""
    found = base[0].copy()
    found += liked_weight * liked.mean(axis=0) if len(liked) else 0
    return found - (disliked_weight * disliked.mean(axis=0) if len(disliked) else 0)


def by_logistic(
    base: Array,
    liked: Array,
    disliked: Array,
    unmarked: Array,
    penalty: float = logistic.PENALTY,
    share: float = logistic.UNMARKED_SHARE,
) -> Array:
    """See `likewise.teaching.logistic`."""
    return logistic.direction(np.concatenate([base, liked]), disliked, unmarked, penalty=penalty, unmarked_share=share)


def read(folder: Path) -> tuple[Array, NDArray[np.str_]]:
    """Unit rows and labels."""
    with Collection.open(folder) as collection:
        found = list(collection.store.records())
        rows = collection.store.embeddings(np.array([row for row, _ in found], np.int64)).astype(np.float64)
    labels = np.array([str(record.metadata.get("label")) for _, record in found])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), labels


def simulated(  # noqa: PLR0913, PLR0917 - all that a simulation is made of
    rows: Array,
    labels: NDArray[np.str_],
    half: NDArray[np.bool_],
    unmarked: NDArray[np.int64],
    asked: Array,
    truth: NDArray[np.str_],
    learn: Learn,
    wanted: argparse.Namespace,
) -> tuple[Array, list[float]]:
    """(queries, 1 + rounds, 2) of P@20 and AP, and the seconds that each direction took."""
    shown, measured = np.flatnonzero(half), np.flatnonzero(~half)
    seen, other = rows[shown].astype(np.float32), rows[measured].astype(np.float32)
    values = np.zeros((len(asked), wanted.rounds + 1, 2))
    seconds: list[float] = []
    for i, (query, label) in enumerate(zip(asked, truth, strict=True)):
        point, marked = query, np.zeros(len(shown), np.bool_)
        values[i, 0] = judged(other @ point.astype(np.float32), labels[measured] == label)
        for number in range(1, wanted.rounds + 1):
            order = np.argsort(np.where(marked, -np.inf, seen @ point.astype(np.float32)))[::-1]
            marked[order[: wanted.shown]] = True
            right = labels[shown] == label
            begun = time.perf_counter()
            free = unmarked[~np.isin(unmarked, shown[marked])]
            point = learn(query[None], rows[shown[marked & right]], rows[shown[marked & ~right]], rows[free])
            seconds.append(time.perf_counter() - begun)
            values[i, number] = judged(other @ point.astype(np.float32), labels[measured] == label)
    return values, seconds


def judged(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[float, float]:
    """P@20 and AP (by rectangle, over all positives)."""
    ranked = right[np.argsort(-scores, kind="stable")]
    places = np.flatnonzero(ranked)
    return float(ranked[:20].mean()), float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))


if __name__ == "__main__":
    main()
