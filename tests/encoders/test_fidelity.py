from __future__ import annotations

import numpy as np
import pytest

from likewise.encoders.fidelity import BOUNDS, Bound, Fidelity, compared
from likewise.errors import BadArgument


def circle(count: int = 20) -> np.ndarray:
    """Directions around a circle, so that neighbours are known."""
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_equal_embeddings_are_equally_near(metric) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    found = compared(rows, rows, metric)
    assert (found.pictures, found.overlap) == (30, 1.0)
    assert found.cosine_min == pytest.approx(1)
    assert found.cosine_mean == pytest.approx(1)


def test_a_turn_changes_cosines_and_not_neighbours() -> None:
    turn = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    rows = circle() + 1e-4 * np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    found = compared(rows, (rows @ turn).astype(np.float32), "cosine")
    assert found.cosine_min == pytest.approx(np.cos(0.1), abs=1e-6)
    assert found.overlap == 1


def test_lengths_count_where_neighbours_are_found_by_distance() -> None:
    rows = np.arange(1, 21, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    other = np.random.default_rng(0).permutation(20)[:, None].astype(np.float32) + np.ones((20, 2), np.float32)
    assert compared(rows, other, "l2").cosine_min == pytest.approx(1)
    assert compared(rows, other, "l2").overlap < 0.7


def test_one_entry_in_seven_is_a_seventh() -> None:
    rows = np.zeros((16, 2), np.float32)
    rows[:8, 0], rows[8:, 1] = 1, 1
    rows += np.arange(16)[:, None].astype(np.float32) * 1e-3
    other = rows.copy()
    other[[0, 8]] = other[[8, 0]]
    # 14 pictures have one of their 7 others replaced; the two that changed sides share none of theirs
    assert compared(rows, other, "l2").overlap == pytest.approx((14 * 6 / 7 + 0) / 16)


def test_an_embedding_of_zeros_equals_only_itself() -> None:
    rows = circle()
    rows[3] = 0
    assert compared(rows, rows, "l2").cosine_min == pytest.approx(1)
    other = rows.copy()
    other[3] = 1
    assert compared(rows, other, "l2").cosine_min == 0


def test_too_few_pictures_have_no_neighbours() -> None:
    with pytest.raises(BadArgument, match="7 pictures are too few"):
        compared(circle(7), circle(7), "cosine")


def test_a_bound_wants_both() -> None:
    bound = Bound(0.999, 0.98)
    assert bound.holds(Fidelity(9, 0.999, 1.0, 0.98))
    assert not bound.holds(Fidelity(9, 0.9989, 1.0, 1.0))
    assert not bound.holds(Fidelity(9, 1.0, 1.0, 0.979))
    assert (BOUNDS["bf16"].cosine_min, BOUNDS["bf16"].overlap) == (0.999, 0.98)
