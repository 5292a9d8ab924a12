"""The index that lies beside a collection."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from fakes import MeanColour, records
from galleries import clustered, share_found
from likewise.errors import BadArgument
from likewise.filters import Filter
from likewise.indexes.coded import Coded
from likewise.indexes.exact import Exact
from likewise.stores.local import LocalStore, indexing
from likewise.stores.local.indexing import Wish

CARD = replace(MeanColour().card, name="wide", dim=32)
ROWS, QUERIES = clustered(4000, 32, queries=100)


@pytest.fixture(autouse=True)
def quick_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MEASURED_QUERIES", 200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".likewise"


@pytest.fixture
def store(folder: Path) -> Iterator[LocalStore]:
    with LocalStore.create(folder, CARD) as opened:
        add(opened, 0, 3000)
        yield opened


def add(store: LocalStore, start: int, end: int) -> None:
    with store.write() as writer:
        writer.extend(records(*(f"{row:05d}" for row in range(start, end))), ROWS[start:end])


def wish(store: LocalStore, kind: indexing.Choice = "lists", recall: float = 0.99) -> None:
    with store.write() as writer:
        writer.note_index(Wish(kind, recall))


def wanted(live: np.ndarray) -> np.ndarray:
    return Exact(ROWS[: len(live)], "cosine", live, unit=True).search(QUERIES, 10)[1]


def searched_by(store: LocalStore) -> type:
    store.nearest(QUERIES[:1], 1)
    return type(store.view().indexes["cosine"])


@pytest.mark.parametrize("kind", ["lists", "graph"])
def test_a_wished_index_is_built_and_used_by_this_and_later_openings(
    store: LocalStore, folder: Path, kind: indexing.Choice
) -> None:
    wish(store, kind)
    steps: list[str] = []
    built = store.bring_index_up_to_date(lambda what, _done, _all: steps.append(what))
    assert built is not None
    assert (built.kind, built.rows, built.measured_rows) == (kind, 3000, 3000)
    assert {"learning codes", "coding", "measuring recall"} <= set(steps)
    with LocalStore.open(folder) as again:
        for each in (store, again):
            assert searched_by(each) is Coded
            assert share_found(each.nearest(QUERIES, 10)[1], wanted(np.ones(3000, bool))) >= 0.98
            assert each.index == built
    assert store.check() == (1, [])
    assert store.bring_index_up_to_date() == built


@pytest.mark.parametrize("kind", ["lists", "graph"])
def test_a_filter_costs_no_recall_whatever_share_passes(store: LocalStore, kind: indexing.Choice) -> None:
    wish(store, kind)
    assert store.bring_index_up_to_date() is not None
    add(store, 3000, 3500)
    shares = np.random.default_rng(2).permutation(3500)
    with store.write() as writer:
        facts = [replace(record, metadata={"place": int(shares[row])}) for row, record in store.records()]
        writer.refresh(facts)
    assert searched_by(store) is Coded
    without = share_found(store.nearest(QUERIES, 10)[1], wanted(np.ones(3500, bool)))
    for passing in (0, 3, 35, 350, 1750, 3500):
        found = store.nearest(QUERIES, 10, where=Filter.parse(f"place < {passing}"))[1]
        live = shares < passing
        assert found.shape == (100, min(10, passing))
        assert live[found].all()
        if passing:
            assert share_found(found, wanted(live)) >= min(0.98, without)


def test_a_small_gallery_or_a_wish_for_it_is_searched_exactly(store: LocalStore, folder: Path) -> None:
    assert store.bring_index_up_to_date() is None  # auto: exact search of 3,000 rows takes less than 10 ms
    assert searched_by(store) is Exact
    wish(store)
    assert store.bring_index_up_to_date() is not None
    wish(store, "exact")
    assert store.bring_index_up_to_date() is None
    assert not (folder / indexing.FOLDER).exists()
    assert searched_by(store) is Exact


def test_a_slow_gallery_gets_lists_by_itself(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "SLOW_S", 0.0)
    built = store.bring_index_up_to_date()
    assert built is not None
    assert built.kind == "lists"


def test_a_few_images_get_no_index_whatever_is_wished(tmp_path: Path) -> None:
    with LocalStore.create(tmp_path / "few", CARD) as few:
        assert few.bring_index_up_to_date() is None
        add(few, 0, 50)
        wish(few)
        assert few.bring_index_up_to_date() is None
        assert few.nearest(QUERIES, 99)[1].shape == (100, 50)


def test_new_and_removed_images_are_right_at_once_and_join_the_index_later(store: LocalStore) -> None:
    wish(store)
    store.bring_index_up_to_date()
    add(store, 3000, 3900)
    gone = [f"{row:05d}" for row in range(0, 3900, 7)]
    with store.write() as writer:
        assert writer.delete(gone) == len(gone)
    live = np.arange(3900) % 7 != 0
    assert searched_by(store) is Coded
    found = store.nearest(QUERIES, 10)[1]
    assert live[found].all()
    assert share_found(found, wanted(live)) >= 0.98
    before = store.index
    assert store.bring_index_up_to_date() == before  # 900 rows are searched exactly beside it


def test_many_new_images_are_added_without_learning_codes_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TAIL_ROWS", 100)
    wish(store)
    first = store.bring_index_up_to_date()
    add(store, 3000, 4000)
    steps: list[str] = []
    second = store.bring_index_up_to_date(lambda what, _done, _all: steps.append(what))
    assert first is not None
    assert second is not None
    assert (second.rows, second.learnt_rows, second.measured_rows) == (4000, 3000, 4000)
    assert "learning codes" not in steps
    assert share_found(store.nearest(QUERIES, 10)[1], wanted(np.ones(4000, bool))) >= 0.98
    assert [path.name for path in (store.folder / indexing.FOLDER).glob("*.faiss")] == [second.file]


def test_codes_are_learnt_again_when_the_gallery_has_doubled(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TAIL_ROWS", 100)
    monkeypatch.setattr(indexing, "_GROWTH", 1.2)
    wish(store)
    store.bring_index_up_to_date()
    add(store, 3000, 4000)
    second = store.bring_index_up_to_date()
    assert second is not None
    assert second.learnt_rows == 4000


def test_an_index_of_rows_that_were_renumbered_is_not_used(store: LocalStore) -> None:
    wish(store)
    before = store.bring_index_up_to_date()
    with store.write() as writer:
        writer.delete(["00000"])
        writer.compact()
    assert store.index is None
    assert searched_by(store) is Exact
    after = store.bring_index_up_to_date()
    assert after is not None
    assert before is not None
    assert (after.rows, after.generation) == (2999, before.generation + 1)


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "empty", "note", "other format"])
def test_a_torn_index_is_never_believed(store: LocalStore, folder: Path, harm: str) -> None:
    wish(store)
    built = store.bring_index_up_to_date()
    assert built is not None
    path, note = folder / "index" / built.file, folder / "index" / "index.json"
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "note":
        note.write_text(note.read_text()[:200])
    elif harm == "other format":
        note.write_text(json.dumps(json.loads(note.read_text()) | {"format": 99}))
    else:
        path.write_bytes({"cut": data[:-9], "flipped": data[:99] + b"x" + data[100:], "empty": b""}[harm])
    with LocalStore.open(folder) as again:
        assert again.index is None
        assert searched_by(again) is Exact
        assert again.nearest(QUERIES, 10)[1].tolist() == wanted(np.ones(3000, bool)).tolist()
        assert "likewise index" in " ".join(again.check()[1])
        rebuilt = again.bring_index_up_to_date()
        assert rebuilt is not None
        assert searched_by(again) is Coded
        assert again.check()[1] == []


def test_the_other_metric_of_unit_rows_uses_the_same_index(store: LocalStore) -> None:
    wish(store)
    store.bring_index_up_to_date()
    scores, found = store.nearest(QUERIES, 5, "l2")
    assert type(store.view().indexes["l2"]) is Coded
    for query, score, row in zip(QUERIES, scores, found, strict=True):
        np.testing.assert_allclose(score, -np.linalg.norm(ROWS[row] - query, axis=1), rtol=1e-5)


def test_a_reader_takes_a_new_index_up_and_keeps_the_old_one_till_then(store: LocalStore, folder: Path) -> None:
    wish(store)
    with LocalStore.open(folder) as reader:
        assert searched_by(reader) is Exact
        store.bring_index_up_to_date()
        assert searched_by(reader) is Coded
        held = reader.snapshot()
        store.bring_index_up_to_date(anew=True)
        assert held.nearest(QUERIES, 10)[1].shape == (100, 10)
        assert reader.index == store.index


def test_two_builders_do_not_meet(store: LocalStore, folder: Path) -> None:
    wish(store)
    built = store.bring_index_up_to_date()
    with FileLock(folder / "index" / "builder.lock"):
        assert store.bring_index_up_to_date(anew=True) == built


def test_wishes_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadArgument, match="no index is called 'tree'"):
        Wish("tree")  # type: ignore[arg-type]
    for recall in (0.0, 1.01):
        with pytest.raises(BadArgument, match="recall"):
            Wish("auto", recall)


def test_kill_9_while_building_leaves_exact_search_or_the_old_index(store: LocalStore, folder: Path) -> None:
    wish(store)
    before = store.bring_index_up_to_date()
    program = f"""
import sys
from pathlib import Path
from likewise.stores.local import LocalStore
with LocalStore.open(Path({str(folder)!r})) as store:
    store.bring_index_up_to_date(lambda what, done, all: print(what, flush=True), anew=True)
"""
    for stop_at in ("learning codes", "coding", "measuring recall"):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            for line in run.stdout:
                if line.strip() == stop_at:
                    run.kill()
                    break
        with LocalStore.open(folder) as again:
            assert again.index == before
            assert share_found(again.nearest(QUERIES, 10)[1], wanted(np.ones(3000, bool))) >= 0.98
    after = store.bring_index_up_to_date(anew=True)
    assert after is not None
    assert after != before
    assert not list((folder / "index").glob("*.part"))


def test_how_much_is_found_is_measured_anew(store: LocalStore) -> None:
    assert store.shares_found(50) is None
    wish(store)
    store.bring_index_up_to_date()
    shares = store.shares_found(50)
    assert shares is not None
    assert shares.shape == (50,)
    assert shares.mean() >= 0.97


def test_a_reader_may_ask_for_more_than_was_wished(store: LocalStore) -> None:
    wish(store, recall=0.5)
    store.bring_index_up_to_date()
    exact = wanted(np.ones(3000, bool))
    assert store.recall == 0.5
    assert share_found(store.nearest(QUERIES, 10)[1], exact) < 1
    store.recall = 1.0
    assert store.nearest(QUERIES, 10)[1].tolist() == exact.tolist()
    with pytest.raises(BadArgument, match="recall"):
        store.recall = 2.0
