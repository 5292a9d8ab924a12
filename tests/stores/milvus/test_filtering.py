"""Filters as expressions of Milvus: never narrower than the rule, exact where they say so, and nothing breaks out of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import MeanColour, unit_rows
from filters.examples import DAY_NS, KEYS, NUMBERS, TEXTS, expressions
from likewise.filters import Comparison, Expression, Filter, Like, Meta, Not, OneOf, Text
from likewise.stores.milvus import MilvusStore, filtering
from likewise.stores.milvus.columns import alive
from likewise.types import Json, Record

VALUES: tuple[Json, ...] = (
    *TEXTS,
    *NUMBERS,
    True,
    False,
    None,
    ["a", 1],
    {"model": "a"},
    {"model": 5},
    {"model": None},
    "\ud800",
)
PATHS = ("label", "score", "odd name", "camera", "width", "and", "metadata", "a.b")
ATTACKS = (
    '" or id >= 0 or key == "',
    "' or 1 == 1",
    '\\" or true or "',
    "{x}",
    "%",
    "a\nb",
    "\\",
    '"',
    "\u2028",
    "$meta",
)


def gallery() -> list[Record]:
    """Each kind of value below each name, and facts of all kinds."""
    facts = [
        Record(
            f"{i}:{KEYS[i % len(KEYS)]}",
            f"{i:064x}",
            (0, 1, 5, 640)[i % 4],
            (0, 1, -1, 1_500_000_000, DAY_NS - 1, DAY_NS)[i % 6],
            (1, 5, 640)[i % 3],
            (1, 5, 480)[i % 3],
        )
        for i in range(len(VALUES) + len(ATTACKS))
    ]
    told = [
        {name: VALUES[(i + 7 * n) % len(VALUES)] for n, name in enumerate(PATHS) if (i + n) % 4}
        for i in range(len(VALUES))
    ]
    told += [{"label": attack, "other": attack} for attack in ATTACKS]
    made = [replace(record, metadata=each) for record, each in zip(facts, told, strict=True)]
    return [replace(record, key=key) for record, key in zip(made, KEYS, strict=False)] + made[len(KEYS) :]


@pytest.fixture(scope="module", params=["lite", "server"])
def store(request: pytest.FixtureRequest) -> Iterator[MilvusStore]:
    import os
    import uuid

    server = os.environ.get("LIKEWISE_TEST_MILVUS", "")
    if request.param == "server" and not server:
        pytest.skip("LIKEWISE_TEST_MILVUS names no server: `make test-milvus` starts one")
    place = f"milvus:{request.getfixturevalue('milvus_lite_file')}#" if request.param == "lite" else f"{server}/"
    with MilvusStore.create(f"{place}f{uuid.uuid4().hex}", MeanColour().card) as made:
        with made.write() as writer:
            writer.extend(gallery(), unit_rows(len(gallery())))
        yield made
        for name in (made.gallery.name, f"{made.gallery.name}_catalogue"):
            made.gallery.remote.drop(name)


def asked(store: MilvusStore, where: Filter) -> set[str]:
    """What the expression alone is true of."""
    told = filtering.joined(alive(store.state.commit), filtering.condition(where).text)
    return {row["key"] for row in store.gallery.remote.query(store.gallery.name, told, ("key",), 1)}


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(expression=expressions, turned=st.booleans())
def test_an_expression_is_true_of_all_that_pass_and_of_no_others_where_it_says_so(
    store: MilvusStore, expression: Expression, turned: bool
) -> None:
    where = Filter(Not(expression) if turned else expression)
    wanted = {record.key for record in gallery() if where.matches(record)}
    found = asked(store, where)
    assert wanted <= found, filtering.condition(where)
    if filtering.condition(where).exact:
        assert wanted == found, filtering.condition(where)


@pytest.mark.parametrize(
    "text",
    [
        "label = 'a'",
        "not score > 1",
        "folder = 'a' or width < 5",
        "camera.model is not missing",
        "date < 1970-01-02 and key like 'a%'",
        "label ilike 'A%' and not score = 5",
    ],
)
def test_hits_are_those_that_pass_however_little_the_server_can_be_asked(store: MilvusStore, text: str) -> None:
    where = Filter.parse(text)
    wanted = [row for row, record in enumerate(gallery()) if where.matches(record)]
    assert wanted
    assert [row for row, _ in store.records(where=where)] == wanted
    query = unit_rows(1, seed=9)
    whole = [row for row in store.nearest(query, 999)[1][0].tolist() if row in wanted]
    for k in (1, 3, 999):
        assert store.nearest(query, k, where=where)[1][0].tolist() == whole[:k]
    assert np.array_equal(store.snapshot(where).live, wanted)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_and_no_name_becomes_a_part_of_the_expression(store: MilvusStore, attack: str) -> None:
    label = Meta(("label",))
    for expression in (
        Comparison(label, "=", Text(attack)),
        OneOf(label, (Text(attack), Text("zz"))),
        Comparison(label, "=", Meta(("other",))),
        Like(label, attack.replace("\\", "\\\\").replace("%", r"\%")),
    ):
        where = Filter(expression)
        wanted = [record.key for record in gallery() if where.matches(record)]
        assert [record.key for _, record in store.records(where=where)] == wanted
    if not set(attack) & set('"\\') and attack.isprintable():
        assert list(store.records(where=Filter(Comparison(Meta((attack,)), "=", Text("x"))))) == []


def test_expressions_that_are_too_long_are_asked_in_part() -> None:
    many = OneOf(Meta(("label",)), tuple(Text(f"v{i}") for i in range(5000)))
    assert filtering.condition(Filter(many)) == filtering.Asked()
    none = filtering.condition(Filter(Not(many)))
    assert not none.exact
    assert none.text.count("!=") == 1000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("width < 2.5", "width <= 2"),
        ("width >= 2.5", "width > 2"),
        ("width = 2.5", "id < 0"),
        ("width != 2.5", ""),
        ("width > 3", "width > 3"),
        ("width = 1e30", None),
        ("label = 3", 'metadata["label"] == 3'),
        ("label = 1e17", None),
        ("label = true", 'metadata["label"] == true'),
        ("label like 'ab%'", 'metadata["label"] like "ab%"'),
        ("label like 'ab'", 'metadata["label"] == "ab"'),
        ("key like 'a/b%c'", 'key like "a/b%"'),
        ("key like '%c'", None),
        ("key ilike 'a%'", None),
        ("date is missing", "modified_ns == 0"),
        ("folder is missing", None),
        ("label is missing", None),
        ("width is missing", "id < 0"),
        ("width = 1 or folder = 'x'", None),
        ("width = 1 or width != 2.5", ""),
        ("date > 0001", None),
    ],
)
def test_what_is_asked_of_a_server(text: str, wanted: str | None) -> None:
    """None stands for nothing, so that all of it is decided here; nothing at all is exact where all pass."""
    found = filtering.condition(Filter.parse(text))
    assert found.text == (wanted or "")
    if not wanted:
        assert found.exact == (wanted is not None)


def test_texts_that_servers_may_read_differently_are_not_quoted() -> None:
    assert filtering.quoted("x" * 1001) is None
    assert filtering.quoted("a\nb") is None
    assert filtering.condition(Filter(Comparison(Meta(("a\u2028b",)), "=", Text("x")))) == filtering.Asked()
