"""Neighbours as pictures: a PNG grid, an HTML page, the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.types import Hit, Image, Verdict

# Control characters, half characters, breaks of lines, and what turns the direction of reading round.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A query, its hits, and thumbnails to show them with.

    Attributes:
        query: The name to print.
        picture: Of the query; None when it cannot be shown.
        hits: Best first.
        pictures: One for each hit; None when the original cannot be shown any more.
        verdicts: One for each hit where the right answers are known; else empty.
    """

    query: str
    picture: Image | None
    hits: Sequence[Hit]
    pictures: Sequence[Image | None]
    verdicts: Sequence[Verdict] = ()


def score_text(score: float) -> str:
    """A score as people read it: four significant digits, and no minus before a zero.

    >>> [score_text(score) for score in (0.91349, 1.0, -12.3456, -0.00001234, -0.0)]
    ['0.9135', '1.000', '-12.35', '-1.234e-05', '0.000']
    """
    if score == 0:
        return "0.000"
    return f"{score:.4f}" if 0.1 <= abs(score) < 1 else f"{score:#.4g}"


def printable(name: str) -> str:
    r"""A name of a file, whoever chose it, that neither steers the terminal nor turns the text around it.

    >>> printable("a\x1b[31m b\nc") == "a�[31m b�c"
    True
    """
    return _STEERING.sub("�", name)


def address(path: str) -> str:
    """The file:// address of a plain file; empty for what lies inside an archive, is gone, or is unknown."""
    if not os.path.isabs(path) or not os.path.isfile(path):  # noqa: PTH113, PTH117 - Path.is_file fails on a name too long
        return ""
    return Path(path).as_uri()
