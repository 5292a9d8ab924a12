"""A filter as an expression of Milvus, made of our own words, numbers, and texts that we quote; never of what somebody typed.

Expressions of Milvus know two values of truth, ours three, and servers differ in how they compare numbers, truths and missing fields. So
an expression here promises one thing: it is true of every image that passes. Where it may be true of others too, it says so, and those
are taken out on our side (`Filter.matches`). For `not`, the same is made of the images of which a condition is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from likewise.filters import (
    And,
    Comparison,
    Expression,
    Fact,
    Field,
    Filter,
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
    pieces,
)
from likewise.filters.expressions import LEAST_INTEGER, MOST_INTEGER, Comparator

_COLUMNS = {"key": "key", "width": "width", "height": "height", "size": "size_bytes", "date": "modified_ns"}
_OPPOSITE: dict[Comparator, Comparator] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_EXACT_INTEGER = 2**53  # up to here whole numbers and float64 mean the same on every server
_LONGEST_TEXT = 1000
_MOST_PARTS = 1000  # of one expression; servers parse it by recursion


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression.

    Attributes:
        text: Empty where nothing can be asked, and it is true of all.
        exact: Whether it is true of those that pass alone.
    """

    text: str = ""
    exact: bool = False


def condition(where: Filter | None) -> Asked:
    """What is true of every image that passes."""
    return Asked(exact=True) if where is None else _true(where.expression)


def joined(*texts: str) -> str:
    """All of these, those that are empty left away."""
    return " and ".join(f"({text})" for text in texts if text)


def quoted(text: str) -> str | None:
    r"""A text as a literal; None if it has signs that servers may read differently.

    >>> quoted('say "miau"')
    '"say \\"miau\\""'
    """
    if len(text) > _LONGEST_TEXT or not all(sign.isprintable() and ord(sign) < 0xD800 for sign in text):
        return None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _true(expression: Expression) -> Asked:  # noqa: PLR0911 - one for each kind of expression
    match expression:
        case And(parts):
            return _all(map(_true, parts))
        case Or(parts):
            return _any(map(_true, parts))
        case Not(part):
            return _false(part)
        case Missing(field):
            return _missing(field)
        case OneOf(field, values):
            return _any(_compared(field, "=", value) for value in values)
        case Like(field, pattern, any_case):
            return Asked() if any_case else _begins(field, pattern)
        case Comparison(field, by, other):
            return Asked() if isinstance(other, Fact | Meta) else _compared(field, by, other)


def _false(expression: Expression) -> Asked:
    """What is true of every image of which the expression is false, and not merely unknown."""
    match expression:
        case And(parts):
            return _any(map(_false, parts))
        case Or(parts):
            return _all(map(_false, parts))
        case Not(part):
            return _true(part)
        case OneOf(field, values):
            return _all(_compared(field, "!=", value) for value in values)
        case Comparison(field, by, other) if not isinstance(other, Fact | Meta):
            return _compared(field, _OPPOSITE[by], other)
        case _:
            return Asked()


def _compared(field: Field, by: Comparator, value: Value) -> Asked:
    if isinstance(field, Meta):
        return _of_metadata(field, by, value)
    if field.name == "folder":
        return _in_folder(value)
    column = _COLUMNS[field.name]
    match value:
        case Text(text) if field.kind == "text":
            literal = quoted(text)
            return Asked() if literal is None else Asked(f"{column} {_sign(by)} {literal}", exact=True)
        case Number(number) if field.kind == "number":
            return _of_number(column, by, number)
        case Period(start, end) if field.kind == "date":
            return _of_date(column, by, start, end)
        case _:
            return _NONE


def _of_number(column: str, by: Comparator, number: int | float) -> Asked:
    """Columns hold whole numbers, and servers compare them with nothing else."""
    if isinstance(number, float) and number != int(number):
        below = int(number // 1)
        if by in ("=", "!="):
            return _NONE if by == "=" else Asked(exact=True)
        return Asked(f"{column} <= {below}" if by in ("<", "<=") else f"{column} > {below}", exact=True)
    whole = int(number)
    if not LEAST_INTEGER < whole < MOST_INTEGER:
        return Asked()
    return Asked(f"{column} {_sign(by)} {whole}", exact=True)


def _of_date(column: str, by: Comparator, start_ns: int, end_ns: int) -> Asked:
    if start_ns <= LEAST_INTEGER or end_ns >= MOST_INTEGER:
        return Asked()
    told = {
        "=": f"{column} >= {start_ns} and {column} < {end_ns}",
        "!=": f"({column} < {start_ns} or {column} >= {end_ns})",
        "<": f"{column} < {start_ns}",
        "<=": f"{column} < {end_ns}",
        ">": f"{column} >= {end_ns}",
        ">=": f"{column} >= {start_ns}",
    }[by]
    return Asked(f"{told} and {column} != 0", exact=True)  # 0 stands for no date


def _in_folder(value: Value) -> Asked:
    """A folder's name is no column; what lies in it has the name somewhere in its key, which servers cannot ask for."""
    return Asked() if isinstance(value, Text) else _NONE


def _of_metadata(field: Meta, by: Comparator, value: Value) -> Asked:
    """A comparison of a text; or of a number, which servers may also find true of truths and the other way round."""
    place = _place(field)
    if place is None:
        return Asked()
    match value:
        case Text(text):
            literal = quoted(text)
            # A server may count what lacks the field, or has another kind there, as different.
            return Asked() if literal is None else Asked(f"{place} {_sign(by)} {literal}", exact=by == "=")
        case Number(number) if by == "=" and abs(number) <= _EXACT_INTEGER:
            return Asked(f"{place} == {_plain(number)}") if _plain(number) else Asked()
        case Truth(truth) if by == "=":
            return Asked(f"{place} == {'true' if truth else 'false'}")
        case _:
            return Asked()


def _begins(field: Field, pattern: str) -> Asked:
    """A pattern by how it begins."""
    signs = list(pieces(pattern))
    start = "".join(sign for sign, _ in takewhile(lambda each: not each[1], signs))
    place = _place(field) if isinstance(field, Meta) else _COLUMNS.get(field.name) if field.kind == "text" else None
    # % and _ mean something to the server as well, and so does the backslash before them.
    if place is None or not start or not all((sign.isalnum() and sign.isascii()) or sign in "/-. " for sign in start):
        return Asked()
    if len(start) == len(signs):
        return Asked(f"{place} == {quoted(start)}", exact=True)
    only = len(signs) == len(start) + 1 and signs[-1] == ("%", True)
    return Asked(f'{place} like "{start}%"', exact=only and isinstance(field, Fact))


def _missing(field: Field) -> Asked:
    """Of facts only a date and a folder can be missing; of metadata servers differ on whether null is something."""
    if isinstance(field, Fact):
        return (
            Asked("modified_ns == 0", exact=True)
            if field.name == "date"
            else Asked()
            if field.name == "folder"
            else _NONE
        )
    return Asked()


def _place(field: Meta) -> str | None:
    names = [quoted(name) for name in field.path]
    return None if None in names else "metadata" + "".join(f"[{name}]" for name in names)


def _plain(number: float) -> str:
    """A number without an exponent, which not every server reads."""
    told = json.dumps(number)
    return told if "e" not in told.lower() else ""


def _sign(by: Comparator) -> str:
    return "==" if by == "=" else by


_NONE = Asked("id < 0", exact=True)
"""True of no image."""


def _all(parts: Iterable[Asked]) -> Asked:
    each = list(parts)
    told = [part.text for part in each if part.text]
    exact = all(part.exact for part in each)
    if len(told) > _MOST_PARTS:
        return Asked(joined(*told[:_MOST_PARTS]))
    return Asked(joined(*told), exact=exact)


def _any(parts: Iterable[Asked]) -> Asked:
    each = list(parts)
    if any(not part.text and not part.exact for part in each) or len(each) > _MOST_PARTS:
        return Asked()
    if any(not part.text for part in each):
        return Asked(exact=True)
    return Asked("(" + " or ".join(f"({part.text})" for part in each) + ")", exact=all(part.exact for part in each))
