"""The stores that the contract suites run against, each in a place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stored
from likewise.stores import Store
from likewise.stores.local import LocalStore
from stored import CARD, OFF, SERVERS, Make


@pytest.fixture(params=(*OFF, *SERVERS))
def keep(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def off(keep: str) -> float:
    return OFF.get(keep, OFF["float32"])


@pytest.fixture
def make(keep: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    if keep in SERVERS:
        address = request.getfixturevalue(f"{keep.replace('-', '_')}_address")
        from likewise.stores.milvus import MilvusStore

        opened: list[MilvusStore] = []

        def made(card: object) -> Store:
            opened.append(MilvusStore.create(address, card))  # type: ignore[arg-type]
            return opened[-1]

        yield made  # type: ignore[misc]
        for each in opened:
            each.close()
        return
    yield lambda card: LocalStore.create(tmp_path / ".likewise", card, stored.codebook(keep))


@pytest.fixture
def store(make: Make) -> Store:
    return make(CARD)
