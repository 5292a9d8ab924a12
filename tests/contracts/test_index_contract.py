"""What every index promises, held against the obvious code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import BadArgument
from likewise.indexes import Index
from likewise.indexes.exact import Exact

Rows = np.ndarray
Make = Callable[[Rows, np.ndarray | None], Index]

KINDS = {
    "l2": ("l2", np.float32, False),
    "cosine": ("cosine", np.float32, False),
    "unit": ("cosine", np.float32, True),
    "l2-float16": ("l2", np.float16, False),
    "unit-float16": ("cosine", np.float16, True),
}


def obvious(rows: Rows, query: Rows, kind: str) -> np.ndarray:
    """One score for each row, one row at a time."""
    metric, dtype, unit = KINDS[kind]
    scores = []
    for row in rows.astype(dtype).astype(np.float32):
        if metric == "l2":
            scores.append(-np.linalg.norm(query - row))
        elif unit:
            scores.append(np.dot(row, query))
        else:
            size = np.linalg.norm(query) * np.linalg.norm(row)
            scores.append(np.dot(row, query) / size if size > 0 else np.float32(0))
    return np.array(scores, np.float32)


def ranked(scores: np.ndarray, k: int, live: np.ndarray | None = None) -> list[int]:
    order = np.argsort(-scores, kind="stable").tolist()
    return [row for row in order if live is None or live[row]][:k]


def made(rows: Rows, kind: str, live: np.ndarray | None = None, step: int | None = None) -> Exact:
    metric, dtype, unit = KINDS[kind]
    return Exact(rows.astype(dtype), metric, live, unit=unit, block_rows=step)


def gallery(count: int, dim: int, kind: str, seed: int = 0) -> Rows:
    rows = np.maximum(np.random.default_rng(seed).normal(size=(count, dim)), 0).astype(np.float32)
    if KINDS[kind][2]:
        rows += np.float32(0.01)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_answer_is_that_of_the_obvious_code(kind: str) -> None:
    rows, queries = gallery(300, 24, kind), gallery(20, 24, kind, seed=1)
    scores, found = made(rows, kind, step=64).search(queries, 7)
    for query, row, score in zip(queries, found, scores, strict=True):
        wanted = obvious(rows, query, kind)
        assert row.tolist() == ranked(wanted, 7)
        assert score.tolist() == wanted[row].tolist()
        assert (np.diff(score) <= 0).all()


def test_an_empty_gallery_gives_nothing(kind: str) -> None:
    scores, found = made(np.zeros((0, 5), np.float32), kind).search(gallery(3, 5, kind), 4)
    assert scores.shape == found.shape == (3, 0)


def test_no_queries_give_no_answers(kind: str) -> None:
    scores, found = made(gallery(9, 5, kind), kind).search(np.zeros((0, 5), np.float32), 4)
    assert scores.shape == found.shape == (0, 4)


def test_one_row_is_found(kind: str) -> None:
    rows = gallery(1, 5, kind)
    scores, found = made(rows, kind).search(rows, 3)
    assert found.tolist() == [[0]]
    assert scores.dtype == np.float32
    assert found.dtype == np.int64


def test_k_over_the_gallery_gives_the_gallery_in_order(kind: str) -> None:
    rows, queries = gallery(30, 8, kind), gallery(4, 8, kind, seed=1)
    _, found = made(rows, kind, step=7).search(queries, 1000)
    assert found.shape == (4, 30)
    for query, row in zip(queries, found, strict=True):
        assert row.tolist() == ranked(obvious(rows, query, kind), 30)


def test_equal_rows_keep_their_order(kind: str) -> None:
    rows = np.repeat(gallery(5, 8, kind), 4, axis=0)
    _, found = made(rows, kind, step=3).search(rows[:1], 6)
    assert found[0, :4].tolist() == [0, 1, 2, 3]
    assert made(np.repeat(rows[:1], 50, axis=0), kind, step=7).search(rows[:1], 5)[1].tolist() == [[0, 1, 2, 3, 4]]


def test_rows_that_are_not_live_are_never_returned(kind: str) -> None:
    rows = gallery(50, 8, kind)
    live = np.random.default_rng(2).random(50) < 0.5
    scores, found = made(rows, kind, live, step=9).search(rows, 100)
    assert scores.shape == (50, live.sum())
    for query, row in zip(rows, found, strict=True):
        assert row.tolist() == ranked(obvious(rows, query, kind), 100, live)
    assert made(rows, kind, np.zeros(50, bool)).search(rows[:2], 3)[1].shape == (2, 0)


@pytest.mark.parametrize("share", [0.0, 0.003, 0.01, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dead", [0.0, 0.3])
def test_a_search_among_some_rows_is_the_search_of_these_alone(kind: str, share: float, dead: float) -> None:
    rows, queries = gallery(700, 16, kind), gallery(11, 16, kind, seed=1)
    draw = np.random.default_rng(3)
    among, live = draw.random(700) < share, draw.random(700) >= dead
    alone = np.flatnonzero(among & live)
    for k in (1, 7, 10_000):
        scores, found = made(rows, kind, live, step=64).search(queries, k, among)
        wanted_scores, wanted = made(rows[alone], kind).search(queries, k)
        assert found.tolist() == alone[wanted].tolist()
        assert scores.tolist() == wanted_scores.tolist()
        assert found.shape == (11, min(k, len(alone)))


def test_equal_rows_among_some_keep_their_order(kind: str) -> None:
    rows = np.repeat(gallery(1, 8, kind), 400, axis=0)
    for among in (np.arange(400) % 50 == 3, np.arange(400) % 3 > 0, (np.arange(400) > 40) & (np.arange(400) < 60)):
        found = made(rows, kind, step=7).search(rows[:2], 5, among)[1]
        assert found.tolist() == [np.flatnonzero(among)[:5].tolist()] * 2


def test_a_search_among_some_leaves_the_next_one_as_it_was(kind: str) -> None:
    rows, queries = gallery(300, 12, kind), gallery(5, 12, kind, seed=1)
    index, wanted = made(rows, kind), made(rows, kind).search(queries, 4)
    among = np.arange(300) % 10 == 0
    kept = among.copy()
    first = index.search(queries, 4, among)
    for _ in range(2):
        scores, found = index.search(queries, 4)
        assert (scores.tolist(), found.tolist()) == (wanted[0].tolist(), wanted[1].tolist())
    assert index.search(queries, 4, among)[1].tolist() == first[1].tolist()
    assert among.tolist() == kept.tolist()


@pytest.mark.parametrize("among", [np.ones(4, bool), np.ones((3, 1), bool), np.ones(3, np.int64)])
def test_what_says_nothing_of_the_rows_is_refused(kind: str, among: np.ndarray) -> None:
    with pytest.raises(BadArgument, match="wanted bool"):
        made(gallery(3, 5, kind), kind).search(gallery(1, 5, kind), 2, among)


def test_the_answer_does_not_depend_on_the_batch(kind: str) -> None:
    rows, queries = gallery(700, 33, kind), gallery(30, 33, kind, seed=1)
    index = made(rows, kind)
    scores, found = index.search(queries, 5)
    for i in range(len(queries)):
        one, row = index.search(queries[i : i + 1], 5)
        assert one.tolist() == scores[i : i + 1].tolist()
        assert row.tolist() == found[i : i + 1].tolist()


def test_threads_that_search_side_by_side_agree(kind: str) -> None:
    rows, queries = gallery(500, 16, kind), gallery(40, 16, kind, seed=1)
    wanted = made(rows, kind).search(queries, 5)[1].tolist()
    index = made(rows, kind, step=50)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: index.search(queries, 5)[1].tolist(), range(8)))
    assert answers == [wanted] * 8


def test_a_memory_map_is_searched_as_an_array_is(kind: str, tmp_path: Path) -> None:
    rows = gallery(100, 12, kind)
    dtype = KINDS[kind][1]
    rows.astype(dtype).tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", dtype, "r", shape=(100, 12))
    metric, _, unit = KINDS[kind]
    answer = Exact(mapped, metric, unit=unit, block_rows=13).search(rows[:9], 5)
    wanted = made(rows, kind).search(rows[:9], 5)
    assert answer[0].tolist() == wanted[0].tolist()
    assert answer[1].tolist() == wanted[1].tolist()


@pytest.mark.parametrize(
    ("queries", "k", "told"),
    [
        (np.zeros((1, 5), np.float32), 0, "at least 1"),
        (np.zeros((1, 4), np.float32), 3, "wanted"),
        (np.zeros(5, np.float32), 3, "wanted"),
        (np.full((1, 5), np.nan, np.float32), 3, "NaN"),
        (np.full((1, 5), np.inf, np.float32), 3, "NaN or infinity"),
    ],
)
def test_bad_calls_are_refused(kind: str, queries: np.ndarray, k: int, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        made(gallery(3, 5, kind), kind).search(queries, k)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_small_gallery_is_answered_as_by_the_obvious_code(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["l2", "cosine"]))
    dim, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
    numbers = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-3, 1e3, 1 + 2**-23])
    rows = np.array(data.draw(st.lists(st.lists(numbers, min_size=dim, max_size=dim), min_size=count, max_size=count)))
    query = np.array([data.draw(st.lists(numbers, min_size=dim, max_size=dim))], np.float32)
    k, step = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 13))
    among = data.draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count).map(np.array))
    scores, found = made(rows.astype(np.float32), kind, step=step).search(query, k, among)
    wanted = obvious(rows.astype(np.float32), query[0], kind)
    assert found[0].tolist() == ranked(wanted, k, among)
    assert scores[0].tolist() == wanted[found[0]].tolist()
