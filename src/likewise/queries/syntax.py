"""How one part of a query is written: `[text:|image:|file:|key:|concept:]NAME[@x,y,width,height][=WEIGHT]`.

Nothing here looks at files. A name may itself hold `@` or `=`, so a text has several readings; whoever knows what exists
takes the first that does, and the longest name comes first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

from likewise.errors import BadArgument
from likewise.images import Box

Kind: TypeAlias = Literal["", "text", "image", "key", "concept"]

_PREFIXES: dict[str, Kind] = {"text": "text", "image": "image", "file": "image", "key": "key", "concept": "concept"}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_WEIGHT = re.compile(rf"(?s)(.+)=([+-]?{_NUMBER})")
_REGION = re.compile(rf"(?s)(.+)@({_NUMBER}%?(?:,{_NUMBER}%?){{3}})")


@dataclass(frozen=True, slots=True)
class Region:
    """A box in a picture whose size is not known yet: left, top, width and height, in pixels or in percent of it."""

    x: float
    y: float
    width: float
    height: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10,20,300,200` (pixels) or `25%,0%,50%,100%`.

        Raises:
            BadArgument: If it is neither, or mixes the two.
        """
        numbers = text.split(",")
        percent = [number.endswith("%") for number in numbers]
        known = all(re.fullmatch(rf"{_NUMBER}%?", number) for number in numbers)
        whole = all(percent) or all(number.isdecimal() for number in numbers)
        if len(numbers) != 4 or not known or not whole:
            raise BadArgument(
                f"the region {text} is not understood: give left, top, width and height, all in whole pixels "
                "(10,20,300,200) or all in percent (25%,0%,50%,100%)"
            )
        x, y, width, height = (float(number.rstrip("%")) for number in numbers)
        return cls(x, y, width, height, all(percent))

    def box(self, width: int, height: int) -> Box:
        """The region of an upright picture of this size, in pixels.

        Raises:
            BadArgument: If it is empty, or reaches beyond the picture; the message says how large that is.

        >>> Region(25, 0, 50, 100, percent=True).box(641, 480)
        (160, 0, 321, 480)
        """
        across, down = (width / 100, height / 100) if self.percent else (1.0, 1.0)
        left, right = _rounded(self.x * across), _rounded((self.x + self.width) * across)
        top, bottom = _rounded(self.y * down), _rounded((self.y + self.height) * down)
        if left >= right or top >= bottom:
            raise BadArgument(f"the region {self} is empty: width and height must come to at least one pixel")
        if left < 0 or top < 0 or right > width or bottom > height:
            raise BadArgument(
                f"the region {self} reaches beyond the picture, which is {width} × {height} pixels when upright: "
                "give left, top, width and height within it"
            )
        return left, top, right - left, bottom - top

    def __str__(self) -> str:
        unit = "%" if self.percent else ""
        return ",".join(f"{value:.15g}{unit}" for value in (self.x, self.y, self.width, self.height))


@dataclass(frozen=True, slots=True)
class Spelled:
    """One reading of a part: what it is said to be (nothing where there was no prefix), its name, region and weight."""

    kind: Kind
    name: str
    region: Region | None = None
    weight: float = 1.0

    def __str__(self) -> str:
        """As a person names it: without the weight."""
        name = f"{self.kind}:{self.name}" if self.kind in ("key", "concept") else self.name
        return f"{name}@{self.region}" if self.region else name


def spellings(text: str) -> list[Spelled]:
    """All readings of one part, the one with the longest name first.

    Words and concepts have no region, so what `text:` or `concept:` begins has one reading.

    Raises:
        BadArgument: If there is no name.

    >>> [(each.name, str(each.region), each.weight) for each in spellings("me@home.jpg@0,0,9,9=2")]
    [('me@home.jpg@0,0,9,9=2', 'None', 1.0), ('me@home.jpg@0,0,9,9', 'None', 2.0), ('me@home.jpg', '0,0,9,9', 2.0)]
    """
    before, colon, after = text.partition(":")
    kind: Kind = _PREFIXES.get(before, "") if colon else ""
    name = after if kind else text
    if not name.strip():
        raise BadArgument(f"{text!r} names nothing: write what to look for behind it")
    whole = Spelled(kind, name)
    if kind in ("text", "concept"):
        return [_without_weight(whole) or whole]
    found = [whole]
    for shorter in (_without_weight, _without_region):
        found += [each for each in map(shorter, list(found)) if each is not None]
    return found


def as_words(text: str) -> Spelled:
    """The reading of a part without prefix as words."""
    return spellings(f"text:{text}")[0]


def _without_weight(spelled: Spelled) -> Spelled | None:
    found = _WEIGHT.fullmatch(spelled.name)
    return None if found is None else replace(spelled, name=found[1], weight=float(found[2]))


def _without_region(spelled: Spelled) -> Spelled | None:
    found = _REGION.fullmatch(spelled.name)
    return None if found is None else replace(spelled, name=found[1], region=Region.parse(found[2]))


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
