"""Neighbours in a terminal: a table, and pictures where they can be shown."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from likewise.show import Answer, ShownGroup, address, caption_of, odds_text, printable, score_text
from likewise.types import Hit, Image

if TYPE_CHECKING:
    from textual_image.renderable import SixelImage, TGPImage

_GAP = 2
_TITLE = 12  # letters of `100 · 0.9135`


def table(answer: Answer) -> RenderableType:
    """Rank, score, size and path of every hit; a path is never cut, so that it can be copied. One line where there are none."""
    note = f" ({answer.note})" if answer.note else ""
    title = Text(f"like {printable(answer.query)}{note}", overflow="fold")
    if not answer.hits:
        return title
    rows = Table(title=title, title_justify="left", box=None, pad_edge=False)
    rows.add_column("rank", justify="right")
    rows.add_column("score", justify="right")
    counted = any(hit.inliers is not None for hit in answer.hits)
    if counted:
        rows.add_column("inliers", justify="right")
    judged = any(hit.chance is not None for hit in answer.hits)
    if judged:
        rows.add_column("by chance", justify="right")
    folded = any(hit.folded for hit in answer.hits)
    if folded:
        rows.add_column("copies", justify="right")
    rows.add_column("size", justify="right")
    rows.add_column("path", overflow="fold")
    for hit in answer.hits:
        size = f"{hit.record.width} × {hit.record.height}"
        inliers = ["–" if hit.inliers is None else f"{hit.inliers:,}"] if counted else []
        odds = [odds_text(hit.chance)] if judged else []
        copies = [f"+{len(hit.folded):,}" if hit.folded else ""] if folded else []
        rows.add_row(str(hit.rank), score_text(hit.score), *inliers, *odds, *copies, size, _path(hit))
    return rows


def group(shown: ShownGroup) -> RenderableType:
    """One line for each picture of a group, the kept one first; a path is never cut."""
    title = Text(printable(f"{shown.title}: {shown.note}"), overflow="fold")
    rows = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        rows.add_column()
    rows.add_column(overflow="fold")
    for each in shown.pictures:
        told = " · ".join(each.told)
        rows.add_row("keep" if each.kept else "copy", each.title, told, _linked(each.path or each.name, each.path))
    return rows


def preview(answer: Answer, *, height_lines: int = 8) -> RenderableType:
    """The query and its hits as pictures, with the table.

    Args:
        answer: With pictures.
        height_lines: Of a picture; at least 1.

    Returns:
        What decides when it is printed: by the terminal's own pictures (Kitty, Sixel) where it has them, else in coloured half blocks side
        by side, else, where there is no terminal or no colour, the table alone.
    """
    return _Preview(answer, max(1, height_lines))


@dataclass(frozen=True, slots=True)
class _Preview:
    answer: Answer
    height_lines: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        own = _own_pictures(console)
        if own is not None:
            yield Group(*self._stacked(own))
        elif console.color_system is not None and not options.ascii_only:
            yield from self._side_by_side(options.max_width)
        yield table(self.answer)

    def _cells(self) -> Iterator[tuple[Text, Image | Text | None]]:
        for part in self.answer.parts:
            yield Text(part.title, style="bold"), Text(printable(part.words)) if part.words else part.picture
        for hit, picture in zip(self.answer.hits, self.answer.pictures, strict=True):
            yield Text(caption_of(hit)), picture

    def _stacked(self, own: type[SixelImage | TGPImage]) -> Iterator[RenderableType]:
        from PIL import Image as Picture

        for caption, picture in self._cells():
            yield caption
            if picture is None or isinstance(picture, Text):
                yield picture or _absent()
            else:
                yield own(Picture.fromarray(picture), width="auto", height=self.height_lines)

    def _side_by_side(self, max_width: int) -> RenderResult:
        cells = list(self._cells())
        width = min(max(2 * self.height_lines, _TITLE), max_width)  # a character is about twice as high as wide
        most = max(1, (max_width + _GAP) // (width + _GAP))
        across = -(-len(cells) // -(-len(cells) // most))
        for start in range(0, len(cells), across):
            row = cells[start : start + across]
            grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
            for _ in row:
                grid.add_column(width=width, vertical="middle", justify="center")
            grid.add_row(*(caption for caption, _ in row))
            grid.add_row(*(self._block(each, width) for _, each in row))
            yield grid
            yield Text()

    def _block(self, shown: Image | Text | None, width: int) -> RenderableType:
        if shown is None or isinstance(shown, Text):
            return shown or _absent()
        return _Blocks(shown, width, self.height_lines)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A picture in the middle of columns × lines characters, each of them two pixels, one above the other."""

    picture: Image
    columns: int
    lines: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from PIL import Image as Picture

        height, width = self.picture.shape[:2]
        scale = min(self.columns / width, 2 * self.lines / height)
        size = max(1, round(width * scale)), 2 * max(1, round(height * scale / 2))
        pixels = Picture.fromarray(self.picture).resize(size, Picture.Resampling.BOX)
        left = Segment(" " * ((self.columns - size[0]) // 2))
        for y in range(0, size[1], 2):
            yield left
            for x in range(size[0]):
                upper, lower = (_colour(pixels.getpixel((x, each))) for each in (y, y + 1))
                yield Segment("▀", Style(color=upper, bgcolor=lower))
            yield Segment.line()


def _own_pictures(console: Console) -> type[SixelImage | TGPImage] | None:
    """How this terminal draws pictures, if it answers that it does: a question that needs both its ends and takes up to 0.3 s."""
    if console.is_dumb_terminal or not _is_whole_terminal(console):
        return None
    # textual-image reports a terminal that does not answer with a traceback in the log; half blocks do without the answer.
    logger = logging.getLogger("textual_image")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        from textual_image import renderable  # asks when it is imported
    except (OSError, ValueError):  # a key pressed in the middle of the answer
        return None
    return renderable.Image if renderable.Image in (renderable.SixelImage, renderable.TGPImage) else None


def _is_whole_terminal(console: Console) -> bool:
    """Whether the console writes to the program's own terminal, which has a size, and the program also reads from one."""
    try:
        return console.file.fileno() == 1 and os.isatty(0) and min(os.get_terminal_size(1)) > 0
    except (OSError, ValueError, AttributeError):  # no terminal, or a file in memory as in a notebook
        return False


def _colour(pixel: object) -> Color:
    assert isinstance(pixel, tuple)  # noqa: S101 - of a picture with three channels
    return Color.from_rgb(*pixel)


def _absent() -> Text:
    return Text("cannot be shown", style="dim")


def _path(hit: Hit) -> Text:
    return _linked(hit.path or hit.key, hit.path)


def _linked(name: str, path: str) -> Text:
    text = Text(printable(name), overflow="fold")
    link = address(path)
    if link:
        text.stylize(Style(link=link))
    return text
