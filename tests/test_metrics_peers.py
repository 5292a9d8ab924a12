"""Our metrics against those of other programs, on the same rankings; where they differ, the difference is asserted.

docs/metrics.md lists what is found here.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from likewise import metrics
from likewise.metrics import Judged

N, QUERIES, K = 40, 120, 5


class World:
    """Scores without ties above 0, and which of the scored images are positives: at least one for each query."""

    def __init__(self, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        self.scores = (draw.permuted(np.tile(np.arange(1, N + 1), (QUERIES, 1)), axis=1) / (N + 1)).astype(np.float32)
        self.right = draw.random((QUERIES, N)) < draw.choice([0.05, 0.2, 0.6], (QUERIES, 1))
        self.right[np.arange(QUERIES), draw.integers(0, N, QUERIES)] = True
        order = np.argsort(-self.scores, axis=1, kind="stable")
        relevant = np.take_along_axis(self.right, order, axis=1)
        self.judged = Judged(relevant, relevant.sum(axis=1))

    def ndcg(self, k: int) -> metrics.Values:
        gains = self.judged.relevant.astype(np.float64)
        return metrics.ndcg_at_k(gains, -np.sort(-gains, axis=1), k)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def judged(*relevant: int, positives: int | None = None) -> Judged:
    row = np.array([relevant], np.bool_)
    return Judged(row, np.array([sum(relevant) if positives is None else positives]))


@pytest.fixture(scope="module")
def sklearn_metrics() -> ModuleType:
    return pytest.importorskip("sklearn.metrics")


class TestScikitLearn:
    def test_ap_by_rectangles_and_all_positives(self, sklearn_metrics: Any, world: World) -> None:
        theirs = [sklearn_metrics.average_precision_score(r, s) for r, s in zip(world.right, world.scores, strict=True)]
        np.testing.assert_allclose(metrics.average_precision(world.judged), theirs, rtol=1e-12)

    def test_ndcg_with_linear_gains(self, sklearn_metrics: Any, world: World) -> None:
        pairs = zip(world.right, world.scores, strict=True)
        theirs = [sklearn_metrics.ndcg_score([r], [s], k=K, ignore_ties=True) for r, s in pairs]
        np.testing.assert_allclose(world.ndcg(K), theirs, rtol=1e-12)

    def test_micro_ap_is_ap_over_all_pairs_also_with_ties(self, sklearn_metrics: Any, world: World) -> None:
        coarse = np.round(world.scores, 1).ravel()
        right = world.right.ravel()
        theirs = sklearn_metrics.average_precision_score(right, coarse)
        assert metrics.micro_average_precision(coarse, right, int(right.sum())) == pytest.approx(theirs, rel=1e-12)

    def test_ties_are_one_step_there_and_gallery_order_here(self, sklearn_metrics: Any) -> None:
        assert sklearn_metrics.average_precision_score([1, 0], [0.5, 0.5]) == 0.5
        assert sklearn_metrics.average_precision_score([0, 1], [0.5, 0.5]) == 0.5
        assert metrics.average_precision(judged(1, 0))[0] == 1.0
        assert metrics.average_precision(judged(0, 1))[0] == 0.5

    def test_without_positives_it_is_0_there_with_a_warning_and_nan_here(self, sklearn_metrics: Any) -> None:
        with pytest.warns(UserWarning, match="No positive class"):
            assert sklearn_metrics.average_precision_score([0, 0], [0.2, 0.1]) == 0.0
        assert np.isnan(metrics.average_precision(judged(0, 0))[0])

    def test_the_weighted_vote_is_that_of_its_classifier(self, sklearn_metrics: Any) -> None:
        neighbours = pytest.importorskip("sklearn.neighbors")
        draw = np.random.default_rng(0)
        labels, asked = draw.integers(0, 5, 200), draw.integers(0, 5, 60)
        centres = draw.normal(size=(5, 8))
        gallery = centres[labels] + draw.normal(size=(200, 8))
        queries = centres[asked] + draw.normal(size=(60, 8))
        gallery, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (gallery, queries))
        voted = neighbours.KNeighborsClassifier(
            11, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / 0.07)
        )
        theirs = voted.fit(gallery, labels).predict(queries) == asked
        scores = (queries @ gallery.T).astype(np.float32)
        rows = np.argsort(-scores, axis=1, kind="stable")
        ours = metrics.knn_accuracy(np.take_along_axis(scores, rows, axis=1), rows, asked, labels, k=11)
        assert 0 < theirs.mean() < 1
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def torchmetrics(torchvision: ModuleType) -> ModuleType:  # which it imports, whole or not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchmetrics.functional.retrieval")


class TestTorchmetrics:
    @staticmethod
    def each(call: Any, world: World, **options: Any) -> list[float]:
        import torch

        pairs = zip(torch.from_numpy(world.scores), torch.from_numpy(world.right), strict=True)
        return [float(call(scores, right, **options)) for scores, right in pairs]

    @pytest.mark.parametrize(
        ("name", "options", "ours"),
        [
            ("retrieval_average_precision", {}, metrics.average_precision),
            (
                "retrieval_average_precision",
                {"top_k": K},
                lambda given: metrics.average_precision(given, K, denominator="hits"),
            ),
            ("retrieval_precision", {"top_k": K}, lambda given: metrics.precision_at_k(given.relevant, K)),
            ("retrieval_precision", {"top_k": 3 * N}, lambda given: metrics.precision_at_k(given.relevant, 3 * N)),
            ("retrieval_recall", {"top_k": K}, lambda given: metrics.recall_at_k(given, K)),
            ("retrieval_hit_rate", {"top_k": K}, lambda given: metrics.hit_rate_at_k(given, K)),
            ("retrieval_reciprocal_rank", {}, metrics.reciprocal_rank),
            ("retrieval_reciprocal_rank", {"top_k": K}, lambda given: metrics.reciprocal_rank(given, K)),
            ("retrieval_r_precision", {}, metrics.r_precision),
        ],
    )
    def test_the_same_values(self, torchmetrics: Any, world: World, name: str, options: Any, ours: Any) -> None:
        theirs = self.each(getattr(torchmetrics, name), world, **options)
        np.testing.assert_allclose(ours(world.judged), theirs, rtol=1e-5)

    def test_ndcg_with_linear_gains(self, torchmetrics: Any, world: World) -> None:
        theirs = self.each(torchmetrics.retrieval_normalized_dcg, world, top_k=K)
        np.testing.assert_allclose(world.ndcg(K), theirs, rtol=1e-5)

    def test_positives_with_a_score_of_0_or_less_are_wrong_there(self, torchmetrics: Any) -> None:
        import torch

        cosines, right = torch.tensor([0.3, -0.1, -0.2]), torch.tensor([False, True, False])
        assert float(torchmetrics.retrieval_average_precision(cosines, right)) == 0.0
        assert float(torchmetrics.retrieval_average_precision(cosines + 1, right)) == 0.5
        assert metrics.average_precision(judged(0, 1, 0))[0] == 0.5

    def test_without_positives_it_is_0_there_and_nan_here(self, torchmetrics: Any) -> None:
        import torch

        assert (
            float(torchmetrics.retrieval_average_precision(torch.tensor([0.2, 0.1]), torch.tensor([False, False])))
            == 0.0
        )
        assert np.isnan(metrics.average_precision(judged(0, 0))[0])


@pytest.fixture(scope="module")
def calculator(torchvision: ModuleType) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator").AccuracyCalculator


class TestPytorchMetricLearning:
    MEASURES = ("precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_average_precision")

    @staticmethod
    def nearest(query: Any, k: int, reference: Any, ref_includes_query: bool = False) -> Any:
        """As its own searches: one more neighbour, of which the first is dropped, when queries are in the gallery."""
        import torch

        products = query.double() @ reference.double().T
        extra = int(ref_includes_query)
        order = torch.argsort(-products, dim=1, stable=True)[:, : k + extra]
        return torch.gather(products, 1, order)[:, extra:], order[:, extra:]

    def theirs(self, calculator: Any, rows: Any, labels: Any) -> dict[str, float]:
        import torch

        calculator = calculator(include=self.MEASURES, k=len(rows) - 1, knn_func=self.nearest)
        found: dict[str, float] = calculator.get_accuracy(torch.from_numpy(rows), torch.from_numpy(labels))
        return found

    @staticmethod
    def ours(rows: Any, labels: Any) -> dict[str, float]:
        order = np.argsort(-(rows.astype(np.float64) @ rows.T.astype(np.float64)), axis=1, kind="stable")
        given = metrics.judged_by_label(order, labels, labels, np.arange(len(labels)))
        return {
            "precision_at_1": float(np.nanmean(metrics.hit_rate_at_k(given, 1))),
            "r_precision": float(np.nanmean(metrics.r_precision(given))),
            "mean_average_precision_at_r": float(np.nanmean(metrics.map_at_r(given))),
            "mean_average_precision": float(np.nanmean(metrics.average_precision(given))),
        }

    @staticmethod
    def embedded(labels: Any) -> Any:
        draw = np.random.default_rng(3)
        rows = draw.normal(size=(labels.max() + 1, 8))[labels] + draw.normal(size=(len(labels), 8))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def test_the_same_values_with_queries_in_the_gallery(self, calculator: Any) -> None:
        labels = np.random.default_rng(1).integers(0, 9, 150)
        rows = self.embedded(labels)
        theirs, ours = self.theirs(calculator, rows, labels), self.ours(rows, labels)
        for name in self.MEASURES:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-6), name

    def test_queries_without_positives_are_left_out_of_both_means(self, calculator: Any) -> None:
        labels = np.append(np.random.default_rng(1).integers(0, 9, 150), 9)  # the last one is alone
        rows = self.embedded(labels)
        theirs, ours = self.theirs(calculator, rows, labels), self.ours(rows, labels)
        for name in self.MEASURES:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-6), name

    def test_the_first_hit_is_dropped_there_and_the_row_of_the_query_here(self, calculator: Any) -> None:
        """Rows 0 and 1 are exact copies of different classes: for row 1, row 0 is dropped there, and row 1 finds itself."""
        rows = np.array([[1, 0], [1, 0], [0, 1], [0.1, 0.995]], np.float32)
        labels = np.array([0, 1, 0, 1])
        assert self.ours(rows, labels)["precision_at_1"] == 0
        assert self.theirs(calculator, rows, labels)["precision_at_1"] == 0.25


@pytest.fixture(scope="module")
def trec_eval() -> Any:
    return pytest.importorskip("pytrec_eval")


class TestTrecEval:
    @staticmethod
    def judge(trec_eval: Any, scores: Any, right: Any, measures: set[str]) -> dict[str, list[float]]:
        truth = {f"q{q}": {f"d{d:03d}": int(hit) for d, hit in enumerate(line)} for q, line in enumerate(right)}
        run = {f"q{q}": {f"d{d:03d}": float(s) for d, s in enumerate(line)} for q, line in enumerate(scores)}
        found = trec_eval.RelevanceEvaluator(truth, measures).evaluate(run)
        names = {name for values in found.values() for name in values}
        return {name: [found[f"q{q}"][name] for q in range(len(right))] for name in names}

    def test_the_same_values(self, trec_eval: Any, world: World) -> None:
        wanted = {"map", "map_cut.5", "P.5,100", "recall.5", "recip_rank", "Rprec", "ndcg_cut.5", "success.5"}
        theirs = self.judge(trec_eval, world.scores, world.right, wanted)
        ours = {
            "map": metrics.average_precision(world.judged),
            "map_cut_5": metrics.average_precision(world.judged, 5),
            "P_5": metrics.precision_at_k(world.judged.relevant, 5),
            "P_100": metrics.precision_at_k(world.judged.relevant, 100),
            "recall_5": metrics.recall_at_k(world.judged, 5),
            "recip_rank": metrics.reciprocal_rank(world.judged),
            "Rprec": metrics.r_precision(world.judged),
            "ndcg_cut_5": world.ndcg(5),
            "success_5": metrics.hit_rate_at_k(world.judged, 5),
        }
        assert set(theirs) == set(ours)
        for name, values in ours.items():
            np.testing.assert_allclose(values, theirs[name], rtol=1e-9, err_msg=name)

    def test_negative_scores_are_scores_like_others(self, trec_eval: Any, world: World) -> None:
        theirs = self.judge(trec_eval, world.scores - 2, world.right, {"map"})
        np.testing.assert_allclose(metrics.average_precision(world.judged), theirs["map"], rtol=1e-9)

    def test_ties_go_by_falling_name_there_and_by_gallery_row_here(self, trec_eval: Any) -> None:
        tied = np.array([[0.5, 0.5]])
        assert self.judge(trec_eval, tied, np.array([[1, 0]]), {"map"})["map"] == [0.5]
        assert self.judge(trec_eval, tied, np.array([[0, 1]]), {"map"})["map"] == [1.0]
        assert metrics.average_precision(judged(1, 0))[0] == 1.0
        assert metrics.average_precision(judged(0, 1))[0] == 0.5

    def test_without_positives_it_is_0_there_and_nan_here(self, trec_eval: Any) -> None:
        assert self.judge(trec_eval, np.array([[0.2, 0.1]]), np.array([[0, 0]]), {"map"})["map"] == [0.0]
        assert np.isnan(metrics.average_precision(judged(0, 0))[0])
