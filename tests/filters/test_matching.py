"""Which images pass: the reference, against what is worked out by hand."""

from __future__ import annotations

import pytest

from likewise.errors import BadArgument
from likewise.filters import Filter
from likewise.filters.literals import period
from likewise.types import Metadata, Record

DAY_NS = 86_400 * 10**9


def image(key: str = "birds/heron/1.jpg", *, date_ns: int = DAY_NS, **metadata: object) -> Record:
    told: Metadata = metadata  # type: ignore[assignment]
    return Record(key, "00", 2_000, date_ns, 640, 480, told)


def passes(text: str, record: Record) -> bool:
    return Filter.parse(text).matches(record)


def test_facts_are_compared() -> None:
    for text in (
        "key = 'birds/heron/1.jpg'", "path like 'birds/%'", "folder = 'heron'", "width = 640", "height < 481", "size = 2kB",
        "date = 1970-01-02", "width > height", "width between 640 and 640", "not width in (1, 2)", "width != 641",
    ):  # fmt: skip
        assert passes(text, image()), text
        assert not passes(f"not ({text})", image()), text


@pytest.mark.parametrize(
    "text", ["x = 'a'", "x != 'a'", "x in ('a')", "x like '%'", "x ilike '%'", "x < 1", "x = true", "x = y", "x between 1 and 2"]
)  # fmt: skip
@pytest.mark.parametrize("metadata", [{}, {"x": None}, {"x": ["a"]}, {"x": {"a": 1}}])
def test_what_is_missing_never_passes_nor_does_its_opposite(text: str, metadata: dict[str, object]) -> None:
    assert not passes(text, image(**metadata))
    assert not passes(f"not ({text})", image(**metadata))
    assert passes(f"({text}) or width = 640", image(**metadata))
    assert not passes(f"not (({text}) or width = 1)", image(**metadata))
    assert passes(f"not (({text}) and width = 1)", image(**metadata))


def test_only_what_is_not_there_is_missing() -> None:
    for metadata in ({}, {"x": None}):
        assert passes("x is missing", image(**metadata))
        assert not passes("x is not missing", image(**metadata))
    for value in ("", 0, False, [], {}):
        assert passes("x is not missing", image(x=value))
    assert passes("x.y is missing", image(x=3))
    assert passes("date is missing and folder is null", image("1.jpg", date_ns=0))
    assert passes("date is not missing and key is not missing", image())


def test_a_value_of_another_kind_counts_as_missing() -> None:
    for value, text in (("1", "x = 1"), (1, "x = '1'"), (True, "x = 1"), (1, "x = true"), ("true", "x = true")):
        assert not passes(text, image(x=value))
        assert not passes(f"not {text}", image(x=value))
    assert not passes("x = y or not x = y", image(x=1, y="1"))
    assert passes("x = y and x <= y", image(x=1, y=1.0))
    assert passes("x = y and not x != y", image(x=True, y=True))
    assert not passes("x <= y or not x <= y", image(x=True, y=True))


def test_case_counts_except_for_ilike() -> None:
    assert not passes("x = 'Tiger' or x in ('TIGER') or x like 'T%'", image(x="tiger"))
    assert passes("x ilike 'T_GER' and x = 'tiger'", image(x="tiger"))
    assert passes("x ilike '%STRASSE' and y ilike 'é'", image(x="Lange Straße", y="É"))


def test_patterns_stand_for_a_whole_text() -> None:
    for pattern in ("a%b", "a_%b", "%", r"a.\%b", "a.%"):
        assert passes(f"x like '{pattern}'", image(x="a.%b")), pattern
    for pattern in ("a", "a_b", "%%c", r"a\%%", ".*"):
        assert not passes(f"x like '{pattern}'", image(x="a.%b")), pattern
    assert passes("x like 'a_b'", image(x="a\nb"))
    assert passes(r"x like 'a\\'", image(x="a\\"))
    assert passes("x like '%\\'", image(x="a\\"))


def test_a_date_stands_for_all_of_its_day_month_or_minute() -> None:
    last = image(date_ns=2 * DAY_NS - 1)
    assert passes(
        "date = 1970-01-02 and date <= 1970-01-02 and date >= 1970-01-02 and date = 1970 and date = 1970-01", last
    )
    assert not passes("date > 1970-01-02 or date < 1970-01-02 or date != 1970-01-02 or date = 1970-01-03", last)
    assert passes("date > 1970-01-01 and date < 1970-01-03 and date != 1970-01-03", last)
    assert passes("date between 1970-01-01 and 1970-01-02 and date in (1970-01-05, 1970-01-02)", last)
    assert passes("date > '1970-01-02 23:58' and date = '1970-01-03T00:59+01:00'", last)


@pytest.mark.parametrize(
    ("text", "start", "seconds"),
    [
        ("1970", 0, 365 * 86400),
        ("1972", 2 * 365 * 86400, 366 * 86400),
        ("1970-12", 334 * 86400, 31 * 86400),
        ("1970-01-02", 86400, 86400),
        ("1970-01-01T01:00", 3600, 60),
        ("1970-01-01 00:00:05Z", 5, 1),
        ("1970-01-01T00:00:05.25-00:30", 1805.25, 0.01),
        ("1969-12-31T23:59:59", -1, 1),
    ],
)
def test_a_date_is_a_span_of_nanoseconds(text: str, start: float, seconds: float) -> None:
    found = period(text)
    assert (found.start_ns, found.end_ns - found.start_ns) == (round(start * 1e9), round(seconds * 1e9))


def test_dates_beyond_64_bits_are_the_first_or_the_last_moment() -> None:
    assert passes("date > 0001-01-01 and date < 9999-12-31T23:59:59", image())
    with pytest.raises(BadArgument, match="in no calendar"):
        period("0000-01-01")
    with pytest.raises(BadArgument, match="in no calendar"):
        period("2024-01-01T10:00+99:00")
    with pytest.raises(BadArgument, match="is no date"):
        period("2024-01-01Z")


def test_numbers_are_compared_exactly() -> None:
    assert not passes("x = 9007199254740993", image(x=2.0**53))
    assert passes("x = 9007199254740993", image(x=2**53 + 1))
    assert passes(f"x = {2**64}", image(x=2.0**64))
    assert not passes("x > 0 or not x > 0", image(x=float("nan")))


def test_nested_and_oddly_named_metadata_are_reached() -> None:
    record = image(
        camera={"model": "X-1", "lens": {"f number": 1.8}}, width="wide", **{"a.b": 1, "and": 2, "metadata": {"x": 3}}
    )
    assert passes("camera.model = 'X-1' and camera.lens.\"f number\" < 2", record)
    assert passes(
        '"a.b" = 1 and "and" = 2 and metadata.width = \'wide\' and width = 640 and metadata.metadata.x = 3', record
    )
    assert not passes("a.b = 1 or camera.model.name = 'X-1'", record)
