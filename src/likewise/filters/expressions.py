"""What a filter says, as data: a store makes its own question of it, whatever it keeps its images in.

A field has one of four kinds of value: text, number, truth or date. A comparison with an image that lacks the field, or whose value is
of another kind, is neither true nor false but unknown; so is its opposite. `and`, `or` and `not` go on with that as in SQL (Kleene's
logic of three values), and an image passes if the whole is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from likewise.errors import BadArgument

Kind: TypeAlias = Literal["text", "number", "truth", "date"]
Comparator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

FACTS: dict[str, Kind] = {
    "key": "text",
    "folder": "text",
    "width": "number",
    "height": "number",
    "size": "number",
    "date": "date",
}
"""What is kept of every image, whatever its source knows: its key; the name of the folder that it lies in (see `folder_of`); width
and height in pixels, upright; the encoded size in bytes; and when it was changed last."""

LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1
_ODD = re.compile(r'["\\\x00-\x1f\x7f]')  # a path into JSON could not be written down the same way everywhere


@dataclass(frozen=True, slots=True)
class Fact:
    """One of `FACTS`.

    Raises:
        BadArgument: If there is none of this name.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in FACTS:
            raise BadArgument(f"no fact is called {self.name!r}: there are {', '.join(FACTS)}; all else is metadata")

    @property
    def kind(self) -> Kind:
        """Of its values."""
        return FACTS[self.name]


@dataclass(frozen=True, slots=True)
class Meta:
    """What a source told of an image: a value of its metadata, of whatever kind.

    Attributes:
        path: Names from the outside in: `("camera", "model")`.

    Raises:
        BadArgument: If there is no name, one is empty, or holds a double quote, a backslash or a control character.
    """

    path: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.path or ("",):
            if not name or _ODD.search(name):
                raise BadArgument(
                    f"no filter can name the metadata {name!r}: a name has at least one character, and no double quote, "
                    "backslash or control character; give it another one where it comes from"
                )


Field: TypeAlias = Fact | Meta


@dataclass(frozen=True, slots=True)
class Text:
    """Compared character by character, by their numbers in Unicode; case counts."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """Compared by size, whether whole or not.

    Raises:
        BadArgument: If it is infinite or not a number.
    """

    number: int | float

    def __post_init__(self) -> None:
        wide = as_number(self.number)
        if wide is None:
            raise BadArgument(f"{self.number} cannot be compared with: give a number below 1e308")
        object.__setattr__(self, "number", wide)


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false; neither is the larger one."""

    truth: bool


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a second, a year: whatever a date of that precision stands for. Earlier is before it begins, later is from its end on.

    Attributes:
        start_ns: Its first nanosecond, counted from 1970.
        end_ns: The first one behind it.
        text: As it is written, ISO 8601.
    """

    start_ns: int
    end_ns: int
    text: str = field(compare=False)


Value: TypeAlias = Text | Number | Truth | Period


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value, or against another field of the same image."""

    field: Field
    by: Comparator
    other: Value | Field


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that equals one of some values.

    Attributes:
        field: The one.
        values: At least one, all of one kind.

    Raises:
        BadArgument: If there are none.
    """

    field: Field
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        _demand_some(self.values)


@dataclass(frozen=True, slots=True)
class Like:
    r"""A text that looks like a pattern, from its first character to its last.

    Attributes:
        field: The one.
        pattern: `%` stands for any characters, `_` for any one, `\` before one of the three for itself.
        any_case: Compare both after `str.casefold`.
    """

    field: Field
    pattern: str
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """An image that lacks the field, or has null there; never unknown."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of what is unknown, unknown."""

    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    """False if a part is, else unknown if a part is.

    Raises:
        BadArgument: If it has no parts.
    """

    parts: tuple[Expression, ...]

    def __post_init__(self) -> None:
        _demand_some(self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """True if a part is, else unknown if a part is.

    Raises:
        BadArgument: If it has no parts.
    """

    parts: tuple[Expression, ...]

    def __post_init__(self) -> None:
        _demand_some(self.parts)


Condition: TypeAlias = Comparison | OneOf | Like | Missing
Expression: TypeAlias = Condition | Not | And | Or


def fields_of(expression: Expression, *, asked_of: bool = False) -> Iterator[Field]:
    """The fields that an expression names, in their order.

    Args:
        expression: Any.
        asked_of: Leave out those of which only their absence is asked.
    """
    if isinstance(expression, And | Or):
        for part in expression.parts:
            yield from fields_of(part, asked_of=asked_of)
    elif isinstance(expression, Not):
        yield from fields_of(expression.part, asked_of=asked_of)
    elif not (asked_of and isinstance(expression, Missing)):
        yield expression.field
        if isinstance(expression, Comparison) and isinstance(expression.other, Fact | Meta):
            yield expression.other


def folder_of(key: str) -> str | None:
    """The name of the folder, archive or root that an image lies in; None if its key has none.

    >>> folder_of("birds/heron/1.jpg"), folder_of("photos://1.jpg"), folder_of("1.jpg")
    ('heron', 'photos', None)
    """
    parts = key.replace("://", "/").split("/")
    return parts[-2] if parts[1:] else None


def as_number(value: float) -> int | float | None:
    """A number as databases keep it: whole ones of more than 64 bits become float64; None for what is none, or infinite."""
    if isinstance(value, int) and LEAST_INTEGER <= value <= MOST_INTEGER:
        return value
    try:
        wide = float(value)
    except OverflowError:
        return None
    return wide if abs(wide) < float("inf") else None


def _demand_some(parts: tuple[object, ...]) -> None:
    if not parts:
        raise BadArgument("a filter of no parts, or of no values, says nothing: leave it away")


def pieces(pattern: str) -> Iterator[tuple[str, bool]]:
    r"""A pattern's characters in turn, and whether each stands for others.

    >>> list(pieces(r"a%\_"))
    [('a', False), ('%', True), ('_', False)]
    """
    rest = iter(pattern)
    for sign in rest:
        if sign == "\\":
            yield next(rest, sign), False
        else:
            yield sign, sign in "%_"
