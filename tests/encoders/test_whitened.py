from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise import encoders
from likewise.encoders.whitening import pca, read
from likewise.errors import WeightsError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    base = encoders.load("pixels")
    pixels = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    pca(base.encode(pixels), base.card, 16).write(tmp_path / "mine.npz")
    return tmp_path / "mine.npz"


def test_a_file_is_an_encoder_and_is_found_again_by_its_content(kept: Path) -> None:
    encoder = encoders.load(str(kept))
    pixels = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    rows = encoder.encode(pixels)
    assert rows.shape == (3, 16)
    np.testing.assert_allclose(rows, read(kept).applied(encoders.load("pixels").encode(pixels)))
    told = encoder.card
    assert (told.name, told.dim, told.metric, told.unit) == ("whitened/mine", 16, "cosine", True)
    assert told.fingerprint != encoders.load("pixels").card.fingerprint
    kept.unlink()
    assert encoders.load(told.name, sha256=told.weights_sha256).card == told


def test_a_file_that_is_not_here_is_asked_for() -> None:
    with pytest.raises(WeightsError, match="pass it as"):
        encoders.load("whitened/none", sha256="0" * 64)


def test_another_base_than_it_was_fitted_on_is_refused(tmp_path: Path, kept: Path) -> None:
    import dataclasses

    right = read(kept)
    other = dataclasses.replace(right, base=dataclasses.replace(right.base, version=9))
    other.write(tmp_path / "z.npz")
    with pytest.raises(WeightsError, match="another pixels"):
        encoders.load(str(tmp_path / "z.npz"))
