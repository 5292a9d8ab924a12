"""What re-ranking is worth: each reranker beside the plain ranking of the same model, in one run.

    python bench/rerank.py --covers DIR     # Reference/ and other folders with photos of the same names
        [--ukbench DIR]                     # any part of UKBench
        [--cifar DIR]                       # cifar-100-python, or a folder with train/CLASS and test/CLASS
        [--model NAME]                      # again for more; compact and classical unless given
        [--rerank NAME]                     # again for more; those that suit the benchmark unless given
        [--depth N]                         # hits that are looked at

Prints for each metric the mean without and with, and the difference with its 95 % interval, paired query by query, as
`likewise compare` does. Geometry needs the extra `geometry`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likewise import encoders, rerank
from likewise.benchmarks import Benchmark, Classes, Facts, open_benchmark
from likewise.evaluate import compare, evaluate
from likewise.sources.lists import Listed

WITHOUT_PIXELS = ("aqe:3", "aqe", "alpha-qe", "dba", "dba+alpha-qe", "k-reciprocal", "diffusion", "superglobal")
FEW = (
    "aqe:3",
    "alpha-qe:3,3",
    "dba:3",
    "k-reciprocal:4,2,0.3",
    "diffusion:4,4,0.99,3",
    "diffusion:4,4,0.7,3",
    "superglobal:3,0.15",
)
PIXELS = ("geometry", "geometry+aqe:3+geometry")


def covers(folder: Path) -> Benchmark:
    """Phone photos look for the cover of the same file name."""
    names = sorted(path.name for path in (folder / "Reference").iterdir())
    row = {name: i for i, name in enumerate(names)}
    photos = [path for path in folder.glob("*/*") if path.parent.name != "Reference" and path.name in row]
    asked = sorted(path.relative_to(folder).as_posix() for path in photos)
    own = np.array([row[name.rsplit("/", 1)[1]] for name in asked])
    truth = Classes(own, np.arange(len(names)), np.full(len(asked), -1))
    facts = Facts("phone photo -> cover", "", "", "Stanford Mobile Visual Search")
    base = str(folder.absolute())
    gallery = Listed(str(folder), base, [f"Reference/{name}" for name in names])
    return Benchmark("covers", facts, gallery, Listed(str(folder), base, asked), {"": truth}, ("R@1", "MRR"))


def judge(benchmark: Benchmark, model: str, chains: Sequence[str], depth: int, metrics: Sequence[str]) -> None:
    """One table."""
    encoder = encoders.load(model)
    plain = evaluate(benchmark, encoder, metrics=metrics)
    digits = f", weights {encoder.card.weights_sha256[:8]}" if encoder.card.weights_sha256 else ""
    print(f"\n{benchmark.name}, {model}{digits}: {len(plain.answers)} queries, {plain.gallery.listed} images")
    for chain in chains:
        loaded = rerank.load(chain, depth)
        better = evaluate(benchmark, encoder, metrics=metrics, rerank=loaded)
        for each in compare(plain, better).differences:
            print(
                f"  {loaded.name:34s} {each.metric:6s} {each.mean_a:.4f} -> {each.mean_b:.4f}  "
                f"{each.mean:+.4f} [{each.low:+.4f}, {each.high:+.4f}]  {better.ranking_seconds:.1f} s",
                flush=True,
            )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("covers", "ukbench", "cifar"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--rerank", action="append")
    parser.add_argument("--depth", type=int, default=rerank.DEPTH)
    given = parser.parse_args()
    for model in given.model or ("classical", "compact"):
        if given.covers is not None:
            judge(covers(given.covers), model, given.rerank or PIXELS, given.depth, ("R@1", "MRR"))
        if given.ukbench is not None:
            judge(
                open_benchmark("ukbench", given.ukbench),
                model,
                given.rerank or (*FEW, *PIXELS),
                given.depth,
                ("N-S", "mAP"),
            )
        if given.cifar is not None:
            chains = given.rerank or WITHOUT_PIXELS
            judge(open_benchmark("cifar100", given.cifar), model, chains, given.depth, ("P@7", "mAP", "R@1"))


if __name__ == "__main__":
    main()
