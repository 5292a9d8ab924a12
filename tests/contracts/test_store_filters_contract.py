"""What every store promises of a search among those that pass a filter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from fakes import records, unit_rows
from likewise.filters import Filter
from likewise.stores import Store
from likewise.types import Metric
from stored import CARD, Make, pictures


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
        assert store.nearest(rows[:1], 9, where=where)[1].shape == (1, 2)
        assert {hit.key for hit in store.search(rows[:1], 9, where=where)[0]} == {"a/0.jpg", "b/4.jpg"}


def test_true_and_one_are_filters_of_their_own(store: Store) -> None:
    facts = [replace(each, metadata={"x": value}) for each, value in zip(records("a", "b"), (True, 1), strict=True)]
    with store.write() as writer:
        writer.extend(facts, unit_rows(2))
    found = [store.nearest(unit_rows(1), 2, where=Filter.parse(f"x = {value}"))[1].tolist() for value in ("true", "1")]
    assert found == [[[0]], [[1]]]


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
