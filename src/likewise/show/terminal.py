"""Neighbours in a terminal: a table, and pictures where they can be shown."""

from __future__ import annotations

import logging

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from likewise.show import Answer, score_text
from likewise.types import Hit, Image


def table(answer: Answer) -> RenderableType:
    """Rank, score, size and path of every hit; a path is never cut, so that it can be copied."""
    rows = Table(title=Text(f"like {answer.query}", overflow="fold"), title_justify="left", box=None, pad_edge=False)
    rows.add_column("rank", justify="right")
    rows.add_column("score", justify="right")
    rows.add_column("size", justify="right")
    rows.add_column("path", overflow="fold")
    for hit in answer.hits:
        size = f"{hit.record.width} × {hit.record.height}"
        rows.add_row(str(hit.rank), score_text(hit.score), size, _path(hit))
    return rows


def preview(answer: Answer, *, height_lines: int = 8) -> RenderableType:
    """The query and its hits as pictures, one below the other with rank, score and path.

    Args:
        answer: With pictures.
        height_lines: Of a picture.

    Returns:
        What `rich` prints: by the terminal's own pictures (Kitty, Sixel) where it has them, else in coloured half blocks, else, where
        there is no terminal, as text.
    """
    _hush()
    lines: list[RenderableType] = [
        _captioned(answer.picture, Text(f"query  {answer.query}", style="bold"), height_lines)
    ]
    for hit, picture in zip(answer.hits, answer.pictures, strict=True):
        caption = Text(f"{hit.rank}  {score_text(hit.score)}  ") + _path(hit)
        lines.append(_captioned(picture, caption, height_lines))
    return Group(*lines)


def _hush() -> None:
    """textual-image reports a terminal that does not answer its questions with a traceback; it then falls back all the same."""
    logger = logging.getLogger("textual_image")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _captioned(picture: Image | None, caption: Text, height_lines: int) -> RenderableType:
    if picture is None:
        return Group(caption, Text("cannot be shown", style="dim"))
    from PIL import Image as Picture
    from textual_image.renderable import Image as Shown  # asks the terminal what it can do, so not before it is needed

    return Group(caption, Shown(Picture.fromarray(picture), width="auto", height=height_lines))


def _path(hit: Hit) -> Text:
    text = Text(hit.path or hit.key, overflow="fold")
    if hit.path.startswith("/"):
        text.stylize(Style(link=f"file://{hit.path}"))
    return text
