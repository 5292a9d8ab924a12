"""A filter as a question to SQLite: what it compares with goes in as a value, never as text of the question."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.filters import (
    And,
    Comparison,
    Condition,
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
    folder_of,
    pieces,
)
from likewise.filters.expressions import Comparator, Kind
from likewise.stores.local import database

Told: TypeAlias = "str | int | float"


class Asked(NamedTuple):
    """A part of a question.

    Attributes:
        sql: With a question mark for each value; made of this file's own words alone.
        values: In the order of the marks.
    """

    sql: str
    values: tuple[Told, ...] = ()


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the two functions that questions need and SQLite lacks: letters of any script without case, and folders."""
    connection.create_function("likewise_folded", 1, _folded, deterministic=True)
    connection.create_function("likewise_folder", 1, folder_of, deterministic=True)


def mask_in(path: Path, where: Filter, generation: int, rows: int) -> NDArray[np.bool_] | None:
    """As `mask_of`, in a collection's database; None if its rows are of another generation, and have other numbers."""
    with closing(database.connect(path)) as connection, database.told_as_ours(path):
        prepare(connection)
        connection.execute("BEGIN")  # one state for both questions; closing ends it
        (found,) = connection.execute("SELECT value FROM manifest WHERE name = 'generation'").fetchone()
        return mask_of(connection, where, rows) if int(found) == generation else None


def mask_of(connection: sqlite3.Connection, where: Filter, rows: int) -> NDArray[np.bool_]:
    """(rows,) which of the first rows pass, be they live or not; for a connection that is prepared."""
    asked = condition(where)
    question = f'SELECT "row" FROM images WHERE "row" < ? AND {asked.sql}'
    passing = connection.execute(question, (rows, *asked.values))
    mask = np.zeros(rows, np.bool_)
    mask[np.fromiter((row for (row,) in passing), np.int64)] = True
    return mask


def condition(where: Filter) -> Asked:
    """What stands behind WHERE, in brackets: true, false, or NULL for unknown."""
    return _asked(where.expression)


def _asked(expression: Expression) -> Asked:
    match expression:
        case And(parts):
            return _joined(" AND ", map(_asked, parts))
        case Or(parts):
            return _joined(" OR ", map(_asked, parts))
        case Not(part):
            return _around("(NOT {})", _asked(part))
        case _:
            return _condition(expression)


def _condition(condition: Condition) -> Asked:
    match condition:
        case Missing(field):
            if isinstance(field, Meta):
                return Asked("(coalesce(json_type(metadata, ?), 'null') = 'null')", (_path(field),))
            return _around("({} IS NULL)", _of_kind(field, field.kind))
        case Like(field, pattern, any_case):
            text = _of_kind(field, "text")
            wanted = _glob(pattern.casefold() if any_case else pattern)
            return _around("(likewise_folded({}) GLOB ?)" if any_case else "({} GLOB ?)", text, (wanted,))
        case OneOf(field, values):
            return _joined(" OR ", (_one_of(field, list(same)) for _, same in groupby(values, type)))
        case Comparison(field, by, other):
            return _with_field(field, by, other) if isinstance(other, Fact | Meta) else _compared(field, by, other)


def _compared(field: Field, by: Comparator, value: Value) -> Asked:
    match value:
        case Period(start, end):
            return _against_period(field, by, start, end)
        case Text(text):
            return _around(f"({{}} {by} ?)", _of_kind(field, "text"), (text,))
        case Number(number):
            return _around(f"({{}} {by} ?)", _of_kind(field, "number"), (number,))
        case Truth(truth):
            return _around(f"({{}} {by} ?)", _of_kind(field, "truth", by), (int(truth),))


def _against_period(field: Field, by: Comparator, start_ns: int, end_ns: int) -> Asked:
    date = _of_kind(field, "date").sql  # which has no values
    match by:
        case "=":
            return Asked(f"({date} >= ? AND {date} < ?)", (start_ns, end_ns))
        case "!=":
            return Asked(f"({date} < ? OR {date} >= ?)", (start_ns, end_ns))
        case "<" | ">=":
            return Asked(f"({date} {by} ?)", (start_ns,))
        case _:
            return Asked(f"({date} {'<' if by == '<=' else '>='} ?)", (end_ns,))


def _with_field(field: Field, by: Comparator, other: Field) -> Asked:
    """Both as each kind that both can be of; at most one of these is known."""
    shared = [kind for kind in _kinds(field) if kind in _kinds(other)]
    pairs = [(_of_kind(field, kind, by), _of_kind(other, kind, by)) for kind in shared]
    each = [Asked(f"({one.sql} {by} {two.sql})", one.values + two.values) for one, two in pairs]
    return _around("coalesce({}, NULL)", _joined(", ", [*each, Asked("NULL")], bracketed=False))


def _one_of(field: Field, values: Sequence[Value]) -> Asked:
    """A field among values of one kind; they go in as one list, however many they are."""
    told = [_bare(value) for value in values if not isinstance(value, Period)]
    if not told:
        return _joined(" OR ", (_compared(field, "=", value) for value in values))
    listed = json.dumps(told, ensure_ascii=False)
    return _around("({} IN (SELECT value FROM json_each(?)))", _of_kind(field, _KINDS[type(values[0])]), (listed,))


def _bare(value: Text | Number | Truth) -> Told:
    match value:
        case Text(text):
            return text
        case Number(number):
            return number
        case Truth(truth):
            return int(truth)


_KINDS: dict[type[Value], Kind] = {Text: "text", Number: "number", Truth: "truth"}
_FREE: tuple[Kind, ...] = ("text", "number", "truth")


def _kinds(field: Field) -> tuple[Kind, ...]:
    return (field.kind,) if isinstance(field, Fact) else _FREE


def _of_kind(field: Field, kind: Kind, by: Comparator = "=") -> Asked:
    """The value of a field; NULL where it is of another kind, or has no order and is asked for one."""
    if kind not in _kinds(field) or (kind == "truth" and by not in ("=", "!=")):
        return Asked("NULL")
    if isinstance(field, Fact):
        return Asked(_FACTS[field.name])
    path = _path(field)
    match kind:
        case "text":
            return Asked("CASE json_type(metadata, ?) WHEN 'text' THEN json_extract(metadata, ?) END", (path, path))
        case "number":
            sql = "CASE WHEN json_type(metadata, ?) IN ('integer', 'real') THEN json_extract(metadata, ?) END"
            return Asked(sql, (path, path))
        case _:
            return Asked("CASE json_type(metadata, ?) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", (path,))


_FACTS = {
    "key": "key",
    "folder": "likewise_folder(key)",
    "width": "width",
    "height": "height",
    "size": "size_bytes",
    "date": "nullif(modified_ns, 0)",
}


def _path(field: Meta) -> str:
    """Where SQLite finds it; no name holds a quote or a backslash."""
    return "$" + "".join(f'."{name}"' for name in field.path)


def _glob(pattern: str) -> str:
    """The pattern as GLOB reads it, which minds case, as LIKE does not."""
    return "".join(_SIGNS[sign] if is_wild else _LITERAL.get(sign, sign) for sign, is_wild in pieces(pattern))


_SIGNS = {"%": "*", "_": "?"}
_LITERAL = {"*": "[*]", "?": "[?]", "[": "[[]"}


def _folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _around(sql: str, asked: Asked, more: tuple[Told, ...] = ()) -> Asked:
    return Asked(sql.format(asked.sql), asked.values + more)


def _joined(sign: str, parts: Iterable[Asked], *, bracketed: bool = True) -> Asked:
    each = list(parts)
    sql = sign.join(part.sql for part in each)
    return Asked(f"({sql})" if bracketed else sql, tuple(value for part in each for value in part.values))
