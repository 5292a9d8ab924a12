"""All pairs that are alike, against the plain loop, and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from likewise.duplicates.components import Components
from likewise.errors import BadArgument
from likewise.indexes.exact import Exact, plain_scores
from likewise.indexes.pairs import PairsOfBlocks, PairsOfNeighbours
from likewise.types import Embeddings, Metric, Rows, Scores

Pairs = set[tuple[int, int]]


def crowd(count: int = 90, dim: int = 6, seed: int = 0, unit: bool = True) -> Embeddings:
    """Rows of which some are copies or nearly so."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, dim))
    if count >= 70:
        rows[30:50] = rows[:20]
        rows[50:70] = rows[:20] + 0.01 * draw.normal(size=(20, dim))
    if unit:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def loop(rows: Embeddings, numbers: Rows, least: float, metric: Metric, unit: bool) -> Pairs:
    """The plain one."""
    found = set()
    for i, row in enumerate(numbers.tolist()):
        scores = plain_scores(rows[row], rows[numbers[i + 1 :]], metric, unit=unit)
        found |= {(row, int(other)) for other in numbers[i + 1 :][scores >= np.float32(least)]}
    return found


def reader(rows: Embeddings, asked: list[int] | None = None) -> Callable[[Rows], Embeddings]:
    def read(numbers: Rows) -> Embeddings:
        if asked is not None:
            asked.append(len(numbers))
        return rows[numbers]

    return read


def listed(scan: PairsOfBlocks | PairsOfNeighbours, start: int = 0) -> list[tuple[int, int]]:
    return [pair for part in scan.parts(start) for pair in zip(part.first.tolist(), part.second.tolist(), strict=True)]


@pytest.mark.parametrize("block_rows", [(1, 1), (7, 5), (5, 7), (64, 16), (2048, 1024)])
@pytest.mark.parametrize(
    ("metric", "unit", "least"),
    [("cosine", True, 0.9), ("cosine", False, 0.9), ("cosine", False, -0.2), ("l2", False, -0.5), ("l2", True, -0.01)],
)
def test_blocks_find_the_pairs_of_the_loop_each_once(
    metric: Metric, unit: bool, least: float, block_rows: tuple[int, int]
) -> None:
    rows = crowd(unit=unit)
    numbers = np.delete(np.arange(len(rows)), [3, 31, 88])
    found = listed(PairsOfBlocks(reader(rows), numbers, least, metric, unit=unit, block_rows=block_rows))
    assert len(found) == len(set(found))
    assert set(found) == loop(rows, numbers, least, metric, unit)
    assert found


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_pair_at_the_very_score_counts(metric: Metric) -> None:
    rows = crowd(40, unit=False)
    for other in range(1, 40):
        least = float(plain_scores(rows[0], rows[other : other + 1], metric)[0])
        assert (0, other) in listed(PairsOfBlocks(reader(rows), np.arange(40), least, metric))
        higher = float(np.nextafter(np.float32(least), np.float32(9)))
        assert (0, other) not in listed(PairsOfBlocks(reader(rows), np.arange(40), higher, metric))


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_minus_infinity_lets_all_pairs_pass_and_infinity_none(metric: Metric) -> None:
    rows = crowd(20)
    assert len(listed(PairsOfBlocks(reader(rows), np.arange(20), float("-inf"), metric))) == 190
    assert listed(PairsOfBlocks(reader(rows), np.arange(20), 1.5, metric)) == []


def test_rows_that_leave_float32_are_compared_as_the_loop_does() -> None:
    rows = crowd(12, unit=False)
    rows[3] *= np.float32(1e25)
    rows[7] = rows[3]
    with np.errstate(over="ignore", invalid="ignore"):
        found = listed(PairsOfBlocks(reader(rows), np.arange(12), -0.5, "l2"))
    assert (3, 7) in found


def test_an_empty_gallery_and_one_row_have_no_pairs() -> None:
    rows = crowd(1)
    assert listed(PairsOfBlocks(reader(rows), np.arange(0), 0.5, "cosine")) == []
    assert listed(PairsOfBlocks(reader(rows), np.arange(1), 0.5, "cosine")) == []


def test_a_walk_over_blocks_goes_on_where_it_was() -> None:
    rows = crowd()
    scan = PairsOfBlocks(reader(rows), np.arange(90), 0.9, "cosine", unit=True, block_rows=(20, 11))
    parts = list(scan.parts())
    assert [part.done for part in parts] == list(range(1, parts[-1].of + 1))
    for start in (0, 1, 7, len(parts) - 1, len(parts)):
        rest = list(scan.parts(start))
        assert [part.done for part in rest] == [part.done for part in parts[start:]]
        assert listed(scan, start) == [
            pair for part in parts[start:] for pair in zip(part.first.tolist(), part.second.tolist(), strict=True)
        ]


def test_blocks_of_no_rows_are_refused() -> None:
    with pytest.raises(BadArgument, match="at least 1"):
        PairsOfBlocks(reader(crowd()), np.arange(3), 0.5, "cosine", block_rows=(4, 0))


def test_blocks_never_read_more_rows_than_they_have() -> None:
    asked: list[int] = []
    rows = crowd(400)
    listed(PairsOfBlocks(reader(rows, asked), np.arange(400), 0.999, "cosine", block_rows=(32, 16)))
    assert max(asked) == 32
    assert sum(asked) < 400 * 400 / 2 / 32 + 400 * 3  # half of all pairs of blocks


class Counting:
    """Exact neighbours; counts what it is asked for."""

    def __init__(self, rows: Embeddings) -> None:
        self.index, self.asked = Exact(rows, "cosine", unit=True), []

    def __call__(self, queries: Embeddings, k: int) -> tuple[Scores, Rows]:
        self.asked.append((len(queries), k))
        return self.index.search(queries, k)


def test_neighbours_find_the_pairs_of_the_loop_however_many_a_row_has() -> None:
    rows = crowd(300)
    rows[100:160] = rows[100]  # 60 equal ones
    nearest = Counting(rows)
    found = listed(PairsOfNeighbours(reader(rows), nearest, np.arange(300), 0.9, k=4, batch=16))
    assert {(min(pair), max(pair)) for pair in found} == loop(rows, np.arange(300), 0.9, "cosine", True)
    assert all(queries * k <= 16 * 4 or queries == 1 for queries, k in nearest.asked)
    few = sum(queries for queries, k in nearest.asked if k == 4)
    assert few == 300  # only crowded rows ask again
    assert sum(queries for queries, k in nearest.asked if k > 4) < 300


def test_a_crowd_hangs_together_though_no_row_asks_for_all_of_it() -> None:
    rows = np.repeat(crowd(2), 50, axis=0)
    nearest = Counting(rows)
    found = listed(PairsOfNeighbours(reader(rows), nearest, np.arange(100), 0.999, k=4, most=8))
    assert max(k for _, k in nearest.asked) == 8
    crowds = Components(100)
    crowds.join(*np.array(found).T)
    assert [each.tolist() for each in crowds.groups()] == [list(range(50)), list(range(50, 100))]


def test_a_gallery_smaller_than_k_is_asked_once() -> None:
    rows = np.repeat(crowd(1), 5, axis=0)
    nearest = Counting(rows)
    found = listed(PairsOfNeighbours(reader(rows), nearest, np.arange(5), 0.9, k=8))
    assert len(found) == 20
    assert len(nearest.asked) == 1


def test_a_walk_over_neighbours_goes_on_where_it_was() -> None:
    rows = crowd()
    scan = PairsOfNeighbours(reader(rows), Counting(rows), np.arange(90), 0.9, k=2, batch=20)
    parts = list(scan.parts())
    assert sorted({part.done for part in parts}) == [0, 20, 40, 60, 80, 90]
    assert set(listed(scan, 40)) == {pair for pair in listed(scan) if pair[0] >= 40}
