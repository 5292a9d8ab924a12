"""The fits against their definitions, written out pair by pair, and against scikit-learn."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise import encoders
from likewise.encoders.whitening import Fit, Whitening, learned, pca, read
from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Recipe


def card(dim: int = 12) -> Card:
    return Card("made-up", dim, Recipe("tiny", 8))


def embeddings(count: int = 200, dim: int = 12, seed: int = 0) -> np.ndarray:
    """Rows with very different spreads along oblique directions."""
    draw = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(draw.normal(size=(dim, dim)))
    return (draw.normal(size=(count, dim)) * np.geomspace(5, 0.05, dim) @ turn.T + 3).astype(np.float32)


def classes(count: int = 60, dim: int = 6, many: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes of unequal size around centres of their own, stretched."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, many, count)
    centres = draw.normal(size=(many, dim)) * 2
    stretch = draw.normal(size=(dim, dim))
    return (centres[labels] + draw.normal(size=(count, dim)) @ stretch).astype(np.float32), labels


def like(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal to 1e-5 of the largest component, up to the sign of each axis."""
    assert ours.shape == theirs.shape
    signs = np.sign((ours * theirs).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(ours * signs, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("count", [200, 9])  # more rows than components, and fewer: another product of the two is taken
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_pca_is_the_eigenvectors_of_the_covariance(count: int, power: float) -> None:
    rows = embeddings(count)
    mean = [sum(float(row[j]) for row in rows) / count for j in range(12)]
    covariance = np.zeros((12, 12))
    for row in rows:
        covariance += np.outer(row - mean, row - mean) / (count - 1)
    values, vectors = np.linalg.eigh(covariance)
    wanted = np.stack([vectors[:, -1 - i] / np.sqrt(values[-1 - i]) ** power for i in range(5)])
    found = pca(rows, card(), 5, power=power)
    like(found.axes, wanted)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)


@pytest.mark.parametrize("count", [200, 9])
@pytest.mark.parametrize("whiten", [True, False])
def test_the_axes_are_scikit_learns_up_to_sign(count: int, whiten: bool) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    rows = embeddings(count)
    theirs = decomposition.PCA(5, whiten=whiten, svd_solver="full").fit_transform(rows.astype(np.float64))
    like(pca(rows, card(), 5, power=float(whiten)).projected(rows).T, theirs.T)


def test_whitened_rows_have_unit_variance_and_no_correlation() -> None:
    rows = embeddings()
    found = pca(rows, card(), 6)
    np.testing.assert_allclose(np.cov(found.projected(rows).T), np.eye(6), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.applied(rows), axis=1), 1, atol=1e-6)
    assert found.applied(rows).dtype == np.float32


@given(st.integers(0, 1000), st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_learned_whitening_is_its_definition_summed_over_all_pairs(seed: int, dim: int) -> None:
    """The two sums pair by pair; Cholesky, as Mikolajczyk and Matas have it, where the code has a square root."""
    rows, labels = classes(40, 6, seed=seed)
    same, different = np.zeros((6, 6)), np.zeros((6, 6))
    for i in range(40):
        for j in range(i):
            step = rows[i].astype(np.float64) - rows[j]
            (same if labels[i] == labels[j] else different)[:] += np.outer(step, step)
    white = np.linalg.inv(np.linalg.cholesky(same))
    values, turns = np.linalg.eigh(white @ different @ white.T)
    wanted = turns[:, np.argsort(-values)][:, :dim].T @ white
    found = learned(rows, labels, card(6), dim)
    pairs = sum(int(labels[i] == labels[j]) for i in range(40) for j in range(i))
    like(
        found.axes, wanted * np.sqrt(pairs)
    )  # ours are means over the pairs: the same directions, another length for all
    assert (found.fit.method, found.fit.pictures, found.fit.pairs) == ("learned", 40, pairs)


def test_learned_by_hand() -> None:
    """C_S is diag(2, 18), the mean of diag(4, 0) and diag(0, 36); C_D is diag(101, 9); so whitened, diag(50.5, 0.5)."""
    rows = np.array([[-1, 0], [1, 0], [10, -3], [10, 3]], np.float32)
    found = learned(rows, np.array([7, 7, 9, 9]), card(2), 2)
    np.testing.assert_allclose(found.axes, [[2**-0.5, 0], [0, 18**-0.5]], atol=1e-12)
    np.testing.assert_allclose(found.mean, [5, 0])
    np.testing.assert_allclose(learned(rows, np.array([7, 7, 9, 9]), card(2), 1).axes, found.axes[:1])


def test_learned_brings_classes_together_where_plain_whitening_does_not() -> None:
    draw = np.random.default_rng(3)
    labels = np.repeat(np.arange(10), 30)
    rows = np.zeros((300, 8), np.float32)
    rows[:, :4] = draw.normal(size=(10, 4))[labels]  # what tells the classes apart
    rows += draw.normal(size=(300, 8)).astype(np.float32) * np.repeat([0.1, 5], 4)  # what does not, and is larger

    def right(unit: np.ndarray) -> float:
        scores = unit @ unit.T
        np.fill_diagonal(scores, -1)
        return float((labels[scores.argmax(axis=1)] == labels).mean())

    plain, ours = pca(rows, card(8), 4), learned(rows, labels, card(8), 4)
    assert right(ours.applied(rows)) > 0.9
    assert right(plain.applied(rows)) < 0.3


def test_small_variances_do_not_explode() -> None:
    rows = embeddings()
    rows[:, 0] = rows[:, 1]  # one direction has no variance at all
    found = pca(rows, card(), 12)
    assert np.abs(found.axes).max() < 1e4
    rows, labels = classes(80)
    rows[:, 0] = 1  # and here one that is the same in every picture, as behind a dead ReLU
    found = learned(rows, labels, card(6), 5)
    assert np.isfinite(found.applied(rows)).all()
    np.testing.assert_allclose(found.axes[:, 0], 0, atol=1e-6)
    few = np.repeat(embeddings(4), 2, axis=0)  # 8 rows of 12 components that are 4 different ones
    assert np.isfinite(pca(few, card(), 7).applied(embeddings(5, seed=1))).all()


def test_the_same_embeddings_give_the_same_bytes_and_no_axis_has_a_sign_of_its_own() -> None:
    rows = embeddings()
    found = pca(rows, card(), 4)
    assert found.to_bytes() == pca(rows, card(), 4).to_bytes()
    mirrored = pca(-rows, card(), 4)
    np.testing.assert_allclose(mirrored.axes, found.axes, atol=1e-9)
    largest = np.abs(found.axes).argmax(axis=1)
    assert (found.axes[np.arange(4), largest] > 0).all()


def test_an_embedding_that_is_the_mean_itself_is_unit_too() -> None:
    rows = np.array([[1, 0], [-1, 0], [0, 2], [0, -2]], np.float32)
    found = pca(rows, card(2), 2).applied(np.zeros((1, 2), np.float32))
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5]], atol=1e-6)


def test_rows_are_not_all_turned_to_float64_at_once() -> None:
    rows = np.random.default_rng(0).normal(size=(30_000, 16)).astype(np.float32)
    tracemalloc.start()
    pca(rows, card(16), 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes / 2


@pytest.mark.parametrize("dim", [0, 13, 200])
def test_more_dimensions_than_can_be_told_are_refused(dim: int) -> None:
    with pytest.raises(BadArgument, match="ask for fewer"):
        pca(embeddings(), card(), dim)
    with pytest.raises(BadArgument, match="ask for fewer"):
        learned(embeddings(), np.arange(200) % 5, card(), dim)


def test_what_cannot_be_fitted_says_what_it_takes() -> None:
    same = np.ones((20, 3), np.float32)
    with pytest.raises(BadArgument, match="all 20 embeddings are equal"):
        pca(same, card(3), 2)
    with pytest.raises(BadArgument, match="all 3 embeddings are equal"):
        pca(np.ones((3, 5), np.float32), card(5), 2)
    with pytest.raises(BadArgument, match="nothing to learn"):
        learned(same, np.arange(20) % 2, card(3), 2)
    with pytest.raises(BadArgument, match="0 is PCA alone"):
        pca(embeddings(), card(), 3, power=1.5)
    with pytest.raises(BadArgument, match=r"two classes and 17 pictures, and there are 16 in 5"):
        learned(embeddings(16), np.arange(16) % 5, card(), 3)
    with pytest.raises(BadArgument, match=r"there are 200 in 1"):
        learned(embeddings(), np.zeros(200, int), card(), 3)


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    rows, labels = classes()
    made = learned(rows, labels, card(6), 3)
    made = dataclasses.replace(made, fit=dataclasses.replace(made.fit, on="60 of 70 pictures of birds, seed 0"))
    made.write(tmp_path / "a.npz")
    found = read(tmp_path / "a.npz")
    assert np.array_equal(found.axes, made.axes)
    assert np.array_equal(found.mean, made.mean)
    assert (found.base, found.fit) == (made.base, made.fit)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.npz"]
    assert "learned whitening, fitted on 60 of 70 pictures of birds, seed 0 (" in str(found.fit)
    assert str(pca(rows, card(6), 3, power=0.5).fit) == "PCA-whitening to the power 0.5, fitted on 60 pictures"
    assert str(pca(rows, card(6), 3, power=0).fit) == "PCA, fitted on 60 pictures"


def test_a_file_of_before_opens(tmp_path: Path) -> None:
    """Written in float32, without a word of how it was fitted."""
    made = pca(embeddings(), card(), 3)
    single = {name: array.astype(np.float32) for name, array in (("mean", made.mean), ("axes", made.axes))}
    np.savez(tmp_path / "old.npz", base=np.array(card().to_json()), **single)
    found = read(tmp_path / "old.npz")
    np.testing.assert_allclose(found.applied(embeddings()), made.applied(embeddings()), atol=1e-4)
    assert found.fit == Fit()


def test_what_is_no_whitening_is_refused(tmp_path: Path) -> None:
    made = pca(embeddings(), card(), 3)
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="likewise whiten"):
        read(tmp_path / "x.npz")
    whole = made.to_bytes()
    (tmp_path / "torn.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="is no whitening"):
        read(tmp_path / "torn.npz")
    Whitening(made.mean[:5], made.axes, made.base).write(tmp_path / "y.npz")
    with pytest.raises(WeightsError, match="fit together"):
        read(tmp_path / "y.npz")
    with pytest.raises(BadArgument, match="npz"):
        made.write(tmp_path / "y.bin")
    with pytest.raises(BadArgument, match="make room there"):
        made.write(tmp_path / "nowhere" / "y.npz")


def test_a_whitening_behind_another_encoder_is_refused() -> None:
    from likewise.encoders import whitened

    with pytest.raises(WeightsError, match="another made-up"):
        whitened.behind(encoders.load("pixels"), pca(embeddings(), card(), 3))


def test_words_do_not_pass_through_a_whitening() -> None:
    """Its mean is that of pictures; texts lie around another."""
    from likewise.encoders import TextEncoder, whitened

    class Both:
        card = card(12)

        def encode(self, pixels: np.ndarray) -> np.ndarray:
            return embeddings(len(pixels))

        def encode_texts(self, texts: list[str]) -> np.ndarray:
            return embeddings(len(texts))

    assert isinstance(Both(), TextEncoder)
    assert not isinstance(whitened.behind(Both(), pca(embeddings(), card(), 3)), TextEncoder)
