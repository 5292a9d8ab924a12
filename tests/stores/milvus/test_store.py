"""A gallery on Milvus beyond what every store promises: broken writers, indexes, other metrics, servers that are away."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from galleries import clustered, share_found
from likewise.errors import (
    BadArgument,
    LikewiseError,
    MissingExtra,
    NoCollection,
    StoreAway,
    StoreBusy,
    StoreDamaged,
    StoreMismatch,
)
from likewise.filters import Filter
from likewise.roots import Roots
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish
from likewise.stores.milvus import (
    Access,
    Address,
    MilvusStore,
    catalogue,
    indexing,
    remembering,
    remote,
    searching,
    writer,
)
from likewise.stores.milvus.catalogue import LEASE, State
from likewise.types import Card, Item, Recipe, Skipped

CARD = MeanColour().card
WIDE = Card("wide", 32, Recipe("tiny", 8))
RAW = Card("raw", 8, Recipe("tiny", 8), metric="l2", unit=False)


@pytest.fixture(params=["lite", "server"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"milvus_{request.param}_address"))


def keys_of(store: MilvusStore) -> list[str]:
    return [record.key for _, record in store.records()]


class Torn(Exception):
    """The writer's process ended here."""


@pytest.mark.parametrize("what", ["extend", "delete", "refresh", "skip", "compact"])
def test_a_change_that_was_broken_off_before_its_commit_never_was(
    address: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, rows = MilvusStore.create(address, CARD), unit_rows(4)
    facts = records("a", "b", "c", "d")
    with store.write() as writing:
        writing.extend(facts, rows)
        writing.vanish(["d"])
        writing.skip([(Skipped("z", "torn"), Item("z", 1, 2))])
    before = [(hit.key, hit.score, hit.record) for hit in store.search(rows[:1], 9)[0]]
    do: dict[str, Callable[[writer.MilvusWriter], object]] = {
        "extend": lambda writing: writing.extend(records("x", "a", "z"), unit_rows(3, seed=3)),
        "delete": lambda writing: writing.delete(["a", "d", "z"], remember=True),
        "refresh": lambda writing: writing.refresh([replace(facts[0], metadata={"label": "new"}), facts[3]]),
        "skip": lambda writing: writing.skip([(Skipped("b", "torn"), Item("b", 1, 2))]),
        "compact": lambda writing: writing.compact(),
    }

    def torn(*_: object) -> None:
        raise Torn

    with monkeypatch.context() as patch, store.write() as writing:
        patch.setattr(writing, "_commit", torn)
        with pytest.raises(Torn):
            do[what](writing)
    for opened in (store, MilvusStore.open(address)):
        assert [(hit.key, hit.score, hit.record) for hit in opened.search(rows[:1], 9)[0]] == before
        assert not opened.is_forgotten("a")
        assert opened.skipped() == [Skipped("z", "torn")]
    with store.write() as writing:
        do[what](writing)  # the next writer takes back what was left, and can do it
        known = store.known("d")
    assert (known is None) == (what in ("delete", "compact"))
    assert store.gallery.remote.query(store.gallery.name, f"born > {store.state.commit}", ("id",)) == []
    assert len(store) == len(keys_of(store)) == {"extend": 5, "delete": 2, "refresh": 4, "skip": 2, "compact": 3}[what]
    store.close()


def test_the_next_writer_finishes_a_compaction_that_was_decided(
    milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    with store.write() as writing:
        writing.extend(records("a", "b", "c"), unit_rows(3))
        writing.delete(["a"])
        monkeypatch.setattr(writing, "_purge", lambda: (_ for _ in ()).throw(Torn))
        with pytest.raises(Torn):
            writing.compact()
    assert keys_of(store) == ["b", "c"]
    assert not store.state.is_purged
    with store.write() as writing:
        assert writing.compact() == 0
    assert store.state.is_purged
    assert store.gallery.remote.query(store.gallery.name, "id >= 0 and died < 1000", ("id",)) == []
    assert store.with_content(records("a")[0].content_sha256) is None


def test_a_writer_that_lost_its_lease_commits_nothing(milvus_lite_address: str) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    with store.write() as writing:
        store.gallery.remote.delete(f"{store.gallery.name}_catalogue", [writing._lease.id])
        with pytest.raises(StoreBusy, match="another has taken over"):
            writing.extend(records("a"), unit_rows(1))
    with store.write() as writing:
        writing.state = replace(writing.state, commit=writing.state.commit - 1)
        with pytest.raises(StoreBusy, match="another has taken over"):
            writing.extend(records("a"), unit_rows(1))
    assert len(store) == 0


@pytest.mark.parametrize(
    ("told", "is_gone"),
    [
        ({"pid": 2**22 + 1}, True),  # of this machine, and it runs no more
        ({"pid": 2**22 + 1, "node": "another"}, False),
        ({"node": "another", "told_at": time.time() - 10_000}, True),
    ],
)
def test_the_lease_of_a_process_that_has_ended_holds_nobody_up(
    milvus_lite_address: str, told: dict[str, object], is_gone: bool
) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    found = {
        "pid": 1,
        "host": "far",
        "node": catalogue._node(),
        "since": "noon",
        "beat": 3,
        "told_at": time.time(),
    } | told
    row = catalogue._row("l:other", LEASE, "", json.dumps(found), 0)
    store.gallery.remote.upsert(f"{store.gallery.name}_catalogue", [row])
    if is_gone:
        with store.write() as writing:
            writing.extend(records("a"), unit_rows(1))
        assert len(store) == 1
    else:
        with pytest.raises(StoreBusy, match=r"process \d+ on far \(since noon\)"), store.write():
            raise AssertionError


def test_a_lease_that_is_not_renewed_runs_out(milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    told = {"pid": 1, "host": "far", "node": "another", "since": "noon", "beat": 3, "told_at": time.time()}
    store.gallery.remote.upsert(
        f"{store.gallery.name}_catalogue", [catalogue._row("l:other", LEASE, "", json.dumps(told), 0)]
    )
    monkeypatch.setattr(catalogue, "_SILENT_S", 0.5)
    with store.write(wait_s=20) as writing:
        writing.extend(records("a"), unit_rows(1))


def test_a_lease_is_renewed_while_it_is_held(milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_BEAT_S", 0.05)
    store = MilvusStore.create(milvus_lite_address, CARD)
    with store.write() as writing:
        until = time.monotonic() + 20
        while store.gallery.catalogue._leases()[writing._lease.id]["beat"] < 2:
            assert time.monotonic() < until
    assert store.gallery.catalogue._leases() == {}


@pytest.mark.parametrize("card", [WIDE, RAW, replace(RAW, metric="cosine")])
def test_answers_are_those_of_a_local_gallery_by_either_metric(address: str, card: Card, tmp_path: Path) -> None:
    rows = (
        unit_rows(300, card.dim)
        if card.unit
        else np.random.default_rng(0).normal(size=(300, card.dim)).astype(np.float32) * 7
    )
    rows[40:46] = rows[3]  # equal scores
    if not card.unit:
        rows[10] = 0
    facts = records(*(f"{i}.png" for i in range(300)))
    ours, theirs = LocalStore.create(tmp_path / ".likewise", card), MilvusStore.create(address, card)
    for store in (ours, theirs):
        with store.write() as writing:
            writing.extend(facts, rows)
            writing.delete(["7.png"])
    queries = np.concatenate([rows[[3, 7]], unit_rows(3, card.dim, seed=5)])
    for metric in (None, "l2", "cosine"):
        for k in (1, 4, 20, 400):
            scores, found = theirs.nearest(queries, k, metric)
            wanted_scores, wanted = ours.nearest(queries, k, metric)
            assert found.tolist() == wanted.tolist()
            assert scores.tolist() == wanted_scores.tolist()
    theirs.close()


def test_more_neighbours_than_a_server_names_are_found_by_reading_all(
    milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows, facts = unit_rows(120), records(*map(str, range(120)))
    ours, theirs = LocalStore.create(tmp_path / ".likewise", CARD), MilvusStore.create(milvus_lite_address, CARD)
    for store in (ours, theirs):
        with store.write() as writing:
            writing.extend(facts, np.repeat(rows[:4], 30, axis=0))  # each thirty times: no candidate is surely better
    monkeypatch.setattr(searching, "MOST_HITS", 40)
    monkeypatch.setattr(searching, "_SLACK", 1)
    where = Filter.parse("width = 4 and folder is missing and label != '9'")
    for k in (5, 30, 39, 100):
        for among in (None, where):
            assert (
                theirs.nearest(rows[:3], k, where=among)[1].tolist()
                == ours.nearest(rows[:3], k, where=among)[1].tolist()
            )
    with pytest.raises(BadArgument, match="at least 1"):
        theirs.nearest(rows[:1], 0)
    with pytest.raises(BadArgument, match="queries have shape"):
        theirs.nearest(unit_rows(1, 5), 1)


@pytest.mark.parametrize("kind", ["lists", "graph"])
def test_an_index_finds_what_the_dial_promises_and_scores_as_exact_search_does(
    address: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_LEAST_ROWS", 500)
    monkeypatch.setattr(indexing, "MEASURED", 20)
    rows, queries = clustered(1000, 32, queries=20)
    store = MilvusStore.create(address, WIDE)
    with store.write() as writing:
        writing.extend(records(*(f"{i}.png" for i in range(1000))), rows)
    truth_scores, truth = store.nearest(queries, 10)
    assert store.snapshot().is_exact()
    assert store.bring_index_up_to_date() is None
    with store.write() as writing:
        writing.note_index(Wish(kind, 0.9))  # type: ignore[arg-type]
    steps: list[str] = []
    made = store.bring_index_up_to_date(lambda what, _done, _all: steps.append(what))
    assert made is not None
    assert (made.kind, made.rows) == (kind, 1000)
    assert "measuring recall" in steps
    assert store.bring_index_up_to_date() == made
    assert not store.snapshot().is_exact()
    scores, found = store.nearest(queries, 10)
    assert share_found(found, truth) >= 0.93
    same = found == truth
    assert (scores[same] == truth_scores[same]).all()
    shares = store.shares_found(20)
    assert shares is not None
    assert shares.mean() >= 0.93
    where = Filter.parse("label = '7'")
    among = np.array([row for row, _ in store.records(where=where)])
    line = [row for row in store.nearest(queries[:1], 1000)[1][0].tolist() if row in set(among.tolist())]
    found_among = store.nearest(queries[:1], 20, where=where)[1][0].tolist()
    assert share_found(np.array([found_among]), np.array([line[:20]])) >= 0.9
    store.recall = 1.0
    assert store.nearest(queries, 10)[1].tolist() == truth.tolist()
    assert store.shares_found(5) is None
    with store.write() as writing:
        writing.note_index(Wish("exact"))
    assert store.bring_index_up_to_date() is None
    assert store.index is None
    assert store.nearest(queries, 10)[1].tolist() == truth.tolist()
    store.close()


def test_a_bounded_reader_looks_again_after_a_second(milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    reader = MilvusStore.open(f"{milvus_lite_address}?consistency=bounded")
    assert len(reader) == 0
    with store.write() as writing:
        writing.extend(records("a"), unit_rows(1))
    reader._seen_at = time.monotonic() + 3600
    assert len(reader) == 0
    reader._seen_at = 0.0
    assert len(reader) == 1


def test_indexing_asks_once_for_all_and_not_for_each(milvus_lite_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "ASKED_ONE_BY_ONE", 3)
    monkeypatch.setattr(writer, "ASKED_ONE_BY_ONE", 3)
    store, facts, rows = MilvusStore.create(milvus_lite_address, CARD), records(*"abcdefgh"), unit_rows(8)
    with store.write() as writing:
        writing.extend(facts[:5], rows[:5])
        writing.skip([(Skipped("z", "torn"), Item("z", 1, 2))])
        writing.vanish(["e"])
    with store.write() as writing:
        found = [store.known(record.key) for record in facts]
        assert [each is not None for each in found] == [True] * 5 + [False] * 3
        asked: list[str] = []
        query = store.gallery.remote.query
        monkeypatch.setattr(store.gallery.remote, "query", lambda *given: asked.append(given[1]) or query(*given))
        assert [store.known(record.key) for record in facts] == found
        assert store.with_content(facts[1].content_sha256) == (1, facts[1])
        assert store.known("z") is not None
        assert not store.is_forgotten("z")
        assert asked == []
        writing.extend([*facts[5:], replace(facts[0], width=9)], rows[4:])
        writing.delete(["b"], remember=True)
        writing.refresh([replace(facts[4], width=7)])
        after = (
            store.known("a"),
            store.known("b"),
            store.known("e"),
            store.is_forgotten("b"),
            store.with_content(facts[6].content_sha256),
        )
    assert after == (
        store.known("a"),
        store.known("b"),
        store.known("e"),
        store.is_forgotten("b"),
        store.with_content(facts[6].content_sha256),
    )
    assert after[2] is not None
    assert after[2].live
    assert sorted(keys_of(store)) == ["a", "c", "d", "e", "f", "g", "h"]
    with store.write() as writing:
        assert writing.recall_forgotten() == 1
    assert not store.is_forgotten("b")


def test_a_root_can_move(milvus_lite_address: str) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    with store.write() as writing:
        writing.note_source("/a", Roots("", {"a": "/a"}))
        writing.note_source("/a", Roots("", {"a": "/b"}))
        writing.note_source("/a", Roots("", {"a": "/b"}))
        writing.note_running("onnx fp32")
        writing.note_running("onnx fp32")
    assert store.roots.path("a://x") == "/b/x"
    assert store.sources() == ["/a"]
    assert store.computed_by == ["onnx fp32"]


def test_check_counts_and_reads_every_embedding(milvus_lite_address: str) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    with store.write() as writing:
        writing.extend(records("a", "b"), unit_rows(2))
    assert store.check() == (1, [])
    lost = store.gallery.remote.query(store.gallery.name, "row == 1", ("id",))
    store.gallery.remote.delete(store.gallery.name, [lost[0]["id"]])
    blocks, wrong = store.check()
    assert blocks == 1
    assert "1 images are there where the collection counts 2" in wrong[0]
    with pytest.raises(StoreBusy, match="compacted meanwhile"):
        store.embeddings(np.array([1]))


def test_small_files_are_kept_whole_or_not_found(milvus_lite_address: str, tmp_path: Path) -> None:
    store, path = MilvusStore.create(milvus_lite_address, CARD), tmp_path / "whitening-0.npz"
    path.write_bytes(np.random.default_rng(0).bytes(200_000))
    store.keep_file(path)
    assert not (store.folder / path.name).exists()
    assert store.fetch_file(path.name)
    assert (store.folder / path.name).read_bytes() == path.read_bytes()
    assert not store.fetch_file("whitening-1.npz")
    store.gallery.remote.delete(f"{store.gallery.name}_catalogue", [f"f:{path.name}:2"])
    assert store.gallery.catalogue.file(path.name) is None


def test_another_way_to_keep_embeddings_is_refused(milvus_lite_address: str) -> None:
    with pytest.raises(BadArgument, match="keeps float32, not pq:4"):
        MilvusStore.create(milvus_lite_address, CARD, "pq:4")
    store = MilvusStore.create(milvus_lite_address, CARD, "float32")
    store.demand_kept_as("float32")
    with pytest.raises(StoreMismatch, match="go without --keep int8"):
        store.demand_kept_as("int8")


def test_what_milvus_cannot_hold_is_refused_whole(milvus_lite_address: str) -> None:
    store = MilvusStore.create(milvus_lite_address, CARD)
    long, odd = replace(records("a")[0], metadata={"x": "y" * 70_000}), replace(records("a")[0], key="\udce9.png")
    with store.write() as writing:
        for wrong, told in ((long, "Milvus keeps 65,535"), (odd, "no text in Unicode")):
            with pytest.raises(BadArgument, match=told):
                writing.extend([*records("b"), wrong], unit_rows(2))
        writing.extend(records("c"), unit_rows(1))
    assert keys_of(store) == ["c"]


def test_where_nothing_is_there_is_no_collection(milvus_lite_address: str, tmp_path: Path) -> None:
    for place in (f"milvus:{tmp_path}/none.db", milvus_lite_address):
        with pytest.raises(NoCollection, match="likewise -c milvus:"):
            MilvusStore.open(place)
    assert not (tmp_path / "none.db").exists()


def test_collections_of_others_and_of_later_programs_are_refused(milvus_lite_address: str) -> None:
    made = remote.Remote(Address.parse(milvus_lite_address))
    name = made.address.name
    catalogue.Catalogue(made, name).create("")
    told = {"likewise.card": CARD.to_json(), "likewise.fingerprint": CARD.fingerprint, "likewise.format": "1"}
    for wrong, message in (
        ({}, "something else"),
        (told | {"likewise.format": "9"}, "newer likewise"),
        (told | {"likewise.fingerprint": "0"}, "its card is"),
    ):
        made.create(name, {"id": "id"}, 4, "IP", wrong)
        with pytest.raises(StoreDamaged, match=message):
            MilvusStore.open(milvus_lite_address)
        made.drop(name)
    made.create(name, {"id": "id"}, 4, "IP", told)
    made.delete(f"{name}_catalogue", ["s:0"])
    with pytest.raises(StoreDamaged, match="has no state"):
        MilvusStore.open(milvus_lite_address)


def test_a_server_that_is_away_is_named_with_the_way_out() -> None:
    with pytest.raises(StoreAway, match=r"milvus://127\.0\.0\.1:9/x does not answer .*start the server"):
        MilvusStore.open("milvus://127.0.0.1:9/x?deadline=0.3")


class Flaky:
    """A client that fails so many times before it answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.calls = times, error, 0

    def has_collection(self, _name: str, timeout: float) -> bool:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return True


def test_what_passes_is_tried_again_and_what_does_not_is_told(milvus_lite_address: str) -> None:
    made = remote.Remote(Address.parse(milvus_lite_address))
    client = made._client
    made._client = Flaky(3, RuntimeError("channel not found"))
    assert made.exists("x")
    assert made._client.calls == 4
    for error, kind, told in (
        (RuntimeError("no such field: zz"), LikewiseError, "could not look: no such field"),
        (RuntimeError("auth check failure"), StoreAway, "LIKEWISE_MILVUS_TOKEN"),
        (TypeError("timeout"), LikewiseError, "could not look"),
        (StoreFullLike("x"), StoreFullLike, "x"),
    ):
        made._client = Flaky(1, error)
        with pytest.raises(kind, match=told):
            made.exists("x")
        assert made._client.calls == 1
    made._client = client


class StoreFullLike(LikewiseError):
    """One of ours goes through as it is."""


def test_secrets_go_to_the_server_and_certificates_with_tls(milvus_lite_address: str, tmp_path: Path) -> None:
    made = remote.Remote(Address.parse(milvus_lite_address))
    assert made._secrets() == {}
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    for address, access, wanted in (
        ("milvus://h/x", Access("t:t"), {"token": "t:t"}),
        (
            "milvus+tls://h/x",
            Access(ca=ca, server_name="db"),
            {"secure": True, "server_pem_path": str(ca), "server_name": "db"},
        ),
        (
            "milvus+tls://h/x",
            Access(ca=ca, certificate=key, key=key),
            {"secure": True, "client_pem_path": str(key), "client_key_path": str(key), "ca_pem_path": str(ca)},
        ),
    ):
        made.address, made._access = Address.parse(address), access
        assert made._secrets() == wanted


def test_a_file_serves_one_process_at_a_time(tmp_path: Path) -> None:
    from milvus_lite.server_manager import server_manager_instance

    address = f"milvus:{tmp_path}/one.db?deadline=1"
    store = MilvusStore.create(address, CARD)
    program = (
        "from likewise.errors import LikewiseError\nfrom likewise.stores.milvus import MilvusStore\n"
        f"try:\n    MilvusStore.open({address!r})\n"
        "except LikewiseError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StoreBusy"), done.stdout + done.stderr
    assert "open in another process" in done.stdout
    store.close()
    server_manager_instance.release_server(str(tmp_path / "one.db"))


def test_a_plain_install_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, run_python: Callable[[str], str]
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtra, match=r"likewise\[milvus\]"):
        MilvusStore.open("milvus://127.0.0.1:9/x")
    loaded = run_python(
        "import sys, likewise, likewise.cli; print([m for m in ('pymilvus', 'grpc', 'pyarrow', 'milvus_lite') if m in sys.modules])"
    )
    assert loaded == "[]"


def test_a_state_comes_back_as_it_was() -> None:
    state = State(3, 4, 5, 6, base="/x", computed_by=("a", "b"), index={"kind": "lists"})
    assert State.from_json(state.to_json()) == state
