"""What every encoder promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likewise import encoders
from likewise.encoders import Encoder
from likewise.types import Card

GOLDEN = Path(__file__).parents[1] / "golden" / "embeddings.json"

PLAIN = ("classical", "pixels", "compact")
NETWORKS = ("vgg19/fc1@cifar", "vgg19/conv5_4@cifar", "vgg19/pool5@imagenet")


SMALL = (
    "resnet18",
    "resnet18/layer3|rmac*0.5+layer4|gem@flip",
    "mobilenet_v3_small/features.4|rmac@scales=1,0.5",
    "timm/test_vit.r160_in1k",
    "timm/test_vit.r160_in1k/block.2/cls+block.4|gem",
    "timm/test_resnet.r160_in1k/layer3.0",
    "timm/test_convnext.r160_in1k/stage.2|spoc",
    "open_clip/tiny/laion_none",
    "open_clip/tiny/laion_none/block.1/patches",
)


@pytest.fixture(params=PLAIN + NETWORKS + SMALL, scope="module")
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param in SMALL:
        small = request.getfixturevalue("small_networks")
        weights = next(each.file for name, each in small.items() if request.param.startswith(name))
        return encoders.load(request.param, weights=weights, device="cpu")
    name, _, recipe = request.param.partition("@")
    weights = request.getfixturevalue("vgg19_weights") if recipe else None
    return encoders.load(name, recipe=recipe or None, weights=weights, device="cpu")


def pictures(encoder: Encoder, count: int = 5) -> np.ndarray:
    """Smooth noise and flat colours, black and white among them."""
    side = encoder.card.recipe.side
    draw = np.random.default_rng(7)
    coarse = draw.integers(0, 256, (count, 4, 4, 3))
    pixels = coarse.repeat(side // 4, axis=1).repeat(side // 4, axis=2).astype(np.uint8)
    pixels[0], pixels[1] = 0, 255
    return pixels


def test_an_embedding_has_the_shape_and_type_of_the_card(encoder: Encoder) -> None:
    rows = encoder.encode(pictures(encoder))
    assert rows.shape == (5, encoder.card.dim)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test_no_pictures_give_no_embeddings(encoder: Encoder) -> None:
    assert encoder.encode(pictures(encoder)[:0]).shape == (0, encoder.card.dim)


def test_a_batch_equals_its_pictures_one_by_one(encoder: Encoder) -> None:
    pixels = pictures(encoder)
    whole = encoder.encode(pixels)
    single = np.concatenate([encoder.encode(pixels[i : i + 1]) for i in range(len(pixels))])
    if encoder.card.name in ("classical", "pixels"):
        assert np.array_equal(whole, single)
    np.testing.assert_allclose(whole, single, rtol=0, atol=1e-5 * np.abs(whole).max())


def test_the_same_pixels_give_the_same_embedding_and_stay_as_they_are(encoder: Encoder) -> None:
    pixels = pictures(encoder)
    before = pixels.copy()
    assert np.array_equal(encoder.encode(pixels), encoder.encode(pixels))
    assert np.array_equal(pixels, before)


def test_rows_have_unit_norm_if_the_card_says_so(encoder: Encoder) -> None:
    norms = np.linalg.norm(encoder.encode(pictures(encoder)), axis=1)
    if encoder.card.unit:
        np.testing.assert_allclose(norms, 1, atol=1e-5)
    else:
        assert not np.allclose(norms, 1, atol=1e-2)


def test_the_card_says_what_a_user_must_know(encoder: Encoder) -> None:
    card = encoder.card
    assert card.licence
    assert card.source
    assert Card.from_json(card.to_json()) == card
    assert card.metric == ("cosine" if card.unit else "l2")


def test_different_pictures_have_different_embeddings(encoder: Encoder) -> None:
    rows = encoder.encode(pictures(encoder))
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2) + np.eye(len(rows)) * 1e9
    assert apart.min() > 1e-3 * np.abs(rows).max()


@pytest.mark.parametrize("name", PLAIN)
def test_embeddings_are_those_that_were_written_down(name: str) -> None:
    """`python tests/golden/make.py` writes them anew, when `Card.version` has grown and at no other time."""
    golden = json.loads(GOLDEN.read_text())[name]
    encoder = encoders.load(name)
    assert encoder.card.fingerprint == golden["fingerprint"]
    rows = encoder.encode(pictures(encoder))
    np.testing.assert_allclose(rows[:, :: golden["step"]], golden["rows"], atol=2e-5)


def test_importing_the_seam_loads_no_network_library(run_python: Callable[[str], str]) -> None:
    program = "import sys, likewise.encoders as e; e.load('classical'); print('torch' in sys.modules)"
    assert run_python(program) == "False"
