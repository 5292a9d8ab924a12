"""Archives as they come: odd names, damage, encryption, bombs."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import png
from likewise.errors import SourceError
from likewise.sources import files, locate, open_source, tars
from likewise.types import Item
from places import TREE, member, picture, write_members, write_tar, write_tree, write_zip

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
    assert item.size_bytes == len(PICTURE)
    assert 0 <= item.modified_ns - 1_580_702_706 * 10**9 < 2 * 10**9  # a zip's clock ticks every two seconds
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


def test_a_truncated_tar_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = tarred(tmp_path / "p.tar", "a.png", "b.png")
    path.write_bytes(path.read_bytes()[: 512 + 512 + 512 + 20])
    with pytest.raises(SourceError, match="cannot be read as a tar"):
        list(open_source(str(path)).items())


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
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    for path in (zipped(tmp_path / "p.zip", "a.png"), tarred(tmp_path / "p.tar", "a.png")):
        with pytest.raises(SourceError, match="in the archive, over"):
            open_source(str(path)).read(Item("a.png"))


def test_a_bomb_never_gives_more_than_it_declared(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png", data=b"\0" * 100_000)
    data = bytearray(path.read_bytes())
    central = data.find(b"PK\x01\x02")
    data[central + 24 : central + 28] = (50).to_bytes(4, "little")  # the directory says 50 bytes
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="archive"):
        open_source(str(path)).read(Item("a.png"))


def test_everything_in_an_archive_is_covered(tmp_path: Path) -> None:
    for path in (zipped(tmp_path / "p.zip", "a.png"), tarred(tmp_path / "p.tar", "a.png")):
        assert open_source(str(path)).covers("gone.png")


def keyed(path: Path) -> dict[str, Item]:
    return {item.key: item for item in open_source(str(path)).items()}


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_a_file_without_an_ending_is_looked_into(tmp_path: Path, ending: str) -> None:
    members = [("one", PICTURE), ("two", b"words"), ("a.d/three", PICTURE), (".four", PICTURE)]
    path = tmp_path / f"p{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, data in members:
                file.writestr(name, data)
    else:
        write_members(path, [member(name, data) for name, data in members])
    assert sorted(keys(path)) == ["a.d/three", "one"]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_an_archive_without_images_says_so(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p{ending}"
    for names in ([], ["notes.txt"]):
        if ending == ".zip":
            zipped(path, *names)
        else:
            write_tar(path, names)
        with pytest.raises(SourceError, match="holds no images"):
            list(open_source(str(path)).items())


def test_an_archive_that_is_encrypted_as_a_whole_is_not_opened(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png", "b")
    mark(path, b"\x01", local=6, central=8)
    with pytest.raises(SourceError, match="is encrypted: unpack it with its password"):
        open_source(str(path))


def test_an_encrypted_entry_among_others_costs_itself_only(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png", "b.png", "c")
    mark(path, b"\x01", local=6, central=8, of=(0, 2))
    source = open_source(str(path))
    assert keys(path) == ["a.png", "b.png"]
    with pytest.raises(SourceError, match="is encrypted in the archive"):
        source.read(Item("a.png"))
    assert source.read(Item("b.png")) == PICTURE


def mark(path: Path, value: bytes, *, local: int, central: int, of: tuple[int, ...] = (0, 1)) -> None:
    """Write a value into the headers of some entries of a zip."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = -1
        for number in range(max(of) + 1):
            at = data.find(signature, at + 1)
            if number in of:
                data[at + offset : at + offset + len(value)] = value
    path.write_bytes(bytes(data))


def test_an_entry_without_a_date_is_listed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", "a.png")
    mark(path, b"\0\0\0\0", local=10, central=12, of=(0,))  # month 0 of 1980, as programs without a clock write it
    assert 315_532_800 <= keyed(path)["a.png"].modified_ns // 10**9 <= 315_532_801


def test_an_entry_replaced_by_one_of_the_same_size_and_date_has_changed(tmp_path: Path) -> None:
    one = keyed(zipped(tmp_path / "p.zip", "a.png", data=b"abcd"))["a.png"]
    two = keyed(zipped(tmp_path / "q.zip", "a.png", data=b"abce"))["a.png"]
    same = keyed(zipped(tmp_path / "r.zip", "a.png", data=b"abcd"))["a.png"]
    assert one.size_bytes == two.size_bytes
    assert one.modified_ns != two.modified_ns
    assert one == same


def test_a_name_in_utf8_that_does_not_say_so_is_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("caf??.png", "caf?.jpg", "ü.png"):  # the last is written as UTF-8 that says so
            file.writestr(name, PICTURE)
    path.write_bytes(path.read_bytes().replace(b"caf??.png", b"caf\xc3\xa9.png").replace(b"caf?.jpg", b"caf\xe9.jpg"))
    source = open_source(str(path))
    assert keys(path) == ["café.png", "cafΘ.jpg", "ü.png"]  # the second is no UTF-8, so it is code page 437
    assert all(source.read(item) == PICTURE for item in source.items())


def test_the_keys_of_a_zip_stand_in_the_order_of_a_folder(tmp_path: Path) -> None:
    write_tree(tmp_path / "in")
    assert keys(write_zip(tmp_path / "p.zip", list(TREE[::-1]))) == keys(tmp_path / "in")


def test_windows_paths_become_keys(tmp_path: Path) -> None:
    assert keys(zipped(tmp_path / "p.zip", "C:\\photos\\a.png", "__MACOSX_trip/b.png")) == [
        "__MACOSX_trip/b.png",
        "photos/a.png",
    ]


def test_a_tar_may_have_backslashes_and_names_that_are_no_unicode(tmp_path: Path) -> None:
    info, data = member("x", PICTURE)
    info.name = "caf\udce9\\.png"
    path = tmp_path / "p.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        tar.addfile(info, io.BytesIO(data))
    (item,) = open_source(str(path)).items()
    assert item.key.encode().endswith(b"\\.png")
    found, there = locate(f"{path}/{item.key}")
    assert found.read(there) == PICTURE


def test_a_name_that_comes_twice_in_a_tar_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    path = write_members(
        tmp_path / "p.tar.gz", [member("a.png", b"one"), member("b.png", b"two"), member("a.png", b"three")]
    )
    source = open_source(str(path))
    assert [(item.key, source.read(item)) for item in source.items()] == [
        ("a.png", b"one"),
        ("b.png", b"two"),
        ("a-2.png", b"three"),
    ]


@pytest.mark.parametrize(
    ("mtime", "told"), [("nan", 0), ("1e300", 9 * 10**18), ("inf", 0), ("-5", 0), ("1.5", 1_500_000_000)]
)
def test_a_date_that_cannot_be_is_brought_within_reach(tmp_path: Path, mtime: str, told: int) -> None:
    info, data = member("a.png", PICTURE)
    info.pax_headers = {"mtime": mtime}
    info.mtime = 1
    with tarfile.open(tmp_path / "p.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(data))
    assert keyed(tmp_path / "p.tar")["a.png"].modified_ns == told


def header(change: Callable[[bytearray], None], info: tarfile.TarInfo | None = None) -> bytes:
    """A header of a tar, changed, with a checksum that fits again."""
    block = bytearray((info or tarfile.TarInfo("a.png")).tobuf(tarfile.GNU_FORMAT)[:512])
    change(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def put_size(size: bytes) -> Callable[[bytearray], None]:
    def change(block: bytearray) -> None:
        block[124:136] = size

    return change


def put_kind(kind: bytes, size: bytes) -> Callable[[bytearray], None]:
    def change(block: bytearray) -> None:
        block[156:157] = kind
        block[124:136] = size

    return change


NEGATIVE = b"\xff" * 10 + b"\xfe\x00"  # -512, in the notation for large numbers
HUGE = b"\x80" + b"\0" * 6 + b"\x01" + b"\0" * 4  # 4 GiB


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "block",
    [
        header(put_size(NEGATIVE)),
        header(put_size(HUGE)),
        header(put_kind(b"L", HUGE)),
        header(put_kind(b"L", NEGATIVE)),
        header(put_kind(b"x", HUGE)),
        header(put_kind(b"x", NEGATIVE)),
        b"\x01" * 512,
        b"torn",
    ],
)
@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_a_header_that_lies_ends_in_a_clear_error(tmp_path: Path, block: bytes, ending: str, *, first: bool) -> None:
    path = write_tar(tmp_path / "good.tar", ["a.png"])
    good = path.read_bytes()[:1024]
    data = (b"" if first else good) + block + bytes(1024)
    bad = tmp_path / f"bad{ending}"
    bad.write_bytes(gzip.compress(data, 1) if ending == ".tar.gz" else data)
    with pytest.raises(SourceError, match="cannot be read as a tar"):
        list(open_source(str(bad)).items())


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_tar_that_breaks_off_among_its_images_is_refused(tmp_path: Path, ending: str) -> None:
    noise = [member(f"{i}.png", random.Random(i).randbytes(4_000)) for i in range(4)]
    data = write_members(tmp_path / f"p{ending}", noise).read_bytes()
    for part in (3, 20, 700, 5_000, 9_400, 14_000):
        path = tmp_path / f"q{ending}"
        path.write_bytes(data[:part])
        with pytest.raises(SourceError, match="cannot be read as a tar"):
            list(open_source(str(path)).items())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"]), st.integers(0), st.integers(1, 255))
def test_one_damaged_byte_is_an_error_or_harmless(tmp_path: Path, ending: str, place: int, change: int) -> None:
    path = tmp_path / f"p{ending}"
    data = bytearray((write_zip(path) if ending == ".zip" else write_tar(path)).read_bytes())
    data[place % len(data)] ^= change
    path.write_bytes(data)
    try:
        source = open_source(str(path))
        items = list(source.items())
    except SourceError:
        return
    for item in items:
        with suppress(SourceError):
            assert len(source.read(item)) == item.size_bytes


def test_an_entry_shorter_or_longer_than_the_directory_says_is_refused(tmp_path: Path) -> None:
    for size in (50, 200_000):
        path = zipped(tmp_path / "p.zip", "a.png", data=b"\0" * 100_000)
        mark(path, size.to_bytes(4, "little"), local=22, central=24, of=(0,))
        with pytest.raises(SourceError, match="archive"):
            open_source(str(path)).read(Item("a.png"))


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_a_tar_cut_off_after_it_was_listed_costs_what_was_cut_off(tmp_path: Path, ending: str) -> None:
    noise = [(f"{i}.png", random.Random(i).randbytes(40_000)) for i in range(4)]
    path = write_members(tmp_path / f"p{ending}", [member(name, data) for name, data in noise])
    source = open_source(str(path))
    items = list(source.items())
    os.truncate(path, 60_000)
    assert source.read(items[0]) == noise[0][1]
    with pytest.raises(SourceError, match="archive"):
        source.read(items[3])
    assert source.read(items[0]) == noise[0][1]


def test_images_that_a_read_goes_over_are_kept_for_those_who_come_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{i:03d}.png" for i in range(200)]
    source = open_source(str(write_tar(tmp_path / "p.tar.gz", names)))
    items = list(source.items())
    source.read(items[0])
    backwards = []
    seek = tars.Stream.seek

    def watched(stream: tars.Stream, offset: int) -> int:
        backwards.append(offset < stream.tell())
        return seek(stream, offset)

    monkeypatch.setattr(tars.Stream, "seek", watched)
    order = [5, 2, 1, 4, 3, 9, 8, 150, 149, 100, 6]  # 6 lies too far back when it is asked for
    assert [source.read(items[i]) for i in order] == [picture(names[i]) for i in order]
    assert sum(backwards) == 1


def test_what_is_kept_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_PASSED_BYTES", 1000)
    sizes = [100] * 20 + [300, 100]
    path = write_members(
        tmp_path / "p.tar.gz", [member(f"{i:02d}.png", bytes([i]) * size) for i, size in enumerate(sizes)]
    )
    source = open_source(str(path))
    assert isinstance(source, tars.Tar)
    items = list(source.items())
    source.read(items[0])
    source.read(items[21])
    assert list(source._passed) == list(range(10, 20))
    assert [source.read(item) for item in items] == [bytes([i]) * size for i, size in enumerate(sizes)]


def test_an_archive_that_may_not_be_opened_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    for path in (zipped(tmp_path / "p.zip", "a.png"), write_tar(tmp_path / "p.tar")):
        with monkeypatch.context() as patch:
            patch.setattr(zipfile, "ZipFile", refuse)
            patch.setattr(Path, "open", refuse)
            with pytest.raises(SourceError, match="Permission denied"):
                open_source(str(path))
