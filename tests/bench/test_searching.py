"""What `bench/search.py` believes: the truth of a gallery, recalls, widths, galleries, and what a process took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contests import contest, usage
from searching import duel, made, truth, widths

ROOT = Path(__file__).resolve().parents[2]


def quiet(_what: str, _done: int, _all: int) -> None:
    """Nobody watches."""


def obvious(rows: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    wide, asked = rows.astype(np.longdouble), query.astype(np.longdouble)
    return -((wide - asked) ** 2).sum(axis=1) if metric == "l2" else wide @ asked


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_the_truth_is_that_of_a_sort_of_all_rows_and_equal_rows_stand_in_order(metric: str) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(700, 12)).astype(np.float32)
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[600:] = rows[:100]
    queries = rows[::90] + np.float32(0.01)
    found = truth.nearest(rows, queries, 20, metric)
    for i, query in enumerate(queries):
        assert found.rows[i].tolist() == np.argsort(-obvious(rows, query, metric), kind="stable")[:20].tolist()


def test_the_truth_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    rows = (draw.normal(size=(3000, 8)) * np.geomspace(0.1, 30, 3000)[:, None]).astype(
        np.float32
    )  # bounds grow on the way
    queries = draw.normal(size=(5, 8)).astype(np.float32)
    whole = truth.nearest(rows, queries, 10, "l2")
    monkeypatch.setattr(truth, "_BLOCK_BYTES", 4 * 5 * 50)
    assert np.array_equal(truth.nearest(rows, queries, 10, "l2").rows, whole.rows)


@pytest.fixture
def small(tmp_path: Path) -> made.Gallery:
    return made.made(tmp_path, "unit", 3000, 16, 5, quiet)


def test_a_gallery_is_the_same_every_time_of_unit_norm_and_holds_no_query(small: made.Gallery, tmp_path: Path) -> None:
    rows, queries = small.load()
    again = made.made(tmp_path / "again", "unit", 3000, 16, 5, quiet)
    assert np.array_equal(rows, again.load()[0])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert (truth.truth_of(small, quiet).scores[:, 0] < 0.999999).all()
    assert len(queries) == 5


def test_a_gallery_that_is_there_is_not_made_again_and_a_torn_one_is(small: made.Gallery, tmp_path: Path) -> None:
    told: list[str] = []
    made.made(tmp_path, "unit", 3000, 16, 5, lambda what, _done, _all: told.append(what))
    assert not told
    (small.folder / "made.json").unlink()
    made.made(tmp_path, "unit", 3000, 16, 5, lambda what, _done, _all: told.append(what))
    assert told


def test_recall_counts_what_is_as_near_as_the_last_and_nothing_twice(tmp_path: Path) -> None:
    gallery = made.made(tmp_path, "unit", 500, 8, 2, quiet)
    rows = np.memmap(gallery.rows_path, np.float32, "r+", shape=(500, 8))
    first = truth.nearest(np.asarray(rows), gallery.load()[1], 4, "cosine").rows
    rows[499] = rows[first[0, 2]]  # as near as the third, and last in order
    rows.flush()
    true = truth.nearest(np.asarray(rows), gallery.load()[1], 4, "cosine")
    assert 499 not in true.rows[0, :3]
    tied = np.array([[first[0, 0], first[0, 1], 499]])
    assert truth.recall(tied, true, gallery, 3) == 1
    assert truth.recall(np.array([[first[0, 0]] * 3]), true, gallery, 3) == pytest.approx(1 / 3)
    assert truth.recall(np.array([[-1, first[0, 3], first[0, 0]]]), true, gallery, 3) == pytest.approx(1 / 3)


def test_the_dimension_about_points_of_a_plane_is_that_of_the_plane() -> None:
    draw = np.random.default_rng(2)
    rows = np.zeros((20_000, 12), np.float32)
    rows[:, :5] = draw.random((20_000, 5))
    queries = np.zeros((50, 12), np.float32)
    queries[:, :5] = 0.3 + 0.4 * draw.random((50, 5))
    assert truth.local_dimension(truth.nearest(rows, queries, 100, "l2"), "l2") == pytest.approx(5, rel=0.1)


@given(st.integers(1, 3000), st.integers(1, 50))
def test_a_width_is_enough_and_hardly_more_than_that(least: int, low: int) -> None:
    found = widths.least_width(lambda width: float(width >= least), low, 2048, 1.0)
    if least > 2048:
        assert found is None
    else:
        assert found is not None
        assert max(low, least) <= found <= max(low, least, 1.05 * least)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells of other processes")
def test_what_a_process_took_counts_those_that_it_started() -> None:
    before_s, before_mb = usage.processor_s(), usage.anonymous_mb()
    busy = "import time; block = bytearray(64 << 20)\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert usage.processor_s() - before_s > 0.25
        assert usage.anonymous_mb() - before_mb > 60
        child.communicate(b"\n")


@pytest.fixture
def ground(tmp_path: Path) -> contest.Ground:
    return contest.Ground(tmp_path, 3, 3, 0.0, 0.0)


def reader(way: str) -> contest.Contender:
    given = {"way": way, "size_bytes": 1 << 20, "threads": 1}
    return contest.Contender(f"reading {way}", "searching.plain:reading", given, pinned=True)


def test_sides_take_turns_in_processes_of_their_own_and_one_that_falls_stops_nobody(ground: contest.Ground) -> None:
    told: dict[str, str] = {}
    with ground.begin(reader("sum")) as first, ground.begin(reader("nonsense")) as second:
        sides = [
            duel.Side(name, each, each.ready()["facts"], 8) for name, each in (("sum", first), ("nonsense", second))
        ]
        standing = duel.hold(sides, ground, 0.01, told)
    assert [side.name for side in standing] == ["sum"]
    assert "KeyError" in told["nonsense"]
    assert len(standing[0].seconds) == len(standing[0].processor_s) == 3
    assert min(standing[0].seconds) > 0


def test_a_contender_that_cannot_start_says_why(ground: contest.Ground) -> None:
    with pytest.raises(contest.Fell, match="no_such"):
        ground.once(contest.Contender("nobody", "searching.plain:no_such"))


def test_a_ratio_is_the_median_of_those_within_rounds(ground: contest.Ground) -> None:
    with ground.begin(reader("sum")) as process:
        ours, theirs = duel.Side("ours", process, {}, 1), duel.Side("theirs", process, {}, 1)
        ours.seconds, theirs.seconds = [1.0, 2.0, 100.0], [3.0, 8.0, 100.0]  # something else ran in the third round
        assert ours.against(theirs) == 3
        assert ours.speed == 0.5


def test_the_program_keeps_what_it_measured_and_goes_on_when_a_row_fails(tmp_path: Path) -> None:
    out = tmp_path / "search.json"
    command = [sys.executable, str(ROOT / "bench" / "search.py"), "--quick", "--only", "rerank,post", "--threads", "1"]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    run = json.loads(out.read_text("utf-8"))["runs"][0]
    assert "needs pictures" in run["failures"]["rerank, 1 thread"]
    same = next(
        each
        for each in run["figures"]
        if each["what"].startswith("answers that are the loop's") and "ours" in each["what"]
    )
    assert same["value"] == 1
    against = next(each for each in run["figures"] if each["what"].endswith("against the loop"))
    assert against["value"] > 1
    assert run["machine"]["cores"] >= 1
