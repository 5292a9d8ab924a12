"""Neighbours as pictures: a PNG grid, an HTML page, the terminal."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.types import Hit, Image, Verdict

_FRAME_COLOUR = (10, 102, 194)  # that of the frame around a query

# Control characters, half characters, breaks of lines, and what turns the direction of reading round.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Asked:
    """One part of a query.

    Attributes:
        title: To stand above it: `query`, or the sign and weight of a part among others.
        name: Of the picture.
        picture: None when it cannot be shown, and for words.
        words: What was asked in words; empty for a picture.
        away: Whether hits lead away from it.
    """

    title: str
    name: str
    picture: Image | None
    words: str = ""
    away: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A query, its hits, and thumbnails to show them with.

    Attributes:
        query: The name to print.
        picture: Of the query; None when it cannot be shown.
        hits: Best first.
        pictures: One for each hit; None when the original cannot be shown any more.
        verdicts: One for each hit where the right answers are known; else empty.
        asked: What the query is made of; by itself the one picture above.
        note: What is to be known of the hits, such as that the query itself is left out, or why there are none; seldom anything.
    """

    query: str
    picture: Image | None
    hits: Sequence[Hit]
    pictures: Sequence[Image | None]
    verdicts: Sequence[Verdict] = ()
    asked: Sequence[Asked] = ()
    note: str = ""

    @property
    def parts(self) -> Sequence[Asked]:
        """What the query is made of: at least one."""
        return self.asked or (Asked("query", self.query, self.picture),)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a group.

    Attributes:
        name: Its key.
        path: As `Hit.path`.
        picture: None when it cannot be shown.
        title: To stand first below it.
        told: More lines below it.
        kept: Whether it is the one that the others are compared with.
    """

    name: str
    path: str
    picture: Image | None
    title: str
    told: Sequence[str] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """Pictures that belong together.

    Attributes:
        title: Of the group.
        note: What is to be known of it.
        pictures: The kept one first.
    """

    title: str
    note: str
    pictures: Sequence[Shown]


def marked(picture: Image, region: tuple[int, int, int, int], size: tuple[int, int]) -> Image:
    """A thumbnail with a region framed, and all else made pale.

    Args:
        picture: Of any size.
        region: Left, top, width and height in the picture that the thumbnail is of.
        size: Width and height of that picture.
    """
    height, width = picture.shape[:2]
    x, y, wide, tall = region
    left, top = min(x * width // size[0], width - 1), min(y * height // size[1], height - 1)
    right = max(-(-(x + wide) * width // size[0]), left + 1)
    bottom = max(-(-(y + tall) * height // size[1]), top + 1)
    line = max(1, max(width, height) // 100)
    pale = (0.35 * picture + 0.65 * 255).astype(np.uint8)
    shown = pale.copy()
    shown[max(0, top - line) : bottom + line, max(0, left - line) : right + line] = _FRAME_COLOUR
    shown[top:bottom, left:right] = picture[top:bottom, left:right]
    return shown


def score_text(score: float) -> str:
    """A score as people read it: four significant digits, and no minus before a zero.

    >>> [score_text(score) for score in (0.91349, 1.0, -12.3456, -0.00001234, -0.0)]
    ['0.9135', '1.000', '-12.35', '-1.234e-05', '0.000']
    """
    if score == 0:
        return "0.000"
    return f"{score:.4f}" if 0.1 <= abs(score) < 1 else f"{score:#.4g}"


def odds_text(chance: float | None) -> str:
    """A probability as people say it, rounded up to two digits; `?` where it is unknown.

    >>> [odds_text(chance) for chance in (0.98, 0.34, 0.1, 0.0834, 0.001, 0.0000123, None)]
    ['98 %', '34 %', '10 %', '1 in 11', '1 in 1,000', '1 in 81,000', '?']
    """
    if chance is None:
        return "?"
    if chance > 0.0999:
        return f"{chance:.0%}".replace("%", " %")
    times = 1 / chance
    step = 10 ** max(0, math.floor(math.log10(times)) - 1)
    return f"1 in {math.floor(times / step * (1 + 1e-9)) * step:,}"


def caption_of(hit: Hit) -> str:
    """Rank, score and, where they are known, inliers, chance and copies of a hit."""
    told = odds_text(hit.chance)
    odds = [] if hit.chance is None else [f"{told} chance" if "%" in told else told]
    return " · ".join([str(hit.rank), score_text(hit.score), *inliers_text(hit), *odds, *copies_text(hit)])


def copies_text(hit: Hit) -> list[str]:
    """How many copies are folded under a hit; empty where there are none.

    >>> from likewise.types import Record
    >>> copy = Hit(1, 0.5, Record("a", "", 0, 0, 0, 0), 0)
    >>> copies_text(Hit(1, 0.5, Record("b", "", 0, 0, 0, 0), 0, folded=(copy,)))
    ['+1 copy']
    """
    count = len(hit.folded)
    return [f"+{count:,} {'copy' if count == 1 else 'copies'}"] if count else []


def inliers_text(hit: Hit) -> list[str]:
    """How many places agree; empty where nobody counted.

    >>> from likewise.types import Record
    >>> inliers_text(Hit(1, 0.5, Record("a", "", 0, 0, 0, 0), 0, inliers=12))
    ['12 inliers']
    """
    if hit.inliers is None:
        return []
    return [f"{hit.inliers:,} {'inlier' if hit.inliers == 1 else 'inliers'}"]


def printable(name: str) -> str:
    r"""A name of a file, whoever chose it, that neither steers the terminal nor turns the text around it.

    >>> printable("a\x1b[31m b\nc") == "a�[31m b�c"
    True
    """
    return _STEERING.sub("�", name)


def address(path: str) -> str:
    """Where a browser finds a picture: the file:// address of a plain file, or the one that it has on the web.

    Empty for what lies inside an archive or a bucket, is gone, or is unknown.
    """
    if path.startswith(("https://", "http://")):
        return path
    if not os.path.isabs(path) or not os.path.isfile(path):  # noqa: PTH113, PTH117 - Path.is_file fails on a name too long
        return ""
    return Path(path).as_uri()
