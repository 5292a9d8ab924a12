"""What every reranker promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pytest

from fakes import unit_rows
from likewise import rerank
from likewise.errors import BadArgument
from likewise.rerank import Asked, Chain, Shortlists
from likewise.rerank.held import Held
from rerankings import held, original, textured, turned, with_pictures

CHAINS = (
    "alpha-qe+k-reciprocal",
    "dba+diffusion",
    "dba+dba",
    "k-reciprocal+aqe+superglobal",
    "geometry+aqe+geometry",
    "dba+geometry",
)


@lru_cache(maxsize=1)
def pictured() -> Held:
    """Ten pictures; picture 7 is what the query shows."""
    return with_pictures([textured(seed, 100) for seed in range(10)])


@lru_cache(maxsize=1)
def photo() -> Asked:
    return Asked((original(turned(textured(7, 100))),))


@pytest.fixture(params=[*rerank.names(), *CHAINS])
def chain(request: pytest.FixtureRequest) -> Chain:
    if "geometry" in request.param:
        pytest.importorskip("cv2")
    return rerank.load(request.param, depth=12)


def run(chain: Chain, gallery: Held, points: np.ndarray) -> Shortlists:
    return chain.run(gallery, [photo()] * len(points), np.asarray(points, np.float32))


def whole(found: Shortlists, count: int) -> np.ndarray:
    return found.best(count)[1]


def test_a_ranking_is_a_permutation_of_the_plain_one(chain: Chain) -> None:
    for gallery, points in ((held(40), unit_rows(5, 6, 1)), (pictured(), unit_rows(2, 6, 1))):
        count = len(gallery.live)
        scores, rows = run(chain, gallery, points).best(count)
        assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
        assert np.isfinite(scores).all()
        for line in rows:
            assert sorted(line) == list(range(count))
        assert (np.diff(scores, axis=1) <= 0).all()


def test_what_is_behind_the_short_list_keeps_its_order(chain: Chain) -> None:
    gallery, points = held(40), unit_rows(3, 6, 1)
    found = run(chain, gallery, points)
    _, plain = found.gallery.nearest(found.points, 40)
    for line, before, short in zip(whole(found, 40), plain, found.rows, strict=True):
        assert line[:12].tolist() == short.tolist()
        assert line[12:].tolist() == [row for row in before if row not in short]


def test_one_image_and_none_stay_as_they_are(chain: Chain) -> None:
    assert whole(run(chain, held(1), unit_rows(2, 6, 1)), 5).tolist() == [[0], [0]]
    assert whole(run(chain, held(0), unit_rows(2, 6, 1)), 5).shape == (2, 0)
    assert whole(run(chain, held(9), unit_rows(0, 6, 1)), 5).shape[0] == 0


def test_equal_images_keep_gallery_order(chain: Chain) -> None:
    same = Held(np.repeat(unit_rows(1, 6), 30, axis=0), "cosine", unit=True)
    assert whole(run(chain, same, unit_rows(1, 6, 1)), 30).tolist() == [list(range(30))]
    twice = Held(np.repeat(unit_rows(8, 6), 2, axis=0), "cosine", unit=True)
    line = whole(run(chain, twice, unit_rows(1, 6, 1)), 16)[0].tolist()
    if (
        "diffusion" not in chain.name
    ):  # where a copy is not among the k nearest that its twin is, they are no longer alike
        assert all(line.index(row) < line.index(row + 1) for row in range(0, 16, 2))


def test_the_answer_is_the_same_every_time_and_in_every_thread(chain: Chain) -> None:
    gallery, points = pictured(), unit_rows(2, 6, 1)
    first = run(chain, gallery, points)
    with ThreadPoolExecutor(4) as pool:
        others = list(pool.map(lambda _: run(chain, gallery, points), range(3)))
    others.append(run(rerank.load(chain.name, depth=12), pictured(), points))
    for other in others:
        assert other.rows.tolist() == first.rows.tolist()
        assert other.scores.tolist() == first.scores.tolist()
        assert other.inliers == first.inliers


def test_an_answer_does_not_depend_on_the_others_of_its_batch(chain: Chain) -> None:
    gallery, points = held(40), unit_rows(5, 6, 1)
    together = run(chain, gallery, points)
    for i in range(5):
        alone = run(chain, gallery, points[i : i + 1])
        assert alone.rows[0].tolist() == together.rows[i].tolist()
        np.testing.assert_allclose(alone.scores[0], together.scores[i], rtol=1e-5, atol=1e-6)


def test_nothing_that_is_passed_in_is_changed(chain: Chain) -> None:
    gallery, points = held(20), unit_rows(2, 6, 1)
    rows, asked = gallery.embeddings(gallery.live).copy(), points.copy()
    plain = gallery.nearest(points, 20)[1].tolist()
    run(chain, gallery, points)
    np.testing.assert_array_equal(gallery.embeddings(gallery.live), rows)
    np.testing.assert_array_equal(points, asked)
    assert gallery.nearest(points, 20)[1].tolist() == plain


@pytest.mark.parametrize(("metric", "unit"), [("cosine", False), ("l2", True), ("l2", False)])
def test_every_way_of_comparing_is_served_or_refused_with_a_way_out(chain: Chain, metric: str, unit: bool) -> None:
    rows = unit_rows(40, 6) if unit else np.abs(unit_rows(40, 6)) * 30
    gallery = Held(rows, metric, unit=unit)
    points = rows[3:5] + np.float32(0.01)
    if (metric, unit) == ("l2", False) and ("diffusion" in chain.name or "superglobal" in chain.name):
        with pytest.raises(BadArgument, match="--metric cosine"):
            run(chain, gallery, points)
        return
    line = whole(run(chain, gallery, points), 40)
    assert sorted(line[0]) == list(range(40))


def test_rows_need_not_be_numbered_without_gaps(chain: Chain) -> None:
    """As in a store with images that were taken out."""

    class Gaps(Held):
        def __init__(self, rows: np.ndarray) -> None:
            super().__init__(rows, "cosine", unit=True)
            self.live = np.arange(len(rows)) * 3 + 2

        def nearest(self, points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            scores, places = super().nearest(points, k)
            return scores, self.live[places]

        def embeddings(self, rows: np.ndarray) -> np.ndarray:
            return super().embeddings((rows - 2) // 3)

    points = unit_rows(3, 6, 1)
    plain, gaps = (run(chain, made, points) for made in (held(40), Gaps(unit_rows(40, 6))))
    assert gaps.rows.tolist() == (plain.rows * 3 + 2).tolist()
    np.testing.assert_array_equal(gaps.scores, plain.scores)
