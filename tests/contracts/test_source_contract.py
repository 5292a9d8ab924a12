"""What every source promises."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from likewise.errors import SourceError
from likewise.sources import Source, locate, open_source
from likewise.sources.cifar import Cifar
from likewise.types import Item
from places import TREE, cifar10, cifar100, contents, picture, write_files, write_tar, write_tree, write_zip


def listed(folder: Path) -> str:
    write_tree(folder)
    (folder / "list.txt").write_text("\n".join(["# mine", "", *(name for name in TREE if "#" not in name)]), "utf-8")
    return str(folder / "list.txt")


def tabled(folder: Path) -> str:
    write_tree(folder)
    (folder / "in.csv").write_text("".join(["path,label\n", *(f"{name},x\n" for name in TREE)]), "utf-8")
    return str(folder / "in.csv")


def cifar_tar(path: Path, name: str, files: dict[str, bytes]) -> str:
    write_files(path / name, files)
    with tarfile.open(path / f"{name}.tar.gz", "w:gz") as tar:
        tar.add(path / name, name)
    return str(path / f"{name}.tar.gz")


PLACES: dict[str, Callable[[Path], str]] = {
    "folder": lambda path: str(write_tree(path)),
    "pattern": lambda path: str(write_tree(path) / "**" / "*.[pg]*"),
    "list": listed,
    "table": tabled,
    "image": lambda path: str(write_tree(path) / "a" / "é.png"),
    "zip": lambda path: str(write_zip(path / "in.zip")),
    "tar": lambda path: str(write_tar(path / "in.tar")),
    "tar.gz": lambda path: str(write_tar(path / "in.tar.gz")),
    "tgz": lambda path: str(write_tar(path / "in.tgz")),
    "tar.bz2": lambda path: str(write_tar(path / "in.tar.bz2")),
    "tar.xz": lambda path: str(write_tar(path / "in.tar.xz")),
    "cifar-100": lambda path: str(write_files(path / "c100", cifar100())),
    "cifar-100 train": lambda path: str(write_files(path / "c100", cifar100()) / "train"),
    "cifar-100 tar": lambda path: cifar_tar(path, "cifar-100-python", cifar100()),
    "cifar-100 tar test": lambda path: cifar_tar(path, "cifar-100-python", cifar100()) + "/test",
    "cifar-10": lambda path: str(write_files(path / "c10", cifar10())),
    "cifar-10 train": lambda path: str(write_files(path / "c10", cifar10()) / "train"),
    "cifar-10 tar": lambda path: cifar_tar(path, "cifar-10-batches-py", cifar10()),
}


@pytest.fixture(params=sorted(PLACES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    return open_source(PLACES[request.param](tmp_path))


def test_the_order_is_stable_and_keys_are_unique(source: Source) -> None:
    items = list(source.items())
    assert items
    assert len({item.key for item in items}) == len(items)
    assert list(source.items()) == items
    assert list(open_source(source.name).items()) == items


def test_its_name_opens_it_again(source: Source) -> None:
    again = open_source(source.name)
    assert (type(again), again.name, again.location) == (type(source), source.name, source.location)
    assert contents(again) == contents(source)


def test_keys_are_relative_paths_that_a_store_and_json_can_hold(source: Source) -> None:
    database = sqlite3.connect(":memory:")
    for item in source.items():
        assert not set(item.key.split("/")) & {"", ".", ".."}
        assert json.loads(json.dumps(item.key, ensure_ascii=False).encode()) == item.key
        told = (item.key, item.size_bytes, item.modified_ns)
        assert database.execute("SELECT ?, ?, ?", told).fetchone() == told
    database.close()


def test_an_item_read_twice_gives_equal_bytes_of_the_size_that_was_told(source: Source) -> None:
    for item in source.items():
        data = source.read(item)
        assert len(data) == item.size_bytes
        assert source.read(Item(item.key)) == data
        assert item.modified_ns > 0


def test_the_bytes_are_the_ones_that_were_put_in(source: Source) -> None:
    read = contents(source)
    if isinstance(source, Cifar):
        assert all(data.startswith(picture("")[:8]) for data in read.values())
        assert len(set(read.values())) == len(read)
    else:
        names = {name.rpartition("/")[2]: picture(name) for name in TREE}
        assert read == {key: names[key.rpartition("/")[2]] for key in read}


def test_an_item_that_is_not_there_harms_no_other(source: Source) -> None:
    before = contents(source)
    with pytest.raises(SourceError, match=r"is not in|No such file"):
        source.read(Item("nowhere/at all.png"))
    assert contents(source) == before


def test_threads_read_side_by_side(source: Source) -> None:
    wanted = contents(source)
    order = [*wanted, *reversed(wanted)] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: source.read(Item(key)), order))
    assert found == [wanted[key] for key in order]


def test_it_covers_what_it_lists(source: Source) -> None:
    assert all(source.covers(item.key) for item in source.items())


def test_a_virtual_path_leads_back_to_the_image(source: Source) -> None:
    for item in source.items():
        found, found_item = locate(f"{source.location}/{item.key}")
        assert found.read(found_item) == source.read(item)
        assert (found_item.size_bytes, found_item.modified_ns) == (item.size_bytes, item.modified_ns)
        assert f"{found.location}/{found_item.key}" == f"{source.location}/{item.key}"


def test_a_virtual_path_to_nothing_is_refused(source: Source) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.png: no such file|is not in"):
        locate(f"{source.location}/nowhere.png")


def test_the_location_is_absolute_with_forward_slashes(source: Source) -> None:
    assert Path(source.location).is_absolute()
    assert not source.location.endswith("/")
    assert "\\" not in source.location
