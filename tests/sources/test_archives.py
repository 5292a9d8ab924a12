"""Archives as they come: odd names, damage, encryption, bombs."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from fakes import png
from likewise.errors import SourceError
from likewise.sources import archives, open_source
from likewise.types import Item

PICTURE = png((1, 2, 3))


def zipped(path: Path, *names: str, data: bytes = PICTURE) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6)), data)
    return path


def tarred(path: Path, *members: tarfile.TarInfo | str, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(PICTURE)
                info.mtime = 1_600_000_000
            file.addfile(info, io.BytesIO(PICTURE) if info.isreg() else None)
    return path


def keys(path: Path) -> list[str]:
    return [item.key for item in open_source(str(path)).items()]


def test_a_zip_lists_images_and_nothing_hidden(tmp_path: Path) -> None:
    names = ("b.png", "a/c.JPG", "a/", "__MACOSX/a/._c.JPG", ".hidden/x.png", "words.txt")
    assert keys(zipped(tmp_path / "p.zip", *names)) == ["a/c.JPG", "b.png"]


def test_names_that_try_to_leave_the_archive_become_plain_keys(tmp_path: Path) -> None:
    names = ("/etc/a.png", "../../b.png", "c/../../d.png", "e\\f.png")
    found = keys(zipped(tmp_path / "p.zip", *names))
    assert found == ["b.png", "d.png", "e/f.png", "etc/a.png"]
    assert keys(tarred(tmp_path / "p.tar", "/etc/a.png", "../b.png")) == ["etc/a.png", "b.png"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_gets_a_number(tmp_path: Path) -> None:
    found = keys(zipped(tmp_path / "p.zip", "a.png", "a.png", "./a.png"))
    assert found == ["a-2.png", "a-3.png", "a.png"]


def test_entries_tell_their_size_and_date_so_that_unchanged_ones_are_known(tmp_path: Path) -> None:
    (item,) = open_source(str(zipped(tmp_path / "p.zip", "a.png"))).items()
    assert (item.size_bytes, item.modified_ns) == (len(PICTURE), 1_580_702_706 * 10**9)
    (item,) = open_source(str(tarred(tmp_path / "p.tar", "a.png"))).items()
    assert (item.size_bytes, item.modified_ns) == (len(PICTURE), 1_600_000_000 * 10**9)


def test_links_and_devices_in_a_tar_are_left_out(tmp_path: Path) -> None:
    link, device, folder = (tarfile.TarInfo(f"{name}.png") for name in ("link", "device", "folder"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device.type = tarfile.CHRTYPE
    folder.type = tarfile.DIRTYPE
    assert keys(tarred(tmp_path / "p.tar", link, device, folder, "a.png")) == ["a.png"]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_compressed_tars_are_read_in_place(tmp_path: Path, mode: str) -> None:
    path = tarred(tmp_path / f"p.tar.{mode[2:]}", "a.png", "b.png", mode=mode)
    source = open_source(str(path))
    assert [source.read(item) for item in reversed(list(source.items()))] == [PICTURE, PICTURE]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p{ending}"
    path.write_bytes(b"this is no archive" * 100)
    with pytest.raises(SourceError, match="fetch it again"):
        open_source(str(path))


def test_a_damaged_entry_costs_itself_only(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png", "b.png")
    data = bytearray(path.read_bytes())
    at = data.find(b"a.png") + 12
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))
    source = open_source(str(path))
    with pytest.raises(SourceError, match="cannot be read from the archive"):
        source.read(Item("a.png"))
    assert source.read(Item("b.png")) == PICTURE


def test_a_truncated_tar_is_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path / "p.tar", "a.png", "b.png")
    path.write_bytes(path.read_bytes()[: 512 + 512 + 512 + 20])
    with pytest.raises(SourceError, match="unexpected end of data.*fetch it again"):
        open_source(str(path))


def test_an_encrypted_entry_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png")
    data = path.read_bytes()
    local, central = data.find(b"PK\x03\x04"), data.find(b"PK\x01\x02")
    marked = bytearray(data)
    marked[local + 6] |= 1
    marked[central + 8] |= 1
    path.write_bytes(bytes(marked))
    with pytest.raises(SourceError, match="encrypted"):
        open_source(str(path)).read(Item("a.png"))


def test_an_entry_that_says_it_is_huge_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRY_BYTES", 10)
    for path in (zipped(tmp_path / "p.zip", "a.png"), tarred(tmp_path / "p.tar", "a.png")):
        with pytest.raises(SourceError, match="unpack it"):
            open_source(str(path)).read(Item("a.png"))


def test_a_bomb_never_gives_more_than_it_declared(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png", data=b"\0" * 100_000)
    data = bytearray(path.read_bytes())
    central = data.find(b"PK\x01\x02")
    data[central + 24 : central + 28] = (50).to_bytes(4, "little")  # the directory says 50 bytes
    path.write_bytes(bytes(data))
    try:
        assert len(open_source(str(path)).read(Item("a.png"))) <= 50
    except SourceError as error:
        assert "archive" in str(error)


def test_everything_in_an_archive_is_covered(tmp_path: Path) -> None:
    for path in (zipped(tmp_path / "p.zip", "a.png"), tarred(tmp_path / "p.tar", "a.png")):
        assert open_source(str(path)).covers("gone.png")
