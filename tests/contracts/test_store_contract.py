"""What every store promises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.compression import Codebook, compression
from likewise.errors import BadArgument, StoreBusy, StoreMismatch
from likewise.filters import Filter
from likewise.stores import Store
from likewise.stores.local import LocalStore
from likewise.types import Card, Item, Metric, Record, Skipped

Make = Callable[[Card], Store]

CARD = MeanColour().card


OFF = {"float32": 1e-6, "float16": 1e-3, "int8": 5e-3, "pq:4": 2e-2}
"""How embeddings are kept → how far a component may be off."""


@cache
def codebook(name: str) -> Codebook:
    return compression(name).fitted(unit_rows(2000, seed=77), unit=True)


@pytest.fixture(params=OFF)
def keep(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def off(keep: str) -> float:
    return OFF[keep]


@pytest.fixture
def make(keep: str, tmp_path: Path) -> Make:
    """Opens the one store of this test, as often as it is called."""
    return lambda card: LocalStore.create(tmp_path / ".likewise", card, codebook(keep))


@pytest.fixture
def store(make: Make) -> Store:
    return make(CARD)


def add(store: Store, *keys: str, seed: int = 0) -> np.ndarray:
    rows = unit_rows(len(keys), seed=seed)
    with store.write() as writer:
        writer.extend(records(*keys), rows)
    return rows


def keys_of(store: Store) -> list[str]:
    return [record.key for _, record in store.records()]


def test_what_was_added_is_there_for_this_and_for_later_openings(store: Store, make: Make, off: float) -> None:
    rows = add(store, "b", "a")
    for opened in (store, make(CARD)):
        assert len(opened) == 2
        assert keys_of(opened) == ["b", "a"]
        np.testing.assert_allclose(opened.embeddings(np.array([1, 0])), rows[::-1], atol=off)
        known = opened.known("a")
        assert known is not None
        assert known.record == records("b", "a")[1]
        assert known.live


def test_the_embedding_of_a_key_is_the_one_that_searches_meet(store: Store, off: float) -> None:
    rows = add(store, "a", "b", "c")
    with store.write() as writer:
        writer.extend(records("b"), rows[:1])  # b is another picture now
        writer.delete(["a"])
    for key, wanted in (("b", rows[:1]), ("c", rows[2:])):
        found = store.embedding(key)
        assert found is not None
        assert (found.shape, found.dtype) == ((1, 4), np.float32)
        np.testing.assert_allclose(found, wanted, atol=off)
    with store.write() as writer:
        writer.compact()
    np.testing.assert_allclose(store.embedding("c"), rows[2:], atol=off)
    assert store.embedding("a") is None
    assert store.embedding("never") is None


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    assert len(store) == 0
    assert store.search(unit_rows(2), 5) == [[], []]
    assert store.known("a") is None
    assert keys_of(store) == []


def test_the_nearest_come_first_and_carry_their_records(store: Store) -> None:
    rows = add(store, "a", "b", "c")
    (hits,) = store.search(rows[1:2], 2)
    assert hits[0].key == "b"
    assert hits[0].rank == 1
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert hits[1].rank == 2
    assert hits[0].score >= hits[1].score
    assert hits[0].record.metadata == {"label": "b"}


def test_k_over_the_gallery_gives_the_gallery(store: Store) -> None:
    rows = add(store, "a", "b", "c")
    scores, found = store.nearest(rows, 10)
    assert scores.shape == found.shape == (3, 3)
    assert sorted(found[0].tolist()) == [0, 1, 2]


def test_equal_scores_keep_row_order(store: Store) -> None:
    same = np.repeat(unit_rows(1), 4, axis=0)
    with store.write() as writer:
        writer.extend(records("d", "c", "b", "a"), same)
    _, found = store.nearest(same[:1], 3)
    assert found.tolist() == [[0, 1, 2]]


def test_the_metric_can_be_chosen(store: Store, off: float) -> None:
    rows = add(store, "a", "b")
    scores, _ = store.nearest(rows[:1], 1, "l2")
    assert scores[0, 0] == pytest.approx(0.0, abs=2 * off)


def test_a_key_added_again_is_there_once_with_its_new_row(store: Store) -> None:
    add(store, "a", "b")
    new = add(store, "a", seed=5)
    assert len(store) == 2
    assert sorted(keys_of(store)) == ["a", "b"]
    (hits,) = store.search(new, 5)
    assert [hit.key for hit in hits] == ["a", "b"]
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)


def test_deleted_images_are_never_returned(store: Store) -> None:
    rows = add(store, "a", "b", "c")
    with store.write() as writer:
        assert writer.delete(["b", "nobody"]) == 1
    (hits,) = store.search(rows[1:2], 5)
    assert {hit.key for hit in hits} == {"a", "c"}
    assert store.known("b") is None
    assert not store.is_forgotten("b")


def test_the_row_of_some_bytes_is_found_whatever_became_of_the_image(store: Store) -> None:
    add(store, "a", "b", "c", "d")
    same, *_ = records("a")
    with store.write() as writer:
        writer.delete(["b"])
        writer.vanish(["c"])
        writer.extend([replace(same, key="copy of a")], unit_rows(1))
    for row, record in enumerate(records("a", "b", "c", "d")):
        assert store.with_content(record.content_sha256) == (row, record)
    assert store.with_content("ff" * 32) is None


def test_forgotten_images_are_remembered_as_such(store: Store) -> None:
    add(store, "a")
    with store.write() as writer:
        writer.delete(["a"], remember=True)
    assert store.is_forgotten("a")


def test_vanished_images_leave_searches_and_can_come_back(store: Store) -> None:
    rows = add(store, "a", "b")
    with store.write() as writer:
        writer.vanish(["a"])
    assert [hit.key for hit in store.search(rows[:1], 5)[0]] == ["b"]
    known = store.known("a")
    assert known is not None
    assert not known.live
    assert known.record is not None
    with store.write() as writer:
        writer.refresh([known.record])
    assert [hit.key for hit in store.search(rows[:1], 1)[0]] == ["a"]


def test_skipped_images_are_listed_with_their_reasons(store: Store) -> None:
    add(store, "a")
    with store.write() as writer:
        writer.skip([(Skipped("z", "is empty"), Item("z", 0, 7)), (Skipped("a", "is torn"), Item("a", 3, 8))])
    assert store.skipped() == [Skipped("a", "is torn"), Skipped("z", "is empty")]
    assert len(store) == 0
    known = store.known("z")
    assert known is not None
    assert known.record is None
    assert known.unchanged(Item("z", 0, 7))
    add(store, "z")
    assert store.skipped() == [Skipped("a", "is torn")]


def test_sources_are_remembered_once_in_order(store: Store) -> None:
    with store.write() as writer:
        for name in ("/b", "/a", "/b"):
            writer.note_source(name, store.roots.including(name))
    assert store.sources() == ["/b", "/a"]
    assert store.roots.path("a://x.png") == "/a/x.png"


def test_compact_keeps_what_searches_see(store: Store, make: Make) -> None:
    rows = add(store, "a", "b", "c", "d")
    with store.write() as writer:
        writer.delete(["a"])
        writer.vanish(["c"])
        before = [[(hit.key, hit.score) for hit in hits] for hits in store.search(rows, 9)]
        assert writer.compact() == 2
        assert writer.compact() == 0
    for opened in (store, make(CARD)):
        assert [[(hit.key, hit.score) for hit in hits] for hits in opened.search(rows, 9)] == before
        assert [row for row, _ in opened.records()] == [0, 1]
    assert add(store, "e").shape == (1, 4)
    assert keys_of(store) == ["b", "d", "e"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_not_finite_are_refused_whole(store: Store, bad: float) -> None:
    rows = unit_rows(3)
    rows[1, 2] = bad
    with store.write() as writer, pytest.raises(BadArgument, match="NaN or infinity"):
        writer.extend(records("a", "b", "c"), rows)
    assert len(store) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_metadata_that_are_no_json_are_refused_whole(store: Store, bad: float) -> None:
    with store.write() as writer:
        wrong = [replace(each, metadata={"x": {"y": bad}}) for each in records("a", "b")]
        with pytest.raises(BadArgument, match="a: its metadata hold NaN or infinity"):
            writer.extend([*records("c"), *wrong], unit_rows(3))
        writer.extend(records("d"), unit_rows(1))
    assert keys_of(store) == ["d"]


def test_rows_of_a_unit_card_must_have_unit_norm(store: Store) -> None:
    with store.write() as writer, pytest.raises(BadArgument, match="has norm"):
        writer.extend(records("a"), 2 * unit_rows(1))


def test_rows_and_records_must_fit_together(store: Store) -> None:
    with store.write() as writer:
        with pytest.raises(BadArgument, match="shape"):
            writer.extend(records("a"), unit_rows(2))
        with pytest.raises(BadArgument, match="shape"):
            writer.extend(records("a"), unit_rows(1, dim=5))
        with pytest.raises(BadArgument, match="twice"):
            writer.extend(records("a", "a"), unit_rows(2))
        writer.extend([], np.zeros((0, 4), np.float32))
    assert len(store) == 0


def test_a_second_writer_is_told_who_holds_the_lock(store: Store, make: Make) -> None:
    other = make(CARD)
    with store.write(), pytest.raises(StoreBusy, match=r"process \d+"), other.write():
        raise AssertionError
    with other.write() as writer:
        writer.extend(records("a"), unit_rows(1))
    assert len(store) == 1


def test_a_second_writer_can_wait(store: Store, make: Make) -> None:
    other = make(CARD)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.write() as writer:
            holding.set()
            done.wait(10)
            writer.extend(records("a"), unit_rows(1))

    first = threading.Thread(target=hold)
    first.start()
    holding.wait(10)
    threading.Timer(0.05, done.set).start()
    with other.write(wait_s=10.0) as writer:
        writer.extend(records("b"), unit_rows(1))
    first.join()
    assert sorted(keys_of(store)) == ["a", "b"]


def test_another_card_is_refused_with_the_way_out(store: Store, make: Make) -> None:
    add(store, "a")
    with pytest.raises(StoreMismatch, match="--model mean-colour"):
        make(MeanColour("another").card)


def test_readers_see_whole_batches_while_a_writer_writes(store: Store, make: Make) -> None:
    size, batches = 7, 12
    seen: list[int] = []
    stop = threading.Event()

    def look() -> None:
        reader = make(CARD)
        while not stop.is_set():
            seen.append(reader.nearest(unit_rows(1), 1000)[1].shape[1])
        reader.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    with store.write() as writer:
        for batch in range(batches):
            writer.extend(records(*(f"{batch}-{i}" for i in range(size))), unit_rows(size, seed=batch))
    stop.set()
    watcher.join()
    assert seen
    assert all(count % size == 0 for count in seen)
    assert seen == sorted(seen)
    assert len(store) == size * batches


def test_a_snapshot_keeps_its_rows_while_the_store_changes(store: Store, off: float) -> None:
    rows = add(store, "a", "b", "c")
    held = store.snapshot()
    with store.write() as writer:
        writer.delete(["a"])
        writer.extend(records("d"), rows[:1])
    assert held.live.tolist() == [0, 1, 2]
    assert store.snapshot().live.tolist() == [1, 2, 3]
    np.testing.assert_allclose(held.embeddings(np.array([[0, 2]])), rows[[0, 2]], atol=off)
    assert held.nearest(rows[:1], 1)[1].tolist() == [[0]]
    found = held.records(np.array([[1, 2]]))
    assert found is not None
    assert {row: record.key for row, record in found.items()} == {1: "b", 2: "c"}
    with store.write() as writer:
        writer.compact()
    assert held.records(np.array([1])) is None
    np.testing.assert_allclose(held.embeddings(np.array([2])), rows[2:], atol=off)


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


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("label = 'nobody'", 0),
        ("width = 123", 1),
        ("rare = true", 4),
        ("width < 40", 40),
        ("note is not missing", 200),
        ("not label = 'a' and not (folder = 'b' and note.no > 100)", 167),
        ("size > 0 and date is not null", 399),
        ("key like '%.jpg'", 400),
    ],
)
@pytest.mark.parametrize("metric", [None, "l2"])
def test_a_filtered_search_is_the_search_of_a_gallery_of_those_that_pass(
    make: Make, text: str, passing: int, metric: Metric | None
) -> None:
    store, where = make(CARD), Filter.parse(text)
    facts, rows = pictures(400), unit_rows(400)
    with store.write() as writer:
        writer.extend(facts, rows)
    alone = np.array([where.matches(each) for each in facts])
    assert alone.sum() == passing
    assert [row for row, _ in make(CARD).records(where=where)] == np.flatnonzero(alone).tolist()
    for k in (1, 9, 1000):
        scores, found = store.nearest(unit_rows(5, seed=1), k, metric, where)
        assert found.shape == (5, min(k, passing))
        whole_scores, whole = store.nearest(unit_rows(5, seed=1), 400, metric)
        for line, wanted_line, line_scores, wanted_scores in zip(found, whole, scores, whole_scores, strict=True):
            kept = alone[wanted_line]
            assert line.tolist() == wanted_line[kept][:k].tolist()
            assert line_scores.tolist() == wanted_scores[kept][:k].tolist()
        hits = store.search(unit_rows(5, seed=1), k, metric, where)
        assert [[hit.row for hit in each] for each in hits] == found.tolist()
        assert all(where.matches(hit.record) for each in hits for hit in each)


def test_a_filter_sees_only_what_searches_see(store: Store) -> None:
    facts, rows = pictures(30), unit_rows(30)
    with store.write() as writer:
        writer.extend(facts, rows)
        writer.delete(["a/0.jpg"])
        writer.vanish(["a/3.jpg"])
    where = Filter.parse("label = 'a' and width < 10")
    assert sorted(store.nearest(rows[:1], 10, where=where)[1][0].tolist()) == [6, 9]
    assert [record.key for _, record in store.records("a/", where)] == ["a/6.jpg", "a/9.jpg"]
    assert list(store.records("b/", where)) == []


def test_a_filter_goes_by_what_is_told_now(store: Store) -> None:
    facts, rows = pictures(6), unit_rows(6)
    with store.write() as writer:
        writer.extend(facts, rows)
        where = Filter.parse("label = 'a'")
        for _ in range(2):
            assert sorted(store.nearest(rows[:1], 9, where=where)[1][0].tolist()) == [0, 3]
        writer.refresh([replace(facts[3], metadata={"label": "b"}), replace(facts[4], metadata={"label": "a"})])
        assert sorted(store.nearest(rows[:1], 9, where=where)[1][0].tolist()) == [0, 4]
        writer.delete(["b/1.jpg"])
        writer.compact()
        assert sorted(store.nearest(rows[:1], 9, where=where)[1][0].tolist()) == [0, 3]
        assert {hit.key for hit in store.search(rows[:1], 9, where=where)[0]} == {"a/0.jpg", "b/4.jpg"}


def test_true_and_one_are_filters_of_their_own(store: Store) -> None:
    facts = [replace(each, metadata={"x": value}) for each, value in zip(records("a", "b"), (True, 1), strict=True)]
    with store.write() as writer:
        writer.extend(facts, unit_rows(2))
    found = [store.nearest(unit_rows(1), 2, where=Filter.parse(f"x = {value}"))[1].tolist() for value in ("true", "1")]
    assert found == [[[0]], [[1]]]


def test_a_filtered_snapshot_is_that_of_a_gallery_of_those_that_pass(store: Store) -> None:
    facts, rows = pictures(20), unit_rows(20)
    with store.write() as writer:
        writer.extend(facts, rows)
        writer.delete(["a/3.jpg"])
    where, made = Filter.parse("label = 'a'"), list[int]()
    held = store.snapshot(where)

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"x": np.arange(len(made))}

    assert held.live.tolist() == [0, 6, 9, 12, 15, 18]
    assert sorted(held.nearest(rows[:1], 99)[1][0].tolist()) == held.live.tolist()
    for snapshot, count in (
        (held, 1),
        (store.snapshot(where), 1),
        (store.snapshot(), 2),
        (store.snapshot(Filter.parse("width < 9")), 3),
    ):
        assert len(snapshot.remembered("x", make, lasting=True)["x"]) == count
    assert len(made) == 3
    with store.write() as writer:
        writer.refresh([replace(facts[6], metadata={"label": "b"})])
    assert held.live.tolist() == [0, 6, 9, 12, 15, 18]
    assert store.snapshot(where).live.tolist() == [0, 9, 12, 15, 18]
    found = held.records(np.array([6]))
    assert found is not None
    assert found[6].key == "a/6.jpg"


def test_threads_with_filters_of_their_own_agree(store: Store) -> None:
    facts, rows = pictures(90), unit_rows(90)
    with store.write() as writer:
        writer.extend(facts, rows)
    filters = [Filter.parse(f"label = '{'abc'[i % 3]}' and width < {30 + i}") for i in range(12)]
    wanted = [store.nearest(rows[:2], 99, where=where)[1].tolist() for where in filters]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(
            lambda _: [store.nearest(rows[:2], 99, where=where)[1].tolist() for where in filters], range(6)
        ):
            assert found == wanted


def test_a_snapshot_remembers_what_was_worked_out_of_its_state(store: Store) -> None:
    add(store, "a", "b")
    made: list[int] = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        assert store.snapshot().remembered("x", make)["x"].tolist() == [0, 1, 2]
    assert len(made) == 1
    with store.write() as writer:
        writer.delete(["a"])
    store.snapshot().remembered("x", make)
    assert len(made) == 2


def test_a_note_of_a_state_is_found_at_that_state_only_and_the_last_one_counts(store: Store, make: Make) -> None:
    add(store, "a", "b", "c")
    held = store.snapshot()
    assert held.noted("work") is None
    for count in (1, 2):
        held.note("work", {"done": np.arange(count)})
    for opened in (store, make(CARD)):
        found = opened.snapshot().noted("work")
        assert found is not None
        assert found["done"].tolist() == [0, 1]
    assert held.noted("other") is None
    add(store, "d")
    assert store.snapshot().noted("work") is None


def test_the_part_that_a_filter_leaves_keeps_no_notes(store: Store) -> None:
    add(store, "a", "b", "c")
    part = store.snapshot(Filter.parse("key = 'a'"))
    part.note("work", {"done": np.arange(2)})
    assert part.noted("work") is None
    assert store.snapshot().noted("work") is None


def test_a_store_says_whether_neighbours_are_exact(store: Store) -> None:
    add(store, "a", "b", "c")
    assert store.snapshot().is_exact()
    assert store.snapshot().is_exact("l2")
