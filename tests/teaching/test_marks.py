"""Marks become a direction: towards what is liked, away from what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fakes
from likewise.errors import BadArgument
from likewise.stores.local import LocalStore
from likewise.teaching import MOST_MARKS, Marks, logistic, taught
from likewise.types import Card, Recipe

DIM = 12


@pytest.fixture
def store(tmp_path: Path):
    """60 images about three directions: a00 … a19, b00 … b19, c00 … c19."""
    draw = np.random.default_rng(5)
    centres = np.linalg.qr(draw.normal(size=(DIM, 3)))[0].T
    rows = np.repeat(centres, 20, axis=0) + 0.25 * draw.normal(size=(60, DIM))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with LocalStore.create(tmp_path / ".likewise", Card("made", DIM, Recipe("tiny", 8))) as made:
        with made.write() as writer:
            writer.extend(fakes.records(*(f"{kind}{i:02}" for kind in "abc" for i in range(20))), rows)
        yield made


def kinds_of_the_best(store: LocalStore, direction: np.ndarray, k: int = 15) -> str:
    return "".join(hit.key[0] for hit in store.search(direction[None], k)[0])


@pytest.mark.parametrize("method", ["logistic", "rocchio"])
def test_liked_images_lead_to_their_kind(store, method):
    found = taught(store, Marks(("a00", "a01", "a02"), (), method))
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    assert kinds_of_the_best(store, found) == "a" * 15


@pytest.mark.parametrize("method", ["logistic", "rocchio"])
def test_disliked_images_alone_lead_away_from_their_kind(store, method):
    found = taught(store, Marks((), ("a00", "a01", "a02"), method))
    assert "a" not in kinds_of_the_best(store, found, 30)


def test_marks_turn_a_query_that_stands_between_two_kinds(store):
    between = store.embedding("a05") + store.embedding("b05")
    liked = taught(store, Marks(("b00", "b01"), ("a00", "a01")), between)
    assert kinds_of_the_best(store, liked) == "b" * 15
    other = taught(store, Marks(("a00", "a01"), ("b00", "b01")), between)
    assert kinds_of_the_best(store, other) == "a" * 15


def test_the_same_marks_learn_the_same_direction(store):
    marks = Marks(("a00", "b01"), ("c00",))
    np.testing.assert_array_equal(taught(store, marks), taught(store, marks))


def test_marks_whose_image_is_gone_do_not_count(store):
    with store.write() as writer:
        writer.delete(["a01"])
    left = taught(store, Marks(("a00", "a01")))
    np.testing.assert_array_equal(left, taught(store, Marks(("a00",))))
    with pytest.raises(BadArgument, match="none of the 1 marked images"):
        taught(store, Marks(("a01",)))
    base = store.embedding("b00")
    np.testing.assert_array_equal(taught(store, Marks(("a01",)), base), base[0])


def test_marks_that_cancel_each_other_out_are_told(store, monkeypatch):
    monkeypatch.setattr("likewise.teaching.rocchio.DISLIKED", 0.75)
    with store.write() as writer:
        writer.extend(fakes.records("twin"), store.embedding("a00"))
    with pytest.raises(BadArgument, match="cancel each other out"):
        taught(store, Marks(("a00",), ("twin",), "rocchio"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (((), ()), "0 images are marked"),
        ((("a",), ("a",)), "a is marked as liked and as disliked"),
        ((tuple(map(str, range(MOST_MARKS + 1))), ()), "1,025 images are marked"),
        ((("a",), (), "guess"), "no method 'guess'"),
    ],
)
def test_marks_that_mean_nothing_are_refused(given, told):
    with pytest.raises(BadArgument, match=told):
        Marks(*given)


def test_a_mark_that_is_given_twice_counts_once():
    assert Marks(("a", "a"), ("b", "b")) == Marks(("a",), ("b",))
    assert str(Marks(("a",), ("b", "c"))) == "1 liked, 2 disliked"


def test_the_dual_finds_what_gradient_descent_on_the_primal_finds():
    draw = np.random.default_rng(1)
    rows, signs = draw.normal(size=(14, 5)), np.where(np.arange(14) % 3 == 0, 1.0, -1.0)
    weights, penalty = np.full(14, 1 / 14), 0.05
    w, b = np.zeros(5), 0.0
    for _ in range(20_000):
        pull = weights * signs / (1 + np.exp(signs * (rows @ w + b)))
        w += 0.5 * (rows.T @ pull - penalty * w)
        b += 0.5 * pull.sum()
    np.testing.assert_allclose(logistic.fitted(rows, signs, weights, penalty), w, atol=1e-5)
