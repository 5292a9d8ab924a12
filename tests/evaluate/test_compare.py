"""Two results of one benchmark, query by query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, meaningless, separate
from fakes import MeanColour, Memory, RandomDirections
from likewise.errors import BadArgument
from likewise.evaluate import Result, compare, evaluate


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Result, Result]:
    """Random directions against the colours that the classes are made of."""
    gallery, classes = separate(4)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("mAP", "P@3"))
    shuffled = classes_of(np.random.default_rng(0).permutation(classes), without_self=True)
    good = evaluate(made, MeanColour(), folder=tmp_path / "good")
    bad = evaluate(replace(made, truths={"": shuffled}), MeanColour(), folder=tmp_path / "bad")
    return replace(bad, benchmark_sha256=good.benchmark_sha256), good


def test_a_better_model_wins_and_the_interval_says_so(pair: tuple[Result, Result]) -> None:
    found = compare(*pair).differences[0]
    assert found.mean_b == pytest.approx(1)
    assert found.mean == pytest.approx(found.mean_b - pair[0].estimate("mAP").interval.mean)
    assert 0 < found.low < found.mean < found.high
    assert found.not_better == 0
    assert (found.wins, found.losses, found.ties) == (24, 0, 0)
    back = compare(*reversed(pair)).differences[0]
    assert (back.wins, back.losses, back.not_better) == (0, 24, 1)
    assert back.mean == pytest.approx(-found.mean)


def test_a_result_compared_with_itself_ties(pair: tuple[Result, Result]) -> None:
    for found in compare(pair[0], pair[0]).differences:
        assert (found.mean, found.low, found.high, found.not_better) == (0, 0, 0, 1)
        assert (found.wins, found.losses, found.ties) == (0, 0, 24)


def test_queries_are_matched_by_key_and_not_by_place(pair: tuple[Result, Result]) -> None:
    a, b = pair
    turned = replace(
        b,
        answers=b.answers[::-1],
        estimates=tuple(replace(each, values=each.values[::-1].copy()) for each in b.estimates),
    )
    straight, matched = compare(a, b), compare(a, turned)
    assert matched.order == straight.order[::-1]
    for one, other in zip(straight.differences, matched.differences, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_pairing_makes_the_interval_narrower_than_two_intervals_apart(tmp_path: Path) -> None:
    gallery, classes = meaningless(200)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("mAP",))
    a = evaluate(made, RandomDirections(), folder=tmp_path)
    nudge = np.random.default_rng(0).normal(0.001, 0.002, 200)
    b = replace(a, estimates=(replace(a.estimates[0], values=a.estimates[0].values + nudge),))
    found = compare(a, b).differences[0]
    alone = a.estimates[0].interval
    assert found.low > 0
    assert found.high - found.low < (alone.high - alone.low) / 3


def test_only_the_metrics_asked_for_are_compared(pair: tuple[Result, Result]) -> None:
    assert [each.metric for each in compare(*pair, ["P@3"]).differences] == ["P@3"]
    with pytest.raises(BadArgument, match="R@5 was not computed: there are mAP, P@3"):
        compare(*pair, ["R@5"])
    a, b = pair
    with pytest.raises(BadArgument, match="no metric in common"):
        compare(replace(a, estimates=a.estimates[:1]), replace(b, estimates=b.estimates[1:]))


def test_queries_without_a_value_are_left_out_of_both_means(pair: tuple[Result, Result]) -> None:
    a, b = pair
    values = a.estimates[0].values.copy()
    values[3] = np.nan
    found = compare(replace(a, estimates=(replace(a.estimates[0], values=values),)), b).differences[0]
    assert found.wins + found.losses + found.ties == 23
    assert found.mean_a == pytest.approx(np.nanmean(values))


def test_results_that_answer_other_questions_are_refused(pair: tuple[Result, Result]) -> None:
    a, b = pair
    with pytest.raises(BadArgument, match="one result is of squares, the other of circles"):
        compare(a, replace(b, benchmark="circles"))
    with pytest.raises(BadArgument, match="other images or another truth"):
        compare(a, replace(b, benchmark_sha256="0" * 64))


def test_results_with_other_skipped_queries_are_refused_with_the_key(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    whole = evaluate(made, MeanColour(), folder=tmp_path / "whole")
    torn = Memory({**gallery.files, "2-1.png": b"torn"}, "/gallery")
    less = evaluate(replace(made, gallery=torn, queries=torn), MeanColour(), folder=tmp_path / "less")
    for one, other in ((whole, less), (less, whole)):
        with pytest.raises(BadArgument, match=r"in only one of the results: 1, such as 2-1\.png"):
            compare(one, other)


def test_a_metric_that_no_query_defines_has_no_difference(pair: tuple[Result, Result]) -> None:
    a, b = pair
    nothing = replace(a.estimates[0], values=np.full(24, np.nan))
    found = compare(replace(a, estimates=(nothing,)), b).differences[0]
    assert np.isnan([found.mean, found.low, found.high, found.not_better]).all()
    assert (found.wins, found.losses, found.ties) == (0, 0, 0)
