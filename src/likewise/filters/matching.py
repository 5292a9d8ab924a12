"""Whether an image passes: the rule that every store's own question is held against."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from likewise.filters.expressions import (
    And,
    Comparator,
    Comparison,
    Expression,
    Fact,
    Field,
    Kind,
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
    as_number,
    folder_of,
    pieces,
)
from likewise.types import Json, Record

Found: TypeAlias = "tuple[Kind, str | int | float | bool] | None"
"""The kind and the value of an image's field, a date in nanoseconds since 1970; None if there is none of a kind that can be compared."""

_OPERATORS: dict[Comparator, Callable[..., bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def truth_of(expression: Expression, record: Record) -> bool | None:
    """Whether it is true of an image; None where that is unknown."""
    match expression:
        case And(parts):
            return _not(_any(_not(truth_of(part, record)) for part in parts))
        case Or(parts):
            return _any(truth_of(part, record) for part in parts)
        case Not(part):
            return _not(truth_of(part, record))
        case Missing(field):
            return is_missing(field, record)
        case _:
            return _holds(expression, record)


def value_of(field: Field, record: Record) -> Found:
    """What an image has there."""
    if isinstance(field, Meta):
        return told_value(_inside(field, record))
    if field.name == "date":
        return ("date", record.modified_ns) if record.modified_ns else None
    facts: dict[str, str | int | None] = {
        "key": record.key,
        "folder": folder_of(record.key),
        "width": record.width,
        "height": record.height,
        "size": record.size_bytes,
    }
    value = facts[field.name]
    return None if value is None else (field.kind, value)


def is_missing(field: Field, record: Record) -> bool:
    """Whether an image has nothing there; a list or an object is something."""
    return _inside(field, record) is None if isinstance(field, Meta) else value_of(field, record) is None


def _holds(condition: Comparison | OneOf | Like, record: Record) -> bool | None:
    found = value_of(condition.field, record)
    match condition:
        case Like(_, pattern, any_case):
            return _alike(found, pattern, any_case=any_case)
        case OneOf(_, values):
            return _any(_compared(found, "=", value) for value in values)
        case Comparison(_, by, other):
            if isinstance(other, Fact | Meta):
                return _with_other(found, by, value_of(other, record))
            return _compared(found, by, other)


def _inside(field: Meta, record: Record) -> Json:
    found: Json = dict(record.metadata)
    for name in field.path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def told_value(value: Json) -> Found:
    """The kind of a value of metadata, and the value."""
    if isinstance(value, bool):
        return "truth", value
    if isinstance(value, str):
        return "text", value
    if isinstance(value, int | float):
        number = as_number(value)
        return None if number is None else ("number", number)
    return None


def _compared(found: Found, by: Comparator, value: Value) -> bool | None:
    match value:
        case Period(start, end):
            return _against_period(found, by, start, end)
        case Text(text):
            return _with_other(found, by, ("text", text))
        case Number(number):
            return _with_other(found, by, ("number", number))
        case Truth(truth):
            return _with_other(found, by, ("truth", truth))


def _with_other(found: Found, by: Comparator, other: Found) -> bool | None:
    if found is None or other is None or found[0] != other[0]:
        return None
    if found[0] == "truth" and by not in ("=", "!="):
        return None
    return _OPERATORS[by](found[1], other[1])


def _against_period(found: Found, by: Comparator, start_ns: int, end_ns: int) -> bool | None:
    """`<` before it begins, `<=` before it ends, `=` within it."""
    if found is None or found[0] != "date" or isinstance(found[1], str):
        return None
    begun, over = found[1] >= start_ns, found[1] >= end_ns
    return {
        "=": begun and not over, "!=": not begun or over, "<": not begun, "<=": not over, ">": over, ">=": begun,
    }[by]  # fmt: skip


def _alike(found: Found, pattern: str, *, any_case: bool) -> bool | None:
    if found is None or found[0] != "text":
        return None
    text = str(found[1])
    if any_case:
        text, pattern = text.casefold(), pattern.casefold()
    signs = (_SIGNS[sign] if is_wild else re.escape(sign) for sign, is_wild in pieces(pattern))
    return re.fullmatch("".join(signs), text, re.DOTALL) is not None


_SIGNS = {"%": ".*", "_": "."}


def _any(truths: Iterable[bool | None]) -> bool | None:
    each = list(truths)
    return True if True in each else None if None in each else False


def _not(truth: bool | None) -> bool | None:
    return None if truth is None else not truth
