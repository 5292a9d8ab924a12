"""Files named one by one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from likewise.errors import SourceError
from likewise.sources import open_source
from likewise.types import Item
from places import keys, picture, write_tree


def listing(tmp_path: Path, text: str | bytes, name: str = "list.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("name", ["list.txt", "LIST.LST", "my.list"])
def test_a_list_names_images_in_its_order_each_once(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path)
    place = listing(tmp_path, "b.png\n\n# a remark\n   \na/é.png\r\n./b.png\na.png", name)
    assert keys(open_source(str(place))) == ["b.png", "a/é.png", "a.png"]


def test_spaces_and_odd_characters_belong_to_the_name(tmp_path: Path) -> None:
    names = [" a.png", "b.png ", "c\x0bd.png", "e\u2028f.png", "g\x85.png"]
    write_tree(tmp_path, names)
    source = open_source(str(listing(tmp_path, "\n".join(names))))
    assert [source.read(item) for item in source.items()] == [picture(name) for name in names]


def test_a_list_may_name_images_anywhere(tmp_path: Path) -> None:
    write_tree(tmp_path / "x", ["1.png"])
    write_tree(tmp_path / "y", ["2.png"])
    source = open_source(str(listing(tmp_path / "x", f"1.png\n{tmp_path}/y/2.png")))
    assert source.location == str(tmp_path)
    assert keys(source) == ["x/1.png", "y/2.png"]


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write_tree(tmp_path)))
    assert keys(open_source(str(listing(tmp_path, "~/a.png")))) == ["a.png"]
    assert keys(open_source("~/list.txt")) == ["a.png"]


def test_what_is_missing_is_listed_and_says_so_when_read(tmp_path: Path) -> None:
    source = open_source(str(listing(tmp_path, "gone.png\nsub")))
    (tmp_path / "sub").mkdir()
    assert list(source.items()) == [Item("gone.png"), Item("sub")]
    with pytest.raises(SourceError, match="No such file"):
        source.read(Item("gone.png"))
    with pytest.raises(SourceError, match="is a folder: name it by itself"):
        source.read(Item("sub"))


def test_a_list_covers_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    source = open_source(str(listing(write_tree(tmp_path), "a.png\ngone.png")))
    assert source.covers("a.png")
    assert source.covers("gone.png")
    assert not source.covers("b.png")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_that_windows_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    write_tree(tmp_path)
    assert keys(open_source(str(listing(tmp_path, "a/é.png\r\nb.png\r\n".encode(encoding))))) == ["a/é.png", "b.png"]


def test_names_that_are_no_unicode_may_stand_on_a_list(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xfc"
    os.mkdir(folder)  # noqa: PTH102
    Path(os.fsdecode(folder + b"/\xe9.png")).write_bytes(b"here")
    (place := Path(os.fsdecode(folder + b"/list.txt"))).write_bytes(b"\xe9.png\n")
    source = open_source(str(place))
    assert [source.read(item) for item in source.items()] == [b"here"]
    assert keys(open_source(source.name)) == keys(source)


@pytest.mark.parametrize("data", [b"\xff\xfeabc", b"\x89PNG\0\0"])
def test_a_file_that_is_no_text_is_no_list(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError, match=r"list\.txt: "):
        open_source(str(listing(tmp_path, data)))


def test_standard_input_is_a_list_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_tree(tmp_path))
    source = open_source("-", lines=["a.png\n", "\n", "# no\n", "a/é.png\n"])
    assert (source.name, source.location) == ("-", str(tmp_path))
    assert keys(source) == ["a.png", "a/é.png"]
    with pytest.raises(SourceError, match="standard input"):
        open_source("-")


def test_an_empty_list_is_an_empty_source(tmp_path: Path) -> None:
    assert keys(open_source(str(listing(tmp_path, "# nothing yet\n")))) == []


def test_a_single_image_is_a_source_of_one_whatever_its_name(tmp_path: Path) -> None:
    for name in ("#1.png", "~x.png", "odd"):
        write_tree(tmp_path, [name])
        source = open_source(str(tmp_path / name))
        assert keys(source) == [name]
        assert source.read(Item(name)) == picture(name)
