"""Neighbours as pictures: a PNG grid, an HTML page, the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from likewise.types import Hit, Image


@dataclass(frozen=True, slots=True)
class Answer:
    """A query, its hits, and thumbnails to show them with.

    Attributes:
        query: The name to print.
        picture: Of the query; None when it cannot be shown.
        hits: Best first.
        pictures: One for each hit; None when the original cannot be shown any more.
    """

    query: str
    picture: Image | None
    hits: Sequence[Hit]
    pictures: Sequence[Image | None]


def score_text(score: float) -> str:
    """A score as people read it: four significant digits, and no minus before a zero.

    >>> [score_text(score) for score in (0.91349, 1.0, -12.3456, -0.00001234, -0.0)]
    ['0.9135', '1.000', '-12.35', '-1.234e-05', '0.000']
    """
    if score == 0:
        return "0.000"
    return f"{score:.4f}" if 0.1 <= abs(score) < 1 else f"{score:#.4g}"
