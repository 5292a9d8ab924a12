"""Every store that the contract suites are run against, and what they fill it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np

from fakes import MeanColour, records, unit_rows
from likewise.compression import Codebook, compression
from likewise.stores import Store
from likewise.types import Card, Record

Make: TypeAlias = Callable[[Card], Store]
"""Opens the one store of a test, as often as it is called; makes it first."""

CARD = MeanColour().card

OFF = {"float32": 1e-6, "float16": 1e-3, "int8": 5e-3, "pq:4": 2e-2}
"""How a local store keeps embeddings → how far a component may be off."""

SERVERS = ("milvus-lite", "milvus-server")
"""Stores of another kind, in float32."""


@cache
def codebook(name: str) -> Codebook:
    return compression(name).fitted(unit_rows(2000, seed=77), unit=True)


def add(store: Store, *keys: str, seed: int = 0) -> np.ndarray:
    rows = unit_rows(len(keys), seed=seed)
    with store.write() as writer:
        writer.extend(records(*keys), rows)
    return rows


def keys_of(store: Store) -> list[str]:
    return [record.key for _, record in store.records()]


def pictures(count: int) -> list[Record]:
    """Of the class a, b or c in turn; one in a hundred is rare, each is as wide as its number, and the first half has a note."""
    return [
        replace(
            record,
            key=f"{'abc'[i % 3]}/{i}.jpg",
            width=i,
            modified_ns=i * 10**9,
            metadata={"label": "abc"[i % 3], "rare": i % 100 == 7} | ({"note": {"no": i}} if i < count // 2 else {}),
        )
        for i, record in enumerate(records(*map(str, range(count))))
    ]
