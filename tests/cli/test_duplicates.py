"""`likewise duplicates` as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from likewise import cli
from likewise.cli import duplicates as command
from photos import album, encoded, photo, write

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("template")
    album(place / "album")
    CliRunner().invoke(cli.likewise, ["-c", str(place), "index", str(place / "album"), "--model", "classical"])
    return place


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def run(place: Path) -> Run:
    def call(*words: str | Path) -> Result:
        result = CliRunner().invoke(
            cli.likewise, ["-c", str(place), "duplicates", *map(str, words)], standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        return result

    return call


def test_in_a_pipe_each_file_is_a_line(run: Run, place: Path) -> None:
    lines = [line.split("\t") for line in run("--keep", "oldest").stdout.splitlines()]
    kept = {line[3] for line in lines if line[1] == "keep"}
    assert kept == {str(place / "album" / name) for name in ("again/00.png", "small/01.jpg", "02 brighter.png")}
    assert sorted(line[1] for line in lines) == ["copy", "copy", "copy", "keep", "keep", "keep", "same"]
    assert {line[0] for line in lines} == {"1", "2", "3"}


def test_a_filter_narrows_what_is_compared(run: Run) -> None:
    lines = run("--where", "width > 100", "--keep", "oldest").stdout.splitlines()
    assert len(lines) == 6
    assert not any("small/01.png" in line for line in lines)


def test_the_list_names_what_could_go_and_touches_nothing(run: Run, place: Path) -> None:
    before = sorted(place.rglob("*.png"))
    found = run("--list", "--keep", "oldest")
    expected = {str(place / "album" / name) for name in ("00.png", "01.png", "small/01.png", "02.png")}
    assert set(found.stdout.splitlines()) == expected
    assert set(run("-0", "--keep", "oldest").stdout_bytes.split(b"\0")) == {b"", *map(os.fsencode, expected)}
    assert sorted(place.rglob("*.png")) == before


def test_a_copy_is_not_listed_if_it_or_the_kept_one_is_no_longer_what_was_compared(run: Run, place: Path) -> None:
    write(place / "album" / "02.png", encoded(photo(77)))
    found = run("--list", "--keep", "oldest", "--exact")
    assert found.stdout.splitlines() == [str(place / "album" / "00.png")]
    (place / "album" / "again" / "00.png").unlink()
    found = run("--list", "--keep", "oldest", "--exact")
    assert found.stdout == ""
    assert "00.png: album/again/00.png, which is kept, is no longer there: left out" in found.stderr
    assert "1 copy left out" in found.stderr
    found = run("--list", "--keep", "oldest", "--verify", "none", "--score", "0.5", "--linkage", "single")
    assert "02.png: has changed since: index it again: left out" in found.stderr


def test_one_file_under_two_names_is_not_listed(run: Run, place: Path) -> None:
    (place / "album" / "again" / "00.png").unlink()
    (place / "album" / "again" / "00.png").hardlink_to(place / "album" / "00.png")
    CliRunner().invoke(cli.likewise, ["-c", str(place), "index", str(place / "album")])
    found = run("--list", "--exact")
    assert found.stdout == ""
    assert "is the same file as" in found.stderr


def test_what_lies_in_an_archive_is_no_file_that_could_go(tmp_path: Path) -> None:
    album(tmp_path / "album")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "album"))
    shutil.rmtree(tmp_path / "album")
    runner = CliRunner()
    runner.invoke(cli.likewise, ["-c", str(tmp_path), "index", str(packed), "--model", "classical"])
    found = runner.invoke(cli.likewise, ["-c", str(tmp_path), "duplicates", "--list", "--exact"])
    assert found.stdout == ""
    assert "lies in an archive" in found.stderr


@pytest.mark.skipif(os.name == "nt", reason="names there have no line breaks")
def test_a_name_with_a_line_break_is_only_listed_with_nul(run: Run, place: Path) -> None:
    write(place / "album" / "a\nb.png", encoded(photo(4)), age_days=1)  # younger than 04.png
    CliRunner().invoke(cli.likewise, ["-c", str(place), "index", str(place / "album")])
    found = run("--list", "--exact", "--keep", "oldest")
    assert "a" not in found.stdout.splitlines()
    assert "-0 lists it" in found.stderr
    listed = run("-0", "--exact", "--keep", "oldest").stdout_bytes.split(b"\0")
    assert os.fsencode(place / "album" / "a\nb.png") in listed


def test_a_terminal_shows_tables_and_what_was_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.cli.search.on_terminal", lambda: True)
    monkeypatch.setattr(command, "_MOST_ON_SCREEN", 2)
    told = run().stdout
    assert "1. " in told
    assert "keep" in told
    assert "and 1 group more" in told
    assert "4 images" in told
    assert "nothing was deleted" in told


def test_without_duplicates_a_terminal_is_told_so(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "album" / "again" / "00.png").unlink()
    CliRunner().invoke(cli.likewise, ["-c", str(place), "index", str(place / "album")])
    CliRunner().invoke(cli.likewise, ["-c", str(place), "forget", "album"])
    monkeypatch.setattr("likewise.cli.search.on_terminal", lambda: True)
    told = run("--exact").stdout
    assert "groups       0 among" in told
    assert "copies are   equal bytes" in told
    assert "could go; --list" not in told


def test_json_has_all(run: Run) -> None:
    told = json.loads(run("--json", "--keep", "oldest", "--significance", "5").stdout)
    assert told["keep"] == "oldest"
    assert told["images"] == 28
    assert told["pairs"] == 378
    assert told["pairs_by_chance"] > 0
    groups = {group["kept"]["key"]: group for group in told["groups"]}
    copies = groups["album/small/01.jpg"]["copies"]
    assert {copy["key"] for copy in copies} == {"album/01.png", "album/small/01.png"}
    assert all(0.9 <= copy["agreement"] <= 1 and copy["direct"] and not copy["same_bytes"] for copy in copies)
    assert groups["album/again/00.png"]["copies"][0]["same_bytes"]
    exact = json.loads(run("--json", "--exact").stdout)
    assert (exact["score"], exact["pairs"], exact["verify"]) == (None, None, None)


def test_the_page_shows_groups_side_by_side(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "out" / "same.html"
    found = run("--html", page)
    text = page.read_text("utf-8")
    assert "page in" in found.stderr
    assert text.count("<section") == 3
    assert text.count("✓ keep") == 3
    assert text.count("<img") == 7
    assert "kept: most" in text
    assert "same bytes" in text
    assert "pixels agree 0.9" in text or "pixels agree 1.00" in text
    assert "<script" not in text
    monkeypatch.setattr(command, "_MOST_ON_PAGE", 1)
    run("--html", page)
    text = page.read_text("utf-8")
    assert text.count("<section") == 1
    assert "2 groups: --json has all" in text


def test_a_large_group_is_shown_in_part(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.collection.copies._MOST_SHOWN", 1)
    run("--html", tmp_path / "same.html", "--keep", "oldest")
    assert "1 more copy is not shown" in (tmp_path / "same.html").read_text("utf-8")


def test_a_chain_says_who_is_no_copy_of_the_kept_one(run: Run, tmp_path: Path) -> None:
    found = run("--verify", "none", "--score", "0.3", "--linkage", "single", "--html", tmp_path / "same.html")
    assert "\tchain\t" in found.stdout
    assert "by way of others" in (tmp_path / "same.html").read_text("utf-8")


def test_originals_that_are_gone_are_told(run: Run, place: Path, tmp_path: Path) -> None:
    (place / "album" / "02.png").unlink()
    run("--html", tmp_path / "same.html", "--significance", "20")
    assert "could not be read" in (tmp_path / "same.html").read_text("utf-8")


@pytest.mark.parametrize("words", [("--score", "0.9", "--significance", "1"), ("--json", "--list"), ("--json", "-0")])
def test_options_that_contradict_are_refused(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError, match="give one of them"):
        run(*words)


def test_search_folds_copies_when_asked(place: Path, run: Run) -> None:
    arguments = ["-c", str(place), "search", str(place / "album" / "01.png"), "-k", "2", "--fold", "--json"]
    told = json.loads(CliRunner().invoke(cli.likewise, arguments).stdout)
    assert [len(hit["folded"]) for hit in told["hits"]] == [2, 0]
