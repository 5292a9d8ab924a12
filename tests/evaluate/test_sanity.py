"""Three facts that a broken protocol cannot keep: chance scores chance, perfection scores 1, and self in the gallery shows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, distinct, lists_of, meaningless, no_self, separate
from fakes import MeanColour, Memory, RandomDirections
from likewise.benchmarks import Classes, Lists
from likewise.evaluate import METRICS, Estimate, evaluate

EVERY = tuple(name.replace("@k", "@4") for name in METRICS)


def within_chance(estimate: Estimate, wanted: float) -> bool:
    """Whether a mean lies within four standard errors of what theory says."""
    spread = np.nanstd(estimate.values) / math.sqrt(estimate.interval.n)
    return bool(abs(estimate.interval.mean - wanted) <= 4 * spread)


def expected_ap(n: int, positives: int) -> float:
    """Of a random ranking; Bestgen, 2015."""
    ranks = np.arange(1, n + 1)
    return float((((ranks - 1) * (positives - 1) / (n - 1) + 1) / ranks).sum() / n)


def test_a_random_ranking_scores_what_theory_says(tmp_path: Path) -> None:
    gallery, classes = meaningless(240, 6)
    queries = Memory(distinct(400, seed=1), "/queries")
    truth = Classes(np.arange(400) % 6, classes, no_self(400))
    names = ("P@5", "R@1", "R@5", "recall@10", "mAP", "R-precision", "kNN@1")
    result = evaluate(benchmark(gallery, queries, truth, names), RandomDirections(), folder=tmp_path)
    n, positives = 240, 40
    missed = math.comb(n - positives, 5) / math.comb(n, 5)
    wanted = (1 / 6, 1 / 6, 1 - missed, 10 / n, expected_ap(n, positives), 1 / 6, 1 / 6)
    for name, value in zip(names, wanted, strict=True):
        assert within_chance(result.estimate(name), value), name


@pytest.mark.parametrize("unit", [True, False])
def test_a_perfect_ranking_scores_one_in_every_metric_and_four_in_n_s(tmp_path: Path, unit: bool) -> None:
    gallery, classes = separate(4)
    queries, asked = separate(2, "/queries")
    truth = Classes(asked, classes, no_self(len(asked)))
    result = evaluate(benchmark(gallery, queries, truth, EVERY), MeanColour(unit=unit), folder=tmp_path)
    for estimate in result.estimates:
        assert estimate.interval.mean == pytest.approx(4 if estimate.metric == "N-S" else 1), estimate.metric
        assert estimate.interval.n == len(asked)


def test_a_perfect_ranking_scores_one_with_self_removed(tmp_path: Path) -> None:
    gallery, classes = separate(5)
    truths = {"classes": classes_of(classes, without_self=True), "lists": lists_of(classes, without_self=True)}
    names = [name for name in EVERY if name != "kNN@4"]
    result = evaluate(benchmark(gallery, gallery, truths, names), MeanColour(), folder=tmp_path)
    for estimate in result.estimates:
        assert estimate.interval.mean == pytest.approx(4 if estimate.metric == "N-S" else 1), estimate.metric


@pytest.mark.parametrize("kind", ["classes", "lists", "setups"])
def test_self_left_in_the_gallery_shows(tmp_path: Path, kind: str) -> None:
    gallery, classes = meaningless()

    def truths(*, without_self: bool) -> object:
        if kind == "classes":
            return classes_of(classes, without_self=without_self)
        listed = lists_of(classes, without_self=without_self)
        if kind == "lists":
            return listed
        hard = tuple(np.setdiff1d(np.flatnonzero(classes == (c + 1) % 6), [i]) for i, c in enumerate(classes))
        both = tuple(np.union1d(*pair) for pair in zip(listed.positives, hard, strict=True))
        junk = tuple(np.union1d(*pair) for pair in zip(listed.junk, hard, strict=True))
        return {"easy": Lists(listed.positives, junk), "medium": Lists(both, listed.junk)}

    encoder = RandomDirections()
    left = evaluate(benchmark(gallery, gallery, truths(without_self=False)), encoder, folder=tmp_path)
    taken = evaluate(benchmark(gallery, gallery, truths(without_self=True)), encoder, folder=tmp_path)
    for inside, outside in zip(left.estimates, taken.estimates, strict=True):
        if inside.metric == "R@1":
            assert inside.interval.mean == 1
            prevalence = 79 / 239 if inside.setup == "medium" else 39 / (199 if inside.setup == "easy" else 239)
            assert within_chance(outside, prevalence), inside.setup
        else:
            assert inside.interval.mean > outside.interval.mean


def test_classes_and_the_same_truth_as_lists_give_the_same_values(tmp_path: Path) -> None:
    gallery, classes = meaningless(60)
    truths = {"classes": classes_of(classes, without_self=True), "lists": lists_of(classes, without_self=True)}
    names = [name for name in EVERY if name != "kNN@4"]
    result = evaluate(benchmark(gallery, gallery, truths, names), RandomDirections(), folder=tmp_path)
    for name in names:
        np.testing.assert_array_equal(result.estimate(name, "classes").values, result.estimate(name, "lists").values)
    assert all(hit.verdicts["classes"] == hit.verdicts["lists"] for each in result.answers for hit in each.hits)
    assert all(each.hits[0].verdicts["lists"] == "junk" for each in result.answers)
