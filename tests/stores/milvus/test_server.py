"""What only a real server can show: it is killed, and comes back. `make test-milvus` starts one for these."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.errors import StoreAway
from likewise.stores.milvus import MilvusStore
from milvus_server import Server

CARD = MeanColour().card


@pytest.fixture
def server() -> Server:
    data = os.environ.get("LIKEWISE_TEST_MILVUS_DATA", "")
    if not data:
        pytest.skip("no server of ours to kill: `make test-milvus` starts one")
    return Server(Path(data))


WRITER = """
import sys
sys.path[:0] = {path!r}
from fakes import MeanColour, records, unit_rows
from likewise.stores.milvus import MilvusStore
store = MilvusStore.create({address!r} + "?deadline=120", MeanColour().card)
with store.write() as writer:
    for batch in range(10_000):
        writer.extend(records(*(f"{{batch}}-{{i}}" for i in range(50))), unit_rows(50, seed=batch))
        print(batch, flush=True)
"""


def test_every_acknowledged_row_is_there_after_the_server_was_killed(
    milvus_server_address: str, server: Server
) -> None:
    program = WRITER.format(path=sys.path, address=milvus_server_address)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5)]
        server.kill()
        server.start()
        server.wait()
        while told[-1] < 12:  # the writer was in the middle of a batch, waits, and goes on
            told.append(int(process.stdout.readline()))
        process.kill()
        rest = process.stdout.read().split()
    acknowledged = {*told, *(int(each) for each in rest if each.isdecimal())}
    with MilvusStore.open(milvus_server_address + "?deadline=120") as store:
        there: dict[int, int] = {}
        for _, record in store.records():
            batch = int(record.key.partition("-")[0])
            there[batch] = there.get(batch, 0) + 1
        assert acknowledged <= set(there)
        assert set(there.values()) == {50}, "whole batches only"
        with store.write() as writer:  # the lease of the killed writer is known to be of nobody
            writer.extend(records("new"), unit_rows(1))
        batch = max(acknowledged)
        for number in (0, batch):
            found = store.embedding(f"{number}-49")
            assert found is not None
            np.testing.assert_array_equal(found[0], unit_rows(50, seed=number)[49])


def test_a_search_waits_for_a_server_that_comes_back_and_says_so_where_it_does_not(
    milvus_server_address: str, server: Server
) -> None:
    patient = MilvusStore.create(milvus_server_address + "?deadline=150", CARD)
    rows = unit_rows(30)
    with patient.write() as writer:
        writer.extend(records(*map(str, range(30))), rows)
    hasty = MilvusStore.open(milvus_server_address + "?deadline=3")
    server.kill()
    before = time.monotonic()
    with pytest.raises(StoreAway, match=r"milvus://127\.0\.0\.1:19530/t.* does not answer.*start the server"):
        hasty.search(rows[:1], 3)
    assert time.monotonic() - before < 60
    found: list[list[str]] = []
    asking = threading.Thread(target=lambda: found.append([hit.key for hit in patient.search(rows[4:5], 3)[0]]))
    asking.start()
    server.start()
    asking.join(timeout=170)
    assert [keys[0] for keys in found] == ["4"]
    patient.close()
    hasty.close()
