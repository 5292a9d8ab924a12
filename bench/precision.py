"""What each runtime and precision keeps of float32, and how quick it is, side by side in one run.

    python bench/precision.py PATH [--images 3000] [--rounds 7] [--networks resnet50,vit_b_32]

PATH has `train/` (the gallery) and `test/` (the queries), a folder for each class in both. The built-in network is judged on it: the least
and the mean cosine to float32 by ONNX Runtime over all pictures, the share of the entries of the 7 nearest that changed, and the change of
P@7 and mAP. Ranges of int8 are fitted on 256 other pictures of the gallery. Speed is the median over rounds of the ratio to ONNX Runtime in
float32 in the same round, of batches of 64, one after the other in random order: nothing else should run beside it.

--networks are torchvision's, with random weights at 224 × 224, batch 16, against torch eager in float32. Random weights are no fair test of
fidelity (all pictures look alike to them), so they stand apart.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likewise import encoders, images
from likewise.benchmarks import Classes, open_benchmark
from likewise.encoders.fidelity import compared
from likewise.encoders.onnx import Onnx, place_of
from likewise.encoders.quantising import quantise
from likewise.encoders.runtimes import Running, available, is_installed, open_network
from likewise.metrics import average_precision, judged_by_label, precision_at_k
from likewise.sources import Source
from likewise.types import Card, Embeddings, Pixels, Recipe

K = 7
Encode = Callable[[Pixels], Embeddings]
IMAGENET = Recipe("imagenet", 224, "crop", shorter=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def pixels_of(source: Source, recipe: Recipe, rows: Sequence[int]) -> Pixels:
    """Some pictures of a source, prepared."""
    items = list(source.items())
    return np.stack([images.prepare(source.read(items[row]), recipe).pixels for row in rows])


def variants(network: Path, card: Card, fitted: Pixels, folder: Path, threads: int) -> dict[str, Encode]:
    """Every runtime and precision that is here."""
    found: dict[str, Encode] = {}
    for each in available():
        taken = replace(each, threads=threads)
        found[each.short] = Onnx(open_network(network, taken), card).encode
    for bits in (8, 7):
        path = folder / f"int8-{bits}.onnx"
        if not path.exists():
            quantise(network, path, fitted, card.recipe, {}, bits=bits)
        for runtime in ("onnx", *(("openvino",) if is_installed("openvino") else ())):
            taken = Running(runtime, "int8", threads)
            found[f"{runtime} int8, weights of {bits} bits"] = Onnx(open_network(path, taken), card).encode
    return found


def with_torch(module: object, card: Card, threads: int) -> dict[str, Encode]:
    """The same network by torch: eager, and with autocast to bf16."""
    import torch

    torch.set_num_threads(threads)
    assert isinstance(module, torch.nn.Module)
    network = module.eval()

    def eager(pixels: Pixels) -> Embeddings:
        batches = [pixels[start : start + 64] for start in range(0, len(pixels), 64)]
        with torch.inference_mode():
            rows = [
                network(torch.from_numpy(images.normalise(batch, card.recipe))).float().numpy() for batch in batches
            ]
        return np.concatenate(rows)

    def autocast(pixels: Pixels) -> Embeddings:
        with torch.autocast("cpu", torch.bfloat16):
            return eager(pixels)

    return {"torch fp32": eager, "torch bf16 (autocast)": autocast}


def speeds(contenders: dict[str, Encode], batch: Pixels, base: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Images a second at best, and the median ratio to the base of the same round."""
    draw, seconds = np.random.default_rng(0), {name: np.zeros(rounds) for name in contenders}
    for encode in contenders.values():
        encode(batch)
    for i in range(rounds):
        for name in draw.permutation(list(contenders)):
            started = time.perf_counter()
            contenders[name](batch)
            seconds[name][i] = time.perf_counter() - started
    return {
        name: (len(batch) / taken.min(), float(np.median(seconds[base] / taken))) for name, taken in seconds.items()
    }


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a labelled benchmark, prepared for the built-in network.

    Attributes:
        card: Of the network.
        queries: Pixels.
        gallery: Pixels.
        fitted: Pixels of other pictures of the gallery, to fit the ranges of int8 on.
        truth: Labels of the queries and of the gallery.
    """

    card: Card
    queries: Pixels
    gallery: Pixels
    fitted: Pixels
    truth: Classes


@dataclass(frozen=True, slots=True)
class Kept:
    """What a runtime and precision keeps of float32: cosines over all pictures, the share of top-7 entries, P@7 and mAP."""

    cosine_min: float
    cosine_mean: float
    overlap: float
    precision: float
    precision_change: float
    ap: float
    ap_change: float


def part_of(path: Path, count: int) -> Part:
    """`count` pictures of the gallery, a third as many queries, and 256 more to fit on; drawn the same way every time."""
    benchmark = open_benchmark("folder", path)
    (truth,) = benchmark.truths.values()
    assert isinstance(truth, Classes)
    card = encoders.load("compact", runtime="onnx").card
    order = np.random.default_rng(0).permutation(len(truth.gallery))
    held, fitted = np.sort(order[:count]), order[count : count + 256]
    asked = np.arange(len(truth.queries))[:: max(1, len(truth.queries) // max(count // 3, 1))]
    part = Classes(truth.queries[asked], truth.gallery[held], np.full(len(asked), -1))
    gallery, queries = pixels_of(benchmark.gallery, card.recipe, held), pixels_of(benchmark.queries, card.recipe, asked)
    return Part(card, queries, gallery, pixels_of(benchmark.gallery, card.recipe, fitted), part)


def kept(part: Part, first: Encode, others: Mapping[str, Encode]) -> dict[str, Kept]:
    """How near each of the others comes to the first, which is float32."""
    right = first(part.queries), first(part.gallery)
    nearest, precision, ap = judged(*right, part.truth)
    found = {}
    for name, encode in others.items():
        rows = encode(part.queries), encode(part.gallery)
        cosines = np.concatenate([(a * b).sum(axis=1) for a, b in zip(rows, right, strict=True)])
        theirs, p, m = judged(*rows, part.truth)
        same = np.mean([len(np.intersect1d(a, b)) for a, b in zip(nearest, theirs, strict=True)]) / K
        found[name] = Kept(float(cosines.min()), float(cosines.mean()), float(same), p, p - precision, m, m - ap)
    return found


def judged(queries: Embeddings, gallery: Embeddings, truth: Classes) -> tuple[np.ndarray, float, float]:
    """The 7 nearest of each query, P@7 and mAP."""
    rows = np.argsort(-(queries @ gallery.T), axis=1, kind="stable").astype(np.int64)
    found = judged_by_label(rows, truth.queries, truth.gallery, truth.self_rows)
    return (
        rows[:, :K],
        float(np.nanmean(precision_at_k(found.relevant, K))),
        float(np.nanmean(average_precision(found))),
    )


def trained(path: Path, count: int, rounds: int) -> None:
    """The built-in network on a labelled benchmark."""
    part = part_of(path, count)
    side = part.card.recipe.side
    print(f"compact at {side} x {side}, {len(part.queries)} queries, gallery of {len(part.gallery)}")
    with tempfile.TemporaryDirectory() as folder:
        timed = {}
        for threads in (1, 2):
            contenders = variants(place_of("compact"), part.card, part.fitted, Path(folder), threads)
            if is_installed("torch"):
                from likewise.train.backbones import network_of

                contenders |= with_torch(network_of("compact")[0], part.card, threads)
            timed[threads] = speeds(contenders, part.gallery[:64], "onnx fp32", rounds)
        found = kept(part, contenders["onnx fp32"], contenders)
        right = found["onnx fp32"]
        speed = timed[1]["onnx fp32"][0]
        print(
            f"float32 by ONNX Runtime: P@7 {right.precision:.4f}, mAP {right.ap:.4f}, {speed:,.0f} images/s on one thread"
        )
        for name, each in found.items():
            print(
                f"  {name:32} cosine {each.cosine_min:.5f} {each.cosine_mean:.6f}, top-7 changed {1 - each.overlap:.2%}, "
                f"P@7 {each.precision_change:+.4f}, mAP {each.ap_change:+.4f}, "
                f"speed x {timed[1][name][1]:.2f} (1 thread) {timed[2][name][1]:.2f} (2)"
            )


def untrained(name: str, path: Path, rounds: int) -> None:
    """A network of torchvision's with random weights."""
    import torch

    kept = []
    for operator in ("nms", "qnms"):  # so that torchvision loads beside a torch that its compiled part does not fit
        with contextlib.suppress(RuntimeError):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            kept.append(library)
    import torchvision

    from likewise.encoders.networks import exporting

    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval()
    source = open_benchmark("folder", path).queries
    order = np.random.default_rng(0).permutation(len(list(source.items())))
    pictures, ranges = pixels_of(source, IMAGENET, order[:64]), pixels_of(source, IMAGENET, order[64:96])
    card = Card(name, 1000, IMAGENET, metric="l2", unit=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        exporting.write(network, IMAGENET, file, {})
        timed = {}
        for threads in (1, 2):
            contenders = with_torch(network, card, threads) | variants(file, card, ranges, Path(folder), threads)
            timed[threads] = speeds(contenders, pictures[:16], "torch fp32", rounds)
        right = contenders["torch fp32"](pictures)
        print(f"{name}, random weights, {timed[1]['torch fp32'][0]:.1f} images/s by torch on one thread")
        for each, encode in contenders.items():
            print(
                f"  {each:32} {compared(right, encode(pictures), 'cosine')}, "
                f"speed x {timed[1][each][1]:.2f} (1 thread) {timed[2][each][1]:.2f} (2)"
            )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--images", type=int, default=10_000, help="of the gallery")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", default="", help="names of torchvision's, with commas between")
    given = parser.parse_args()
    trained(given.path, given.images, given.rounds)
    for name in filter(None, given.networks.split(",")):
        untrained(name, given.path, given.rounds)


if __name__ == "__main__":
    main()
