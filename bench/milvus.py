"""A gallery on Milvus against the same gallery in a folder: load rate, queries a second, recall, and the neighbours of real pictures.

Run it where a server is: `python tests/milvus_server.py python bench/milvus.py --cifar DIR` starts one in a network of its own. Both sides
answer the same queries in one run on the same machine; the server's own processes count as it wants them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likewise.collection import Collection
from likewise.encoders import load
from likewise.sources import open_source
from likewise.stores.home import Home
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish
from likewise.stores.milvus import MilvusStore
from likewise.types import Card, Recipe, Record

BATCH = 4096
K = 10


def rows_of(count: int, dim: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in clusters of twelve dimensions, and queries from the same clusters."""
    draw = np.random.default_rng(0)
    spread, centres = draw.normal(size=(12, dim)), draw.normal(size=(300, 12))
    latent = centres[draw.integers(0, 300, count + queries)] + 0.4 * draw.normal(size=(count + queries, 12))
    rows = (latent @ spread + 0.05 * draw.normal(size=(count + queries, dim))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[:count], rows[count:]


def filled(store: Home, rows: np.ndarray) -> float:
    """Rows a second."""
    start = time.perf_counter()
    with store.write() as writer:
        for first in range(0, len(rows), BATCH):
            part = rows[first : first + BATCH]
            facts = [
                Record(f"{first + i}.jpg", f"{first + i:064x}", 1000, 1, 32, 32, {"label": f"{i % 7}"})
                for i in range(len(part))
            ]
            writer.extend(facts, part)
    return len(rows) / (time.perf_counter() - start)


def asked(store: Home, queries: np.ndarray, batch: int) -> tuple[float, np.ndarray]:
    """Queries a second, and the rows found."""
    store.search(queries[:1], K)
    start, found = time.perf_counter(), []
    for first in range(0, len(queries), batch):
        found += [[hit.row for hit in hits] for hits in store.search(queries[first : first + batch], K)]
    return len(queries) / (time.perf_counter() - start), np.array(found)


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of the true neighbours that is found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), truth.tolist(), strict=True)]))


def compare(stores: dict[str, Home], queries: np.ndarray, truth: np.ndarray, how: str) -> None:
    """Print a line for each store."""
    for name, store in stores.items():
        one, found = asked(store, queries[: max(20, len(queries) // 10)], 1)
        many, all_found = asked(store, queries, 64)
        told = f"{recall(all_found, truth):.4f}"
        same = bool((all_found == truth).all() and (found == truth[: len(found)]).all())
        print(
            f"{how:18} {name:16} {one:9.1f} queries/s one by one {many:9.1f} in batches of 64   "
            f"recall@{K} {told}{'  identical' if same else ''}",
            flush=True,
        )


def rows_bench(server: str, folder: Path, given: argparse.Namespace) -> None:
    """The rows, on both sides."""
    rows, queries = rows_of(given.rows, given.dim, given.queries)
    card = Card("bench", given.dim, Recipe("none", 8))
    name = f"bench{uuid.uuid4().hex[:8]}"
    local = LocalStore.create(folder / ".likewise", card)
    strong = MilvusStore.create(f"{server}/{name}?deadline=300", card)
    print(f"{given.rows:,} × {given.dim}, k = {K}")
    for what, store in (("folder", local), ("milvus", strong)):
        print(f"load {what}: {filled(store, rows):,.0f} rows/s", flush=True)
    bounded = MilvusStore.open(f"{server}/{name}?deadline=300&consistency=bounded")
    stores: dict[str, Home] = {"folder": local, "milvus strong": strong, "milvus bounded": bounded}
    local.recall = 1.0
    _, truth = asked(local, queries, 64)
    compare(stores, queries, truth, "exact")
    for kind in given.index.split(","):
        for store in (local, strong):
            store.recall = 0.99
            with store.write(wait_s=60) as writer:
                writer.note_index(Wish(kind, 0.99))
            start = time.perf_counter()
            store.bring_index_up_to_date(anew=True)
            print(f"build {kind}: {time.perf_counter() - start:.1f} s", flush=True)
        compare(stores, queries, truth, f"{kind} at 0.99")
    for store in (local, bounded):
        store.close()
    for each in (name, f"{name}_catalogue"):
        strong.gallery.remote.drop(each)
    strong.close()


def pictures_bench(server: str, folder: Path, given: argparse.Namespace) -> None:
    """The neighbours of real pictures: the same on both sides, and how many are of the query's class."""
    source = open_source(str(given.cifar / "train"))
    items = [item for i, item in enumerate(source.items()) if i % given.every == 0]
    listed = folder / "sample.txt"
    listed.write_text("".join(f"{given.cifar / 'train' / item.key}\n" for item in items))
    name = f"cifar{uuid.uuid4().hex[:8]}"
    sides = [Collection.create(place, load("compact")) for place in (folder / "cifar", f"{server}/{name}?deadline=300")]
    for side in sides:
        start = time.perf_counter()
        side.index(listed)
        print(
            f"index {len(side):,} of CIFAR-100 into {side.store.place}: {len(side) / (time.perf_counter() - start):,.0f} images/s",
            flush=True,
        )
    pairs = list(sides[0].store.records())[:: max(1, len(items) // 500)]
    queries = sides[0].store.embeddings(np.array([row for row, _ in pairs]))
    found = [_others(side.store, queries, [record.key for _, record in pairs]) for side in sides]
    for side, answers in zip(sides, found, strict=True):
        right = [
            Path(key).parent.name == Path(record.key).parent.name
            for (_, record), keys in zip(pairs, answers, strict=True)
            for key in keys
        ]
        print(f"P@7 of {len(pairs)} queries in {side.store.place}: {np.mean(right):.4f}")
    print(f"neighbours identical: {found[0] == found[1]}", flush=True)
    store = sides[1].store
    assert isinstance(store, MilvusStore)
    for each in (name, f"{name}_catalogue"):
        store.gallery.remote.drop(each)


def _others(store: Home, queries: np.ndarray, own: Sequence[str]) -> list[list[str]]:
    """The keys of the seven nearest other images."""
    hits = [each for first in range(0, len(queries), 64) for each in store.search(queries[first : first + 64], 8)]
    return [[hit.key for hit in each if hit.key != key][:7] for each, key in zip(hits, own, strict=True)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, and run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("LIKEWISE_TEST_MILVUS", "milvus://127.0.0.1:19530"))
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=640)
    parser.add_argument("--index", default="lists,graph", help="kinds, with commas between them")
    parser.add_argument("--cifar", type=Path, help="a folder with train/CLASS/*.png")
    parser.add_argument("--every", type=int, default=10, help="one picture in so many")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if given.rows:
            rows_bench(given.server, Path(folder), given)
        if given.cifar is not None:
            pictures_bench(given.server, Path(folder), given)


if __name__ == "__main__":
    main()
