from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from galleries import clustered, share_found
from likewise.errors import BadArgument, StoreDamaged
from likewise.indexes import dial as dials
from likewise.indexes.coded import Coded, measure
from likewise.indexes.dial import Dial
from likewise.indexes.exact import Exact
from likewise.indexes.first import First, list_count

NO_DIAL = Dial(0, {}, {}, 0.0)


def built(
    rows: np.ndarray, metric: str = "cosine", kind: str = "lists", live: np.ndarray | None = None, **more: float
) -> Coded:
    first = First.build(rows, metric, kind)
    unit = metric == "cosine"
    dial = measure(Coded(first, NO_DIAL, rows, metric, live, unit=unit), 200)
    return Coded(first, dial, rows, metric, live, unit=unit, **more)


@pytest.fixture(scope="module")
def unit() -> tuple[np.ndarray, np.ndarray]:
    return clustered(6000, 48, queries=200)


@pytest.fixture(scope="module")
def lists(unit: tuple[np.ndarray, np.ndarray]) -> Coded:
    return built(unit[0])


@pytest.mark.parametrize("kind", ["lists", "graph"])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("recall", [0.9, 0.99])
def test_as_much_is_found_as_the_dial_says(kind: str, metric: str, recall: float) -> None:
    rows, queries = clustered(5000, 40, queries=300, unit=metric == "cosine")
    index = built(rows, metric, kind, recall=recall)
    wanted = Exact(rows, metric, unit=metric == "cosine").search(queries, 10)
    scores, found = index.search(queries, 10)
    assert share_found(found, wanted[1]) >= recall - 0.01
    assert index.dial.at(recall, 10) is not None
    assert (np.diff(scores) <= 0).all()


def test_scores_are_those_of_exact_search(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    rows, queries = unit
    scores, found = lists.search(queries[:20], 10)
    for query, score, row in zip(queries, scores, found, strict=False):
        assert score.tolist() == [float(np.dot(rows[each], query)) for each in row]


def test_a_recall_of_one_is_exact_search(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    rows, queries = unit
    wanted = Exact(rows, "cosine", unit=True).search(queries, 7)
    scores, found = lists.search(queries, 7, recall=1.0)
    assert found.tolist() == wanted[1].tolist()
    assert scores.tolist() == wanted[0].tolist()


@pytest.mark.parametrize("k", [101, 6000, 9999])
def test_deeper_than_was_measured_is_exact(unit: tuple[np.ndarray, np.ndarray], lists: Coded, k: int) -> None:
    rows, queries = unit
    wanted = Exact(rows, "cosine", unit=True).search(queries[:2], k)[1]
    assert lists.search(queries[:2], k)[1].tolist() == wanted.tolist()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5])
def test_a_filter_costs_no_recall(unit: tuple[np.ndarray, np.ndarray], lists: Coded, share: float) -> None:
    rows, queries = unit
    among = np.random.default_rng(1).random(len(rows)) < share
    wanted = Exact(rows, "cosine", among, unit=True).search(queries, 10)[1]
    found = lists.search(queries, 10, among)[1]
    assert found.shape == wanted.shape
    assert among[found].all()
    assert not found.size or share_found(found, wanted) >= 0.985


def test_a_filter_far_from_the_query_costs_no_recall_either(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    rows, queries = unit
    far = rows @ queries[0] < np.median(rows @ queries[0])
    wanted = Exact(rows, "cosine", far, unit=True).search(queries[:1], 10)[1]
    assert share_found(lists.search(queries[:1], 10, far)[1], wanted) >= 0.9


def test_rows_that_are_not_live_are_never_returned(unit: tuple[np.ndarray, np.ndarray]) -> None:
    rows, queries = unit
    live = np.random.default_rng(2).random(len(rows)) < 0.7
    index = built(rows, live=live)
    wanted = Exact(rows, "cosine", live, unit=True).search(queries, 10)[1]
    found = index.search(queries, 10)[1]
    assert live[found].all()
    assert share_found(found, wanted) >= 0.98
    assert len(index) == live.sum()


def test_rows_that_came_later_are_found_beside_the_coded_ones(unit: tuple[np.ndarray, np.ndarray]) -> None:
    rows, queries = unit
    before = built(rows[:5000])
    index = Coded(before._first, before.dial, rows, "cosine", unit=True)
    wanted = Exact(rows, "cosine", unit=True).search(queries, 10)[1]
    found = index.search(queries, 10)[1]
    assert share_found(found, wanted) >= 0.985
    assert (found >= 5000).any()
    later = np.arange(len(rows)) >= 5000
    assert (
        index.search(queries, 10, later)[1].tolist()
        == Exact(rows, "cosine", later, unit=True).search(queries, 10)[1].tolist()
    )


def test_the_scores_do_not_depend_on_the_batch(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    _, queries = unit
    scores, _ = lists.search(queries[:64], 5)
    single = np.concatenate([lists.search(queries[i : i + 1], 5)[0] for i in range(64)])
    assert np.mean(scores == single) >= 0.99


def test_threads_that_search_side_by_side_agree(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    _, queries = unit
    wanted = lists.search(queries, 5)[1].tolist()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: lists.search(queries, 5)[1].tolist(), range(8)))
    assert answers == [wanted] * 8


@pytest.mark.parametrize("kind", ["lists", "graph"])
@pytest.mark.parametrize("mapped", [True, False])
def test_what_was_written_answers_as_before(
    unit: tuple[np.ndarray, np.ndarray], tmp_path: Path, kind: str, mapped: bool
) -> None:
    rows, queries = unit
    first = First.build(rows[:3000], "cosine", kind)
    first.write(tmp_path / "codes")
    again = First.read(tmp_path / "codes", kind, "cosine", mapped=mapped)
    assert len(again) == 3000
    width = first.widths[-1]
    assert again.candidates(queries, 20, width)[0].tolist() == first.candidates(queries, 20, width)[0].tolist()
    assert (tmp_path / "codes").stat().st_size < 3000 * first.bytes_per_row + 400_000


@pytest.mark.parametrize("cut", [0, 10, 5000])
def test_a_torn_file_is_no_index(unit: tuple[np.ndarray, np.ndarray], tmp_path: Path, cut: int) -> None:
    First.build(unit[0][:2000], "cosine").write(tmp_path / "codes")
    (tmp_path / "codes").write_bytes((tmp_path / "codes").read_bytes()[:cut])
    with pytest.raises(StoreDamaged, match="likewise index"):
        First.read(tmp_path / "codes", "lists", "cosine", mapped=False)


def test_codes_can_be_added_to(unit: tuple[np.ndarray, np.ndarray]) -> None:
    rows, queries = unit
    first = First.build(rows[:4000], "cosine")
    first.add(rows[4000:])
    index = Coded(first, NO_DIAL, rows, "cosine", unit=True)
    index = Coded(first, measure(index, 200), rows, "cosine", unit=True)
    wanted = Exact(rows, "cosine", unit=True).search(queries, 10)[1]
    assert share_found(index.search(queries, 10)[1], wanted) >= 0.985


@pytest.mark.parametrize(
    "rows", [np.ones((50, 5), np.float32), np.zeros((40, 3), np.float32), np.eye(7, dtype=np.float32)]
)
def test_rows_without_variety_are_coded_and_found(rows: np.ndarray) -> None:
    index = built(rows, "l2")
    wanted = Exact(rows, "l2").search(rows[:3], 4)
    scores, found = index.search(rows[:3], 4)
    assert scores.tolist() == wanted[0].tolist()
    assert found.shape == wanted[1].shape


def test_wide_rows_are_narrowed_before_they_are_coded() -> None:
    rows, queries = clustered(1500, 700, queries=50, unit=False)
    index = built(rows, "l2")
    assert index._first.bytes_per_row == 64 + 8  # the code, and the row's number
    assert share_found(index.search(queries, 5)[1], Exact(rows, "l2").search(queries, 5)[1]) >= 0.98


def test_bad_calls_are_refused(unit: tuple[np.ndarray, np.ndarray], lists: Coded) -> None:
    rows, queries = unit
    for bad in (0.0, 1.5):
        with pytest.raises(BadArgument, match="recall"):
            Coded(lists._first, NO_DIAL, rows, "cosine", recall=bad)
    with pytest.raises(BadArgument, match="only 10 rows"):
        Coded(lists._first, NO_DIAL, rows[:10], "cosine")
    with pytest.raises(BadArgument, match="at least 1"):
        lists.search(queries, 0)
    with pytest.raises(BadArgument, match="wanted"):
        lists.search(queries[:, :3], 5)
    with pytest.raises(BadArgument, match="no first pass"):
        First.build(rows, "cosine", "tree")  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="at least one row"):
        First.build(rows[:0], "cosine")
    with pytest.raises(BadArgument, match="nothing to measure"):
        measure(built(rows[:2], live=None).__class__(First.build(rows[:1], "cosine"), NO_DIAL, rows[:1], "cosine"))


@pytest.mark.parametrize(("rows", "lists"), [(10, 1), (50_000, 512), (1_000_000, 2048), (10_000_000, 8192)])
def test_more_rows_are_split_into_more_lists(rows: int, lists: int) -> None:
    assert list_count(rows) == lists


def test_a_dial_is_read_as_it_was_told(lists: Coded) -> None:
    assert Dial.from_json(lists.dial.to_json()) == lists.dial
    with pytest.raises(TypeError, match="no dial"):
        Dial.from_json({})


def test_settings_get_dearer_as_they_get_better(lists: Coded) -> None:
    for settings in (*lists.dial.settings.values(), *lists.dial.widest.values()):
        assert settings
        for former, later in pairwise(settings):
            assert former.low < later.low
            assert former.seconds <= later.seconds
    assert {each.width for each in lists.dial.widest[10]} == {lists.widths[-1]}


def test_a_recall_that_nothing_reaches_has_no_setting(lists: Coded) -> None:
    assert lists.dial.at(0.999999, 10) is None
    assert lists.dial.at(0.5, 101) is None


def test_counts_grow_by_a_quarter_up_to_the_most() -> None:
    assert dials.counts(10, 20) == [10, 13, 17, 20]
    assert dials.counts(100, 30) == [30]


def test_the_place_of_a_neighbour_is_counted_without_the_query_itself() -> None:
    distances = np.array([[0.0, 0.5, 0.7, np.inf]], np.float32)
    rows, left = dials._without(np.array([4]), np.array([[4, 9, 2, -1]]), distances)
    assert rows.tolist() == [[9, 2, -1]]
    assert left[0, :2].tolist() == [0.5, np.float32(0.7)]
    assert dials._without(np.array([7]), np.array([[4, 9, 2, -1]]), distances)[0].tolist() == [[4, 9, 2]]
    assert dials._places(rows, np.array([[2, 9, 7]]))[0].tolist() == [1, 0, np.iinfo(np.int64).max]
