"""Which images a search may return: a small language, what it says as data, and the rule that says whether an image passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from likewise.filters.expressions import (
    FACTS,
    And,
    Comparison,
    Condition,
    Expression,
    Fact,
    Field,
    Like,
    Meta,
    Missing,
    Not,
    Number,
    OneOf,
    Or,
    Period,
    Text,
    Truth,
    Value,
    fields_of,
    folder_of,
    pieces,
)
from likewise.filters.matching import truth_of
from likewise.filters.syntax import parsed
from likewise.filters.writing import field_text, written
from likewise.types import Record

__all__ = [
    "FACTS",
    "And",
    "Comparison",
    "Condition",
    "Expression",
    "Fact",
    "Field",
    "Filter",
    "Like",
    "Meta",
    "Missing",
    "Not",
    "Number",
    "OneOf",
    "Or",
    "Period",
    "Text",
    "Truth",
    "Value",
    "field_text",
    "folder_of",
    "pieces",
]


@dataclass(frozen=True, slots=True)
class Filter:
    """Says of each image whether it may be found.

    Attributes:
        expression: What must be true of it; what is unknown is not enough.

    >>> wanted = Filter.parse("label in ('tiger', 'lion') and not width<1000")
    >>> wanted.matches(Record("a.jpg", "", 1, 0, 1200, 800, {"label": "tiger"}))
    True
    >>> str(wanted)
    "label in ('tiger', 'lion') and not width < 1000"
    """

    expression: Expression

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a filter, written as docs/filters.md says.

        Raises:
            BadArgument: If it is written otherwise; the message has the place and the way out.
        """
        return cls(parsed(text))

    def matches(self, record: Record) -> bool:
        """Whether an image passes."""
        return truth_of(self.expression, record) is True

    @property
    def asked_of(self) -> tuple[Field, ...]:
        """The fields that are compared, each once; not those of which only the absence is asked."""
        return tuple(dict.fromkeys(fields_of(self.expression, asked_of=True)))

    def __str__(self) -> str:
        return written(self.expression)
