"""One PNG per query: the query, then its neighbours in order, each under its rank and score."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from likewise.errors import BadArgument
from likewise.show import Answer, score_text
from likewise.types import Image

GROUND, INK, FAINT, MARK, EMPTY = "#ffffff", "#1d1d1f", "#8a8a8e", "#0a66c2", "#f2f2f4"
MOST_COLUMNS = 8
_MARGIN = 12
_FRAME = 3


@dataclass(frozen=True, slots=True)
class _Cell:
    title: str
    label: str
    picture: Image | None
    is_query: bool = False


def png(answer: Answer, *, side: int = 224, columns: int | None = None) -> bytes:
    """Draw an answer.

    Args:
        answer: Pictures of any size and aspect ratio; they are fitted into squares, small ones enlarged.
        side: Of a square, in pixels; at least 64.
        columns: Squares in a row; all in one row up to eight unless given.

    Returns:
        The bytes of a PNG.

    Raises:
        BadArgument: If `side` or `columns` is too small.
    """
    if side < 64 or (columns is not None and columns < 1):
        raise BadArgument(f"a grid of side {side} and {columns} columns: at least 64 and 1 are wanted")
    cells = [_Cell("query", _last_part(answer.query), answer.picture, True)]
    for hit, picture in zip(answer.hits, answer.pictures, strict=True):
        cells.append(_Cell(f"{hit.rank} · {score_text(hit.score)}", _last_part(hit.key), picture))
    across = min(len(cells), columns or _columns(len(cells)))
    down = -(-len(cells) // across)
    above, below = side // 9 + 6, side // 13 + 6
    width = across * (side + _MARGIN) + _MARGIN
    height = down * (above + side + below + _MARGIN) + _MARGIN
    sheet = Picture.new("RGB", (width, height), GROUND)
    for i, cell in enumerate(cells):
        left = _MARGIN + (i % across) * (side + _MARGIN)
        top = _MARGIN + (i // across) * (above + side + below + _MARGIN)
        _draw(sheet, cell, left, top, side)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw(sheet: Picture.Image, cell: _Cell, left: int, top: int, side: int) -> None:
    draw = ImageDraw.Draw(sheet)
    above = side // 9 + 6
    colour = MARK if cell.is_query else INK
    draw.text((left + side / 2, top + above - 8), cell.title, colour, _font(side // 9), anchor="ms")
    square = (left, top + above, left + side, top + above + side)
    if cell.picture is None:
        draw.rectangle(square, EMPTY)
        draw.text((left + side / 2, top + above + side / 2), "cannot be shown", FAINT, _font(side // 14), anchor="mm")
    else:
        fitted = _fitted(Picture.fromarray(cell.picture), side)
        sheet.paste(fitted, (left + (side - fitted.width) // 2, top + above + (side - fitted.height) // 2))
    if cell.is_query:
        grown = (square[0] - _FRAME - 1, square[1] - _FRAME - 1, square[2] + _FRAME, square[3] + _FRAME)
        draw.rectangle(grown, outline=MARK, width=_FRAME)
    label = _shortened(draw, cell.label, side)
    draw.text((left + side / 2, square[3] + 8), label, FAINT, _font(side // 15), anchor="mt")


def _fitted(picture: Picture.Image, side: int) -> Picture.Image:
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # A picture of a few dozen pixels stays true when its pixels become squares, and a larger one when they are smoothed.
    small = max(picture.size) <= side // 4
    return picture.resize(size, Picture.Resampling.BOX if small else Picture.Resampling.LANCZOS)


def _columns(count: int) -> int:
    """As many as fit in a row, then rows as even as can be."""
    rows = -(-count // MOST_COLUMNS)
    return -(-count // rows)


def _last_part(name: str) -> str:
    """The file's own name, in letters that the font has."""
    plain = name.rstrip("/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "·" for letter in plain)


def _shortened(draw: ImageDraw.ImageDraw, text: str, side: int) -> str:
    """The text with its middle left out, if it is wider than the square."""
    font = _font(side // 15)
    kept, whole = len(text), text
    while draw.textlength(text, font) > side and kept > 4:
        kept -= 1
        text = f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}"
    return text


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(10, size))
