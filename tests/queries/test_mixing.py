"""The point that a mix stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import MeanColour, unit_rows
from likewise.errors import BadArgument
from likewise.queries.mixing import mixed

UNIT, RAW = MeanColour().card, MeanColour(unit=False).card


def test_a_part_alone_stays_bit_for_bit() -> None:
    row = np.array([[3, 4, 0, 1]], np.float32)
    for card in (UNIT, RAW):
        assert np.array_equal(mixed(row, [0.3], card, "cosine"), row[0])
        assert np.array_equal(mixed(row, [0.3], card, "l2"), row[0])


def test_unit_parts_are_weighted_summed_and_made_unit() -> None:
    rows = np.eye(4, dtype=np.float32)[:3]
    found = mixed(rows, [2, 1, -2], UNIT, "cosine")
    np.testing.assert_allclose(found, [2 / 3, 1 / 3, -2 / 3, 0], rtol=1e-6)
    assert found.dtype == np.float32


def test_by_angle_raw_lengths_do_not_count() -> None:
    rows = np.array([[100, 0, 0, 0], [0, 0.01, 0, 0]], np.float32)
    np.testing.assert_allclose(mixed(rows, [1, 1], RAW, "cosine"), [0.5**0.5, 0.5**0.5, 0, 0], rtol=1e-6)


def test_by_distance_raw_parts_give_their_weighted_mean() -> None:
    rows = np.array([[10, 0, 0, 0], [0, 4, 0, 0]], np.float32)
    np.testing.assert_allclose(mixed(rows, [3, 1], RAW, "l2"), [7.5, 1, 0, 0])


def test_by_distance_nothing_is_taken_from_raw_embeddings() -> None:
    with pytest.raises(BadArgument, match="--metric cosine"):
        mixed(unit_rows(2), [1, -0.5], RAW, "l2")


def test_parts_that_cancel_are_refused() -> None:
    same = np.repeat(unit_rows(1), 2, axis=0)
    with pytest.raises(BadArgument, match="cancel"):
        mixed(same, [1, -1], UNIT, "cosine")


def test_away_from_one_part_is_its_opposite() -> None:
    row = unit_rows(1)
    np.testing.assert_allclose(mixed(row, [-2], UNIT, "cosine"), -row[0], rtol=1e-6)


@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.01, 100))
def test_order_and_common_scale_of_the_weights_change_nothing(count: int, seed: int, scale: float) -> None:
    rows = unit_rows(count, seed=seed)
    weights = np.random.default_rng(seed).uniform(0.1, 1, count)
    wanted = mixed(rows, list(weights), UNIT, "cosine")
    order = np.random.default_rng(seed + 1).permutation(count)
    np.testing.assert_allclose(mixed(rows[order], list(scale * weights[order]), UNIT, "cosine"), wanted, atol=1e-5)
    assert np.linalg.norm(wanted) == pytest.approx(1, abs=1e-5)
