"""How filters are written, and what is said about those that are not."""

from __future__ import annotations

import pytest
from hypothesis import given

from filters.examples import writable_expressions
from likewise.errors import BadArgument
from likewise.filters import (
    And,
    Comparison,
    Expression,
    Fact,
    Filter,
    Like,
    Meta,
    Missing,
    Not,
    Number,
    OneOf,
    Or,
    Text,
    Truth,
    syntax,
)
from likewise.filters.literals import period

LABEL, WIDTH, KEY = Meta(("label",)), Fact("width"), Fact("key")
TIGER = Comparison(LABEL, "=", Text("tiger"))
WIDE = Comparison(WIDTH, ">", Number(1000))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("label = 'tiger'", TIGER),
        ("label == 'tiger'", TIGER),
        ("  LABEL.x != 3 ", Comparison(Meta(("LABEL", "x")), "!=", Number(3))),
        ("label<>'it''s'", Comparison(LABEL, "!=", Text("it's"))),
        ("1000<width", WIDE),
        ("1e3 < width", Comparison(WIDTH, ">", Number(1000.0))),
        ("not label = 'tiger' and width > 1000", And((Not(TIGER), WIDE))),
        ("NOT (label = 'tiger' AND width > 1000)", Not(And((TIGER, WIDE)))),
        ("label = 'tiger' or label = 'tiger' and width > 1000", Or((TIGER, And((TIGER, WIDE))))),
        ("(label = 'tiger' or width > 1000) and width > 1000", And((Or((TIGER, WIDE)), WIDE))),
        ("label in ('tiger', 'lion', 'tiger')", OneOf(LABEL, (Text("tiger"), Text("lion")))),
        ("label not in ('tiger')", Not(OneOf(LABEL, (Text("tiger"),)))),
        ("path like 'old/%'", Like(KEY, "old/%")),
        ("not key ilike 'old/%'", Not(Like(KEY, "old/%", any_case=True))),
        ("label is null", Missing(LABEL)),
        ("label is not missing", Not(Missing(LABEL))),
        ("width between 5 and 6", And((Comparison(WIDTH, ">=", Number(5)), Comparison(WIDTH, "<=", Number(6))))),
        ("seen = true", Comparison(Meta(("seen",)), "=", Truth(True))),
        ("seen != FALSE", Comparison(Meta(("seen",)), "!=", Truth(False))),
        ("size >= 2MB", Comparison(Fact("size"), ">=", Number(2_000_000))),
        ("size < 1.5 KiB", Comparison(Fact("size"), "<", Number(1536))),
        ("3 kB > size", Comparison(Fact("size"), "<", Number(3000))),
        ("size in (1kb, 0.5b)", OneOf(Fact("size"), (Number(1000), Number(0.5)))),
        ("weight > 2 mib", Comparison(Meta(("weight",)), ">", Number(2**21))),
        ("date >= 2024-05-01", Comparison(Fact("date"), ">=", period("2024-05-01"))),
        ("date = 2024", Comparison(Fact("date"), "=", period("2024"))),
        ("date < '2024-05-01 10:30+02:00'", Comparison(Fact("date"), "<", period("2024-05-01T08:30"))),
        ("date < 2024-05-01T10:30Z", Comparison(Fact("date"), "<", period("2024-05-01T10:30"))),
        ("taken >= 2024-05-01", Comparison(Meta(("taken",)), ">=", Text("2024-05-01"))),
        ('"odd name"."a.b" = -1', Comparison(Meta(("odd name", "a.b")), "=", Number(-1))),
        ('"and" = .5', Comparison(Meta(("and",)), "=", Number(0.5))),
        ("metadata.width = 3", Comparison(Meta(("width",)), "=", Number(3))),
        ("metadata = 3", Comparison(Meta(("metadata",)), "=", Number(3))),
        ("width > height", Comparison(WIDTH, ">", Fact("height"))),
        ("folder = label", Comparison(Fact("folder"), "=", LABEL)),
        ("x-ray = 'naïve'", Comparison(Meta(("x-ray",)), "=", Text("naïve"))),
        ("größe > +1", Comparison(Meta(("größe",)), ">", Number(1))),
    ],
)  # fmt: skip
def test_a_text_says_what_it_says(text: str, wanted: Expression) -> None:
    assert Filter.parse(text).expression == wanted


@given(writable_expressions)
def test_what_is_written_is_read_again_as_the_same(expression: Expression) -> None:
    text = str(Filter(expression))
    assert Filter.parse(text) == Filter(expression)
    assert str(Filter.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "place", "way_out"),
    [
        ("", "filter is empty", "leave it away"),
        ("   ", "filter is empty", "leave it away"),
        ("width >", "at the end of «width >»", "such as width > 1000"),
        ("not", "at the end", "a field, a sign and a value"),
        ("flag", "at the end", "a field, a sign and a value"),
        ("width > 'a'", "character 9, at «'a'»", "write width > 1000"),
        ("label = 'x", "character 9", "is not closed, and a quote inside is written twice"),
        ('"label = 3', "character 1", "is not closed"),
        ("(a=1", "at the end", "the bracket of character 1 is still open"),
        ("a=1)", "character 4, at «)»", "never opened"),
        ("a=1 c=2", "character 5, at «c=2»", "and, or or stands between"),
        ("a = tiger b", "character 11, at «b»", "texts stand in single quotes"),
        ("widht ! 3", "character 7", "write not"),
        ("a = 1 && b = 2", "character 7, at «&& b = 2»", "write and"),
        ("a = 1\n   # no", "character 10, at «# no»", "means nothing here"),
        ("label = null", "character 9", "write is missing"),
        ("in = 3", "character 1", 'written "in"'),
        ("(= 3)", "character 2", "the name of a field is wanted: key, folder, width"),
        ("1 < 2", "character 5", "the name of a field is wanted"),
        ("x in 3", "character 6", "between brackets"),
        ("x in ()", "character 7", "a value is wanted"),
        ("x in (1, 'a')", "character 10", "of different kinds"),
        ("x in (1 2)", "character 9", "a comma or the closing bracket"),
        ("x between 1 or 2", "character 13", "between 1 and 5"),
        ("x between 1 and 'a'", "character 17", "of different kinds"),
        ("x between true and false", "character 11", "no order"),
        ("x > true", "character 5", "compare them with = or !="),
        ("true < x", "character 1", "compare them with = or !="),
        ("x is 3", "character 6", "not missing"),
        ("x not 3", "character 7", "else not stands before the field"),
        ("x y", "character 3", "here stands one of ="),
        ("x = )", "character 5", "a value is wanted"),
        ("x like 3", "character 8", "stands a text"),
        ("width like 'a'", "character 7", "compare with = < >"),
        ("key > true", "character 7", "key is a text: write 'true'"),
        ("folder = 2019", "character 10", "folder is a text: write '2019'"),
        ("key = '/home/ada/a.jpg'", "character 7", "as `likewise list` prints it"),
        ("path like '~/%'", "character 11", "begins with no / or ~"),
        ("size > 2XB", "character 9", "'XB' is no unit: write kB"),
        ("width > 2MB", "character 10", "width counts pixels"),
        ("date > 'tomorrow'", "character 8", "'tomorrow' is no date: write 2024-05-01"),
        ("date > 2024-02-30", "character 8", "in no calendar: day"),
        ("date > true", "character 8", "date is compared with dates"),
        ("date > 5", "character 8", "date is compared with dates"),
        ("date > taken", "character 8", "date is compared with dates"),
        ("date > width", "character 8", "a date and a number cannot be compared"),
        ("a = 1e999", "character 5", "give a number below 1e308"),
        ('"" = 3', "character 1", "at least one character"),
        ('a."b\\c" = 3', "character 1", "backslash"),
        ("x = 'a long text that goes on and on and on' y", "character 46, at «y»", "between two conditions"),
        ("y x = 'a long text that goes on and on and on' y", "character 3, at «x = 'a long text that goes on and on an…»", "one of ="),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place_and_a_way_out(text: str, place: str, way_out: str) -> None:
    with pytest.raises(BadArgument) as caught:
        Filter.parse(text)
    assert str(caught.value).startswith("where")
    assert place in str(caught.value)
    assert way_out in str(caught.value)


def test_what_no_database_could_take_is_refused() -> None:
    deep = "(" * syntax.MOST_DEPTH + "a = 1" + ")" * syntax.MOST_DEPTH
    Filter.parse(deep)
    with pytest.raises(BadArgument, match="more than 12 brackets"):
        Filter.parse(f"({deep})")
    with pytest.raises(BadArgument, match="more than 12 brackets"):
        Filter.parse("not " * 13 + "a = 1")
    many = " or ".join(["a = 1"] * syntax.MOST_CONDITIONS)
    Filter.parse(many)
    with pytest.raises(BadArgument, match="by in"):
        Filter.parse(f"{many} or a = 2")
    with pytest.raises(BadArgument, match="a pattern of 4,097 characters"):
        Filter.parse(f"a like '{'x' * 4097}'")


def test_brackets_side_by_side_are_no_deeper_than_one() -> None:
    assert Filter.parse(" and ".join(["(a = 1)"] * 60))


def test_made_by_hand_only_what_means_something_is_taken() -> None:
    with pytest.raises(BadArgument, match="no fact is called 'colour'"):
        Fact("colour")
    for path in ((), ("",), ('a"b',), ("a\\b",), ("a\n",)):
        with pytest.raises(BadArgument, match="no filter can name"):
            Meta(path)
    for number in (float("inf"), float("nan"), 10**400):
        with pytest.raises(BadArgument, match="below 1e308"):
            Number(number)
    for make in (lambda: OneOf(LABEL, ()), lambda: And(()), lambda: Or(())):
        with pytest.raises(BadArgument, match="says nothing"):
            make()


def test_the_fields_that_are_compared_are_told_once_each() -> None:
    where = Filter.parse("a = 1 and (not b in (2) or c is missing) and a < d and width > 3 and c.x like 'y'")
    assert where.asked_of == (Meta(("a",)), Meta(("b",)), Meta(("d",)), WIDTH, Meta(("c", "x")))


def test_true_is_not_one() -> None:
    assert Filter.parse("a = true") != Filter.parse("a = 1")
    assert Filter.parse("a = 1.0") == Filter.parse("a = 1")
