"""What every source promises."""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fakes import colours, png
from likewise.errors import SourceError
from likewise.sources import Source, locate, open_source
from likewise.types import Item

Open = Callable[[], Source]

PICTURES = {f"{folder}{key}": data for folder in ("", "b/", "b/a/") for key, data in colours(5, len(folder)).items()}


def folder_of(base: Path) -> Path:
    folder = base / "pictures"
    for key, data in PICTURES.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder


def zip_of(base: Path) -> Path:
    with zipfile.ZipFile(base / "p.zip", "w") as file:
        for key, data in PICTURES.items():
            file.writestr(key, data)
    return base / "p.zip"


def tar_of(base: Path, mode: str, name: str) -> Path:
    with tarfile.open(base / name, mode) as file:
        file.add(folder_of(base), ".")
    return base / name


def list_of(base: Path) -> Path:
    folder = folder_of(base)
    (base / "list.txt").write_text("\n".join(f"{folder.name}/{key}" for key in reversed(PICTURES)))
    return base / "list.txt"


def cifar_of(base: Path) -> Path:
    folder = base / "cifar-100-python"
    folder.mkdir()
    data = np.random.default_rng(0).integers(0, 256, (15, 3072), np.uint8).astype(np.uint8)
    content = {b"data": data, b"fine_labels": [i % 2 for i in range(15)], b"filenames": [b"x.png"] * 15}
    (folder / "train").write_bytes(pickle.dumps(content, 2))
    (folder / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"apple", b"bear"]}, 2))
    return folder


KINDS: dict[str, Callable[[Path], str]] = {
    "folder": lambda base: str(folder_of(base)),
    "zip": lambda base: str(zip_of(base)),
    "tar": lambda base: str(tar_of(base, "w", "p.tar")),
    "tar.gz": lambda base: str(tar_of(base, "w:gz", "p.tar.gz")),
    "list": lambda base: str(list_of(base)),
    "pattern": lambda base: f"{folder_of(base)}/**/*.png",
    "image": lambda base: str(folder_of(base) / "00003.png"),
    "cifar": lambda base: str(cifar_of(base)),
}


@pytest.fixture(params=sorted(KINDS))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    place = KINDS[request.param](tmp_path)
    return lambda: open_source(place)


def test_the_order_is_stable_and_keys_are_unique(opened: Open) -> None:
    keys = [item.key for item in opened().items()]
    assert len(keys) in (1, len(PICTURES))
    assert len(set(keys)) == len(keys)
    assert [item.key for item in opened().items()] == keys
    source = opened()
    assert list(source.items()) == list(source.items())


def test_keys_are_relative_with_forward_slashes(opened: Open) -> None:
    for item in opened().items():
        assert not item.key.startswith("/")
        assert "\\" not in item.key
        assert ".." not in item.key.split("/")
        assert "//" not in item.key


def test_an_item_read_twice_gives_equal_bytes_that_are_an_image(opened: Open) -> None:
    source, again = opened(), opened()
    for item in source.items():
        data = source.read(item)
        assert data.startswith(b"\x89PNG")
        assert source.read(item) == data
        assert again.read(Item(item.key)) == data
        assert item.size_bytes in (-1, len(data))


def test_threads_may_read_side_by_side(opened: Open) -> None:
    source = opened()
    items = list(source.items())
    calm = [source.read(item) for item in items]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.read, items * 5)) == calm * 5


def test_an_item_that_is_not_there_fails_alone(opened: Open) -> None:
    source = opened()
    with pytest.raises(SourceError, match="\\w"):
        source.read(Item("nowhere/at-all.png"))
    assert all(source.read(item) for item in source.items())


def test_what_is_listed_is_covered(opened: Open) -> None:
    source = opened()
    assert all(source.covers(item.key) for item in source.items())


def test_its_name_opens_it_again(opened: Open) -> None:
    source = opened()
    again = open_source(source.name)
    assert again.location == source.location
    assert list(again.items()) == list(source.items())


def test_a_virtual_path_leads_back_to_the_bytes(opened: Open) -> None:
    source = opened()
    for item in source.items():
        found, there = locate(f"{source.location}/{item.key}")
        assert found.read(there) == source.read(item)


def test_the_pictures_are_the_ones_that_were_put_in(opened: Open, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["opened"]
    source = opened()
    read = {item.key.removeprefix("pictures/"): source.read(item) for item in source.items()}
    if kind == "cifar":
        assert len(read) == 15
    elif kind == "image":
        assert read == {"00003.png": PICTURES["00003.png"]}
    else:
        assert read == PICTURES
    assert png((1, 2, 3)) not in read.values()
