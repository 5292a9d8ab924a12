"""How a local collection grows with its rows, and what that makes of larger ones: the tables of docs/scale.md.

    python bench/scale.py --work DIR [--rows 10000,100000,1000000] [--dim 256] [--recall 0.95]
    python bench/scale.py --plan [--images-a-second 2000]

Rows are drawn as for bench/search.py and put into a collection as indexing puts them, without pictures: loading rows, building the
index, opening, searching exactly and by the index, bytes on the disk, memory that is no map of files. Opening and searching are
measured in a process that has done nothing else. Then `y = a · rows ^ b` is fitted to each by least squares of the logarithms. --plan is
arithmetic on stated assumptions and measures nothing. Nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contests.figures import machine
from likewise.encoders.classical import Classical
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish
from likewise.types import Card, Record
from searching.made import Gallery, made

_BLOCK = 10_000
_ASKED = 200
_AHEAD = (10_000_000, 100_000_000, 1_000_000_000)
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Grown:
    """A quantity that was measured at several sizes, as a power of them.

    Attributes:
        factor: `a`.
        power: `b`.
    """

    factor: float
    power: float

    @classmethod
    def of(cls, rows: list[int], values: list[float]) -> Grown:
        """The least squares of the logarithms; of one size alone, a straight line through nothing.

        >>> Grown.of([10, 100, 1000], [5.0, 50.0, 500.0])
        Grown(factor=0.5, power=1.0)
        """
        if len(rows) == 1:
            return cls(values[0] / rows[0], 1.0)
        power, shift = np.polyfit(np.log(rows), np.log(values), 1)
        return cls(round(float(np.exp(shift)), 9), round(float(power), 6))

    def at(self, rows: int) -> float:
        """What it would be at another size."""
        return float(self.factor * rows**self.power)


def card(dim: int) -> Card:
    """Of embeddings that nothing here computes."""
    return Card(f"drawn-{dim}", dim, Classical().card.recipe)


def filled(place: Path, gallery: Gallery) -> float:
    """A collection of the gallery's rows, and the seconds that its rows took to be kept."""
    shutil.rmtree(place, ignore_errors=True)
    rows, _ = gallery.load()
    took = 0.0
    with LocalStore.create(place, card(gallery.dim)) as store, store.write() as writer:
        for start in range(0, gallery.rows, _BLOCK):
            stop = min(start + _BLOCK, gallery.rows)
            records = [
                Record(f"{n // 1000:06d}/{n:09d}.jpg", f"{n:064x}", 100_000, 1, 640, 480, {"label": str(n % 1000)})
                for n in range(start, stop)
            ]
            started = time.perf_counter()
            writer.extend(records, np.ascontiguousarray(rows[start:stop]))
            took += time.perf_counter() - started
    return took


def measured(place: Path, gallery: Gallery, recall: float) -> dict[str, float]:
    """All of one size, in this process."""
    load_s = filled(place, gallery)
    bare = _size(place)
    _, queries = gallery.load()
    with LocalStore.open(place) as store:
        exact_ms = _asked(store, queries[:20])
        with store.write() as writer:
            writer.note_index(Wish("lists", recall))
        started = time.perf_counter()
        store.bring_index_up_to_date()
        build_s = time.perf_counter() - started
    facts = {
        "load_s": load_s,
        "exact_ms": exact_ms,
        "build_s": build_s,
        "bytes": bare,
        "index_bytes": _size(place) - bare,
    }
    told = subprocess.run(
        [sys.executable, __file__, "--serve", str(place), "--queries", str(gallery.queries_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return facts | json.loads(told.stdout)


def served(place: Path, queries: Path) -> dict[str, float]:
    """Opening and searching by the index, in a process that has done nothing else."""
    asked = np.load(queries)[:_ASKED]
    before = _anonymous()
    opened = []
    for _ in range(5):
        started = time.perf_counter()
        store = LocalStore.open(place)
        opened.append(time.perf_counter() - started)
        store.close()
    with LocalStore.open(place) as store:
        started = time.perf_counter()
        store.nearest(asked[:1], 10)
        first = time.perf_counter() - started
        search_ms = _asked(store, asked)
        return {
            "open_ms": 1e3 * statistics.median(opened),
            "first_ms": 1e3 * first,
            "search_ms": search_ms,
            "memory": _anonymous() - before,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0,
        }


def plan(images_a_second: float) -> str:
    """Bytes, machines and money, by arithmetic; the assumptions are in the answer."""
    head = ("images", "code", "codes in memory", "float16 rows of 256 on disk", "keys and metadata on disk")
    head += ("machines of 64 GB", "GPU hours", "index")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for images in (10**7, 10**8, 10**9, 10**10):
        for code in (64, 128, 512):
            memory = images * (code + 12) * 1.15  # ids of 8 bytes, 4 of a list's, 15 % for lists that are uneven
            machines = max(1, int(np.ceil(memory / 48e9)))  # 16 GB are left to the system and to queries
            cells = [f"{images:,}", f"{code} B", *(_human(each) for each in (memory, images * 512, images * 250))]
            cells += [f"{machines:,}", f"{images / images_a_second / 3600:,.1f}", _index(images)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _index(images: int) -> str:
    if images <= 10**7:
        return "likewise's lists, or Milvus IVF_SQ8 / HNSW"
    if images <= 10**8:
        return "IVF-PQ or IVF-RaBitQ, one shard a machine"
    if images <= 10**9:
        return "DiskANN, or IVF-RaBitQ with refinement"
    return "DiskANN by shards of 500 million, tiered storage"


def _human(size: float) -> str:
    for unit, step in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= step:
            return f"{size / step:,.1f} {unit}"
    return f"{size:,.0f} B"


def _asked(store: LocalStore, queries: np.ndarray[Any, Any]) -> float:
    """Milliseconds of one query, the median, one after the other."""
    store.nearest(queries[:1], 10)
    took = []
    for row in queries:
        started = time.perf_counter()
        store.nearest(row[None], 10)
        took.append(time.perf_counter() - started)
    return 1e3 * statistics.median(took)


def _size(place: Path) -> float:
    return float(sum(path.stat().st_size for path in place.rglob("*") if path.is_file()))


def _anonymous() -> float:
    """Bytes of memory that are no map of a file."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return float(line.split()[1]) * 1024
    return 0.0


_SHOWN = {
    "load_s": ("rows are kept", "s", 1.0),
    "build_s": ("the index is built", "s", 1.0),
    "bytes": ("on the disk, without the index", "MB", 1 / _MB),
    "index_bytes": ("the index on the disk", "MB", 1 / _MB),
    "open_ms": ("a collection is opened", "ms", 1.0),
    "first_ms": ("the first search", "ms", 1.0),
    "search_ms": ("a search by the index", "ms", 1.0),
    "exact_ms": ("a search of all rows", "ms", 1.0),
    "memory": ("memory that is no map of files", "MB", 1 / _MB),
}


def table(found: dict[int, dict[str, float]]) -> str:
    """Every quantity at every size, the power it grows by, and what that would make of larger ones."""
    sizes = list(found)
    head = [f"{rows:,}" for rows in sizes] + ["power"] + [f"({rows:,})" for rows in _AHEAD]
    lines = ["| | " + " | ".join(head) + " |", "| --- " * (len(head) + 1) + "|"]
    for name, (what, unit, scale) in _SHOWN.items():
        values = [max(found[rows][name], 1e-9) for rows in sizes]
        grown = Grown.of(sizes, values)
        shown = [f"{value * scale:,.3g}" for value in values] + [f"{grown.power:.2f}"]
        shown += [f"{grown.at(rows) * scale:,.3g}" for rows in _AHEAD]
        lines.append(f"| {what}, {unit} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main() -> None:
    """Size after size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="galleries and collections are made here")
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--out", type=Path, default=Path("scale.json"))
    parser.add_argument("--plan", action="store_true", help="print the plan alone")
    parser.add_argument("--images-a-second", type=float, default=2000, help="that one GPU embeds, for --plan")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--queries", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plan:
        print(plan(given.images_a_second))
        return
    if given.serve is not None:
        print(json.dumps(served(given.serve, given.queries)))
        return
    if given.work is None:
        parser.error("name a folder for galleries and collections: --work DIR")
    here = machine(("likewise", "numpy", "faiss-cpu"))
    print(", ".join(f"{name} {value}" for name, value in here.items()), flush=True)
    sizes = [int(each) for each in given.rows.split(",")]
    whole = made(given.work, "unit", max(sizes), given.dim, 1000, lambda *_: None)
    found: dict[int, dict[str, float]] = {}
    for rows in sizes:
        found[rows] = measured(given.work / f"collection-{rows}", whole.first(rows), given.recall)
        print(f"{rows:,}: {found[rows]}", flush=True)
        given.out.write_text(json.dumps({"machine": here, "dim": given.dim, "found": found}, indent=1, default=str))
    print(table(found))


if __name__ == "__main__":
    main()
