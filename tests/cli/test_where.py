"""Filters on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

from likewise import cli
from likewise.collection import Collection
from likewise.encoders import load
from likewise.filters import summary

Run = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Six pictures, red and blue, of widths 10 to 60; the red ones have a mark."""
    for i in range(1, 7):
        path = tmp_path / "pictures" / ("red" if i <= 2 else "blue") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Picture.new("RGB", (10 * i, 30), (200, i, 0) if i <= 2 else (0, i, 200)).save(path)
    with Collection.create(tmp_path, load("pixels")) as made:
        made.index(tmp_path / "pictures")
        with made.store.write() as writer:
            marked = list(made.records("folder = 'red'"))
            writer.refresh([replace(each, metadata={"mark": each.width / 10, "seen": True}) for each in marked])
    return tmp_path


@pytest.fixture
def run(place: Path) -> Run:
    def call(*words: str | Path) -> Result:
        return CliRunner().invoke(cli.likewise, ["-c", str(place), *map(str, words)], standalone_mode=False)

    return call


def test_search_brings_only_what_passes(run: Run, place: Path) -> None:
    query = place / "pictures" / "red" / "1.png"
    lines = run("search", query, "--where", "folder = 'blue' and width > 40", "-k", "9").stdout.splitlines()
    assert sorted(line.split("\t")[2] for line in lines) == [str(place / f"pictures/blue/{i}.png") for i in (5, 6)]
    told = json.loads(run("search", query, "--where", "mark=2", "--json", "--rerank", "aqe:1").stdout)
    assert told["where"] == "mark = 2"
    assert [hit["key"] for hit in told["hits"]] == ["pictures/red/2.png"]
    assert json.loads(run("search", query, "--json").stdout)["where"] == ""


def test_pages_say_what_was_searched(run: Run, place: Path) -> None:
    run("search", place / "pictures/red/1.png", "--where", "width>40", "--html", place / "page.html")
    assert "where width &gt; 40" in (place / "page.html").read_text("utf-8")


def test_what_is_wrong_with_a_filter_is_one_line(run: Run, place: Path) -> None:
    query = str(place / "pictures" / "red" / "1.png")
    for words, told in (
        (("search", query, "--where", "width >"), "at the end of «width >»"),
        (("search", query, "--where", "marc = 3"), "did you mean mark"),
        (("list", "--where", "folder = red"), "write 'red' if it is a text"),
        (("info", "--fields", "--where", "folder = 'red"), "is not closed"),
        (("forget", "--where", "(width = 3"), "still open"),
    ):
        result = run(*words)
        assert told in str(result.exception)
        assert "\n" not in str(result.exception)


def test_list_prints_the_keys_of_what_passes(run: Run) -> None:
    assert run("list").stdout.splitlines() == [
        *(f"pictures/blue/{i}.png" for i in (3, 4, 5, 6)),
        *(f"pictures/red/{i}.png" for i in (1, 2)),
    ]
    assert run("list", "--where", "mark > 1").stdout == "pictures/red/2.png\n"
    told = json.loads(run("list", "--where", "mark > 1", "--json").stdout)
    assert (told["key"], told["width"], told["metadata"]) == ("pictures/red/2.png", 20, {"mark": 2.0, "seen": True})


def test_fields_are_told_as_a_table(run: Run) -> None:
    head, *lines = run("info", "--fields").stdout.splitlines()
    assert head.split() == ["field", "kind", "images", "values"]
    told = {line.split()[0]: line for line in lines}
    assert list(told) == ["key", "folder", "width", "height", "size", "date", "mark", "seen"]
    assert told["key"].endswith("6 different ones")
    assert told["folder"].endswith("'blue' (4), 'red' (2)")
    assert told["width"].endswith("10 to 60")
    assert told["height"].endswith("  30")
    assert told["mark"].split()[1:3] == ["number", "2"]
    assert told["mark"].endswith("1.0 to 2.0; 1.0 (1), 2.0 (1)")
    assert told["seen"].endswith("true (2)")
    assert re.search(r" 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["date"])


def test_fields_are_told_of_what_passes_and_as_data(run: Run) -> None:
    told = {
        each["name"]: each for each in json.loads(run("info", "--fields", "--where", "width > 15", "--json").stdout)
    }
    assert told["folder"]["top"] == [{"value": "blue", "images": 4}, {"value": "red", "images": 1}]
    assert told["folder"]["distinct"] == 2
    assert told["mark"]["kinds"] == {"number": 1}
    assert told["mark"]["missing"] == 4
    assert isinstance(run("info", "--where", "width > 15").exception, click.UsageError)


def test_long_and_many_values_are_cut_short(place: Path, run: Run) -> None:
    with Collection.open(place) as opened, opened.store.write() as writer:
        writer.refresh(
            [
                replace(
                    each, metadata={"note": "a very long text\nthat goes on for ever", "n": i // 2 % 3, "list": [1]}
                )
                for i, each in enumerate(opened.records())
            ]
        )
    told = {line.split()[0]: line for line in run("info", "--fields").stdout.splitlines()}
    assert told["note"].endswith("'a very long text that goes on f…' (6)")
    assert told["list"].split() == ["list", "other", "6"]
    assert "0 to 2; 0 (2), 1 (2), 2 (2)" in told["n"]


def test_a_field_of_too_many_values_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_MOST_COUNTED", 3)
    told = {line.split()[0]: line for line in run("info", "--fields").stdout.splitlines()}
    assert told["key"].endswith("more than 10,000 different ones")
    assert told["width"].endswith("10 to 60")


def test_forget_takes_a_filter(run: Run, place: Path) -> None:
    assert "1 image forgotten, 5 left" in run("forget", place / "pictures" / "red", "--where", "width = 20").stdout
    assert "2 images forgotten, 3 left" in run("forget", "--where", "width in (30, 40)").stdout
    assert "0 images forgotten" in run("forget", "--where", "width > 1000").stdout
    assert isinstance(run("forget").exception, click.UsageError)
    assert run("list").stdout.splitlines() == ["pictures/blue/5.png", "pictures/blue/6.png", "pictures/red/1.png"]
