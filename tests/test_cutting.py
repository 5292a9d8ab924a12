"""A part of a picture: the pixels that were asked for, upright."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from likewise.errors import BadArgument, BadImage
from likewise.images import Limits, cut, decode

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(orientation: int = 1) -> bytes:
    exif = Picture.Exif()
    exif[274] = orientation
    stored = (
        PIXELS if orientation == 1 else np.rot90(PIXELS)
    )  # orientation 6: turn a quarter clockwise to see it upright
    target = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(stored)).save(target, "PNG", exif=exif)
    return target.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_box_counts_upright_pixels(orientation: int) -> None:
    part = cut(encoded(orientation), (7, 3, 20, 11))
    assert part.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode(part), PIXELS[3:14, 7:27])


def test_the_whole_picture_is_a_box_too() -> None:
    np.testing.assert_array_equal(decode(cut(encoded(), (0, 0, 60, 40))), PIXELS)


def test_what_lies_beyond_the_edge_is_left_away() -> None:
    np.testing.assert_array_equal(decode(cut(encoded(), (-5, 30, 20, 50))), PIXELS[30:, :15])


@pytest.mark.parametrize("box", [(60, 0, 5, 5), (0, 40, 5, 5), (-5, 0, 5, 5), (0, -9, 5, 9)])
def test_a_box_outside_the_picture_is_refused_with_its_size(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadArgument, match="outside the picture of 60 × 40 pixels"):
        cut(encoded(), box)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, 5, -1)])
def test_an_empty_box_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadArgument, match="is empty"):
        cut(encoded(), box)


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(BadImage):
        cut(b"no picture", (0, 0, 5, 5))


def test_the_limits_hold() -> None:
    with pytest.raises(BadImage):
        cut(encoded(), (0, 0, 5, 5), Limits(max_bytes=100))
