"""Other engines, each by its own public interface, as its documentation shows it. Imports nothing of ours, and runs in their environment.

All rows have unit norm, so that L2, the inner product and the cosine rank alike, and each engine takes the one that it likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searching.made import Floats

_BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine, and how it is tuned.

    Attributes:
        name: In the tables.
        engine: The class in here.
        module: That must be importable.
        packages: For pip.
        width: The setting that is widened until the recall is reached, its least and its largest value.
        others: Settings beside it, each tried with its own least width; the cheapest one counts.
        is_quick: Whether it takes part in the large gallery too; others would take hours.
        how: What a reader must know.
        given: Of the class.
    """

    name: str
    engine: str
    module: str
    packages: str
    width: tuple[str, int, int]
    others: tuple[Mapping[str, Any], ...] = ({},)
    is_quick: bool = True
    how: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


class FaissHnsw:
    """`IndexHNSWFlat`."""

    M, BUILD_WIDTH = 32, 128

    @property
    def version(self) -> str:
        """Of faiss."""
        import faiss

        return f"faiss {faiss.__version__}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Add in blocks, write one file."""
        import faiss

        faiss.omp_set_num_threads(threads)
        index = faiss.IndexHNSWFlat(rows.shape[1], self.M, faiss.METRIC_L2)
        index.hnsw.efConstruction = self.BUILD_WIDTH
        for _, block in _blocks(rows):
            index.add(block)
        faiss.write_index(index, str(folder / "index.faiss"))

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - all engines have one signature
        """Read the file."""
        import faiss

        faiss.omp_set_num_threads(threads)
        self._index: Any = faiss.read_index(str(folder / "index.faiss"))
        return f"{self.version} HNSW{self.M}, efConstruction {self.BUILD_WIDTH}"

    def search(self, queries: Floats, k: int, width: int) -> NDArray[np.int64]:
        """`width` is efSearch."""
        self._index.hnsw.efSearch = width
        return np.asarray(self._index.search(queries, k)[1], np.int64)

    read_bytes = 0


class FaissLists(FaissHnsw):
    """Inverted lists, product codes read by fast scan, and a refinement by the rows themselves: `IVFn,PQmx4fs,RFlat`."""

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Train on at most 64 rows for each list, as its own rule of thumb has it at the least 39."""
        import faiss

        faiss.omp_set_num_threads(threads)
        lists = 1 << max(4, round(np.log2(2 * np.sqrt(len(rows)))))
        index = faiss.index_factory(rows.shape[1], f"IVF{lists},PQ{rows.shape[1] // 4}x4fs,RFlat", faiss.METRIC_L2)
        some = np.random.default_rng(0).permutation(len(rows))[: 64 * lists]
        index.train(np.ascontiguousarray(rows[np.sort(some)]))
        for _, block in _blocks(rows):
            index.add(block)
        faiss.write_index(index, str(folder / "index.faiss"))

    def open(self, rows: Floats, folder: Path, threads: int) -> str:
        """Read the file."""
        import faiss

        super().open(rows, folder, threads)
        self._lists = faiss.extract_index_ivf(self._index.base_index)
        return f"{self.version} IVF{self._lists.nlist},PQ{rows.shape[1] // 4}x4fs,RFlat"

    def search(self, queries: Floats, k: int, width: int, refine: int) -> NDArray[np.int64]:  # type: ignore[override]
        """`width` is nprobe, `refine` k_factor."""
        self._lists.nprobe = width
        self._index.k_factor = refine
        return np.asarray(self._index.search(queries, k)[1], np.int64)


class Hnswlib:
    """`hnswlib.Index`, with the numbers of its README."""

    M, BUILD_WIDTH = 16, 200
    read_bytes = 0

    @property
    def version(self) -> str:
        """Of hnswlib."""
        import hnswlib  # noqa: F401 - so that opening does not pay for it

        return f"hnswlib {metadata.version('hnswlib')}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Add in blocks, write one file."""
        import hnswlib

        index = hnswlib.Index("cosine", rows.shape[1])
        index.init_index(len(rows), ef_construction=self.BUILD_WIDTH, M=self.M, random_seed=100)
        for start, block in _blocks(rows):
            index.add_items(block, np.arange(start, start + len(block)), num_threads=threads)
        index.save_index(str(folder / "index.hnswlib"))

    def open(self, rows: Floats, folder: Path, threads: int) -> str:
        """Read the file."""
        import hnswlib

        self._index: Any = hnswlib.Index("cosine", rows.shape[1])
        self._index.load_index(str(folder / "index.hnswlib"))
        self._threads = threads
        return f"{self.version}, M {self.M}, ef_construction {self.BUILD_WIDTH}"

    def search(self, queries: Floats, k: int, width: int) -> NDArray[np.int64]:
        """`width` is ef."""
        self._index.set_ef(width)
        return np.asarray(self._index.knn_query(queries, k, num_threads=self._threads)[0], np.int64)


class Usearch:
    """`usearch.index.Index` with its defaults, of a given dtype."""

    read_bytes = 0

    def __init__(self, dtype: str = "f32", view: bool = False) -> None:
        self._dtype, self._view = dtype, view

    @property
    def version(self) -> str:
        """Of usearch."""
        import usearch.index  # noqa: F401 - so that opening does not pay for it

        return f"usearch {metadata.version('usearch')}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Add in blocks, write one file."""
        from usearch.index import Index

        index = Index(ndim=rows.shape[1], metric="cos", dtype=self._dtype)
        for start, block in _blocks(rows):
            index.add(np.arange(start, start + len(block)), block, threads=threads)
        index.save(str(folder / "index.usearch"))

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - all engines have one signature
        """Read the file, or map it."""
        from usearch.index import Index

        self._index: Any = Index.restore(str(folder / "index.usearch"), view=self._view)
        self._threads = threads
        numbers = f"connectivity {self._index.connectivity}, expansion_add {self._index.expansion_add}"
        return f"{self.version} {self._dtype}, {numbers}{', mapped' if self._view else ''}"

    def search(self, queries: Floats, k: int, width: int) -> NDArray[np.int64]:
        """`width` is expansion_search."""
        self._index.expansion_search = width
        found = self._index.search(queries, k, threads=self._threads)
        return np.asarray(found.keys, np.int64).reshape(len(queries), -1)


class Lance:
    """`lancedb` with IVF_PQ, its default index, and a refinement by the rows themselves."""

    read_bytes = 0

    @property
    def version(self) -> str:
        """Of lancedb."""
        _limit_rust(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        import lancedb  # noqa: F401

        return f"lancedb {metadata.version('lancedb')}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Write a table and index it, with the partitions and sub-vectors that it chooses itself."""
        _limit_rust(threads)
        import lancedb
        import pyarrow as pa

        dim = rows.shape[1]
        schema = pa.schema([pa.field("id", pa.int64()), pa.field("vector", pa.list_(pa.float32(), dim))])

        def batches() -> Iterator[Any]:
            for start, block in _blocks(rows):
                ids = pa.array(np.arange(start, start + len(block)))
                vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), dim)
                yield pa.record_batch([ids, vectors], schema=schema)

        database = lancedb.connect(str(folder / "lance"))
        table = database.create_table("rows", pa.RecordBatchReader.from_batches(schema, batches()))
        table.create_index(metric="cosine", vector_column_name="vector")

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - all engines have one signature
        """Open the table."""
        _limit_rust(threads)
        import lancedb

        self._table: Any = lancedb.connect(str(folder / "lance")).open_table("rows")
        return f"{self.version} IVF_PQ"

    def search(self, queries: Floats, k: int, width: int, refine: int) -> NDArray[np.int64]:
        """`width` is nprobes, `refine` refine_factor."""
        asked = self._table.search(queries[0] if len(queries) == 1 else list(queries)).metric("cosine")
        answer = asked.nprobes(width).refine_factor(refine).limit(k).select(["id", "_distance"]).to_arrow()
        ids = answer["id"].to_numpy()
        if len(queries) == 1:
            return _filled([ids.tolist()], k)
        whose, far = answer["query_index"].to_numpy(), answer["_distance"].to_numpy()
        order = np.lexsort((far, whose))
        ends = np.searchsorted(whose[order], np.arange(1, len(queries)))
        return _filled([each.tolist() for each in np.split(ids[order], ends)], k)


class MilvusLite:
    """`MilvusClient` of a file, which is Milvus Lite, with a graph."""

    M, BUILD_WIDTH = 16, 200
    read_bytes = 0

    @property
    def version(self) -> str:
        """Of milvus-lite."""
        import pymilvus  # noqa: F401

        return f"milvus-lite {metadata.version('milvus-lite')}, pymilvus {metadata.version('pymilvus')}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:  # noqa: ARG002 - it has no such option
        """Insert in blocks, with the index of the collection declared beforehand."""
        from milvus_lite.server_manager import server_manager_instance
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(folder / "milvus.db"))
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=rows.shape[1])
        index = client.prepare_index_params()
        graph = {"M": self.M, "efConstruction": self.BUILD_WIDTH}
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params=graph)
        client.create_collection("rows", schema=schema, index_params=index)
        for start, block in _blocks(rows, 2000):
            client.insert("rows", [{"id": start + i, "vector": row.tolist()} for i, row in enumerate(block)])
        client.flush("rows")
        client.close()
        server_manager_instance.release_all()  # rows that wait in memory go to the disk
        again = MilvusClient(str(folder / "milvus.db"))
        again.load_collection("rows")  # the graph is built when rows that are on the disk are first loaded
        again.close()
        server_manager_instance.release_all()

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - all engines have one signature
        """Open the file and load the collection."""
        from pymilvus import MilvusClient

        self._client: Any = MilvusClient(str(folder / "milvus.db"))
        self._client.load_collection("rows")
        index = self._client.describe_index("rows", "vector")
        return f"{self.version} {index['index_type']}, M {self.M}, efConstruction {self.BUILD_WIDTH}"

    def search(self, queries: Floats, k: int, width: int) -> NDArray[np.int64]:
        """`width` is ef."""
        params = {"metric_type": "COSINE", "params": {"ef": width}}
        answers = self._client.search("rows", queries.tolist(), limit=k, search_params=params)
        return _filled([[hit["id"] for hit in hits] for hits in answers], k)


class Chroma:
    """`chromadb.PersistentClient`."""

    M, BUILD_WIDTH = 16, 200
    read_bytes = 0

    @property
    def version(self) -> str:
        """Of chromadb."""
        import chromadb  # noqa: F401 - so that opening does not pay for it

        return f"chromadb {metadata.version('chromadb')}"

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Add in the largest batches that it takes."""
        client = self._client(folder)
        graph = {
            "space": "cosine",
            "max_neighbors": self.M,
            "ef_construction": self.BUILD_WIDTH,
            "num_threads": threads,
        }
        table = client.create_collection("rows", configuration={"hnsw": graph}, embedding_function=None)
        for start, block in _blocks(rows, min(5000, client.get_max_batch_size())):
            table.add(ids=[str(start + i) for i in range(len(block))], embeddings=block)

    def open(self, rows: Floats, folder: Path, threads: int) -> str:  # noqa: ARG002 - it keeps what it was built with
        """Open the folder."""
        self._folder, self._width = folder, 0
        self._table: Any = self._client(folder).get_collection("rows", embedding_function=None)
        return f"{self.version}, max_neighbors {self.M}, ef_construction {self.BUILD_WIDTH}"

    def prepare(self, queries: Floats, k: int, width: int) -> None:
        """Open it again where the width changes: `ef_search`, a setting of the collection, is read when the graph is loaded."""
        if width == self._width:
            return
        self._table.modify(configuration={"hnsw": {"ef_search": width}})
        self._client(self._folder).clear_system_cache()
        self._table = self._client(self._folder).get_collection("rows", embedding_function=None)
        self._width = width
        self.search(queries[:1], k, width)

    def search(self, queries: Floats, k: int, width: int) -> NDArray[np.int64]:  # noqa: ARG002 - see prepare
        """`width` is ef_search."""
        found = self._table.query(query_embeddings=queries, n_results=k, include=[])
        return _filled([[int(each) for each in ids] for ids in found["ids"]], k)

    def _client(self, folder: Path) -> Any:
        import chromadb
        from chromadb.config import Settings

        return chromadb.PersistentClient(str(folder / "chroma"), Settings(anonymized_telemetry=False))


_REFINED = tuple({"refine": each} for each in (2, 4, 8, 16, 32, 64, 128))
PEERS = (
    Peer("faiss HNSW", "FaissHnsw", "faiss", "faiss-cpu", ("width", 10, 2048)),
    Peer("faiss IVF-PQ", "FaissLists", "faiss", "faiss-cpu", ("width", 1, 2048), _REFINED[:5]),
    Peer("hnswlib", "Hnswlib", "hnswlib", "hnswlib", ("width", 10, 2048)),
    Peer("usearch", "Usearch", "usearch", "usearch", ("width", 10, 2048)),
    Peer("lancedb", "Lance", "lancedb", "lancedb", ("width", 1, 1024), _REFINED[2:], is_quick=False),
    Peer("milvus-lite", "MilvusLite", "pymilvus", "pymilvus milvus-lite", ("width", 10, 2048), is_quick=False),
    Peer("chroma", "Chroma", "chromadb", "chromadb", ("width", 10, 2048), is_quick=False),
)


def _blocks(rows: Floats, size: int = _BLOCK) -> Iterator[tuple[int, Floats]]:
    for start in range(0, len(rows), size):
        yield start, np.ascontiguousarray(rows[start : start + size])


def _filled(lists: list[list[int]], k: int) -> NDArray[np.int64]:
    found = np.full((len(lists), k), -1, np.int64)
    for line, ids in zip(found, lists, strict=True):
        line[: len(ids)] = ids[:k]
    return found


def _limit_rust(threads: int) -> None:
    """Before the first import: what libraries in Rust read of the environment."""
    for name in ("LANCE_CPU_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"):
        os.environ[name] = str(threads)
