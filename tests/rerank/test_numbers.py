"""The arithmetic of each reranker against the formulas of its paper, written as loops, and against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fakes import unit_rows
from likewise import rerank
from likewise.rerank.diffusion import truncated
from likewise.rerank.expansion import VERIFIED
from likewise.rerank.held import Held
from likewise.rerank.neighbours import neighbours
from likewise.rerank.reciprocal import mixed, squared_distances
from likewise.rerank.superglobal import refined
from rerankings import held, nothing_seen, shortlists

Array = np.ndarray


def unit(row: Array) -> Array:
    return row / math.sqrt(sum(float(x) ** 2 for x in row))


def clustered(count: int = 60, dim: int = 8, seed: int = 0) -> Array:
    """Rows about a few directions, so that neighbours mean something."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(6, dim))[np.arange(count) % 6] + 0.45 * draw.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def step(name: str) -> rerank.Reranker:
    (found,) = rerank.load(name).steps
    return found


# Expansion


@pytest.mark.parametrize(
    ("name", "n", "alpha"), [("aqe:4", 4, 0.0), ("alpha-qe:5,3", 5, 3.0), ("alpha-qe:3,0.5", 3, 0.5)]
)
def test_expansion_is_the_sum_of_the_paper(name: str, n: int, alpha: float) -> None:
    rows, points = clustered(), clustered(4, seed=1)
    gallery = Held(rows, "cosine", unit=True)
    found = step(name).rerank(shortlists(gallery, points, 20))
    for point, made in zip(points, found.points, strict=True):
        order = sorted(range(len(rows)), key=lambda row: -float(point @ rows[row]))
        total = point.astype(np.float64)
        for row in order[:n]:
            total = total + max(0.0, float(point @ rows[row])) ** alpha * rows[row]
        np.testing.assert_allclose(made, unit(total), atol=1e-5)
    np.testing.assert_array_equal(found.rows, gallery.nearest(found.points, 20)[1])


def test_average_expansion_by_hand() -> None:
    gallery = Held(np.array([[0, 1], [1, 0], [-1, 0]], np.float32), "cosine", unit=True)
    found = step("aqe:1").rerank(shortlists(gallery, np.array([[0.6, 0.8]]), 3))  # (0.6, 0.8) + (0, 1), made unit
    np.testing.assert_allclose(found.points, [[0.6 / math.sqrt(3.6), 1.8 / math.sqrt(3.6)]], atol=1e-6)


def test_alpha_expansion_by_hand() -> None:
    gallery = Held(np.array([[1, 0], [0, -1]], np.float32), "cosine", unit=True)
    found = step("alpha-qe:2,2").rerank(shortlists(gallery, np.array([[0.6, 0.8]]), 2))
    wanted = np.array([0.6 + 0.36, 0.8])  # the hit at cosine -0.8 has no part in it
    np.testing.assert_allclose(found.points[0], wanted / np.linalg.norm(wanted), atol=1e-6)


def test_raw_embeddings_compared_by_distance_are_averaged_where_they_lie() -> None:
    gallery = Held(np.array([[3, 0], [9, 9]], np.float32), "l2", unit=False)
    found = step("aqe:1").rerank(shortlists(gallery, np.array([[1, 2]]), 2))
    np.testing.assert_allclose(found.points, [[2, 1]], atol=1e-6)


def test_after_geometry_only_verified_hits_expand_the_query() -> None:
    from dataclasses import replace

    gallery = held(30)
    found = shortlists(gallery, unit_rows(2, 6, 1), 10)
    first = found.rows[0].tolist()
    verified = {row: VERIFIED + 1 if row == first[4] else VERIFIED - 1 for row in first}
    made = step("aqe:10").rerank(replace(found, inliers=[verified, {}]))
    wanted = unit(found.points[0].astype(np.float64) + gallery.embeddings(np.array([first[4]]))[0])
    np.testing.assert_allclose(made.points[0], wanted, atol=1e-5)
    plain = step("aqe:10").rerank(found)
    np.testing.assert_array_equal(made.points[1], plain.points[1])
    assert made.inliers[0] == verified  # what was counted stays known


# Augmentation


def test_augmentation_is_the_sum_of_the_paper() -> None:
    rows, points = clustered(), clustered(3, seed=1)
    found = step("dba:3").rerank(shortlists(Held(rows, "cosine", unit=True), points, 60))
    made = found.gallery.embeddings(np.arange(60))
    for row in range(60):
        others = sorted(
            (other for other in range(60) if other != row), key=lambda other: -float(rows[row] @ rows[other])
        )
        total = rows[row] + 0.75 * rows[others[0]] + 0.5 * rows[others[1]] + 0.25 * rows[others[2]]
        np.testing.assert_allclose(made[row], unit(total), atol=1e-5)
    assert found.rows.tolist() == [np.argsort(-(made @ point), kind="stable").tolist() for point in points]


def test_a_gallery_is_augmented_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = held(30)
    asked: list[int] = []
    nearest = gallery.nearest
    monkeypatch.setattr(gallery, "nearest", lambda points, k: (asked.append(len(points)), nearest(points, k))[1])
    for _ in range(3):
        chain = rerank.load("dba:4+diffusion:5")
        chain.run(gallery, nothing_seen(2), unit_rows(2, 6, 1))
    assert sorted(asked) == [2, 2, 2, 30]  # the plain searches, and once the neighbours of all


def test_neighbours_leave_the_image_itself_out_by_row_and_not_by_score() -> None:
    rows = np.repeat(unit_rows(4, 6), 3, axis=0)  # three copies of each
    scores, near = neighbours(Held(rows, "cosine", unit=True), 2)
    assert near.tolist() == [[row // 3 * 3 + i for i in range(3) if i != row % 3] for row in range(12)]
    np.testing.assert_allclose(scores, 1, atol=1e-6)
    assert neighbours(held(1), 5)[1].shape == (1, 0)
    assert neighbours(held(3), 5)[1].shape == (3, 2)
    same = np.repeat(unit_rows(1, 6), 9, axis=0)  # an image is not even among its own three nearest
    near = neighbours(Held(same, "cosine", unit=True), 2)[1].tolist()
    assert all(row not in line for row, line in enumerate(near))


# k-reciprocal


def loops(squared: Array, k1: int, k2: int, share: float) -> list[float]:
    """Zhong et al. 2017, image by image; no two distances may be equal."""
    m = len(squared)
    d = [[float(squared[i][j]) / max(map(float, squared[i])) for j in range(m)] for i in range(m)]
    ranked = [sorted(range(m), key=lambda j, i=i: (d[i][j], j != i)) for i in range(m)]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in ranked[i][: k + 1] if i in ranked[j][: k + 1]}

    vectors = []
    for i in range(m):
        members = set(reciprocal(i, k1))
        for j in reciprocal(i, k1):
            half = reciprocal(j, round(k1 / 2))
            if len(half & reciprocal(i, k1)) > 2 / 3 * len(half):
                members |= half
        raw = {j: math.exp(-d[i][j]) for j in members}
        vectors.append({j: value / sum(raw.values()) for j, value in raw.items()})
    if k2 > 1:
        vectors = [{j: sum(vectors[i].get(j, 0) for i in ranked[own][:k2]) / k2 for j in range(m)} for own in range(m)]
    found = []
    for i in range(1, m):
        least = sum(min(vectors[0].get(j, 0), vectors[i].get(j, 0)) for j in range(m))
        most = sum(max(vectors[0].get(j, 0), vectors[i].get(j, 0)) for j in range(m))
        found.append((1 - share) * (1 - least / most) + share * d[0][i])
    return found


@pytest.mark.parametrize(("k1", "k2", "share"), [(20, 6, 0.3), (7, 3, 0.0), (5, 1, 0.5), (3, 2, 1.0), (90, 6, 0.3)])
def test_k_reciprocal_is_what_the_paper_says(k1: int, k2: int, share: float) -> None:
    rows = clustered(50).astype(np.float64)
    squared = squared_distances(rows)
    np.testing.assert_allclose(mixed(squared, k1, k2, share), loops(squared, k1, k2, share), atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_k_reciprocal_squares_distances_once(metric: str) -> None:
    rows = clustered(30) if metric == "cosine" else 5 * clustered(30)
    gallery = Held(rows, metric, unit=metric == "cosine")
    point = rows[:1] + np.float32(0.01)
    point = point / np.linalg.norm(point) if metric == "cosine" else point
    found = step("k-reciprocal:5,2,0.4").rerank(shortlists(gallery, point, 30))
    order = gallery.nearest(point.astype(np.float32), 30)[1][0]
    world = np.concatenate([point, rows[order]]).astype(np.float64)
    squared = np.array([[sum((a - b) ** 2) for b in world] for a in world])
    wanted = dict(zip(order.tolist(), loops(squared, 5, 2, 0.4), strict=True))
    np.testing.assert_allclose(-found.scores[0], [wanted[row] for row in found.rows[0].tolist()], atol=1e-5)


def test_k_reciprocal_by_hand() -> None:
    """On a line: the query at 0, images at 1, 2 and 10; each with its one nearest."""
    places = np.array([[0.0], [1.0], [2.0], [10.0]])
    squared = squared_distances(places)
    assert squared[0].tolist() == [0, 1, 4, 100]
    # Nearest: 0 → 1; 1 → 0 and 2, which are as near; 2 → 1; 3 → 2. Reciprocal: {0, 1}, {0, 1, 2}, {1, 2}, {3}; k1 / 2 rounds to none.
    d01, d10, d12 = 1 / 100, 1 / 81, 1 / 81
    query = {0: 1 / (1 + math.exp(-d01)), 1: math.exp(-d01) / (1 + math.exp(-d01))}
    one = [math.exp(-d10), 1.0, math.exp(-d12)]
    first = {i: value / sum(one) for i, value in enumerate(one)}
    least = min(query[0], first[0]) + min(query[1], first[1])
    found = mixed(squared, 1, 1, 0.0)
    np.testing.assert_allclose(found[0], 1 - least / (2 - least), atol=1e-6)
    assert found[2] == 1


# Diffusion


@pytest.mark.parametrize(("k", "alpha", "gamma", "depth"), [(6, 0.99, 3, 60), (5, 0.9, 1, 60), (8, 0.8, 3, 25)])
def test_diffusion_solves_the_equation_of_the_paper(k: int, alpha: float, gamma: float, depth: int) -> None:
    rows, points = clustered(60, seed=3), clustered(3, seed=4)
    found = step(f"diffusion:{k},4,{alpha},{gamma}").rerank(shortlists(Held(rows, "cosine", unit=True), points, depth))
    similar = [[float(a.astype(float) @ b.astype(float)) for b in rows] for a in rows]
    near = [sorted((j for j in range(60) if j != i), key=lambda j, i=i: -similar[i][j])[:k] for i in range(60)]
    for point, scores, hits in zip(points, found.scores, found.rows, strict=True):
        short = sorted(range(60), key=lambda row: -float(point @ rows[row]))[:depth]
        weights = np.zeros((depth, depth))
        for a, i in enumerate(short):
            for b, j in enumerate(short):
                if i in near[j] and j in near[i]:
                    weights[a, b] = max(0.0, similar[i][j]) ** gamma
        degrees = [math.sqrt(sum(line)) or 1.0 for line in weights]
        normal = [[weights[a][b] / degrees[a] / degrees[b] for b in range(depth)] for a in range(depth)]
        start = [max(0.0, float(point @ rows[row])) ** gamma if place < 4 else 0.0 for place, row in enumerate(short)]
        exact = (1 - alpha) * np.linalg.solve(np.eye(depth) - alpha * np.array(normal), start)
        got = dict(zip(hits.tolist(), scores.tolist(), strict=True))
        np.testing.assert_allclose([got[row] for row in short], exact, atol=1e-4 * exact.max() + 1e-7)


def test_diffusion_by_hand() -> None:
    """Two images that are each other's only neighbour, the query on the first of them."""
    rows = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, 0, 1]], np.float32)
    found = step("diffusion:1,1,0.5,1").rerank(shortlists(Held(rows, "cosine", unit=True), rows[:1], 3))
    # S = [[0, 1], [1, 0]], y = (1, 0): f = 0.5 (I - S / 2)⁻¹ y = (2/3, 1/3); nothing flows to the third.
    np.testing.assert_allclose(found.scores, [[2 / 3, 1 / 3, 0]], atol=1e-6)
    assert found.rows.tolist() == [[0, 1, 2]]


def test_a_graph_is_cut_down_to_mutual_neighbours_that_are_there() -> None:
    near = np.array([[7, 1], [9, 5], [5, 1]])  # of rows 5, 7, 9
    graph = truncated(np.array([5, 7, 9]), near, np.array([[0.5, 9.0], [0.2, 0.4], [0.3, 0.1]]))
    dense = np.zeros((3, 3))
    for place in range(3):
        for end, weight in zip(graph.ends[place], graph.weights[place], strict=True):
            dense[place, end] += weight
    np.testing.assert_allclose(
        dense[0, 1], 1
    )  # 5 and 7 name each other, by the smaller of 0.5 and 0.4, over the roots of 0.4
    np.testing.assert_allclose(dense, dense.T)
    assert dense[:, 2].tolist() == [0, 0, 0]  # 7 names 9, which does not name it; 9 names 5 likewise


# SuperGlobal


def test_superglobal_is_what_the_paper_says() -> None:
    rows, point = np.abs(clustered(25)).astype(np.float64), unit(np.abs(clustered(1, seed=1))[0].astype(np.float64))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    better = []
    for i in range(25):
        near = sorted((j for j in range(25) if j != i), key=lambda j, i=i: -float(rows[i] @ rows[j]))[:4]
        total, size = rows[i].copy(), 1.0
        for j in near:
            total += 0.2 * float(rows[i] @ rows[j]) * rows[j]
            size += 0.2 * float(rows[i] @ rows[j])
        better.append(total / size)
    first = [float(point @ row) for row in better]
    best = sorted(range(25), key=lambda i: -first[i])[:5]
    pooled = [max(float(better[i][c]) for i in best) for c in range(8)]
    wanted = [(first[i] + float(np.dot(pooled, better[i]))) / 2 for i in range(25)]
    np.testing.assert_allclose(refined(point, rows, 4, 0.2), wanted, atol=1e-5)


def test_superglobal_by_hand() -> None:
    hits = np.array([[1.0, 0.0], [0.0, 1.0]])
    # No hit is like the other, so both stay; the pooled query is (1, 1); the first similarities are 0.6 and 0.8.
    np.testing.assert_allclose(refined(np.array([0.6, 0.8]), hits, 1, 0.15), [(0.6 + 1) / 2, (0.8 + 1) / 2])
