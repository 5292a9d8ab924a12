"""What the built-in network is worth, side by side with the baselines, in one run.

    python bench/compact.py --cifar cifar-100-python          # or a folder with train/CLASS and test/CLASS
        [--disjoint model.onnx]    # the same network trained without the last 20 classes: likewise train … --hold-out 0.2
        [--photos DIR]             # photographs never trained on, a subfolder for each class
        [--ukbench DIR]            # any part of UKBench
        [--covers DIR]             # Reference/ and other folders with photos of the same names

Prints each figure with its 95 % interval over queries, ratios to the baselines, the size of the file and its images a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import time
from pathlib import Path

import numpy as np

from likewise import encoders, images
from likewise.benchmarks import Benchmark, Classes, Facts, open_benchmark
from likewise.encoders import Encoder
from likewise.evaluate import Result, evaluate
from likewise.evaluate.intervals import interval
from likewise.sources import Source
from likewise.sources.lists import Listed
from likewise.types import Card, Embeddings, Pixels

WHITENED = 64
NEAR = 0.95  # correlation of pixels from which two pictures are taken for copies


class WhitenedPixels:
    """Raw 32 × 32 pixels after PCA whitening to 64 dimensions, fitted on other pictures than those that are judged."""

    def __init__(self, rows: Embeddings, name: str) -> None:
        self._mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((rows - self._mean).T.astype(np.float64)))
        best = np.argsort(values)[::-1][:WHITENED]
        self._axes = (vectors[:, best] / np.sqrt(values[best])).astype(np.float32)
        recipe = encoders.load("pixels").card.recipe
        self.card = Card(f"pixels-whitened-{name}", WHITENED, recipe, licence="none", source="bench")
        digest = hashlib.sha256(self._axes.tobytes()).hexdigest()
        self.card = dataclasses.replace(self.card, weights_sha256=digest)

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`."""
        rows = (pixels.reshape(len(pixels), -1).astype(np.float32) / 255 - self._mean) @ self._axes
        found: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return found


def pixels_of(source: Source, *, without: frozenset[str] = frozenset(), step: int = 1) -> np.ndarray:
    """(n, 3072) uint8 of the pictures of a source, without some classes."""
    recipe = encoders.load("pixels").card.recipe
    items = [item for item in source.items() if item.key.rsplit("/", 2)[-2] not in without][::step]
    rows = [images.prepare(source.read(item), recipe).pixels.reshape(-1) for item in items]
    return np.stack(rows)


def told(result: Result, *metrics: str) -> str:
    """One line for one model."""
    parts = []
    for name in metrics:
        found = result.estimate(name).interval
        parts.append(f"{name} {found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]")
    return f"  {result.card.name:24s} {'  '.join(parts)}"


def run(benchmark: Benchmark, encoder: Encoder, *metrics: str) -> Result:
    """Evaluate and print."""
    result = evaluate(benchmark, encoder, metrics=metrics)
    print(told(result, *metrics), flush=True)
    return result


def copies(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Which queries have a near copy in the gallery, also mirrored: correlation of their pixels of at least 0.95."""

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float32)
        rows -= rows.mean(axis=1, keepdims=True)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)

    wide = unit(gallery)
    mirrored = queries.reshape(-1, 32, 32, 3)[:, :, ::-1].reshape(len(queries), -1)
    best = np.full(len(queries), -1.0)
    for version in (queries, mirrored):
        for start in range(0, len(queries), 500):
            found = (unit(version[start : start + 500]) @ wide.T).max(axis=1)
            best[start : start + 500] = np.maximum(best[start : start + 500], found)
    return best >= NEAR


def cifar(path: Path) -> None:
    """Test → train, and without near copies."""
    benchmark = open_benchmark("cifar100", path)
    metrics = ("P@7", "mAP", "R@1", "kNN@20")
    print("CIFAR-100, test -> train")
    train = pixels_of(benchmark.gallery)
    whitened = WhitenedPixels(train[::5].astype(np.float32) / 255, "train")
    ours = run(benchmark, encoders.load("compact"), *metrics)
    for name in ("classical", "pixels"):
        run(benchmark, encoders.load(name), *metrics)
    run(benchmark, whitened, *metrics)
    near = copies(pixels_of(benchmark.queries), train)
    values = ours.estimate("P@7").values
    left = interval(values[~near], 0)
    print(
        f"  without {near.sum()} queries that have a near copy in train: P@7 {left.mean:.4f} [{left.low:.4f}, {left.high:.4f}]"
        f", a drop of {values.mean() - left.mean:.4f}"
    )


def disjoint(path: Path, model: Path) -> None:
    """Classes that were not trained on."""
    benchmark = open_benchmark("cifar100-disjoint", path)
    print("CIFAR-100, 20 classes that were not trained on, each image among the others")
    truth = benchmark.truths[""]
    assert isinstance(truth, Classes)
    train = pixels_of(open_benchmark("cifar100", path).gallery, without=frozenset(truth.names), step=5)
    metrics = ("R@1", "MAP@R", "R-precision")
    ours = run(benchmark, encoders.load(str(model)), *metrics)
    floor = run(benchmark, WhitenedPixels(train.astype(np.float32) / 255, "80"), *metrics)
    run(benchmark, encoders.load("classical"), *metrics)
    print(
        f"  MAP@R is {ours.estimate('MAP@R').interval.mean / floor.estimate('MAP@R').interval.mean:.2f} x that of whitened pixels"
    )


def pair(benchmark: Benchmark, *metrics: str) -> None:
    """Our network beside the statistics without weights."""
    for name in ("compact", "classical"):
        run(benchmark, encoders.load(name), *metrics)


def covers(folder: Path) -> Benchmark:
    """Phone photos look for the cover of the same file name."""
    names = sorted(path.name for path in (folder / "Reference").iterdir())
    row = {name: i for i, name in enumerate(names)}
    asked = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.glob("*/*")
        if path.parent.name != "Reference" and path.name in row
    )
    truth = Classes(
        np.array([row[name.rsplit("/", 1)[1]] for name in asked]), np.arange(len(names)), np.full(len(asked), -1)
    )
    facts = Facts("phone photo -> cover", "", "", "Stanford Mobile Visual Search")
    gallery = Listed(str(folder), str(folder.absolute()), [f"Reference/{name}" for name in names])
    return Benchmark(
        "covers", facts, gallery, Listed(str(folder), str(folder.absolute()), asked), {"": truth}, ("R@1",)
    )


def size_and_speed() -> None:
    """Of the file, and of the arithmetic on one core."""
    import onnxruntime

    path = Path(encoders.__file__).parent / "compact.onnx"
    card = encoders.load("compact").card
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    batch = images.normalise(np.zeros((64, card.recipe.side, card.recipe.side, 3), np.uint8), card.recipe)
    name = session.get_inputs()[0].name
    best = np.inf
    for _ in range(20):
        started = time.perf_counter()
        session.run(None, {name: batch})
        best = min(best, time.perf_counter() - started)
    print(
        f"compact.onnx: {path.stat().st_size / 1e6:.2f} MB, {card.dim}-d, {64 / best:,.0f} images/s on one core "
        f"at {card.recipe.side} x {card.recipe.side} (batch 64, best of 20)"
    )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cifar", "disjoint", "photos", "ukbench", "covers"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    size_and_speed()
    if given.cifar is not None:
        cifar(given.cifar)
    if given.cifar is not None and given.disjoint is not None:
        disjoint(given.cifar, given.disjoint)
    if given.photos is not None:
        print("photographs never trained on, each among the others")
        pair(dataclasses.replace(open_benchmark("folder", given.photos), name="photos"), "P@10", "R@1", "MAP@R")
    if given.ukbench is not None:
        print("UKBench")
        pair(open_benchmark("ukbench", given.ukbench), "N-S", "mAP")
    if given.covers is not None:
        print("phone photo -> cover")
        pair(covers(given.covers), "R@1", "MRR")


if __name__ == "__main__":
    main()
