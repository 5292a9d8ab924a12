"""What may be looked for: pictures, parts of them, words, images of the gallery, and mixes of these."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from likewise.errors import BadArgument
from likewise.images import Box
from likewise.teaching import Marks

MOST_PARTS = 256  # of one query: its pictures are held in memory together
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class ByImage:
    """A picture, or a region of one.

    Attributes:
        name: To print.
        data: The encoded image.
        region: The part of it that is looked for; all of it unless given.
        key: Of the gallery image that this is; empty for any other picture.
    """

    name: str
    data: bytes = field(repr=False)
    region: Box | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class ByText:
    """Words, for a model that puts words and pictures into one space."""

    words: str

    @property
    def name(self) -> str:
        """To print."""
        return self.words


@dataclass(frozen=True, slots=True)
class ByKey:
    """An image of the gallery by the embedding that is kept of it: nothing is read or decoded."""

    key: str

    @property
    def name(self) -> str:
        """To print."""
        return f"key:{self.key}"


@dataclass(frozen=True, slots=True)
class ByMarks:
    """What is learnt from marked images of the gallery, named or not: docs/teaching.md.

    Attributes:
        marks: Which images, and how.
        concept: The name that it was saved under; empty where it was not.
        missing: Marked images that are gone already, and do not count.
    """

    marks: Marks
    concept: str = ""
    missing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """To print."""
        return f"concept:{self.concept}" if self.concept else str(self.marks)


Part: TypeAlias = ByImage | ByText | ByKey | ByMarks


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query and how much it counts; below zero, hits lead away from it."""

    part: Part
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, as one point: a part alone, or several mixed by their weights.

    Attributes:
        terms: At least one; their order only decides how the query is named and shown.
        with_self: Whether gallery images that the query names may be among its own hits.
        marks: What a person said of its hits; they move the point. None where nobody said anything.

    Raises:
        BadArgument: If there are no terms or more than `MOST_PARTS`, or a weight is zero or not finite.

    >>> night = Query((Term(ByText("a street")), Term(ByText("at night"), 0.5), Term(ByKey("people.jpg"), -1)))
    >>> night.name
    'a street + 0.5 × at night − key:people.jpg'
    """

    terms: tuple[Term, ...]
    with_self: bool = False
    marks: Marks | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.terms) <= MOST_PARTS:
            raise BadArgument(f"a query of {len(self.terms):,} parts: name 1 to {MOST_PARTS}")
        for term in self.terms:
            if not math.isfinite(term.weight) or term.weight == 0:
                raise BadArgument(f"{term.part.name} has weight {term.weight:g}: leave it out, or give it another")

    @classmethod
    def image(cls, name: str, data: bytes) -> Self:
        """One picture, whole."""
        return cls((Term(ByImage(name, data)),))

    @property
    def name(self) -> str:
        """All of it, to print: `cat.jpg + 0.5 × at night − people.jpg`."""
        told = [f"{sign_of(term)} {_counted(term)}" for term in self.terms[:_MOST_NAMED]]
        text = " ".join(told).removeprefix("+ ")
        more = len(self.terms) - _MOST_NAMED
        whole = f"{text} + {more} more" if more > 0 else text
        return whole if self.marks is None else f"{whole}, taught by {self.marks}"

    @property
    def is_taught(self) -> bool:
        """Whether marks have a say in where it stands."""
        return self.marks is not None or any(isinstance(term.part, ByMarks) for term in self.terms)

    @property
    def left_out(self) -> frozenset[str]:
        """The keys of gallery images that are not shown as hits of their own query: those it names, and those that are disliked."""
        if self.with_self:
            return frozenset()
        keys = {term.part.key for term in self.terms if isinstance(term.part, ByImage | ByKey)}
        keys.update(
            *(term.part.marks.disliked for term in self.terms if isinstance(term.part, ByMarks) and term.weight > 0)
        )
        return frozenset(keys | set(self.marks.disliked if self.marks else ())) - {""}


def sign_of(term: Term) -> str:
    """`+` or `−`."""
    return "+" if term.weight > 0 else "−"


def _counted(term: Term) -> str:
    return term.part.name if abs(term.weight) == 1 else f"{abs(term.weight):.3g} × {term.part.name}"
