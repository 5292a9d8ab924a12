"""What a name computes of a block of rankings, against the obvious code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluate.examples import no_self, rows
from likewise import metrics
from likewise.benchmarks import Classes, Lists
from likewise.errors import UnknownName
from likewise.evaluate import METRICS
from likewise.evaluate.judging import VERDICTS, Block, judge, verdicts
from likewise.evaluate.measures import measure

GALLERY, QUERIES = 30, 12


def ranked(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Falling scores, many of them equal, and rows."""
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.integers(-20, 20, (QUERIES, GALLERY)) / 20).astype(np.float32)
    return scores, np.array([draw.permutation(GALLERY) for _ in range(QUERIES)])


def listed(seed: int = 1) -> Lists:
    draw = np.random.default_rng(seed)

    def sets(most: int) -> tuple[np.ndarray, ...]:
        return tuple(np.sort(draw.choice(GALLERY, draw.integers(0, most), replace=False)) for _ in range(QUERIES))

    return Lists(sets(8), sets(5))


def values(name: str, block: Block) -> np.ndarray:
    measured, k = measure(name)
    return measured.whole(measured.of_block(block, k))


def test_micro_ap_ranks_the_pairs_of_all_queries_without_junk() -> None:
    scores, found = ranked()
    truth = listed()
    block = judge(truth, np.arange(QUERIES), scores, found)
    pairs = [
        (scores[q, j], row in truth.positives[q])
        for q in range(QUERIES)
        for j, row in enumerate(found[q])
        if row not in truth.junk[q]
    ]
    total = sum(len(np.setdiff1d(*pair)) for pair in zip(truth.positives, truth.junk, strict=True))
    wanted = metrics.micro_average_precision(
        np.array([score for score, _ in pairs], np.float32), np.array([right for _, right in pairs]), total
    )
    assert 0 < wanted < 1
    assert values("muAP", block).mean() == pytest.approx(wanted, rel=1e-12)


def test_a_distractor_votes_and_is_never_right() -> None:
    gallery = rows(0, 0, 1, -1, -1, -1)
    truth = Classes(rows(0, 1), gallery, no_self(2))
    scores = np.array([[0.9, 0.9, 0.9, 0.5, 0.5, 0.5]] * 2, np.float32)
    order = np.array([[3, 4, 5, 0, 1, 2], [2, 3, 0, 1, 4, 5]])
    block = judge(truth, np.arange(2), scores, order)
    assert values("kNN@5", block).tolist() == [0, 0]
    assert values("kNN@1", block).tolist() == [0, 1]


def test_the_query_itself_has_no_vote() -> None:
    gallery = rows(0, 1, 1)
    truth = Classes(rows(0), gallery, rows(0))
    block = judge(truth, np.arange(1), np.array([[1.0, 0.2, 0.1]], np.float32), np.array([[0, 1, 2]]))
    assert values("kNN@1", block).tolist() == [0]
    assert values("kNN@50", block).tolist() == [0]


def test_the_nearest_are_those_left_when_junk_is_taken_out() -> None:
    scores, found = ranked()
    truth = listed()
    block = judge(truth, np.arange(QUERIES), scores, found)
    near, kept = block.nearest(GALLERY)
    for q in range(QUERIES):
        left = [row for row in found[q] if row not in truth.junk[q]]
        assert kept[q, : len(left)].tolist() == left
        assert np.isfinite(near[q]).sum() == len(left)


def test_verdicts_agree_with_the_judgement() -> None:
    scores, found = ranked()
    truth = listed()
    block = judge(truth, np.arange(QUERIES), scores, found)
    for q, codes in enumerate(verdicts(truth, np.arange(QUERIES), found).tolist()):
        told = [VERDICTS[code] == "right" for code in codes if VERDICTS[code] != "junk"]
        assert block.judged.relevant[q, : len(told)].tolist() == told


def test_a_block_is_judged_by_the_numbers_of_its_own_queries() -> None:
    scores, found = ranked()
    truth = listed()
    whole = judge(truth, np.arange(QUERIES), scores, found)
    part = judge(truth, np.arange(7, 10), scores[7:10], found[7:10])
    np.testing.assert_array_equal(part.judged.relevant, whole.judged.relevant[7:10])
    for name in ("mAP", "P@3", "nDCG@4"):
        np.testing.assert_array_equal(values(name, part), values(name, whole)[7:10])


def test_the_denominator_of_map_at_k_is_the_smaller_of_k_and_r() -> None:
    truth = Lists((rows(0, 1, 2, 3),), (rows(),))
    order = np.array([[0, 9, 1, 2, 3, 4, 5, 6, 7, 8]])
    block = judge(truth, np.arange(1), np.zeros((1, 10), np.float32), order)
    assert values("mAP@3", block)[0] == pytest.approx((1 + 2 / 3) / 3)
    assert values("mAP@8", block)[0] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 5) / 4)


def test_ndcg_of_a_ranking_shorter_than_k_is_measured_against_the_best_that_exists() -> None:
    truth = Lists((rows(0, 1),), (rows(),))
    block = judge(truth, np.arange(1), np.zeros((1, 3), np.float32), np.array([[2, 0, 1]]))
    wanted = (1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert values("nDCG@10", block)[0] == pytest.approx(wanted)


def test_every_name_of_the_table_resolves_and_k_is_read_from_it() -> None:
    for name in METRICS:
        measured, k = measure(name.replace("@k", "@17"))
        assert measured is METRICS[name]
        assert k == (17 if name.endswith("@k") else 0)


@pytest.mark.parametrize("name", ["P@k", "mAP@", "@5", "", "MAP@5R", "recall", "mAP@-1", "P@1.5", "N-S@4"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        measure(name)


def test_micro_ap_without_any_true_pair_is_not_a_number() -> None:
    scores, found = ranked()
    nothing = tuple(rows() for _ in range(QUERIES))
    assert np.isnan(values("muAP", judge(Lists(nothing, nothing), np.arange(QUERIES), scores, found))).all()
