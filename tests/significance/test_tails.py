"""Tails of samples whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.significance.tails import tail_of

Array = np.ndarray


def pareto(rng: np.random.Generator, shape: float, size: int) -> Array:
    """Generalised Pareto of scale 1, rising."""
    u = rng.random(size)
    return np.sort(-np.log(u) if shape == 0 else (u**-shape - 1) / shape)


def quantile(shape: float, chance: float) -> float:
    return -np.log(chance) if shape == 0 else (chance**-shape - 1) / shape


@pytest.mark.parametrize("shape", [-0.25, 0.0, 0.15])
def test_the_shape_and_scale_of_a_known_law_are_found(shape: float) -> None:
    tail = tail_of(pareto(np.random.default_rng(1), shape, 4000))
    assert tail.shape == pytest.approx(shape, abs=0.06)
    assert tail.scale == pytest.approx(1 + shape * tail.threshold, rel=0.1)
    assert tail.peaks == 2000
    assert tail.share == 0.5


@pytest.mark.parametrize("shape", [-0.25, 0.0, 0.15])
@pytest.mark.parametrize("size", [50, 400])
def test_what_is_stated_of_the_unseen_is_true_on_average_over_samples(shape: float, size: int) -> None:
    rng = np.random.default_rng(2)
    chances = (0.02, 0.002) if size == 400 else (0.02,)
    tails = [tail_of(pareto(rng, shape, size)) for _ in range(60)]
    for chance in chances:
        value = np.array([quantile(shape, chance)])
        stated = np.mean([tail.above(value)[0] for tail in tails])
        assert chance / 2 < stated < 2 * chance


def test_a_sample_that_is_no_pareto_below_is_fitted_higher_up() -> None:
    rng = np.random.default_rng(3)
    low = np.concatenate([rng.normal(-6, 0.1, 3000), rng.exponential(1, 1000)])
    tail = tail_of(np.sort(low))
    assert tail.share <= 0.2
    assert tail.shape == pytest.approx(0, abs=0.12)


def test_one_in_ten_good_samples_is_called_a_misfit() -> None:
    rng = np.random.default_rng(4)
    smaller = [tail_of(pareto(rng, -0.1, 200)).share < 0.5 for _ in range(200)]
    assert 0.03 < np.mean(smaller) < 0.2


@pytest.mark.parametrize("sample", [np.zeros(30), np.array([0.0, 1.0]), np.repeat([0.0, 1.0], 15)])
def test_nothing_is_extrapolated_from_numbers_that_hardly_differ(sample: Array) -> None:
    tail = tail_of(sample)
    assert tail.above(np.array([sample.max() + 1]))[0] == 0
    assert 0 <= tail.above(np.array([tail.threshold]))[0] <= 1


def test_the_chance_of_more_falls_and_never_leaves_the_share() -> None:
    tail = tail_of(pareto(np.random.default_rng(5), -0.2, 300))
    above = tail.above(tail.threshold + np.linspace(0, 50, 400))
    assert (np.diff(above) <= 0).all()
    assert above[0] == pytest.approx(tail.share)
    assert above.min() >= 0


def test_numbers_that_are_alike_count_once() -> None:
    rng = np.random.default_rng(6)
    once = pareto(rng, 0, 60)
    many = np.sort(np.repeat(once, 30) + 1e-6 * rng.random(1800))
    alike = tail_of(many, np.repeat(np.arange(60), 30))
    alone = tail_of(once)
    bold = tail_of(many)
    assert alike.peaks == 900
    assert alike.independent == pytest.approx(30, rel=0.05)
    assert bold.independent == bold.peaks
    assert alike.weights.max() == pytest.approx(alone.weights.max(), rel=0.5)
    assert bold.weights.max() > alike.weights.max()
    far = np.array([once[-1] + 4])
    assert alike.above(far)[0] > bold.above(far)[0]


def test_groups_whose_members_are_not_alike_are_no_groups() -> None:
    rng = np.random.default_rng(7)
    sample = pareto(rng, 0, 1000)
    assert tail_of(sample, rng.permutation(1000) % 50).independent > 150
    for groups in (np.zeros(1000, np.int64), np.arange(1000)):  # nothing to compare
        assert tail_of(sample, groups).independent == 500
