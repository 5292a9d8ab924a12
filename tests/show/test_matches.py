"""Pairs of pictures with the places that they share."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Picture

from likewise.show.matches import Pair, png

GREY = np.full((100, 200, 3), 128, np.uint8)


def drawn(*pairs: Pair) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(png(pairs))).convert("RGB"))


def pair(query: np.ndarray | None, hit: np.ndarray | None, *places: tuple[float, float]) -> Pair:
    both = np.array(places, np.float32).reshape(-1, 2)
    return Pair("1 · 12.71 · a → b\u202e", query, hit, both, both)


def coloured(pixels: np.ndarray) -> np.ndarray:
    return np.ptp(pixels.astype(int), axis=-1) > 60


def test_a_line_joins_the_same_place_of_both_pictures() -> None:
    sheet = drawn(pair(GREY, GREY, (0.5, 0.5)))
    # Pictures are 480 × 240, in the middle of 480 × 360: left from 16, right from 556, their middles at 256 and 796.
    middle = 16 + 22 + 180
    marked = coloured(sheet)
    rows, columns = np.nonzero(marked)
    assert abs(rows - middle).max() <= 4
    assert abs(columns.min() - 256) <= 5
    assert abs(columns.max() - 796) <= 5
    assert marked[middle - 2 : middle + 3, 260:790].any(axis=0).all()


def test_without_places_there_are_no_lines() -> None:
    assert not coloured(drawn(pair(GREY, GREY))).any()


def test_places_of_tall_pictures_lie_in_them() -> None:
    tall = np.full((300, 100, 3), 90, np.uint8)
    rows, columns = np.nonzero(coloured(drawn(pair(tall, GREY, (0.0, 0.0)))))
    assert abs(columns.min() - (16 + 180)) <= 4  # 120 × 360 in the middle of 480 × 360
    assert abs(rows.min() - 38) <= 4


def test_very_many_places_are_thinned_out_evenly() -> None:
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40)), axis=-1).reshape(-1, 2)
    marked = coloured(drawn(pair(GREY, GREY, *map(tuple, grid.tolist()))))
    assert marked[98:338].any(axis=1).mean() > 0.7
    assert marked[98:338, 16:496].mean() < 0.8


def test_pictures_that_are_gone_and_no_pairs_at_all_are_drawn_too() -> None:
    assert drawn().shape[1] == 1052
    one, two = drawn(pair(None, GREY)), drawn(pair(None, None), pair(GREY, None))
    assert two.shape[0] > one.shape[0]
    assert (one[60:150, 30:400] == (0xF2, 0xF2, 0xF4)).all()
