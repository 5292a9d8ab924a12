"""One PNG per query: the query, then its neighbours in order, each under its rank and score."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from likewise.errors import BadArgument
from likewise.show import Answer, caption_of
from likewise.types import Image

GROUND, INK, FAINT, EMPTY, LINE = "#ffffff", "#1d1d1f", "#6e6e73", "#f2f2f4", "#e3e3e6"
MARK, AWAY = "#0a66c2", "#c62828"
MOST_COLUMNS = 8
_MARGIN = 16
_FRAME = 3
_AIR = 2
_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PLAIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "−": "–", "×": "x"}
)


@dataclass(frozen=True, slots=True)
class _Cell:
    title: str
    label: str
    picture: Image | None
    frame: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Lengths in pixels that follow from the side of a square."""

    side: int

    @property
    def title(self) -> int:
        return max(11, self.side // 10)

    @property
    def label(self) -> int:
        return max(10, self.side // 15)

    @property
    def above(self) -> int:
        return self.title + 2 * _FRAME + 8

    @property
    def row(self) -> int:
        """From the top of a title to the foot of a label."""
        return self.above + self.side + self.label + 12

    @property
    def step(self) -> int:
        """From one row to the next."""
        return self.row + max(_MARGIN, self.side // 10)


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
    cells = [
        _Cell(part.title, _last_part(part.name), part.picture, AWAY if part.away else MARK, part.words)
        for part in answer.parts
    ]
    for hit, picture in zip(answer.hits, answer.pictures, strict=True):
        cells.append(_Cell(caption_of(hit), _last_part(hit.key), picture))
    if not answer.hits and answer.note:
        cells.append(_Cell("", "", None, words=answer.note))
    across = min(len(cells), columns or _columns(len(cells)))
    down = -(-len(cells) // across)
    sizes = _Sizes(side)
    width = across * (side + _MARGIN) + _MARGIN
    sheet = Picture.new("RGB", (width, (down - 1) * sizes.step + sizes.row + _MARGIN), GROUND)
    for i, cell in enumerate(cells):
        row, column = divmod(i, across)
        _draw(sheet, cell, (_MARGIN + column * (side + _MARGIN), _MARGIN // 2 + row * sizes.step), sizes)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw(sheet: Picture.Image, cell: _Cell, corner: tuple[int, int], sizes: _Sizes) -> None:
    draw = ImageDraw.Draw(sheet)
    left, top, side = corner[0], corner[1] + sizes.above, sizes.side
    middle = left + side / 2
    colour = cell.frame or INK
    baseline = top - 2 * _FRAME - 5  # the tail of the q stays clear of the frame
    title = drawable(cell.title.replace("−", "minus"))
    draw.text((middle, baseline), title, colour, _font_for(draw, title, sizes), anchor="ms")
    if cell.picture is None:
        draw.rectangle((left, top, left + side - 1, top + side - 1), EMPTY)
        told = _wrapped(draw, cell.words, sizes) if cell.words else "cannot be shown"
        ink, font = (INK, font_of(sizes.title)) if cell.words else (FAINT, font_of(sizes.label))
        draw.multiline_text((middle, top + side / 2), told, ink, font, anchor="mm", align="center")
    else:
        fitted = _fitted(Picture.fromarray(cell.picture), side)
        x, y = left + (side - fitted.width) // 2, top + (side - fitted.height) // 2
        # A hairline: a picture on white ground shows where it ends.
        draw.rectangle((x - 1, y - 1, x + fitted.width, y + fitted.height), outline=LINE)
        sheet.paste(fitted, (x, y))
    if cell.frame:
        out = _FRAME + _AIR
        box = (left - out, top - out, left + side + out - 1, top + side + out - 1)
        draw.rectangle(box, outline=cell.frame, width=_FRAME)
    label = shortened(draw, cell.label, font_of(sizes.label), side)
    draw.text((middle, top + side + _FRAME + _AIR + 4), label, FAINT, font_of(sizes.label), anchor="mt")


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
    """The file's own name in letters that the font has: without accents, … for others; empty if nothing is left to know it by."""
    text = drawable(name.rstrip("/").rpartition("/")[2])
    stem = text.rpartition(".")[0] or text
    return text if any(letter.isalnum() for letter in stem) else ""


def drawable(whole: str) -> str:
    """A text in letters that the font has."""
    plain = unicodedata.normalize("NFKD", whole.translate(_PLAIN))
    letters = (letter for letter in plain if not unicodedata.combining(letter))
    return "".join("".join(run) if drawn else "…" for drawn, run in groupby(letters, _is_drawn))


@lru_cache(maxsize=4096)
def _is_drawn(letter: str) -> bool:
    """Whether the built-in font, which has few letters beyond ASCII, draws more than an empty box."""
    font = font_of(20)
    return letter.isprintable() and bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


def shortened(draw: ImageDraw.ImageDraw, text: str, font: _Font, most: int) -> str:
    """The text with its middle left out, if it is wider than `most` pixels."""
    kept, whole = min(len(text), most), text
    while draw.textlength(text, font) > most and kept > 4:
        kept -= 1
        text = f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}"
    return text


def _font_for(draw: ImageDraw.ImageDraw, title: str, sizes: _Sizes) -> _Font:
    """The font of titles, smaller where one would reach into the next."""
    share = (sizes.side + _MARGIN - 4) / max(1.0, draw.textlength(title, font_of(sizes.title)))
    return font_of(max(7, int(sizes.title * min(1.0, share))))


def _wrapped(draw: ImageDraw.ImageDraw, words: str, sizes: _Sizes) -> str:
    """Words in lines no wider than the square, and no more of them than fit; … stands for the rest."""
    font, lines = font_of(sizes.title), [""]
    most = sizes.side // (sizes.title + 6)
    for word in drawable(words).split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) <= sizes.side - 8:
            lines[-1] = longer
        else:
            lines.append(shortened(draw, word, font, sizes.side - 8))
    lines = [line for line in lines if line]
    return "\n".join(lines if len(lines) <= most else [*lines[: most - 1], "…"])


@lru_cache(maxsize=8)
def font_of(size: int) -> _Font:
    """The built-in one."""
    return ImageFont.load_default(size)
