from __future__ import annotations

import base64
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from fakes import MeanColour, RandomDirections, colours
from likewise import gallery
from likewise.collection import Collection
from likewise.errors import BadArgument, StoreFull, UnknownName
from likewise.gallery import folder as folders
from likewise.gallery import pictures
from likewise.gallery.folder import LIST, Folder
from photos import encoded, photo, write


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """40 photographs in two folders, one of them without a folder of its own."""
    home = tmp_path / "home of ann"
    for i in range(40):
        write(home / ("left" if i % 2 else "right") / f"{i:02d}.png", encoded(photo(i)), age_days=i)
    return home


def opened(place: Path) -> Collection:
    made = Collection.create(place, RandomDirections())
    made.index(place)
    return made


def names(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_every_image_has_a_thumbnail_and_the_list_names_every_file(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    with opened(place) as collection:
        report = gallery.export(collection, out, gallery.Wanted(side=64))
    thumbs = [name for name in names(out) if name.startswith("thumbs/")]
    assert report.images == len(thumbs) == 40
    assert report.written == len(names(out)) - 1
    assert set(json.loads((out / LIST).read_text())["files"]) | {LIST} == names(out)
    assert {max(np.asarray(Picture.open(io.BytesIO((out / name).read_bytes()))).shape) for name in thumbs} == {64}
    assert report.size_bytes == sum((out / name).stat().st_size for name in names(out) - {LIST})


def test_a_second_export_writes_nothing_and_a_change_only_what_it_touches(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    with opened(place) as collection:
        gallery.export(collection, out)
        before = {name: (out / name).stat().st_mtime_ns for name in names(out) - {LIST}}
        again = gallery.export(collection, out)
        assert (again.written, again.removed, again.unchanged) == (0, 0, len(before))
        assert {name: (out / name).stat().st_mtime_ns for name in names(out) - {LIST}} == before
        collection.forget(place / "left")
        less = gallery.export(collection, out)
    gone = before.keys() - names(out)
    assert sum(name.startswith("thumbs/") for name in gone) == 20
    assert less.removed == len(gone)
    assert all((out / name).stat().st_mtime_ns == before[name] for name in names(out) if name.startswith("thumbs/"))


def test_what_it_did_not_write_stays(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    with opened(place) as collection:
        gallery.export(collection, out)
        theirs = [out / "CNAME", out / "thumbs" / "mine.webp", out / "assets" / "logo.svg"]
        for path in theirs:
            path.write_text("mine")
        collection.forget(place / "left")
        gallery.export(collection, out)
    assert all(path.read_text() == "mine" for path in theirs)


def test_a_folder_with_something_else_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with opened(place) as collection:
        with pytest.raises(BadArgument, match="not empty and holds no gallery of ours"):
            gallery.export(collection, tmp_path / "letters")
        with pytest.raises(BadArgument, match="name a folder that can be written to"):
            gallery.export(collection, tmp_path / "letters" / "a.txt" / "x")
    assert names(tmp_path / "letters") == {"a.txt"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "damaged"),
        ('{"format": 1}', "damaged"),
        ('{"format": 9, "files": [], "colours": {}}', "newer program"),
        ('{"format": 1, "files": ["../a.txt"], "colours": {}}', "lists '../a.txt'"),
        ('{"format": 1, "files": ["/etc/passwd"], "colours": {}}', "lists '/etc/passwd'"),
    ],
)
def test_a_list_that_is_not_ours_is_refused_and_nothing_is_removed(told: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / LIST).write_text(told)
    with pytest.raises(BadArgument, match=said):
        Folder.open(tmp_path / "site")
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_an_interrupted_export_goes_on_and_leaves_nothing_behind(place: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "site", tmp_path / "whole"

    def stop(done: int, _of: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with opened(place) as collection:
        with pytest.raises(KeyboardInterrupt):
            gallery.export(collection, out, watch=stop)
        half = {name for name in names(out) if name.startswith("thumbs/")}
        assert len(half) == 6
        dates = {name: (out / name).stat().st_mtime_ns for name in half}
        collection.forget(place / "left" / "01.png")
        gallery.export(collection, out)
        gallery.export(collection, whole)
    assert names(out) == names(whole)
    kept = half & names(out)
    assert {(out / name).read_bytes() == (whole / name).read_bytes() for name in names(whole)} == {True}
    assert len(kept) == 5
    assert all((out / name).stat().st_mtime_ns >= dates[name] for name in kept)


def test_no_path_of_the_machine_leaks(place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "secret"
    write(elsewhere / "x.png", encoded(photo(99)))
    table = place / "table.csv"
    table.write_text(
        f"path,camera,origin,place\n{place}/left/01.png,Leica,{place}/raw/01.dng,nowhere\n{elsewhere}/x.png,Leica,,moon\n"
    )
    with opened(place) as collection:
        collection.index(table, elsewhere)
        gallery.export(collection, tmp_path / "site", gallery.Wanted(originals="copy"))
    told = b"\n".join(
        path.read_bytes() for path in (tmp_path / "site").rglob("*.*") if path.is_file() and path.suffix != ".webp"
    )
    assert b"Leica" in told
    assert b"moon" in told
    for path in (place, elsewhere, tmp_path):
        assert str(path).encode() not in told
        assert base64.b64encode(str(path).encode())[4:-4] not in told


def test_originals_are_copied_or_linked_with_the_ending_that_their_bytes_have(place: Path, tmp_path: Path) -> None:
    lying = write(place / "left" / "lying.gif", encoded(photo(77), "JPEG"))
    with opened(place) as collection:
        copied = gallery.export(collection, tmp_path / "copied", gallery.Wanted(originals="copy"))
        linked = gallery.export(collection, tmp_path / "linked", gallery.Wanted(originals="link"))
        gallery.export(collection, tmp_path / "linked", gallery.Wanted(originals="none"))
    there = [name for name in names(tmp_path / "copied") if name.startswith("originals/")]
    assert sorted(Path(name).suffix for name in there) == [".jpg", *[".png"] * 40]
    (jpeg,) = [name for name in there if name.endswith(".jpg")]
    assert (tmp_path / "copied" / jpeg).read_bytes() == lying.read_bytes()
    assert (copied.copied, linked.copied) == (0, 0)
    assert not any(name.startswith("originals/") for name in names(tmp_path / "linked"))
    assert lying.is_file()


def test_a_link_is_a_second_name_of_the_same_file_and_a_copy_where_there_can_be_none(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(place) as collection:
        gallery.export(collection, tmp_path / "one", gallery.Wanted(originals="link"))
        linked = {path.stat().st_ino for path in (tmp_path / "one" / "originals").rglob("*.png")}
        assert linked == {path.stat().st_ino for path in place.rglob("*.png")}

        def refuse(*_: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", refuse)
        report = gallery.export(collection, tmp_path / "two", gallery.Wanted(originals="link"))
    assert report.copied == 40
    assert len(list((tmp_path / "two" / "originals").rglob("*.png"))) == 40


def test_an_original_that_is_gone_or_changed_is_told_and_its_thumbnail_kept(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    with opened(place) as collection:
        (place / "left" / "01.png").unlink()
        write(place / "left" / "03.png", encoded(photo(300)))
        report = gallery.export(collection, out)
        reasons = dict(report.missing)
        assert set(reasons) == {"left/01.png", "left/03.png"}
        assert "run likewise index" in reasons["left/03.png"]
        assert "cannot be shown" in (out / "index.html").read_text()
        collection.index(place)
        assert not gallery.export(collection, out).missing
        shutil.rmtree(place / "left")
        assert not gallery.export(collection, out).missing


def test_a_filter_narrows_and_an_empty_gallery_is_refused(place: Path, tmp_path: Path) -> None:
    with opened(place) as collection:
        report = gallery.export(collection, tmp_path / "site", where="folder = 'left'")
        assert report.images == 20
        with pytest.raises(BadArgument, match="no image to show"):
            gallery.export(collection, tmp_path / "none", where="width > 9000")
        with pytest.raises(UnknownName):
            gallery.export(collection, tmp_path / "none", where="camera = 'Leica'")
    with pytest.raises(BadArgument, match="32 to 2048"):
        gallery.Wanted(side=8)


def test_a_full_disk_is_told(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder.open(tmp_path / "site")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreFull, match="make room"):
        folder.write("a.bin", b"x")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StoreFull, match="make room"):
        folder.announce(["a.bin"])
    assert list((tmp_path / "site").iterdir()) == []


def test_titles_and_names_are_text_and_never_markup(tmp_path: Path) -> None:
    place = tmp_path / "place"
    odd = {"<b>{title}.png": 1, "a'\"&.png": 2, "deu\u0308\u202etsch.png": 3}
    for name, i in odd.items():
        write(place / name, encoded(photo(i)))
    with opened(place) as collection:
        gallery.export(collection, tmp_path / "site", gallery.Wanted(title="</title><script>alert(1)</script>{told}"))
    page = (tmp_path / "site" / "index.html").read_text()
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "\u202e" not in page
    assert "{told}" in page


def test_small_pictures_are_kept_without_loss(tmp_path: Path) -> None:
    for name, data in colours(3).items():
        write(tmp_path / "place" / name, data)
    with Collection.create(tmp_path / "place", MeanColour()) as collection:
        collection.index(tmp_path / "place")
        gallery.export(collection, tmp_path / "site")
    found = {
        np.asarray(Picture.open(io.BytesIO(path.read_bytes())).convert("RGB")).tobytes()
        for path in (tmp_path / "site" / "thumbs").rglob("*.webp")
    }
    assert found == {np.asarray(Picture.open(io.BytesIO(data))).tobytes() for data in colours(3).values()}


def test_names_of_files_follow_from_what_is_in_them() -> None:
    assert pictures.thumbnail_name(bytes(range(8))) == "thumbs/00/0001020304050607.webp"
    assert folders.LIST == "gallery.json"
