"""What every store promises of one state of it, held while it changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fakes import records, unit_rows
from likewise.filters import Filter
from likewise.stores import Store
from stored import CARD, Make, add, pictures


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
    after = held.records(np.array([1]))
    assert after is None or after[1].key == "b"  # never another image, where rows have other numbers now
    np.testing.assert_allclose(held.embeddings(np.array([2])), rows[2:], atol=off)


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
