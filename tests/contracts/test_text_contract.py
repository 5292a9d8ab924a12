"""What every encoder that understands words promises beside the contract of encoders."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import MeanColour, NamedColours
from likewise.encoders import Encoder, TextEncoder

TEXTS = ["red", "something green", "", "red blue", "日本語", "a " * 200]


@pytest.fixture(params=["named-colours"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return NamedColours()


def embedded(encoder: Encoder, texts: list[str]) -> np.ndarray:
    assert isinstance(encoder, TextEncoder)
    return encoder.encode_texts(texts)


def test_texts_have_the_shape_of_pictures_and_unit_norm(encoder: Encoder) -> None:
    rows = embedded(encoder, TEXTS)
    assert (rows.shape, rows.dtype) == ((len(TEXTS), encoder.card.dim), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert embedded(encoder, []).shape == (0, encoder.card.dim)


def test_a_batch_of_texts_equals_them_one_by_one(encoder: Encoder) -> None:
    alone = np.concatenate([embedded(encoder, [text]) for text in TEXTS])
    np.testing.assert_allclose(embedded(encoder, TEXTS), alone, atol=1e-5)


def test_an_encoder_without_text_is_not_taken_for_one_with() -> None:
    assert not isinstance(MeanColour(), TextEncoder)
