"""Which fields some images have, and with which values."""

from __future__ import annotations

import pytest

from likewise.filters import summary
from likewise.filters.summary import FieldSummary, summarised
from likewise.types import Json, Record


def images(*metadata: dict[str, Json]) -> list[Record]:
    return [
        Record(f"{'ab'[i % 2]}/{i}.jpg", "", 100 + i, i * 1_500_000_000, 640, 480 + i, told)
        for i, told in enumerate(metadata)
    ]


def of(name: str, *metadata: dict[str, Json], top: int = 5) -> FieldSummary:
    return {each.name: each for each in summarised(images(*metadata), top)}[name]


def test_facts_come_first_then_metadata_by_name() -> None:
    names = [each.name for each in summarised(images({"z": 1, "label": "x", "camera": {"b": 1, "a": 2}, "width": 3}))]
    assert names == [
        "key",
        "folder",
        "width",
        "height",
        "size",
        "date",
        "camera.a",
        "camera.b",
        "label",
        "metadata.width",
        "z",
    ]


def test_kinds_are_counted_and_so_is_what_is_missing() -> None:
    told = of("x", {"x": "1"}, {"x": 1}, {"x": 2.5}, {"x": True}, {"x": None}, {}, {"x": ["1"]})
    assert told.kinds == {"number": 2, "text": 1, "truth": 1, "other": 1}
    assert told.missing == 2
    assert (told.least, told.most) == (1, 2.5)
    assert told.distinct == 4
    assert dict(told.top) == {"1": 1, 1: 1, 2.5: 1}  # True equals 1 in Python, and is told apart here
    assert len(told.top) == 4


def test_the_most_frequent_values_are_told_first() -> None:
    labels: list[dict[str, Json]] = [{"label": each} for each in "abbccc"]
    assert of("label", *labels).top == (("c", 3), ("b", 2), ("a", 1))
    assert of("label", *labels, top=1).top == (("c", 3),)
    assert of("folder", *labels).top == (("a", 3), ("b", 3))


def test_where_all_values_differ_none_is_told() -> None:
    told = of("x", *({"x": str(i)} for i in range(9)))
    assert (told.distinct, told.top) == (9, ())
    assert of("x", {"x": "a"}, {"x": "b"}).top == (("a", 1), ("b", 1))


def test_dates_are_told_as_dates_and_only_by_their_range() -> None:
    told = of("date", {}, {}, {})
    assert told.kinds == {"date": 2}
    assert (told.least, told.most, told.missing) == ("1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z", 1)
    assert told.top == ()


def test_so_many_values_are_counted_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_MOST_COUNTED", 3)
    told = of("x", *({"x": i} for i in (1, 1, 2, 3, 4, 5)))
    assert (told.distinct, told.top, told.least, told.most) == (None, (), 1, 5)
    monkeypatch.setattr(summary, "_MOST_FIELDS", 8)
    names = [each.name for each in summarised(images({"a": 1}, {"b": 1}, {"c": 1, "a": 2}))]
    assert names[6:] == ["a", "b"]


def test_what_no_filter_can_name_is_passed_over() -> None:
    assert [each.name for each in summarised(images({'a"b': 1, "": 2, "a b": 3, "and": 4}))][6:] == ['"a b"', '"and"']


def test_no_images_have_no_values() -> None:
    for each in summarised([]):
        assert (each.kinds, each.missing, each.least, each.distinct, each.top) == ({}, 0, None, 0, ())
