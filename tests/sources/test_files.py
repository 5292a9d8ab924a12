"""Folders, patterns and lists as people really have them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import png
from likewise.errors import SourceError
from likewise.sources import is_many, locate, open_source, paths
from likewise.types import Item

PICTURE = png((1, 2, 3))


def put(folder: Path, *names: str, data: bytes = PICTURE) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def keys(place: object, **given_: object) -> list[str]:
    return [item.key for item in open_source(str(place), **given_).items()]  # type: ignore[arg-type]


def test_a_folder_lists_images_below_it_in_the_order_of_bytes(tmp_path: Path) -> None:
    put(tmp_path, "b.jpg", "B.JPG", "a/z.webp", "a/ä.png", "a/b/c.HEIC", "notes.txt", "film.mov", "raw.CR2")
    assert keys(tmp_path) == ["B.JPG", "a/b/c.HEIC", "a/z.webp", "a/ä.png", "b.jpg", "raw.CR2"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, ".hidden.png", ".git/x.png", "a/.b/c.png", "seen.png")
    assert keys(tmp_path) == ["seen.png"]
    source = open_source(str(tmp_path))
    assert not source.covers(".git/x.png")
    assert source.covers("gone.png")


def test_files_without_an_ending_are_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "picture")
    put(tmp_path, "README", data=b"words")
    put(tmp_path, "heic", data=b"\0\0\0\x18ftypheic")
    assert keys(tmp_path) == ["heic", "picture"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_links_are_followed_and_loops_are_harmless(tmp_path: Path) -> None:
    put(tmp_path, "real/a.png", "elsewhere/b.png")
    gallery = put(tmp_path / "gallery", "c.png")
    (gallery / "up").symlink_to(tmp_path / "gallery")
    (gallery / "real").symlink_to(tmp_path / "real")
    (gallery / "loop").symlink_to(gallery)
    (gallery / "single.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (gallery / "dangling.png").symlink_to(tmp_path / "nothing.png")
    assert keys(gallery) == ["c.png", "dangling.png", "real/a.png", "single.png"]
    source = open_source(str(gallery))
    assert source.read(Item("single.png")) == PICTURE
    with pytest.raises(SourceError, match="No such file"):
        source.read(Item("dangling.png"))


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no Unicode")
def test_names_that_are_no_unicode_come_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    put(tmp_path, name)
    (key,) = keys(tmp_path)
    key.encode("utf-8")
    source = open_source(str(tmp_path))
    assert source.read(Item(key)) == PICTURE
    found, item = locate(f"{source.location}/{key}")
    assert found.read(item) == PICTURE
    (tmp_path / "list.txt").write_bytes(os.fsencode(name) + b"\n")
    assert keys(tmp_path / "list.txt") == [key]


@given(st.binary(max_size=30))
def test_any_name_is_kept_reversibly(name: bytes) -> None:
    text = os.fsdecode(name)
    kept = paths.kept(text)
    kept.encode("utf-8")
    assert paths.real(kept) == text


def test_a_folder_that_may_not_be_opened_is_told_of_and_the_rest_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/x.png", "b/y.png")
    original = os.scandir

    def forbidden(path: str) -> object:
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    assert keys(tmp_path) == ["a", "b/y.png"]
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(str(tmp_path)).read(Item("a"))


def test_a_file_that_goes_while_it_is_listed_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", "b", "c.png")
    items = open_source(str(tmp_path)).items()
    first = next(items)
    (tmp_path / "c.png").unlink()
    (tmp_path / "b").unlink()
    assert first.size_bytes == len(PICTURE)
    rest = list(items)
    assert [item.key for item in rest] == ["c.png"]
    assert rest[0].size_bytes == -1


def test_a_list_keeps_its_order_and_takes_each_path_once(tmp_path: Path) -> None:
    put(tmp_path, "b.png", "a.png", "sub/c.png")
    (tmp_path / "my.txt").write_text("# a remark\nsub/c.png\n\nb.png\n./sub/../a.png\nb.png\r\nmissing.png\n")
    assert keys(tmp_path / "my.txt") == ["sub/c.png", "b.png", "a.png", "missing.png"]
    source = open_source(str(tmp_path / "my.txt"))
    assert source.covers("missing.png")
    assert not source.covers("other.png")
    with pytest.raises(SourceError, match="No such file"):
        source.read(Item("missing.png"))


def test_a_list_may_name_files_anywhere(tmp_path: Path) -> None:
    put(tmp_path, "one/a.png", "two/deep/b.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "my.lst").write_text(f"{tmp_path}/one/a.png\n../two/deep/b.png\n")
    source = open_source(str(tmp_path / "lists" / "my.lst"))
    assert source.location == str(tmp_path)
    assert [item.key for item in source.items()] == ["one/a.png", "two/deep/b.png"]


def test_standard_input_is_a_list_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png")
    monkeypatch.chdir(tmp_path)
    assert keys("-", lines=["a.png\n", f"{tmp_path}/a.png\n"]) == ["a.png"]
    with pytest.raises(SourceError, match="standard input"):
        open_source("-")


def test_a_pattern_covers_what_it_matches(tmp_path: Path) -> None:
    put(tmp_path, "x1.png", "x2.png", "y.png", "sub/x3.png", "sub/.x4.png", "sub/deep/x5.png", "x[6].png")
    assert keys(tmp_path / "x*.png") == ["x1.png", "x2.png", "x[6].png"]
    assert keys(tmp_path / "**" / "x?.png") == ["sub/deep/x5.png", "sub/x3.png", "x1.png", "x2.png"]
    assert keys(tmp_path / "[!x]*.png") == ["y.png"]
    source = open_source(str(tmp_path / "**" / "x*.png"))
    for key, covered in {
        "x9.png": True,
        "a/b/x9.png": True,
        "a/.b/x9.png": False,
        "a/.x9.png": False,
        "y9.png": False,
        "x9.jpg": False,
    }.items():
        assert source.covers(key) is covered, key
    assert open_source(str(tmp_path / "x[0-9].png")).covers("x7.png")
    assert not open_source(str(tmp_path / "x?.png")).covers("x/.png")


def test_what_lies_in_an_archive_is_not_covered_by_the_folder_around_it(tmp_path: Path) -> None:
    put(tmp_path, "packed.zip", data=b"PK")
    for place in (tmp_path, tmp_path / "**" / "*.png"):
        source = open_source(str(place))
        assert not source.covers("packed.zip/a.png")
        assert source.covers("folder/a.png")


def test_what_cannot_be_opened_says_what_can(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing is there: name a folder"):
        open_source(str(tmp_path / "nothing"))
    put(tmp_path, "x.rar", "x.7z")
    with pytest.raises(SourceError, match=r"repack it as \.zip"):
        open_source(str(tmp_path / "x.rar"))
    with pytest.raises(SourceError, match="no such file"):
        locate(str(tmp_path / "x.7z" / "inside.png"))
    with pytest.raises(SourceError, match="no such file"):
        locate("/nowhere/at/all.png")


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "my.txt")

    def forbidden(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(SourceError, match="Permission denied"):
        open_source(str(tmp_path / "my.txt"))


def test_one_image_is_told_from_many(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.zip", "c.txt", "odd")
    many = [str(tmp_path), str(tmp_path / "b.zip"), str(tmp_path / "c.txt"), str(tmp_path / "*.png")]
    one = [str(tmp_path / "a.png"), str(tmp_path / "odd"), str(tmp_path / "none.png"), "https://example.org/?a=[1]"]
    assert [is_many(place) for place in many] == [True] * 4
    assert [is_many(place) for place in one] == [False] * 4


def test_a_single_image_of_any_name_is_a_source(tmp_path: Path) -> None:
    put(tmp_path, "# odd name")
    assert keys(tmp_path / "# odd name") == ["# odd name"]
