"""What every store promises. Filters and snapshots have files of their own."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.errors import BadArgument, StoreBusy, StoreMismatch
from likewise.stores import Store
from likewise.types import Item, Skipped
from stored import CARD, Make, add, keys_of


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


def test_compact_keeps_what_searches_see(store: Store, make: Make, off: float) -> None:
    rows = add(store, "a", "b", "c", "d")
    with store.write() as writer:
        writer.delete(["a"])
        writer.vanish(["c"])
        before = [[(hit.key, hit.score) for hit in hits] for hits in store.search(rows, 9)]
        assert writer.compact() == 2
        assert writer.compact() == 0
    for opened in (store, make(CARD)):
        assert [[(hit.key, hit.score) for hit in hits] for hits in opened.search(rows, 9)] == before
        rows_now = [row for row, _ in opened.records()]
        assert rows_now == sorted(set(rows_now))
        np.testing.assert_allclose(opened.embeddings(np.array(rows_now)), rows[[1, 3]], atol=off)
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


def test_an_etag_is_kept_or_not_at_all(store: Store) -> None:
    first, second = (replace(record, etag=f'"{record.key}"') for record in records("a", "b"))
    item = Item("c", 1, 1, etag='"c"')
    with store.write() as writer:
        writer.extend([first, second], unit_rows(2))
        writer.skip([(Skipped("c", "no picture"), item)])
        writer.refresh([replace(second, etag="")])
    found = [store.known(key) for key in ("a", "b", "c")]
    assert [known.etag for known in found if known is not None] in (['"a"', "", '"c"'], ["", "", ""])
    assert all(known is not None and known.unchanged(Item("x", known.size_bytes, known.modified_ns)) for known in found)
