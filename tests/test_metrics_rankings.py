"""Metrics against hand computations; `test_metrics_peers.py` holds them against other programs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise import metrics
from likewise.errors import BadArgument
from likewise.metrics import Judged


def one(*relevant: int, positives: int | None = None) -> Judged:
    """One query's ranking; as many positives as are found unless told."""
    row = np.array([relevant], np.bool_).reshape(1, -1)
    return Judged(row, np.array([row.sum() if positives is None else positives], np.int64))


rankings = st.lists(st.booleans(), min_size=1, max_size=12)


def test_one_ranking_has_the_five_values_that_people_call_map() -> None:
    ranking = one(1, 0, 1, 0, 0, positives=4)  # positives at ranks 1 and 3, two more are not found
    ap = metrics.average_precision
    assert ap(ranking)[0] == pytest.approx((1 + 2 / 3) / 4)
    assert ap(ranking, denominator="hits")[0] == pytest.approx((1 + 2 / 3) / 2)
    assert ap(ranking, 3, denominator="min")[0] == pytest.approx((1 + 2 / 3) / 3)
    assert ap(ranking, integration="trapezoid")[0] == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 4)
    assert ap(ranking, 1, denominator="min")[0] == 1.0


def test_one_positive_at_rank_2_gives_a_half_or_a_quarter() -> None:
    assert metrics.average_precision(one(0, 1))[0] == 0.5
    assert metrics.average_precision(one(0, 1), integration="trapezoid")[0] == 0.25


def test_precision_divides_by_k_also_for_short_rankings() -> None:
    relevant = one(1, 1, 0).relevant
    assert metrics.precision_at_k(relevant, 2)[0] == 1.0
    assert metrics.precision_at_k(relevant, 3)[0] == pytest.approx(2 / 3)
    assert metrics.precision_at_k(relevant, 10)[0] == pytest.approx(0.2)


def test_hit_rate_and_recall_proper_differ() -> None:
    ranking = one(0, 1, 1, 0, positives=4)
    assert metrics.hit_rate_at_k(ranking, 1)[0] == 0.0
    assert metrics.hit_rate_at_k(ranking, 2)[0] == 1.0
    assert metrics.recall_at_k(ranking, 2)[0] == 0.25
    assert metrics.recall_at_k(ranking, 100)[0] == 0.5


def test_r_precision_and_map_at_r_look_at_the_first_r() -> None:
    ranking = one(1, 0, 1, 1, positives=3)
    assert metrics.r_precision(ranking)[0] == pytest.approx(2 / 3)
    assert metrics.map_at_r(ranking)[0] == pytest.approx((1 + 2 / 3) / 3)


def test_reciprocal_rank_is_that_of_the_first_positive() -> None:
    assert metrics.reciprocal_rank(one(0, 0, 1, 1))[0] == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank(one(0, 0, 1, 1), 2)[0] == 0.0
    assert metrics.reciprocal_rank(one(0, 0, positives=1))[0] == 0.0


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    gains, ideal = np.array([[0.0, 3.0, 1.0]]), np.array([[3.0, 1.0, 0.0]])
    wanted = (3 / math.log2(3) + 1 / math.log2(4)) / (3 / math.log2(2) + 1 / math.log2(3))
    assert metrics.ndcg_at_k(gains, ideal, 3)[0] == pytest.approx(wanted)
    assert metrics.ndcg_at_k(ideal, ideal, 2)[0] == 1.0
    assert np.isnan(metrics.ndcg_at_k(gains * 0, ideal * 0, 3)[0])
    with pytest.raises(BadArgument, match="not negative"):
        metrics.ndcg_at_k(-gains, ideal, 3)


def test_the_ukbench_score_counts_the_first_four() -> None:
    assert metrics.ns_score(one(1, 1, 0, 1, 1).relevant)[0] == 3.0
    assert metrics.ns_score(one(1).relevant)[0] == 1.0


def test_revisited_precision_divides_by_the_last_positive_if_that_is_nearer() -> None:
    assert metrics.revisited_precision_at_k(one(1, 0, 1, 0, 0, 0), 5)[0] == pytest.approx(2 / 3)
    assert metrics.revisited_precision_at_k(one(1, 0, 1, 0, 0, 1), 5)[0] == pytest.approx(2 / 5)
    assert metrics.revisited_precision_at_k(one(0, 0, positives=1), 5)[0] == 0.0


def test_micro_ap_ranks_all_pairs_and_takes_ties_in_one_step() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.1], np.float32)
    assert metrics.micro_average_precision(scores, np.array([1, 0, 1, 0], bool), 3) == pytest.approx((1 + 2 / 3) / 3)
    assert metrics.micro_average_precision(scores, np.array([1, 1, 0, 0], bool), 3) == pytest.approx((1 + 2 / 3) / 3)
    assert metrics.micro_average_precision(scores[:0], np.zeros(0, bool), 2) == 0.0
    with pytest.raises(BadArgument, match="no true pair"):
        metrics.micro_average_precision(scores, np.zeros(4, bool), 0)


def test_knn_votes_are_weighted_by_the_score() -> None:
    rows = np.array([[0, 1, 2]])
    labels = np.array([1, 0, 0])
    near, far = np.array([[0.9, 0.1, 0.1]], np.float32), np.array([[0.9, 0.88, 0.88]], np.float32)
    truth = np.array([1])
    assert metrics.knn_accuracy(near, rows, truth, labels, k=3)[0] == 1.0
    assert metrics.knn_accuracy(far, rows, truth, labels, k=3)[0] == 0.0
    assert metrics.knn_accuracy(far, rows, truth, labels, k=1)[0] == 1.0
    with pytest.raises(BadArgument, match="temperature"):
        metrics.knn_accuracy(near, rows, truth, labels, temperature=0.0)


@pytest.mark.parametrize(
    "metric",
    [
        lambda judged: metrics.hit_rate_at_k(judged, 3),
        lambda judged: metrics.recall_at_k(judged, 3),
        metrics.average_precision,
        lambda judged: metrics.average_precision(judged, denominator="hits"),
        lambda judged: metrics.average_precision(judged, 3, denominator="min"),
        metrics.r_precision,
        metrics.map_at_r,
        metrics.reciprocal_rank,
        lambda judged: metrics.revisited_precision_at_k(judged, 3),
    ],
)
def test_a_query_without_positives_is_not_a_number(metric) -> None:
    both = Judged(np.array([[1, 0], [0, 0]], bool), np.array([1, 0]))
    values = metric(both)
    assert not np.isnan(values[0])
    assert np.isnan(values[1])


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int) -> None:
    ranking = one(1, 0)
    for call in (
        lambda: metrics.precision_at_k(ranking.relevant, k),
        lambda: metrics.hit_rate_at_k(ranking, k),
        lambda: metrics.recall_at_k(ranking, k),
        lambda: metrics.average_precision(ranking, k),
        lambda: metrics.reciprocal_rank(ranking, k),
    ):
        with pytest.raises(BadArgument, match="at least 1"):
            call()


def test_junk_is_taken_out_and_later_ranks_move_up() -> None:
    rows = np.array([[5, 3, 9, 7]])
    judged = metrics.judged(rows, [np.array([3, 7, 8])], [np.array([5, 8])])
    assert judged.relevant.tolist() == [[True, False, True, False]]
    assert judged.positives.tolist() == [2]


def test_the_revisited_setups_differ_in_what_is_a_positive_and_what_is_junk() -> None:
    ranking, none = np.array([[4, 0, 1, 2, 3, 5]]), np.zeros(0, np.int64)
    setups = metrics.revisited(ranking, easy=[np.array([0])], hard=[np.array([2])], junk=[np.array([4])])
    assert setups["easy"].relevant[0].tolist() == [1, 0, 0, 0, 0, 0]  # of 0 1 3 5
    assert setups["medium"].relevant[0].tolist() == [1, 0, 1, 0, 0, 0]  # of 0 1 2 3 5
    assert setups["hard"].relevant[0].tolist() == [0, 1, 0, 0, 0, 0]  # of 1 2 3 5
    aps = {name: metrics.average_precision(each, integration="trapezoid")[0] for name, each in setups.items()}
    assert aps == pytest.approx({"easy": 1.0, "medium": (1 + (1 / 2 + 2 / 3) / 2) / 2, "hard": 0.25})
    without_hard = metrics.revisited(ranking, [np.array([0])], [none], [np.array([4])])
    assert np.isnan(metrics.average_precision(without_hard["hard"])[0])
    assert without_hard["medium"].positives.tolist() == [1]


def test_a_pair_adds_the_precision_at_its_score_to_micro_ap() -> None:
    scores = np.array([0.1, 0.8, 0.9, 0.8], np.float32)
    shares = metrics.micro_shares(scores, np.array([0, 1, 1, 0], bool), 3)
    np.testing.assert_allclose(shares, [0, 2 / 3 / 3, 1 / 3, 0])


row_sets = st.sets(st.integers(0, 14))


@given(st.permutations(range(12)), st.integers(0, 12), row_sets, row_sets)
def test_judging_is_that_of_plain_sets(ranking: list[int], length: int, positives: set[int], junk: set[int]) -> None:
    ranking = ranking[:length]
    told = [row in positives for row in ranking if row not in junk]
    arrays = (np.array(sorted(rows), np.int64) for rows in (positives, junk))
    found = metrics.judged(np.array([ranking], np.int64), *([rows] for rows in arrays))
    assert found.relevant[0].tolist() == told + [False] * (length - len(told))
    assert found.positives.tolist() == [len(positives - junk)]


def test_a_row_twice_in_a_ranking_is_refused() -> None:
    with pytest.raises(BadArgument, match="row twice"):
        metrics.judged(np.array([[1, 1]]), [np.array([1])])
    with pytest.raises(BadArgument, match="one for each query"):
        metrics.judged(np.array([[1, 2]]), [])


def test_self_is_removed_by_row_and_not_by_place() -> None:
    gallery = np.array([0, 0, 0, 1])
    rows = np.array([[1, 0, 2, 3]])  # the query is row 0; row 1 is an exact copy of it and came first
    judged = metrics.judged_by_label(rows, np.array([0]), gallery, np.array([0]))
    assert judged.relevant.tolist() == [[True, True, False, False]]
    assert judged.positives.tolist() == [2]


def test_a_query_outside_the_gallery_keeps_all_its_positives() -> None:
    rows = np.array([[0, 1], [0, 1]])
    judged = metrics.judged_by_label(rows, np.array([0, 7]), np.array([0, 1]), np.array([-1, -1]))
    assert judged.positives.tolist() == [1, 0]
    assert judged.relevant.tolist() == [[True, False], [False, False]]
    assert metrics.judged_by_label(rows, np.array([0, 7]), np.array([0, 1])).positives.tolist() == [1, 0]


@given(rankings, st.integers(0, 5), st.integers(1, 15))
def test_every_value_lies_between_0_and_1_or_is_not_defined(relevant: list[bool], missing: int, k: int) -> None:
    ranking = one(*relevant, positives=sum(relevant) + missing)
    values = [
        metrics.hit_rate_at_k(ranking, k),
        metrics.recall_at_k(ranking, k),
        metrics.average_precision(ranking),
        metrics.average_precision(ranking, k, denominator="min", integration="trapezoid"),
        metrics.average_precision(ranking, denominator="hits"),
        metrics.map_at_r(ranking),
        metrics.r_precision(ranking),
        metrics.reciprocal_rank(ranking),
        metrics.revisited_precision_at_k(ranking, k),
    ]
    if ranking.positives[0] == 0:
        assert np.isnan(values).all()
    else:
        assert ((np.array(values) >= 0) & (np.array(values) <= 1)).all()


@given(rankings)
def test_a_perfect_ranking_scores_one(relevant: list[bool]) -> None:
    best = one(*sorted([*relevant, True], reverse=True))
    count = int(best.positives[0])
    assert metrics.average_precision(best)[0] == pytest.approx(1)
    assert metrics.average_precision(best, integration="trapezoid")[0] == pytest.approx(1)
    assert metrics.map_at_r(best)[0] == pytest.approx(1)
    assert metrics.r_precision(best)[0] == 1
    assert metrics.recall_at_k(best, count)[0] == 1


@given(rankings, st.data())
def test_moving_a_positive_up_never_lowers_ap(relevant: list[bool], data: st.DataObject) -> None:
    places = [i for i in range(1, len(relevant)) if relevant[i] and not relevant[i - 1]]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    better = list(relevant)
    better[at - 1], better[at] = True, False
    for integration in ("rectangle", "trapezoid"):
        before = metrics.average_precision(one(*relevant), integration=integration)[0]
        assert metrics.average_precision(one(*better), integration=integration)[0] >= before


def test_a_random_ranking_scores_what_theory_says() -> None:
    """The mean AP of random rankings: (1/n) Σ over ranks r of (1 + (r - 1)(R - 1)/(n - 1)) / r; Bestgen, 2015."""
    draw = np.random.default_rng(0)
    n, positives, queries = 50, 8, 20_000
    relevant = np.zeros((queries, n), np.bool_)
    relevant[:, :positives] = True
    relevant = draw.permuted(relevant, axis=1)
    judged = Judged(relevant, np.full(queries, positives))
    ranks = np.arange(1, n + 1)
    wanted = float((((ranks - 1) * (positives - 1) / (n - 1) + 1) / ranks).sum() / n)
    values = metrics.average_precision(judged)
    assert values.mean() == pytest.approx(wanted, abs=4 * values.std() / math.sqrt(queries))
    assert metrics.precision_at_k(relevant, 7).mean() == pytest.approx(positives / n, abs=0.005)
    assert metrics.recall_at_k(judged, 10).mean() == pytest.approx(10 / n, abs=0.005)


def test_holidays_takes_the_query_out_and_moves_later_ranks_up() -> None:
    """Ranking query, wrong, right, right: without the query the positives stand at 1 and 2, counted from 0."""
    value = metrics.holidays_average_precision(np.array([[4, 0, 1, 2, 3]]), [np.array([1, 2, 4])], np.array([4]))
    assert value[0] == pytest.approx(((0 + 1 / 2) / 2 + (1 / 2 + 2 / 3) / 2) / 2)
    alone = metrics.holidays_average_precision(np.array([[4, 0, 1, 2, 3]]), [np.array([4])], np.array([4]))
    assert np.isnan(alone[0])
