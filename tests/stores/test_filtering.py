"""Filters as questions to SQLite: held against the plain rule, and against what tries to break out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.examples import KEYS, expressions, images
from likewise.filters import Comparison, Expression, Fact, Filter, Like, Meta, OneOf, Text, folder_of, syntax
from likewise.stores.local import database, filtering
from likewise.types import Record


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.executescript(database.SCHEMA)
    filtering.prepare(opened)
    yield opened
    opened.close()


def holding(connection: sqlite3.Connection, records: Sequence[Record]) -> sqlite3.Connection:
    """The same database with these images and no others; keys may come twice, since no state is live."""
    connection.execute("DELETE FROM images")
    for row, record in enumerate(records):
        facts = (record.size_bytes, record.modified_ns, record.width, record.height)
        told = json.dumps(dict(record.metadata), sort_keys=True, ensure_ascii=False)
        values = (row, record.key, database.DEAD, b"", *facts, told)
        connection.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return connection


def passing(connection: sqlite3.Connection, where: Filter, count: int) -> list[bool]:
    return filtering.mask_of(connection, where, count).tolist()


@settings(deadline=None, max_examples=300)
@given(records=st.lists(images, min_size=1, max_size=12), expression=expressions)
@example(
    [Record(key, "", 1, 0, 1, 1, {}) for key in (*KEYS, "a//b", "//b", "/b", "a://b://c", "/")],
    Like(Fact("folder"), "%"),
)
def test_the_question_is_answered_as_the_plain_rule_answers(
    connection: sqlite3.Connection, records: list[Record], expression: Expression
) -> None:
    where = Filter(expression)
    found = passing(holding(connection, records), where, len(records))
    assert found == [where.matches(record) for record in records], filtering.condition(where)


@pytest.mark.parametrize(
    "key",
    ["1.jpg", "a/1.jpg", "a/b/1.jpg", "photos://1.jpg", "a//b", "//b", "/b", "a://b://c", "/", "é/ü/x", "aa/aa/a"],
)
def test_the_folder_of_a_key_is_the_same_here_and_there(connection: sqlite3.Connection, key: str) -> None:
    (found,) = connection.execute(f"SELECT {filtering._FACTS['folder']} FROM (SELECT ? AS key)", (key,)).fetchone()
    assert found == folder_of(key)


ATTACKS = (
    "'; DROP TABLE images; --",
    "' OR 1=1 --",
    "x') OR (1=1",
    "$.label",
    '$."label"',
    "?",
    "{}",
    "%s",
    "*",
    "a' UNION SELECT 1 --",
    "\\",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_and_no_name_becomes_a_part_of_the_question(connection: sqlite3.Connection, attack: str) -> None:
    records = [
        Record("a/1.jpg", "", 1, 0, 1, 1, {"label": attack, "other": attack}),
        Record("b", "", 1, 0, 1, 1, {"label": "b"}),
    ]
    holding(connection, records)
    label = Meta(("label",))
    for expression in (
        Comparison(label, "=", Text(attack)),
        Comparison(label, "=", Meta(("other",))),
        OneOf(label, (Text(attack), Text("zz"))),
        Like(label, attack.replace("\\", "\\\\").replace("%", r"\%")),
        Like(label, attack.replace("\\", "\\\\").replace("%", r"\%"), any_case=True),
    ):
        asked = filtering.condition(Filter(expression))
        assert attack not in asked.sql or attack == "?"
        assert passing(connection, Filter(expression), 2) == [True, False]
        assert passing(connection, Filter.parse(str(Filter(expression))), 2) == [True, False]
    if not set(attack) & set('"\\'):
        assert attack in filtering.condition(Filter(Comparison(Meta((attack,)), "=", Text("x")))).values[0]  # type: ignore[operator]
        assert passing(connection, Filter(Comparison(Meta((attack,)), "=", Text("b"))), 2) == [False, False]
    assert connection.execute("SELECT count(*) FROM images").fetchone() == (2,)


def test_a_name_that_looks_like_a_path_is_a_name(connection: sqlite3.Connection) -> None:
    odd = ["a.b", "a[0]", "$", "#", "[#-1]", "'", "a'", ".", " ", "label) OR (1", "?1", ":x", "@x"]
    holding(connection, [Record("k", "", 1, 0, 1, 1, {name: name}) for name in odd])
    for i, name in enumerate(odd):
        found = passing(connection, Filter(Comparison(Meta((name,)), "=", Text(name))), len(odd))
        assert found == [i == j for j in range(len(odd))], name


def test_thousands_of_values_are_one_parameter(connection: sqlite3.Connection) -> None:
    holding(connection, [Record(f"{i}.jpg", "", i, 0, 1, 1, {"n": i, "t": f"é{i}"}) for i in range(10)])
    by_text = OneOf(Meta(("t",)), tuple(Text(f"é{i}") for i in range(5, 50_000)))
    assert len(filtering.condition(Filter(by_text)).values) == 3
    assert passing(connection, Filter(by_text), 10) == [i >= 5 for i in range(10)]


def test_the_largest_filters_that_can_be_written_can_be_asked(connection: sqlite3.Connection) -> None:
    records = [Record("a/b.jpg", "", 1, 0, 1, 1, {"x": 5})]
    holding(connection, records)
    many = " or ".join(["not folder ilike 'q%' and x = x"] * (syntax.MOST_CONDITIONS // 2))
    deep = "x = 1 or x = 5 and (" * syntax.MOST_DEPTH + "folder ilike 'q%'" + ")" * syntax.MOST_DEPTH
    turned = "not (x = x and x = 1 or " * (syntax.MOST_DEPTH // 2) + "folder in ('b')" + ")" * (syntax.MOST_DEPTH // 2)
    for text in (many, deep, turned, "not " * syntax.MOST_DEPTH + "x in (5)"):
        assert passing(connection, Filter.parse(text), 1) == [Filter.parse(text).matches(record) for record in records]
