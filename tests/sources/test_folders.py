"""Folders and patterns: which files are listed, in which order, and what never stops a listing."""

from __future__ import annotations

import fnmatch
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import SourceError
from likewise.sources import folders, open_source
from likewise.types import Item
from places import keys, picture, write_tree


def test_the_order_is_that_of_the_bytes_of_the_paths(tmp_path: Path) -> None:
    names = ["B.png", "a/x.png", "a.png", "a-.png", "a/b/x.png", "ä.png", "z.png", "aa/x.png"]
    found = keys(open_source(str(write_tree(tmp_path, names))))
    assert found == sorted(names, key=str.encode)


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(str(write_tree(tmp_path)))
    before = keys(source)
    scan = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            with scan(path) as entries:
                self.entries = list(entries)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert keys(source) == before


def test_only_images_are_listed_whatever_the_case_of_their_ending(tmp_path: Path) -> None:
    images = ["a.JPG", "b.Jpeg", "c.heic", "d.avif", "e.nef", "f.svg", "g.tif", "h.jxl"]
    write_tree(tmp_path, [*images, "film.mov", "notes.txt", "a.jpg.xmp", "Thumbs.db", "png", "archive.zip"])
    (tmp_path / "png").write_bytes(b"a text")
    assert keys(open_source(str(tmp_path))) == images


def test_a_file_without_an_ending_is_listed_if_it_begins_like_an_image(tmp_path: Path) -> None:
    (tmp_path / "yes").write_bytes(picture("x"))
    (tmp_path / "no").write_bytes(b"#!/bin/sh")
    (tmp_path / "empty").touch()
    assert keys(open_source(str(tmp_path))) == ["yes"]


def test_a_file_without_an_ending_that_cannot_be_opened_is_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, ["a.png", "odd"])

    def refuse(path: str, *rest: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)
    assert keys(open_source(str(tmp_path))) == ["a.png"]


def test_what_is_hidden_is_left_out_and_not_covered(tmp_path: Path) -> None:
    source = open_source(str(write_tree(tmp_path, ["a.png", ".b.png", ".likewise/c.png", "d/.e/f.png"])))
    assert keys(source) == ["a.png"]
    assert not source.covers(".b.png")
    assert not source.covers("d/.e/f.png")


def test_a_pipe_called_like_an_image_is_left_out_and_never_waited_for(tmp_path: Path) -> None:
    write_tree(tmp_path, ["a.png"])
    os.mkfifo(tmp_path / "b.png")
    os.mkfifo(tmp_path / "c")
    source = open_source(str(tmp_path))
    assert keys(source) == ["a.png"]
    with pytest.raises(SourceError, match="a pipe or a device"):
        source.read(Item("b.png"))


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "outside", ["x.png"])
    inside = write_tree(tmp_path / "inside", ["a.png", "sub/b.png"])
    (inside / "linked").symlink_to(outside)
    (inside / "sub" / "up").symlink_to(inside)
    (outside / "across").symlink_to(inside)
    (inside / "one.png").symlink_to(outside / "x.png")
    assert keys(open_source(str(inside))) == ["a.png", "linked/x.png", "one.png", "sub/b.png"]


def test_many_links_between_folders_are_each_followed_once(tmp_path: Path) -> None:
    names = [f"{i:02d}" for i in range(12)]
    for name in names:
        write_tree(tmp_path / name, ["x.png"])
    for name in names:
        for other in names:
            (tmp_path / name / f"to-{other}").symlink_to(tmp_path / other)
    found = keys(open_source(str(tmp_path)))
    assert len(found) == len(set(found)) <= 2 * len(names)
    assert [f"{name}/x.png" for name in names if f"{name}/x.png" in found] == [f"{name}/x.png" for name in names]


def test_a_broken_link_is_listed_and_says_so_when_read(tmp_path: Path) -> None:
    write_tree(tmp_path, ["a.png"])
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    source = open_source(str(tmp_path))
    assert list(source.items())[1] == Item("b.png")
    with pytest.raises(SourceError, match="No such file"):
        source.read(Item("b.png"))


def test_names_that_are_no_unicode_are_listed_and_read(tmp_path: Path) -> None:
    for name in (b"caf\xe9.png", "\U0010fce9".encode() + b".png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(picture(repr(name)))
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    write_tree(folder, ["x.png"])
    source = open_source(str(tmp_path))
    found = keys(source)
    assert len(set(found)) == 3
    assert sorted(source.read(Item(key)) for key in found) == sorted(
        [picture(repr(b"caf\xe9.png")), picture(repr("\U0010fce9".encode() + b".png")), picture("x.png")]
    )
    inner = open_source(str(folder))
    assert keys(open_source(inner.name)) == ["x.png"]
    assert all(source.covers(key) for key in found)


def test_folders_may_lie_deeper_than_python_calls(tmp_path: Path) -> None:
    key = "/".join(["d"] * 150) + "/x.png"
    source = open_source(str(write_tree(tmp_path, [key])))
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = keys(source)
    finally:
        sys.setrecursionlimit(usual)
    assert found == [key]


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Closes folders of `tmp_path` as missing permissions do, also for a user whom none are missing."""
    scan, shut = os.scandir, set[str]()

    def scandir(path: str) -> object:
        if str(path) in shut:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return lambda name: shut.add(str(tmp_path / name))


def test_a_folder_that_may_not_be_opened_is_one_item_that_says_so(
    tmp_path: Path, closed: Callable[[str], None]
) -> None:
    source = open_source(str(write_tree(tmp_path, ["a.png", "b/c.png", "d.png"])))
    closed("b")
    assert keys(source) == ["a.png", "b", "d.png"]
    with pytest.raises(SourceError, match="Permission denied"):
        source.read(Item("b"))


def test_what_lies_in_a_folder_that_may_not_be_opened_has_not_vanished(
    tmp_path: Path, closed: Callable[[str], None]
) -> None:
    source = open_source(str(write_tree(tmp_path, ["a.png", "b/c.png", "bb/c.png"])))
    assert source.covers("b/c.png")
    closed("b")
    assert len(keys(source)) == 3
    assert not source.covers("b/c.png")
    assert source.covers("b.png")
    assert source.covers("bb/c.png")


def test_the_outermost_folder_must_open(tmp_path: Path, closed: Callable[[str], None]) -> None:
    source = open_source(str(write_tree(tmp_path / "in")))
    closed("in")
    with pytest.raises(SourceError, match="in: Permission denied"):
        list(source.items())
    with pytest.raises(SourceError, match="allow it to be read"):
        open_source(str(tmp_path / "in"))


def test_a_folder_that_goes_away_while_it_is_listed_is_passed_over(tmp_path: Path) -> None:
    source = open_source(str(write_tree(tmp_path, ["a.png", "b/c.png", "d.png"])))
    listing = source.items()
    first = next(listing)
    (tmp_path / "b" / "c.png").unlink()
    (tmp_path / "b").rmdir()
    assert [first.key, *(item.key for item in listing)] == ["a.png", "d.png"]
    assert source.covers("b/c.png")


def test_an_entry_that_cannot_be_looked_at_is_no_folder() -> None:
    class Entry:
        name = "a.png"
        path = "/a.png"

        def is_dir(self, **_: bool) -> bool:
            raise OSError(5, "Input/output error")

    assert folders._is_folder(Entry()) is False  # type: ignore[arg-type]


def test_a_folder_does_not_cover_what_it_would_not_list(tmp_path: Path) -> None:
    source = open_source(str(write_tree(tmp_path, ["a.png", "scan.dat", "photos.zip"])))
    assert not source.covers("scan.dat")
    assert source.covers("gone.dat")
    assert not source.covers("photos.zip/2019/x.png")
    assert source.covers("gone.png")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate((1 << 30) + 1)
    source = open_source(str(tmp_path))
    with pytest.raises(SourceError, match="1,074 MB, over 1,074: save it smaller"):
        source.read(next(source.items()))


FILES = ["1.png", "12.png", "a.png", "b.jpg", "d/1.png", "d/e/1.png", "d/e/f/b.jpg", "dd/1.png", "x[1].png"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["1.png", "12.png", "a.png", "x[1].png"]),
        ("?.png", ["1.png", "a.png"]),
        ("[!a-z].png", ["1.png"]),
        ("x[[]1].png", ["x[1].png"]),
        ("**/*.png", ["1.png", "12.png", "a.png", "d/1.png", "d/e/1.png", "dd/1.png", "x[1].png"]),
        ("d/**/1.png", ["1.png", "e/1.png"]),
        ("**/e/**/*.jpg", ["d/e/f/b.jpg"]),
        ("d*/1.png", ["d/1.png", "dd/1.png"]),
        ("d*", ["d/1.png", "d/e/1.png", "d/e/f/b.jpg", "dd/1.png"]),
        ("**", FILES),
        ("*/../?.png", ["1.png", "a.png"]),
        ("no*.png", []),
    ],
)
def test_a_pattern_stands_for_what_it_matches(tmp_path: Path, pattern: str, found: list[str]) -> None:
    write_tree(tmp_path, [*FILES, ".hidden.png", ".h/1.png", "d/notes.txt"])
    source = open_source(f"{tmp_path}/{pattern}")
    assert keys(source) == found
    assert all(source.covers(key) for key in found)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    write_tree(tmp_path, ["x[1].png", "x1.png"])
    assert keys(open_source(str(tmp_path / "x[1].png"))) == ["x[1].png"]


def test_a_pattern_finds_what_is_hidden_only_if_it_says_so(tmp_path: Path) -> None:
    write_tree(tmp_path, [".h/1.png", ".h/.2.png", "a/.h/3.png"])
    assert keys(open_source(f"{tmp_path}/*/.h/*.png")) == ["a/.h/3.png"]
    assert keys(open_source(f"{tmp_path}/.h/*.png")) == ["1.png"]
    assert keys(open_source(f"{tmp_path}/.h/.*.png")) == [".2.png"]


def test_a_pattern_covers_what_it_would_match(tmp_path: Path) -> None:
    source = open_source(f"{write_tree(tmp_path)}/**/*.png")
    assert source.covers("gone/far/x.png")
    assert not source.covers("x.jpg")
    assert not source.covers(".h/x.png")


def test_a_pattern_ends_where_links_go_in_circles(tmp_path: Path) -> None:
    write_tree(tmp_path, ["d/1.png"])
    for name in ("x", "y"):
        (tmp_path / "d" / name).symlink_to(tmp_path)
    assert keys(open_source(f"{tmp_path}/**/*.png")) == ["d/1.png"]


def test_a_pattern_in_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: No such file"):
        list(open_source(f"{tmp_path}/nowhere/*.png").items())


@given(st.text("ab*?.", min_size=1, max_size=5), st.text("ab.", min_size=1, max_size=5))
def test_one_part_matches_as_the_shell_would_have_it(part: str, name: str) -> None:
    shape = folders._Shape([part])
    visible = not name.startswith(".") or part.startswith(".")
    matches = fnmatch.fnmatchcase(name, part) if part != "**" else True
    assert shape.is_met(shape.step(shape.start, name)) is (matches and visible)
