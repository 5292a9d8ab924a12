"""Exact search where rounding is at its worst: the answer stays that of the plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import BadArgument
from likewise.indexes import exact
from likewise.indexes.exact import Exact


def the_posts_algorithm(features: np.ndarray, query: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    """`[norm(x - f) for f in features]`, sorted."""
    with np.errstate(over="ignore"):
        distances = np.array([np.linalg.norm(query - feature) for feature in features])
    nearest = np.argsort(distances, kind="stable")[:k]
    return nearest.tolist(), distances[nearest].tolist()


def assert_same(features: np.ndarray, queries: np.ndarray, k: int = 7, **options: int) -> None:
    with np.errstate(over="ignore"):
        scores, rows = Exact(features, "l2", **options).search(queries, k)
    for query, row, score in zip(queries, rows, scores, strict=True):
        wanted, distances = the_posts_algorithm(features, query, k)
        assert row.tolist() == wanted
        assert (-score).tolist() == distances


def relu_features(count: int, dim: int, seed: int = 0) -> np.ndarray:
    """Clustered and sparse, as VGG's fc1 after ReLU."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(12, 40))
    latent = centres[draw.integers(0, 12, count)] + 0.4 * draw.normal(size=(count, 40))
    return np.maximum(latent @ draw.normal(size=(40, dim)) - 2, 0).astype(np.float32)


def test_the_posts_neighbours_are_found_for_2000_images_and_50_queries() -> None:
    features = relu_features(2050, 4096)
    assert_same(features[:2000], features[2000:])


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e5])
def test_a_common_offset_that_cancels_costs_nothing(offset: float) -> None:
    draw = np.random.default_rng(1)
    features = (draw.normal(size=(400, 64)) + offset).astype(np.float32)
    assert_same(features, features[:10] + np.float32(0.25), block_rows=64)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e15, 1e18, 1e30])
def test_tiny_and_huge_numbers_are_ranked_as_by_the_loop(scale: float) -> None:
    draw = np.random.default_rng(2)
    features = (draw.normal(size=(200, 16)) * scale).astype(np.float32)
    assert_same(features, features[:8] * np.float32(1.5), block_rows=50)


def test_rows_one_unit_in_the_last_place_apart_are_told_apart() -> None:
    row = relu_features(1, 256)[0]
    near = np.repeat(row[None], 300, axis=0)
    for i in range(1, 300):
        at = i % 256
        near[i, at] = np.nextafter(near[i, at], np.float32(9))
    assert_same(near, row[None] + np.float32(0.5), k=20, block_rows=37)


def test_many_candidates_are_worked_off_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_CANDIDATES_AT_ONCE", 100)
    monkeypatch.setattr(exact, "_RESCORED_BYTES", 1000)
    features = np.repeat(relu_features(20, 32), 20, axis=0)
    assert_same(features, features[::40] + np.float32(0.1), block_rows=64)


def test_norms_are_computed_once_and_nothing_else_is_kept() -> None:
    class Counted(np.ndarray):
        looks = 0

        def __getitem__(self, key: object) -> object:
            if isinstance(key, slice):
                Counted.looks += 1
            return super().__getitem__(key)

    features = relu_features(100, 8).view(Counted)
    index = Exact(features, "l2", block_rows=25)
    assert Counted.looks == 0
    first = index.search(np.asarray(features[:3]), 2)
    norms = index._norms.copy()
    second = index.search(np.asarray(features[:3]), 2)
    assert first[1].tolist() == second[1].tolist()
    assert not np.isnan(norms).any()


def test_a_zero_query_ties_with_everything_under_the_cosine() -> None:
    scores, rows = Exact(relu_features(30, 8), "cosine").search(np.zeros((1, 8), np.float32), 4)
    assert rows.tolist() == [[0, 1, 2, 3]]
    assert scores.tolist() == [[0, 0, 0, 0]]


def test_an_exact_copy_scores_zero_and_not_minus_zero() -> None:
    features = relu_features(5, 8)
    scores, _ = Exact(features, "l2").search(features[:1], 1)
    assert str(scores[0, 0]) == "0.0"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadArgument, match="shape"):
        Exact(np.zeros(3, np.float32), "l2")
    with pytest.raises(BadArgument, match="live"):
        Exact(np.zeros((3, 2), np.float32), "l2", np.ones(2, bool))


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-20, 1e-12, 1e12, 1e17, 1e19, 1e25])
def test_the_cosine_is_ranked_as_by_the_loop_at_any_scale(scale: float) -> None:
    draw = np.random.default_rng(5)
    rows = (draw.normal(size=(300, 24)) * scale).astype(np.float32)
    rows[::3] = draw.normal(size=(100, 24)).astype(np.float32)  # tiny or huge rows among ordinary ones
    rows[7] = 0
    queries = np.concatenate([rows[:6], draw.normal(size=(6, 24)).astype(np.float32)])
    for unit in (False, True):
        with np.errstate(all="ignore"):
            scores, found = Exact(rows, "cosine", unit=unit, block_rows=64).search(queries, 9)
            wanted = [exact.plain_scores(query, rows, "cosine", unit=unit) for query in queries]
        if unit and not (np.abs(rows).max() < 1e15):
            continue  # rows that break the promise of unit norm by so much are nobody's business
        for score, row, plain in zip(scores, found, wanted, strict=True):
            order = np.argsort(-plain, kind="stable")[:9]
            assert row.tolist() == order.tolist()
            assert score.tolist() == plain[order].tolist()


def test_asking_for_all_rows_gives_all_rows_scored_plainly() -> None:
    features = relu_features(50, 16)
    live = np.arange(50) % 3 > 0
    scores, rows = Exact(features, "l2", live).search(features[:2], 1000)
    for query, score, row in zip(features[:2], scores, rows, strict=True):
        plain = exact.plain_scores(query, features, "l2")
        order = [i for i in np.argsort(-plain, kind="stable").tolist() if live[i]]
        assert row.tolist() == order
        assert score.tolist() == plain[order].tolist()


def test_what_cannot_be_searched_is_refused() -> None:
    rows = relu_features(3, 4)
    with pytest.raises(BadArgument, match="wanted float32"):
        Exact(rows.astype(np.float64), "l2")  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="wanted 'l2' or 'cosine'"):
        Exact(rows, "dot")  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="at least 1"):
        Exact(rows, "l2", block_rows=0)
    with pytest.raises(BadArgument, match="too large for float32"):
        Exact(rows, "l2").search(np.full((1, 4), 1e300), 1)  # type: ignore[arg-type]
