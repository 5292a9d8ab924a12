from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from likewise.errors import BadArgument
from likewise.metrics import precision_at_k

RANKINGS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def test_hits_within_k_are_counted_and_divided_by_k():
    relevant = np.array([[1, 0, 1, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]], dtype=np.bool_)
    assert precision_at_k(relevant, 1).tolist() == [1.0, 0.0]
    assert precision_at_k(relevant, 4).tolist() == [0.75, 0.0]
    assert precision_at_k(relevant, 7).tolist() == pytest.approx([3 / 7, 0.0])
    assert precision_at_k(relevant, 8).tolist() == [0.5, 0.125]


def test_a_ranking_shorter_than_k_is_divided_by_k_all_the_same():
    assert precision_at_k(np.array([[True, True, True]]), 12).tolist() == [0.25]


def test_no_hits_score_nothing_and_no_queries_give_nothing():
    assert precision_at_k(np.zeros((3, 0), dtype=np.bool_), 5).tolist() == [0.0, 0.0, 0.0]
    assert precision_at_k(np.zeros((0, 5), dtype=np.bool_), 5).shape == (0,)


@given(RANKINGS, st.integers(1, 15))
def test_order_within_the_first_k_does_not_matter(relevant, k):
    flipped = np.concatenate([relevant[:, :k][:, ::-1], relevant[:, k:]], axis=1)
    np.testing.assert_array_equal(precision_at_k(flipped, k), precision_at_k(relevant, k))


@given(RANKINGS, st.integers(1, 15))
def test_precision_times_k_is_a_count_no_larger_than_k_and_never_falls_as_k_grows(relevant, k):
    count = precision_at_k(relevant, k) * k
    np.testing.assert_allclose(count, np.round(count), atol=1e-9)
    assert np.all((count >= 0) & (count <= k + 1e-9))
    assert np.all(precision_at_k(relevant, k + 1) * (k + 1) >= count - 1e-9)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k):
    with pytest.raises(BadArgument, match=f"k is {k}"):
        precision_at_k(np.ones((1, 3), dtype=np.bool_), k)


@pytest.mark.parametrize("relevant", [np.ones(3, dtype=np.bool_), np.ones((1, 3), dtype=np.int64), np.ones((1, 3))])
def test_what_is_not_a_table_of_booleans_is_refused(relevant):
    with pytest.raises(BadArgument, match="one row of booleans"):
        precision_at_k(relevant, 2)
