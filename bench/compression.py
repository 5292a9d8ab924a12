"""What embeddings lose as codes: the codecs of the package beside others that were tried, at equal bytes.

    python bench/compression.py PATH --model compact --queries 2000

PATH is what `likewise evaluate folder` takes. Every candidate is fitted on 10,000 embeddings of the gallery, decoded, and made unit;
queries stay float32. Printed are bytes a row, the share of the ten nearest that stay, mAP, and its difference to float32 with a paired
interval.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from likewise import encoders
from likewise.benchmarks import Classes, open_benchmark
from likewise.compression import compression, product
from likewise.compression.types import unit_again
from likewise.evaluate.embedding import embed
from likewise.evaluate.intervals import resampled_means
from likewise.evaluate.ranking import falling
from likewise.evaluate.running import cache_folder
from likewise.metrics import average_precision, judged_by_label
from likewise.stores.local import LocalStore

Rows = np.ndarray
Candidate = tuple[str, int, Callable[[Rows], Rows]]
SAMPLE, BLOCK = 10_000, 200


def candidates(fit: Rows, dim: int, bytes_: int) -> Iterator[Candidate]:
    """Name, bytes a row, and what is left of some rows."""
    for name in ("float16", "int8", f"pq:{bytes_ // 2}", f"pq:{bytes_}", f"pq:{2 * bytes_}"):
        if name.startswith("pq") and int(name[3:]) > dim:
            continue
        book = compression(name).fitted(fit, unit=True)
        yield name, book.codec.row_bytes, lambda rows, codec=book.codec: codec.decode(codec.encode(rows))
    yield "int8, a scale for each component", dim, int8_by_component(fit)
    yield f"pq:{bytes_}, not turned", bytes_, not_turned(fit, bytes_)
    yield f"pq:{bytes_}, turned at random", bytes_, turned_at_random(fit, bytes_)
    yield f"pq:{bytes_}, turn refined 8 times (OPQ)", bytes_, refined(fit, bytes_, 8)
    if dim > bytes_:
        yield f"PCA to {bytes_}, int8", bytes_, pca_int8(fit, bytes_)
    for bits in (1, 2, 4):
        axes = min(dim, 8 * bytes_ // bits)
        yield f"PCA to {axes}, turned at random, {bits} bits", -(-axes * bits // 8), few_bits(fit, axes, bits)


def int8_by_component(fit: Rows) -> Callable[[Rows], Rows]:
    """255 even steps between what a thousandth of the rows lies below and above, component by component."""
    low, high = np.percentile(fit, [0.1, 99.9], axis=0).astype(np.float32)
    step = np.maximum(high - low, 1e-12) / 255
    return lambda rows: unit_again(np.clip(np.rint((rows - low) / step), 0, 255).astype(np.float32) * step + low)


def coded(turn: Rows, fit: Rows, parts: int) -> product.ProductQuantiser:
    """Product quantisation behind some turn."""
    draw = np.random.default_rng(0)
    turned = (fit @ turn.T).reshape(len(fit), parts, -1)
    return product.ProductQuantiser(
        turn, np.stack([product._lloyd(turned[:, i], draw) for i in range(parts)]), unit=True
    )


def padded(turn: Rows, parts: int) -> Rows:
    """Rows of zeros behind the last, up to a multiple of the parts."""
    return np.pad(turn, ((0, -len(turn) % parts), (0, 0))).astype(np.float32)


def not_turned(fit: Rows, parts: int) -> Callable[[Rows], Rows]:
    """Components in the order that they come in."""
    codec = coded(padded(np.eye(fit.shape[1]), parts), fit, parts)
    return lambda rows: codec.decode(codec.encode(rows))


def turned_at_random(fit: Rows, parts: int) -> Callable[[Rows], Rows]:
    """Every component a mix of all."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(fit.shape[1],) * 2))
    codec = coded(padded(turn, parts), fit, parts)
    return lambda rows: codec.decode(codec.encode(rows))


def refined(fit: Rows, parts: int, rounds: int) -> Callable[[Rows], Rows]:
    """The non-parametric solution of OPQ: codes and the turn, one after the other."""
    turn = product._principal_turn(fit, parts)
    for _ in range(rounds):
        codec = coded(turn, fit, parts)
        sums = codec._sums(codec._nearest(fit @ turn.T))
        left, _, right = np.linalg.svd(sums.T.astype(np.float64) @ fit, full_matrices=False)
        turn = (left @ right).astype(np.float32)
    codec = coded(turn, fit, parts)
    return lambda rows: codec.decode(codec.encode(rows))


def principal(fit: Rows, axes: int) -> tuple[Rows, Rows]:
    """The mean, and (dim, axes) directions of largest variance."""
    mean = fit.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((fit - mean).T.astype(np.float64)))
    return mean, vectors[:, ::-1][:, :axes].astype(np.float32)


def pca_int8(fit: Rows, axes: int) -> Callable[[Rows], Rows]:
    """A byte for each of the first axes."""
    mean, vectors = principal(fit, axes)
    int8 = compression("int8").made(axes, unit=False).codec
    return lambda rows: unit_again(int8.decode(int8.encode((rows - mean) @ vectors)) @ vectors.T + mean)


def few_bits(fit: Rows, axes: int, bits: int) -> Callable[[Rows], Rows]:
    """Even steps up to a length of the row's own, the best of 24: as RaBitQ and its extension do, arXiv:2405.12497 and 2409.09913."""
    mean, vectors = principal(fit, axes)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(axes, axes)))
    turn = turn.astype(np.float32)
    most = 2**bits - 1

    def decoded(rows: Rows) -> Rows:
        turned = (rows - mean) @ vectors @ turn
        lengths = np.linalg.norm(turned, axis=1, keepdims=True)
        best, nearest = np.zeros_like(turned), np.full(len(rows), -np.inf)
        for clip in np.linspace(0.5, 4, 24) if bits > 1 else (1.0,):
            top = clip * lengths / np.sqrt(axes)
            levels = np.clip(np.floor((turned / top + 1) / 2 * (most + 1)), 0, most) * 2 - most
            cosines = np.vecdot(levels, turned) / (np.linalg.norm(levels, axis=1) * lengths[:, 0] + 1e-12)
            better = cosines > nearest
            best[better], nearest[better] = levels[better], cosines[better]
        scale = np.vecdot(best, turned)[:, None] / np.vecdot(best, best)[:, None]  # four bytes more, not counted
        return unit_again((best * scale) @ turn.T @ vectors.T + mean)

    return decoded


def judged(queries: Rows, gallery: Rows, labels: tuple[Rows, Rows], own: Rows) -> tuple[Rows, Rows]:
    """Average precision of each query, and its ten nearest."""
    values, rows = [], []
    for start in range(0, len(queries), BLOCK):
        part = slice(start, start + BLOCK)
        ranked = falling(np.asarray(queries[part] @ gallery.T, np.float32))
        values.append(average_precision(judged_by_label(ranked, labels[0][part], labels[1], own[part])))
        rows.append(np.stack([line[line != mine][:10] for line, mine in zip(ranked[:, :11], own[part], strict=True)]))
    return np.concatenate(values), np.concatenate(rows)


def embedded(wanted: argparse.Namespace) -> tuple[Rows, Rows, tuple[Rows, Rows], Rows]:
    """Queries, gallery, the labels of both, and where the queries are in the gallery."""
    benchmark, encoder = open_benchmark("folder", wanted.path), encoders.load(wanted.model)
    place, sides = cache_folder(benchmark, encoder), []
    for name, source in (("gallery", benchmark.gallery), ("queries", benchmark.queries)):
        side = "gallery" if source is benchmark.gallery else name
        with LocalStore.create(place / side, encoder.card) as store:
            found = embed(source, store, encoder, lambda *_: None)
            sides.append((found.present, store.embeddings(found.rows[found.present])))
    (truth,) = benchmark.truths.values()
    assert isinstance(truth, Classes)
    (present, gallery), (asked, queries) = sides
    some = np.sort(np.random.default_rng(0).permutation(len(asked))[: wanted.queries])
    own = truth.self_rows[asked[some]]
    own = np.where(own < 0, -1, np.searchsorted(present, own))
    return queries[some], gallery, (truth.queries[asked[some]], truth.gallery[present]), own


def main() -> None:
    """One table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--bytes", type=int, default=64)
    wanted = parser.parse_args()
    queries, gallery, labels, own = embedded(wanted)
    fit = gallery[np.random.default_rng(0).permutation(len(gallery))[:SAMPLE]]
    dim = gallery.shape[1]
    print(f"{len(queries):,} queries, {len(gallery):,} images, {wanted.model}, {dim}-d")
    plain, nearest = judged(queries, gallery, labels, own)
    print(f"{'float32':45} {4 * dim:6,} 1.000 {plain.mean():.4f}")
    for name, size, decoded in candidates(fit, dim, wanted.bytes):
        started = time.process_time()
        kept = np.concatenate([decoded(gallery[i : i + 4096]) for i in range(0, len(gallery), 4096)])
        seconds = time.process_time() - started
        values, found = judged(queries, kept, labels, own)
        shared = np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(nearest, found, strict=True)])
        change = values - plain
        low, high = np.percentile(resampled_means(change, 0), [2.5, 97.5])
        print(
            f"{name:45} {size:6,} {shared:.3f} {values.mean():.4f} {change.mean():+.4f} ({low:+.4f} … {high:+.4f})"
            f"  cosine {np.vecdot(kept, gallery).mean():.4f}, {1e6 * seconds / len(gallery):.0f} µs a row there and back",
            flush=True,
        )


if __name__ == "__main__":
    main()
