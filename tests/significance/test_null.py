"""What is said of chance, against galleries where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import BadArgument
from likewise.significance import FEWEST, Null, fitted, sampling
from likewise.types import Metric
from strangers import Made, World, assert_honest, best_scores

STATED = (0.1, 0.03, 0.01, 0.003)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_unrelated_pictures_are_taken_for_related_as_seldom_as_stated(metric: Metric) -> None:
    world = World()
    lengths = 1 + world.rng.random((9000, 1)) if metric == "l2" else 1.0
    rows = world.seen(world.places(9000)) * lengths
    null = fitted(Made(rows[:3000]), metric)
    chances = null.chances(best_scores(rows[:3000], rows[3000:], metric), 3000)
    for stated in STATED:
        assert_honest(stated, chances <= stated)


def test_pairs_score_as_high_as_stated() -> None:
    world = World(seed=1)
    rows = world.seen(world.places(4000))
    null = fitted(Made(rows[:2000]), "cosine")
    scores = (rows[2000:3000] @ rows[3000:].T).ravel()
    for stated in (0.5, 0.1, 0.01, 1e-3, 1e-4):
        assert stated / 1.5 < (scores >= null.score(stated)).mean() < 1.5 * stated
        assert null.chance(null.score(stated)) == pytest.approx(stated, rel=1e-3)


def test_the_best_of_fewer_rows_is_worse_by_what_is_stated() -> None:
    world = World(seed=2)
    rows = world.seen(world.places(8000))
    null = fitted(Made(rows[:3000]), "cosine")
    few = null.chances(best_scores(rows[:150], rows[3000:]), 150)
    for stated in (0.1, 0.03, 0.01):
        assert_honest(stated, few <= stated)


def test_a_gallery_larger_than_the_sample_is_told_of_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_ROWS", 700)
    monkeypatch.setattr(sampling, "PICTURES", 600)
    world = World(seed=12)
    rows = world.seen(world.places(9000))
    null = fitted(Made(rows[:4000]), "cosine")
    assert (null.rows, len(null.best)) == (700, 600)
    chances = null.chances(best_scores(rows[:4000], rows[4000:]), 4000)
    for stated in (0.1, 0.03, 0.01):
        assert_honest(stated, chances <= stated)


def test_classes_of_the_gallery_are_no_chance_and_those_outside_it_are_honest() -> None:
    world = World(10, seed=3)
    middles = world.places(900)
    of = np.repeat(np.arange(150), 20)
    gallery = world.seen(world.near(middles[of], 0.05))
    null = fitted(Made(gallery, [f"class-{i}" for i in of]), "cosine")
    assert null.by_class
    strangers = best_scores(gallery, world.seen(world.near(middles[150:], 0.05)))
    for stated in (0.1, 0.03):
        assert_honest(stated, null.chances(strangers, len(gallery)) <= stated)
    known = best_scores(gallery, world.seen(world.near(middles[of], 0.05)))
    assert (null.chances(known, len(gallery)) <= 0.001).mean() > 0.9


def test_bursts_that_nobody_told_us_of_are_seen_to_stand_out() -> None:
    world = World(10, seed=4)
    scenes = world.places(9000)
    of = np.repeat(np.arange(600), 4)
    gallery = world.seen(world.near(scenes[of], 0.02))
    null = fitted(Made(gallery), "cosine")
    assert not null.by_class
    assert null.trimmed > 1500
    strangers = best_scores(gallery, world.seen(scenes[600:]))
    for stated in (0.1, 0.03, 0.01):
        assert_honest(stated, null.chances(strangers, len(gallery)) <= stated)
    again = best_scores(gallery, world.seen(world.near(scenes[:600], 0.02)))
    assert (null.chances(again, len(gallery)) <= 0.001).mean() > 0.9


def test_a_class_of_half_the_gallery_says_nothing() -> None:
    rows = World(seed=5).seen(World(seed=6).places(200))
    assert not fitted(Made(rows, ["a"] * 150 + ["b"] * 50), "cosine").by_class
    assert fitted(Made(rows, ["a", "b", "c", "d"] * 50), "cosine").by_class


def test_copies_by_their_bytes_are_relatives() -> None:
    world = World(seed=7)
    once = world.seen(world.places(60))
    many = np.repeat(once, 30, axis=0)  # more copies than a list would spare
    copies = fitted(Made(many, contents=np.repeat(np.arange(60), 30).tolist()), "cosine")
    assert copies.best[-1] == pytest.approx(fitted(Made(once), "cosine").best[-1], abs=0.01)


def test_a_gallery_that_was_renumbered_meanwhile_has_only_itself_to_go_by() -> None:
    rows = World(seed=8).seen(World(seed=8).places(100))
    assert not fitted(Made(rows, ["a", "b", "c", "d"] * 25, lost=True), "cosine").by_class


def test_it_is_worked_out_once_for_each_metric_and_seed() -> None:
    made = Made(World(seed=9).seen(World(seed=9).places(80)))
    first = fitted(made, "cosine")
    again = fitted(made, "cosine")
    assert np.array_equal(first.best, again.best)
    fitted(made, "l2")
    fitted(made, "cosine", seed=3)
    assert made.made == ["chance-cosine", "chance-l2", "chance-cosine-3"]


def test_few_images_say_nothing_and_neither_do_many_copies_of_few() -> None:
    rows = World(seed=10).seen(World(seed=10).places(FEWEST))
    assert len(fitted(Made(rows), "cosine").best) == FEWEST
    with pytest.raises(BadArgument, match="19 images, copies .* index at least 20 different"):
        fitted(Made(rows[1:]), "cosine")
    with pytest.raises(BadArgument, match="100 images, copies"):
        fitted(Made(np.repeat(rows[:1], 100, axis=0), contents=[7] * 100), "cosine")


def test_equal_embeddings_of_different_pictures_are_chance() -> None:
    null = fitted(Made(np.repeat(World().seen(World().places(1)), 50, axis=0)), "cosine")
    assert null.chance(1.0, 50) > 0.9
    assert null.chance(1.0) > 0.9


@pytest.fixture(scope="module")
def null() -> Null:
    world = World(seed=11)
    return fitted(Made(world.seen(world.places(400))), "cosine")


@pytest.mark.parametrize("among", [1, 7, 400, 10_000])
def test_a_higher_score_is_never_more_likely_by_chance(null: Null, among: int) -> None:
    chances = null.chances(np.linspace(-1, 1, 1001), among)
    assert (np.diff(chances) <= 1e-15).all()
    assert chances[0] > 0.99
    assert chances[-1] == pytest.approx(null.finest(among))
    assert (null.chances(np.linspace(-1, 1, 1001), among + 1) >= chances - 1e-15).all()


@pytest.mark.parametrize("among", [1, 7, 400, 10_000])
def test_score_and_chance_undo_each_other(null: Null, among: int) -> None:
    for chance in (0.5, 0.01, 2 * null.finest(among)):
        score = null.score(chance, among)
        assert null.chance(score, among) == pytest.approx(chance, rel=0.01)


def test_no_claim_goes_beyond_what_the_gallery_can_tell(null: Null) -> None:
    assert null.finest(400) == pytest.approx(1 / (100 * 400), rel=0.01)
    with pytest.raises(
        BadArgument, match="more than 400 pictures of this gallery can tell: ask for 2e-05 or more|3e-05"
    ):
        null.score(1e-7, 400)
    for nonsense in (0, -0.1, 1.5, float("nan")):
        with pytest.raises(BadArgument, match="give a probability"):
            null.demand(nonsense)
    with pytest.raises(BadArgument, match="at least 1"):
        null.chance(0.5, among=0)
