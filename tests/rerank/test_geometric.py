"""Geometric verification on drawn pictures: what is found, what is kept on disk, and what goes wrong quietly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fakes import unit_rows
from likewise import rerank
from likewise.errors import MissingExtra, SourceError
from likewise.images import Limits
from likewise.rerank import Asked, Original
from likewise.rerank.types import Shortlists
from rerankings import encoded, original, textured, turned, with_pictures

cv2 = pytest.importorskip("cv2")

from likewise.rerank.geometric import Geometry, local, squeezed
from likewise.rerank.geometric.local import LocalFeatures, trim
from likewise.rerank.geometric.matching import matched, pairs, plausible


@pytest.fixture
def features(tmp_path: Path) -> LocalFeatures:
    return LocalFeatures(640, 300, tmp_path / "kept")


def search(pictures: list[np.ndarray | None], *asked: np.ndarray, depth: int = 10) -> Shortlists:
    gallery = with_pictures(pictures)
    query = Asked(tuple(original(each) for each in asked))
    return rerank.load("geometry", depth).run(gallery, [query], unit_rows(1, 6, 1))


def test_the_picture_that_is_shown_comes_first_and_says_how_many_places_agree() -> None:
    pictures: list[np.ndarray | None] = [textured(seed) for seed in range(6)]
    plain = with_pictures(pictures).nearest(unit_rows(1, 6, 1), 6)
    last = int(plain[1][0, -1])
    found = search(pictures, turned(textured(last)))
    assert found.rows[0].tolist() == [last, *[row for row in plain[1][0].tolist() if row != last]]
    inliers = found.inliers[0]
    assert inliers[last] > 20
    assert all(count == 0 for row, count in inliers.items() if row != last)
    assert inliers[last] < found.scores[0, 0] < inliers[last] + 1
    np.testing.assert_allclose(found.scores[0, 1:], squeezed(plain[0][0, :-1]), rtol=1e-6)


def test_pictures_that_show_nothing_or_are_gone_keep_their_place_behind() -> None:
    flat = np.full((90, 90, 3), 200, np.uint8)
    pictures: list[np.ndarray | None] = [flat, textured(1), None, textured(3), flat]
    plain = with_pictures(pictures).nearest(unit_rows(1, 6, 1), 5)[1][0].tolist()
    found = search(pictures, turned(textured(3)))
    assert found.rows[0].tolist() == [3, *[row for row in plain if row != 3]]
    assert set(found.inliers[0]) == {1, 3}


def test_a_query_that_shows_nothing_leaves_the_order_alone() -> None:
    pictures: list[np.ndarray | None] = [textured(seed) for seed in range(4)]
    plain = with_pictures(pictures).nearest(unit_rows(1, 6, 1), 4)[1]
    found = search(pictures, np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_array_equal(found.rows, plain)
    assert found.inliers == [{}]


def test_of_several_pictures_of_a_query_the_one_that_agrees_best_counts() -> None:
    pictures: list[np.ndarray | None] = [textured(seed) for seed in range(5)]
    both = search(pictures, turned(textured(4)), turned(textured(2)))
    assert set(both.rows[0, :2].tolist()) == {2, 4}
    alone = search(pictures, turned(textured(2)))
    assert both.inliers[0][2] == alone.inliers[0][2]


def test_correspondences_lie_on_the_same_things() -> None:
    picture = textured(5, 200)
    half = np.ascontiguousarray(picture[:, 60:])
    found = Geometry().correspondences(original(picture), original(half))
    assert found is not None
    assert len(found.query) == len(found.hit) > 20
    x, y = found.query.T * 200
    np.testing.assert_allclose(found.hit[:, 0] * 140 + 60, x, atol=3)
    np.testing.assert_allclose(found.hit[:, 1] * 200, y, atol=3)
    assert Geometry().correspondences(original(picture), original(np.zeros((50, 50, 3), np.uint8))) is None
    none = Geometry().correspondences(original(picture), original(textured(6, 200)))
    assert none is not None
    assert len(none.query) == 0


def test_what_chance_gives_does_not_count(features: LocalFeatures) -> None:
    counts = []
    for seed in range(6):
        one, other = (features.of(original(textured(place, 120))) for place in (seed, seed + 100))
        assert one is not None
        assert other is not None
        counts.append(len(matched(one, other).query))
    assert max(counts) < 8


def test_inliers_do_not_depend_on_the_state_of_any_generator(features: LocalFeatures) -> None:
    one, other = features.of(original(textured(1))), features.of(original(turned(textured(1))))
    assert one is not None
    assert other is not None
    found = []
    for seed in (1, 2, 3):
        cv2.setRNGSeed(seed)
        found.append(matched(one, other).query.tolist())
    assert found[0] == found[1] == found[2]


def test_pairs_are_mutual_and_clear() -> None:
    mine = np.eye(4, dtype=np.float32)[:3]
    theirs = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0.8, 0.6], [0, 0, 0.79, -0.613]], np.float32)
    assert [each.tolist() for each in pairs(mine, theirs)] == [[0, 1], [1, 0]]  # the third has two that are alike
    assert [each.tolist() for each in pairs(mine, np.repeat(theirs[:1], 2, axis=0))] == [[], []]
    assert [each.tolist() for each in pairs(mine, theirs[:1])] == [[], []]
    many, few = np.eye(3, dtype=np.float32)[[0, 0, 1]], np.eye(3, dtype=np.float32)[:2]
    assert [each.tolist() for each in pairs(many, few)] == [[2], [1]]  # two of mine are alike


def test_a_homography_that_folds_mirrors_or_swallows_the_picture_is_not_believed() -> None:
    assert plausible(np.eye(3), 100, 80)
    assert plausible(np.array([[0.5, -0.2, 30], [0.2, 0.5, 5], [0.0005, 0, 1]]), 100, 80)
    for wrong in (
        np.diag([-1.0, 1, 1]),  # mirrored
        np.diag([0.05, 0.05, 1]),  # a speck
        np.diag([20.0, 20, 1]),  # a giant
        np.array([[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]]),  # the horizon runs through it
        np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1.0]]),  # a line
        np.full((3, 3), np.nan),
    ):
        assert not plausible(np.asarray(wrong, np.float64), 100, 80)


def test_scores_are_squeezed_in_their_order() -> None:
    scores = np.array([50, 1.2, 1, 0.3, 0, -0.2, -1, -2000], np.float32)
    found = squeezed(scores)
    assert (np.diff(found) < 0).all()
    assert found.min() > 0
    assert found.max() < 1


# What is kept


def test_features_are_found_once_and_read_from_disk_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = original(textured(1))
    first = LocalFeatures(640, 300, tmp_path).of(shown)
    monkeypatch.setattr(local.images, "thumbnail", lambda *_: pytest.fail("decoded again"))
    reads: list[int] = []
    known = Original(lambda: reads.append(1) or b"", shown.sha256)
    again = LocalFeatures(640, 300, tmp_path).of(known)
    assert first is not None
    assert again is not None
    assert reads == []  # not even read
    np.testing.assert_array_equal(again.points, first.points)
    np.testing.assert_array_equal(again.sift, first.sift)
    assert (again.width, again.height) == (160, 160)
    assert len(again.points) <= 300


def test_other_parameters_are_other_features(tmp_path: Path) -> None:
    shown = original(textured(1))
    many, few = LocalFeatures(640, 300, tmp_path).of(shown), LocalFeatures(640, 20, tmp_path).of(shown)
    small = LocalFeatures(100, 300, tmp_path).of(shown)
    assert many is not None
    assert few is not None
    assert small is not None
    assert len(few.points) == 20 < len(many.points)
    assert max(small.width, small.height) == 100


def test_a_torn_file_is_found_anew_and_replaced(tmp_path: Path) -> None:
    shown = original(textured(1))
    first = LocalFeatures(640, 300, tmp_path).of(shown)
    (path,) = tmp_path.rglob("*.npz")
    whole = path.read_bytes()
    for torn in (b"", whole[:100], b"PK\x03\x04 torn"):
        path.write_bytes(torn)
        again = LocalFeatures(640, 300, tmp_path).of(shown)
        assert again is not None
        assert first is not None
        np.testing.assert_array_equal(again.points, first.points)
        assert path.read_bytes() == whole
    np.savez(path, size=np.array([3, 3]), points=np.zeros((5, 2), np.float32), sift=np.zeros((4, 128), np.uint8))
    assert len(LocalFeatures(640, 300, tmp_path).of(shown).points) == len(first.points)  # type: ignore[union-attr]
    assert [each.suffix for each in tmp_path.rglob("*") if each.is_file()] == [".npz"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    assert LocalFeatures(640, 300, tmp_path / "file").of(original(textured(1))) is not None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "used", "old", "oldest")):
        (tmp_path / f"{name}.npz").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{name}.npz", (1000 - age, 1000 - age))
    trim(tmp_path, 400)
    assert len(list(tmp_path.iterdir())) == 4
    trim(tmp_path, 300)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["new", "used"]


def test_the_folder_is_looked_at_when_something_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_MOST_BYTES", 1000)
    features = LocalFeatures(640, 300, tmp_path)
    assert features.of(original(textured(1))) is not None
    assert list(tmp_path.rglob("*.npz")) == []


def test_few_pictures_stay_in_memory(features: LocalFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_HELD", 2)
    shown = [original(textured(seed, 60)) for seed in range(3)]
    first = [features.of(each) for each in shown]
    assert features.of(shown[2]) is first[2]
    assert features.of(shown[0]) is not first[0]


def test_what_cannot_be_read_or_decoded_has_no_features(features: LocalFeatures) -> None:
    def gone() -> bytes:
        raise SourceError("gone")

    assert features.of(Original(gone, "ab" * 32)) is None
    assert features.of(Original(gone)) is None
    assert features.of(Original(lambda: b"torn")) is None
    assert features.of(Original.of(encoded(textured(1)), Limits(max_side=50))) is None
    nameless = Original(lambda: encoded(textured(1)))
    assert features.of(nameless) is features.of(original(textured(1)))


def test_root_sift_is_of_unit_norm(features: LocalFeatures) -> None:
    found = features.of(original(textured(1)))
    assert found is not None
    np.testing.assert_allclose(np.linalg.norm(found.rooted(), axis=1), 1, atol=1e-5)
    one = found.sift[0].astype(float)
    np.testing.assert_allclose(found.rooted()[0], np.sqrt(one / one.sum()), atol=1e-6)


def test_without_opencv_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"likewise\[geometry\]"):
        rerank.load("geometry")
