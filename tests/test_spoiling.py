from __future__ import annotations

import numpy as np
import pytest

from likewise import images
from likewise.errors import BadArgument
from likewise.images.spoiling import SPOILINGS, spoiled


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", SPOILINGS)
def test_a_spoiled_picture_is_another_picture_and_the_same_dice_give_the_same(kind: str) -> None:
    first, second = (spoiled(picture(), kind, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    seen = images.decode(first)
    assert seen.shape != picture().shape or not np.array_equal(seen, picture())


def test_each_kind_does_what_it_says() -> None:
    draw = np.random.default_rng(1)
    whole = picture()
    assert np.array_equal(images.decode(spoiled(whole, "mirror", draw)), whole[:, ::-1])
    part = images.decode(spoiled(whole, "crop", draw))
    assert 0.65 < part.shape[0] / 60 < 0.95
    windows = np.lib.stride_tricks.sliding_window_view(whole, part.shape)[:, :, 0]
    assert (windows == part).all(axis=(2, 3, 4)).any()
    assert images.decode(spoiled(whole, "blur", draw)).std() < whole.std()
    small = images.decode(spoiled(whole, "scale", draw))
    assert 60 / 4.2 < small.shape[0] < 60 / 2.8
    assert spoiled(whole, "jpeg", draw).startswith(b"\xff\xd8")
    assert images.decode(spoiled(whole, "colour", draw)).shape == whole.shape


def test_one_pixel_can_be_spoiled_too() -> None:
    for kind in SPOILINGS:
        assert images.decode(spoiled(np.zeros((1, 1, 3), np.uint8), kind, np.random.default_rng(0))).size


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadArgument, match="crop, mirror"):
        spoiled(picture(), "melt", np.random.default_rng(0))
