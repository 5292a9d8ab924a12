from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise import encoders
from likewise.encoders import whitened
from likewise.encoders.whitened import Whitening, fit
from likewise.errors import BadArgument, WeightsError


def embeddings(count: int = 200, dim: int = 12) -> np.ndarray:
    """Rows with very different spreads along oblique directions."""
    draw = np.random.default_rng(0)
    turn, _ = np.linalg.qr(draw.normal(size=(dim, dim)))
    return (draw.normal(size=(count, dim)) * np.geomspace(5, 0.05, dim) @ turn.T + 3).astype(np.float32)


def card(dim: int = 12):
    import dataclasses

    return dataclasses.replace(encoders.load("pixels").card, dim=dim)


def test_whitened_rows_have_unit_variance_and_no_correlation() -> None:
    rows = embeddings()
    found = fit(rows, card(), 6)
    flat = (rows - found.mean) @ found.axes.T
    np.testing.assert_allclose(np.cov(flat.T), np.eye(6), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found.applied(rows), axis=1), 1, atol=1e-5)


def test_the_axes_are_scikit_learns_up_to_sign() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    rows = embeddings()
    for whiten in (True, False):
        wanted = decomposition.PCA(5, whiten=whiten).fit(rows)
        theirs = wanted.transform(rows)
        found = fit(rows, card(), 5, whiten=whiten)
        ours = (rows - found.mean) @ found.axes.T
        signs = np.sign((ours * theirs).sum(axis=0))
        np.testing.assert_allclose(ours * signs, theirs, atol=2e-3)


def test_small_variances_do_not_explode() -> None:
    rows = embeddings()
    rows[:, 0] = rows[:, 1]  # one direction has no variance at all
    found = fit(rows, card(), 12)
    assert np.abs(found.axes).max() < 1e4
    assert np.isfinite(found.applied(rows)).all()


@pytest.mark.parametrize("dim", [0, 13, 200])
def test_more_dimensions_than_can_be_told_are_refused(dim: int) -> None:
    with pytest.raises(BadArgument, match="ask for fewer"):
        fit(embeddings(), card(), dim)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    base = encoders.load("pixels")
    pixels = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    fit(base.encode(pixels), base.card, 16).write(tmp_path / "mine.npz")
    return tmp_path / "mine.npz"


def test_a_file_is_an_encoder_and_is_found_again_by_its_content(kept: Path) -> None:
    encoder = encoders.load(str(kept))
    pixels = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    rows = encoder.encode(pixels)
    assert rows.shape == (3, 16)
    np.testing.assert_allclose(rows, whitened.read(kept).applied(encoders.load("pixels").encode(pixels)))
    told = encoder.card
    assert (told.name, told.dim, told.metric, told.unit) == ("whitened/mine", 16, "cosine", True)
    assert told.fingerprint != encoders.load("pixels").card.fingerprint
    kept.unlink()
    assert encoders.load(told.name, sha256=told.weights_sha256).card == told


def test_what_is_no_whitening_is_refused(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="likewise tune"):
        encoders.load(str(tmp_path / "x.npz"))
    with pytest.raises(WeightsError, match="pass it as"):
        encoders.load("whitened/none", sha256="0" * 64)
    right = whitened.read(kept)
    Whitening(right.mean[:5], right.axes, right.base).write(tmp_path / "y.npz")
    with pytest.raises(WeightsError, match="fit together"):
        encoders.load(str(tmp_path / "y.npz"))
    with pytest.raises(BadArgument, match="npz"):
        right.write(tmp_path / "y.bin")


def test_another_base_than_it_was_fitted_on_is_refused(tmp_path: Path, kept: Path) -> None:
    import dataclasses

    right = whitened.read(kept)
    other = dataclasses.replace(right, base=dataclasses.replace(right.base, version=9))
    other.write(tmp_path / "z.npz")
    with pytest.raises(WeightsError, match="another pixels"):
        encoders.load(str(tmp_path / "z.npz"))
