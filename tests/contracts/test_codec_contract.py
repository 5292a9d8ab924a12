"""What every codec promises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.compression import Codebook, compression
from likewise.indexes.exact import Exact

DIM = 40


@dataclass(frozen=True)
class Case:
    """A codec for rows of one kind; `error` is what a decoded row may be off, of its length, on the mean."""

    name: str
    unit: bool
    error: float

    def rows(self, count: int, seed: int = 1) -> np.ndarray:
        """Correlated, with a mean, of unit norm or of lengths around 7."""
        draw = np.random.default_rng(seed)
        mix = np.random.default_rng(99).normal(size=(DIM, DIM)) * 0.8 ** np.arange(DIM)[:, None]
        rows = draw.normal(size=(count, DIM)) @ mix + 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows if self.unit else rows * draw.uniform(2, 12, (count, 1))).astype(np.float32)

    @property
    def book(self) -> Codebook:
        return fitted(self)


@cache
def fitted(case: Case) -> Codebook:
    return compression(case.name).fitted(case.rows(800, seed=0), unit=case.unit)


ERRORS = {"float32": 0.0, "float16": 4e-4, "int8": 0.01, "pq:20": 0.12, "pq:7": 0.35, "pq:2": 0.7}
CASES = [Case(name, unit, error) for name, error in ERRORS.items() for unit in (True, False)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case.name}-{'unit' if case.unit else 'raw'}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_a_code_is_a_row_of_bytes_and_becomes_an_embedding_again(case: Case) -> None:
    codec, rows = case.book.codec, case.rows(300)
    codes = codec.encode(rows)
    assert (codes.shape, codes.dtype) == ((300, codec.row_bytes), np.uint8)
    again = codec.decode(codes)
    assert (again.shape, again.dtype) == (rows.shape, np.float32)
    off = np.linalg.norm(again - rows, axis=1) / np.linalg.norm(rows, axis=1)
    assert off.mean() <= case.error
    if case.unit:
        np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1, atol=5e-4)


def test_a_copy_of_a_copy_is_no_worse(case: Case) -> None:
    codec = case.book.codec
    codes = codec.encode(case.rows(500))
    again = codec.encode(codec.decode(codes))
    same = (again == codes).all(axis=1)
    assert same.mean() > 0.98  # a few sums of centroids lie nearer to another code at another length
    once, twice = codec.decode(codes), codec.decode(again)
    off = np.linalg.norm(twice - once, axis=1) / np.linalg.norm(once, axis=1)
    assert off.max() <= max(1e-6, 3 * case.error)


def test_a_row_is_the_same_whatever_others_it_is_read_with(case: Case) -> None:
    codec = case.book.codec
    seen = codec.searched(codec.encode(case.rows(700)))
    whole = np.asarray(seen[:])
    for start, stop in ((0, 1), (5, 6), (3, 300), (699, 700)):
        np.testing.assert_array_equal(np.asarray(seen[start:stop]), whole[start:stop])
    some = np.array([699, 0, 31, 31])
    np.testing.assert_array_equal(np.asarray(seen[some]), whole[some])


def test_what_is_searched_scores_as_decoded_embeddings_do(case: Case) -> None:
    codec = case.book.codec
    codes, queries = codec.encode(case.rows(200)), case.rows(9, seed=2)
    for metric in ("cosine", "l2"):
        plain = Exact(codec.decode(codes), metric, unit=case.unit).search(queries, 200)
        turned = Exact(codec.searched(codes), metric, unit=case.unit).search(codec.asked(queries), 200)
        scale = np.abs(plain[0]).max()
        for (scores, rows), (other, places) in zip(zip(*plain, strict=True), zip(*turned, strict=True), strict=True):
            np.testing.assert_allclose(other[np.argsort(places)], scores[np.argsort(rows)], atol=2e-4 * scale)


def test_a_query_is_the_same_whatever_others_are_asked(case: Case) -> None:
    codec, queries = case.book.codec, case.rows(20)
    whole = codec.asked(queries)
    for i in range(20):
        np.testing.assert_array_equal(codec.asked(queries[i : i + 1]), whole[i : i + 1])


def test_rows_are_an_array_that_is_decoded_where_it_is_looked_at(case: Case, tmp_path: Path) -> None:
    codec = case.book.codec
    codes = codec.encode(case.rows(50))
    codes.tofile(tmp_path / "codes")
    mapped = np.memmap(tmp_path / "codes", np.uint8, "r", shape=codes.shape)
    rows, wanted = codec.rows(mapped), codec.decode(codes)
    assert (len(rows), rows.shape, rows.ndim) == (50, (50, DIM), 2)
    np.testing.assert_allclose(np.asarray(rows, np.float32), wanted, atol=1e-5)
    np.testing.assert_allclose(np.asarray(rows[10:12], np.float32), wanted[10:12], atol=1e-5)
    np.testing.assert_allclose(np.asarray(rows[np.array([7, 3])], np.float32), wanted[[7, 3]], atol=1e-5)


def test_nothing_becomes_nothing(case: Case) -> None:
    codec = case.book.codec
    none = codec.encode(np.zeros((0, DIM), np.float32))
    assert none.shape == (0, codec.row_bytes)
    assert codec.decode(none).shape == (0, DIM)
    assert len(codec.searched(none)) == 0
    assert codec.asked(np.zeros((0, DIM), np.float32)).shape[0] == 0


def test_zeros_stay_finite(case: Case) -> None:
    codec = case.book.codec
    assert np.isfinite(codec.decode(codec.encode(np.zeros((2, DIM), np.float32)))).all()


def test_the_same_rows_and_seed_give_the_same_codec_and_its_arrays_restore_it(case: Case) -> None:
    wanted, rows = compression(case.name), case.rows(300, seed=3)
    one, two = (wanted.fitted(rows, unit=case.unit, seed=5) for _ in range(2))
    assert one.to_bytes() == two.to_bytes()
    again = wanted.family.restore(wanted.number, DIM, one.codec.arrays, unit=case.unit)
    codes = one.codec.encode(rows[:50])
    np.testing.assert_array_equal(again.encode(rows[:50]), codes)
    np.testing.assert_array_equal(again.decode(codes), one.codec.decode(codes))
    assert bool(wanted.least) == bool(one.codec.arrays) == one.is_fitted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(-20, 20), st.sampled_from(CASES))
def test_arguments_stay_as_they_are_and_answers_are_finite(seed: int, count: int, power: float, case: Case) -> None:
    codec = case.book.codec
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if not case.unit and case.name != "float16":
        rows *= np.float32(2.0**power)
    before = rows.copy()
    codes = codec.encode(rows)
    kept = codes.copy()
    assert np.isfinite(codec.decode(codes)).all()
    codec.asked(rows)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(codes, kept)
