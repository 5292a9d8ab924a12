"""What a place is, and what is said of one that cannot be opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from likewise import sources
from likewise.errors import SourceError
from likewise.sources import is_many, locate, open_source
from places import cifar10, cifar100, keys, write_files, write_tar, write_tree, write_zip


@pytest.mark.parametrize("place", ["", "/no/such/place", "no\0such", "x" * 5000, "~nobody-of-that-name/x"])
def test_a_place_where_nothing_is_says_what_could_be(place: str) -> None:
    with pytest.raises(SourceError, match=r"name a folder|name one"):
        open_source(place)
    assert not is_many(place)


def test_a_pipe_is_no_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="- reads a list from standard input"):
        open_source(str(tmp_path / "pipe"))


def test_a_place_that_may_not_be_looked_at_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.stat

    def refuse(path: object, **how: object) -> os.stat_result:
        if str(path).endswith("closed.zip"):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, **how)  # type: ignore[arg-type, call-overload, no-any-return]

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(SourceError, match=r"closed\.zip: Permission denied: allow it to be read"):
        open_source(str(tmp_path / "closed.zip"))
    assert not is_many(str(tmp_path / "closed.zip"))
    with pytest.raises(SourceError, match="no such file"):
        locate(str(tmp_path / "closed.zip" / "a.png"))


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.tar.zst", "a.jpg.gz"])
def test_an_archive_of_another_kind_says_how_to_go_on(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"unpack it, or repack it as \.zip or \.tar"):
        open_source(str(write_tree(tmp_path, [name]) / name))


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write_tree(tmp_path)))
    assert keys(open_source("~")) == keys(open_source(str(tmp_path)))
    assert keys(open_source("~/*.png")) == ["a.png", "b.png"]
    assert is_many("~")


def test_what_stands_for_many(tmp_path: Path) -> None:
    write_tree(tmp_path, ["a.png", "b.txt", "c.tgz"])
    assert [is_many(str(tmp_path / name)) for name in ("", "b.txt", "c.tgz", "*.png", "a.png", "d.png")] == [
        *[True] * 4,
        *[False] * 2,
    ]
    assert not is_many("https://example.org/" + "long" * 1000 + "?q[]=1")


def test_a_folder_called_train_is_that_folder(tmp_path: Path) -> None:
    write_tree(tmp_path, ["train/a.png", "test"])
    assert keys(open_source(str(tmp_path / "train"))) == ["a.png"]
    assert keys(open_source(str(tmp_path / "test"))) == ["test"]
    with pytest.raises(SourceError, match="nothing is there"):
        open_source(str(tmp_path / "none" / "train"))
    with pytest.raises(SourceError, match="nothing is there"):
        open_source(str(write_zip(tmp_path / "p.zip")) + "/train")


def test_a_virtual_path_through_an_archive_that_changed_leads_to_its_new_content(tmp_path: Path) -> None:
    place = write_zip(tmp_path / "p.zip", ["a.png"])
    assert locate(f"{place}/a.png")[1].key == "a.png"
    write_zip(place, ["a.png", "b.png"])
    assert locate(f"{place}/b.png")[1].key == "b.png"


def test_an_archive_is_opened_once_for_many_virtual_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write_tar(tmp_path / "p.tar.gz")
    first, _ = locate(f"{place}/a.png")
    second, _ = locate(f"{place}/b.png")
    assert first is second


def test_a_virtual_path_is_read_as_the_system_would(tmp_path: Path) -> None:
    place = write_zip(tmp_path / "p.zip", ["a/b.png"])
    assert locate(f"{tmp_path}/x/../p.zip/a//b.png")[1].key == "a/b.png"
    source, item = locate(f"{write_tree(tmp_path)}/a/../b.png")
    assert (source.location, item.key) == (str(tmp_path), "b.png")
    assert place.exists()


def test_a_file_that_packs_nothing_has_nothing_inside(tmp_path: Path) -> None:
    write_tree(tmp_path, ["a.png"])
    with pytest.raises(SourceError, match="no such file"):
        locate(f"{tmp_path}/a.png/b.png")


@pytest.mark.parametrize("files", [cifar10(), cifar100()])
def test_cifar_without_its_names_is_a_folder(tmp_path: Path, files: dict[str, bytes]) -> None:
    files = {name: data for name, data in files.items() if "meta" not in name}
    assert isinstance(open_source(str(write_files(tmp_path, files))), type(open_source(str(tmp_path.parent))))


def test_places_may_be_opened_while_others_are(tmp_path: Path) -> None:
    sources._opened.cache_clear()
    places = [write_zip(tmp_path / f"{i}.zip", ["a.png"]) for i in range(8)]
    found = [locate(f"{place}/a.png") for place in places]
    assert [source.read(item) for source, item in found] == [found[0][0].read(found[0][1])] * 8
