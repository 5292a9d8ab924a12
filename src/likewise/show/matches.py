"""The places that two pictures share, joined by lines: why a hit was verified."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from likewise.show.grid import EMPTY, FAINT, GROUND, INK, drawable, font_of, shortened
from likewise.types import Image

_HEIGHT, _WIDTH = 360, 480  # that a picture may have
_BETWEEN, _MARGIN, _TITLE = 60, 16, 22
_MOST_LINES = 150
_FINE = 2  # drawn so many times larger, then made smaller: Pillow's lines have steps


@dataclass(frozen=True, slots=True)
class Pair:
    """A query's picture and a hit's.

    Attributes:
        title: To stand above them.
        query: None when it cannot be shown.
        hit: None when it cannot be shown.
        query_places: (m, 2) x and y as shares of width and height.
        hit_places: (m, 2) the same places in the hit.
    """

    title: str
    query: Image | None
    hit: Image | None
    query_places: NDArray[np.float32]
    hit_places: NDArray[np.float32]


def png(pairs: Sequence[Pair]) -> bytes:
    """Draw pairs, one below the other; of very many places an even choice is drawn.

    Returns:
        The bytes of a PNG.
    """
    step = _TITLE + _HEIGHT + _MARGIN
    width = 2 * _MARGIN + 2 * _WIDTH + _BETWEEN
    sheet = Picture.new("RGB", (width, max(1, len(pairs)) * step + _MARGIN), GROUND)
    if not pairs:
        ImageDraw.Draw(sheet).text((_MARGIN, _MARGIN), "no hits", FAINT, font_of(14))
    for i, pair in enumerate(pairs):
        _draw(sheet, pair, _MARGIN + i * step)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw(sheet: Picture.Image, pair: Pair, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    title = shortened(draw, drawable(pair.title), font_of(14), sheet.width - 2 * _MARGIN)
    draw.text((_MARGIN, top), title, INK, font_of(14))
    left = _put(sheet, pair.query, _MARGIN, top + _TITLE)
    right = _put(sheet, pair.hit, _MARGIN + _WIDTH + _BETWEEN, top + _TITLE)
    whole = (0, top + _TITLE, sheet.width, top + _TITLE + _HEIGHT)
    fine = sheet.crop(whole).resize((_FINE * sheet.width, _FINE * _HEIGHT))
    lines = ImageDraw.Draw(fine)
    chosen = np.linspace(0, len(pair.hit_places) - 1, min(len(pair.hit_places), _MOST_LINES)).round().astype(int)
    across = np.argsort(np.argsort(pair.query_places[chosen, 0], kind="stable"), kind="stable")
    for i, place in zip(chosen.tolist(), across.tolist(), strict=True):
        start, end = _at(left, pair.query_places[i], whole[1]), _at(right, pair.hit_places[i], whole[1])
        red, green, blue = colorsys.hsv_to_rgb(
            0.85 * place / len(chosen), 0.95, 0.85
        )  # from left to right through the rainbow
        colour = (round(255 * red), round(255 * green), round(255 * blue))
        lines.line((*start, *end), colour, _FINE + 1)
        for x, y in (start, end):
            lines.ellipse((x - 2 * _FINE, y - 2 * _FINE, x + 2 * _FINE, y + 2 * _FINE), outline=colour, width=_FINE)
    sheet.paste(fine.resize((sheet.width, _HEIGHT), Picture.Resampling.BOX), whole[:2])


def _put(sheet: Picture.Image, picture: Image | None, left: int, top: int) -> tuple[int, int, int, int]:
    """Paste a picture into its place; where it lies: left, top, width, height."""
    if picture is None:
        draw = ImageDraw.Draw(sheet)
        draw.rectangle((left, top, left + _WIDTH - 1, top + _HEIGHT - 1), EMPTY)
        draw.text((left + _WIDTH / 2, top + _HEIGHT / 2), "cannot be shown", FAINT, font_of(14), anchor="mm")
        return left, top, _WIDTH, _HEIGHT
    height, width = picture.shape[:2]
    scale = min(_WIDTH / width, _HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = left + (_WIDTH - size[0]) // 2, top + (_HEIGHT - size[1]) // 2
    sheet.paste(Picture.fromarray(picture).resize(size, Picture.Resampling.LANCZOS), (x, y))
    return x, y, *size


def _at(box: tuple[int, int, int, int], place: NDArray[np.float32], top: int) -> tuple[float, float]:
    """Where a place of a picture lies in the finer strip that begins at `top`."""
    left, above, width, height = box
    return _FINE * (left + float(place[0]) * width), _FINE * (above - top + float(place[1]) * height)
