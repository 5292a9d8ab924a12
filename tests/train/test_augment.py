from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likewise.train.augment import Augmentation, augmented

NOTHING = Augmentation(shift=0, mirror=False)


def pictures(count: int = 6, side: int = 16):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def changed(plan: Augmentation, pixels, mirrored: bool = False, seed: int = 3):
    flags = torch.full((len(pixels),), mirrored)
    return augmented(pixels, plan, flags, torch.Generator().manual_seed(seed))


def test_without_any_change_pictures_stay() -> None:
    assert torch.equal(changed(NOTHING, pictures()), pictures())


def test_the_same_dice_give_the_same_pictures_and_others_others() -> None:
    plan = Augmentation(shift=4, zoom=0.3, colour=0.3, grey=0.3, erase=0.3)
    assert torch.equal(changed(plan, pictures()), changed(plan, pictures()))
    assert not torch.equal(changed(plan, pictures()), changed(plan, pictures(), seed=4))


def test_mirroring_is_exact_and_only_where_it_is_asked_for() -> None:
    plan = Augmentation(shift=0)
    assert torch.equal(changed(plan, pictures(), mirrored=True), pictures().flip(3))
    assert torch.equal(changed(plan, pictures(), mirrored=False), pictures())


def test_a_shifted_picture_is_a_window_of_the_mirrored_surround() -> None:
    pixels = pictures(40)
    moved = changed(Augmentation(shift=4, mirror=False), pixels)
    surround = torch.nn.functional.pad(pixels, (2,) * 4, mode="reflect")  # 4 pixels at side 32 are 2 at side 16
    found = set()
    for one, wide in zip(moved, surround, strict=True):
        windows = {(y, x) for y in range(5) for x in range(5) if torch.equal(one, wide[:, y : y + 16, x : x + 16])}
        assert windows
        found |= windows
    assert len(found) > 12  # all directions occur


def test_a_zoom_keeps_flat_pictures_flat() -> None:
    flat = torch.full((5, 3, 16, 16), 0.25)
    assert torch.allclose(changed(Augmentation(shift=4, zoom=0.5), flat), flat, atol=1e-6)


def test_grey_pictures_have_three_equal_channels() -> None:
    grey = changed(Augmentation(shift=0, mirror=False, grey=1.0), pictures())
    assert torch.allclose(grey[:, 0], grey[:, 1], atol=1e-6)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-6)


def test_one_square_of_each_picture_is_erased() -> None:
    pixels = pictures(20)
    erased = changed(Augmentation(shift=0, mirror=False, erase=0.25), pixels)
    differs = (erased != pixels).any(dim=1)
    assert (differs.sum(dim=(1, 2)) == 16).all()  # a quarter of 16 pixels, squared


def test_colours_stay_in_their_range() -> None:
    bright = changed(Augmentation(colour=0.9), pictures())
    assert bright.min() >= 0
    assert bright.max() <= 1
