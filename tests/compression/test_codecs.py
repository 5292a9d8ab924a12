"""What is particular to each codec, against the obvious code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fakes import unit_rows
from likewise.compression import Decoded, compression
from likewise.compression.product import ProductQuantiser
from likewise.errors import BadArgument


def blobs(count: int, dim: int, seed: int = 0) -> np.ndarray:
    """Rows that vary a thousand times as much along some directions as along others."""
    draw = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(dim, dim)))
    return (draw.normal(size=(count, dim)) * np.geomspace(1, 1e-3, dim) @ turn).astype(np.float32)


def test_float16_cannot_keep_what_is_over_its_largest_number() -> None:
    codec = compression("float16").made(2, unit=False).codec
    assert np.isinf(codec.decode(codec.encode(np.array([[1e6, 1.0]], np.float32)))).tolist() == [[True, False]]


FINITE = st.floats(-(2.0**100), 2.0**100, width=32).filter(lambda x: x == 0 or abs(x) > 2.0**-90)


@settings(deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=FINITE))
def test_int8_is_off_by_half_a_step_of_its_row_at_most(rows: np.ndarray) -> None:
    codec = compression("int8").made(rows.shape[1], unit=False).codec
    codes = codec.encode(rows)
    again = codec.decode(codes)
    steps = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64) / 127
    assert (np.abs(again.astype(np.float64) - rows) <= steps * 0.501).all()
    np.testing.assert_array_equal(codec.encode(again), codes)


def test_int8_of_unit_rows_takes_a_byte_a_component_and_others_four_more() -> None:
    assert compression("int8").made(10, unit=True).codec.row_bytes == 10
    assert compression("int8").made(10, unit=False).codec.row_bytes == 14


def test_pq_takes_the_nearest_centroid_of_each_part() -> None:
    rows = blobs(700, 12)
    codec = compression("pq:4").fitted(rows, unit=False).codec
    assert isinstance(codec, ProductQuantiser)
    turn, centroids = (np.asarray(codec.arrays[name]) for name in ("turn", "centroids"))
    np.testing.assert_allclose(turn @ turn.T, np.eye(12), atol=1e-5)
    for row, code in zip(rows[:60], codec.encode(rows[:60]), strict=True):
        for part, piece in enumerate((turn @ row).reshape(4, 3)):
            away = np.linalg.norm(centroids[part] - piece, axis=1)
            assert away[code[part]] <= away.min() + 1e-6


def test_pq_keeps_more_with_more_bytes() -> None:
    rows, others = blobs(1500, 16), blobs(300, 16, seed=1)
    off = []
    for count in (1, 2, 4, 8, 16):
        codec = compression(f"pq:{count}").fitted(rows, unit=False).codec
        off.append(np.linalg.norm(codec.decode(codec.encode(others)) - others))
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.1 * off[0]


def test_pq_deals_the_axes_out_so_that_no_part_has_all_that_matters() -> None:
    rows = blobs(2000, 16)
    turn = np.asarray(compression("pq:4").fitted(rows, unit=False).codec.arrays["turn"])
    variances = np.var(rows @ turn.T, axis=0).reshape(4, 4)
    products = np.log(variances).sum(axis=1)
    assert (
        np.ptp(products) < 3
    )  # the variances themselves span thirteen, and in their own order parts would differ by 50


def test_axes_for_which_there_is_no_room_are_left_out_and_queries_know_how_far_off_they_lie() -> None:
    rows = blobs(600, 40)
    codec = compression("pq:2").fitted(rows, unit=False).codec
    assert np.asarray(codec.arrays["turn"]).shape == (32, 40)
    asked = codec.asked(rows[:9])
    assert asked.shape == (9, 33)
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), np.linalg.norm(rows[:9], axis=1), rtol=1e-5)
    assert (np.asarray(codec.searched(codec.encode(rows))[:])[:, -1] == 0).all()


def test_pq_can_be_fitted_on_many_copies_of_few_rows() -> None:
    few = unit_rows(10, 8)
    rows = np.repeat(few, 60, axis=0)
    codec = compression("pq:4").fitted(rows, unit=True).codec
    np.testing.assert_allclose(codec.decode(codec.encode(few)), few, atol=1e-4)
    assert np.isfinite(
        compression("pq:2").fitted(np.ones((300, 4), np.float32), unit=False).codec.decode(np.zeros((1, 2), np.uint8))
    ).all()


@pytest.mark.parametrize("name", ["pq:5", "pq:300"])
def test_pq_says_how_many_bytes_go_with_the_length(name: str) -> None:
    with pytest.raises(BadArgument, match="ask for 1 to 4, or take int8"):
        compression(name).fitted(unit_rows(300), unit=True)


def test_pq_says_how_many_embeddings_it_takes() -> None:
    with pytest.raises(BadArgument, match="256 embeddings at least, and here are 255"):
        compression("pq:2").fitted(unit_rows(255), unit=True)


def test_pq_refuses_queries_of_another_length() -> None:
    codec = compression("pq:2").fitted(unit_rows(300), unit=True).codec
    with pytest.raises(BadArgument, match=r"shape \(1, 5\), wanted \(q, 4\)"):
        codec.asked(unit_rows(1, 5))


def test_decoded_rows_are_no_view_of_anything() -> None:
    rows = Decoded(np.zeros((3, 2), np.uint8), lambda codes: codes.astype(np.float32), 2)
    assert np.asarray(rows, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="are a copy"):
        np.array(rows, copy=False)
