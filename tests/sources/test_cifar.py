"""CIFAR in the official layout, in tiny; and pickles that want to be more than that."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from likewise import weights
from likewise.errors import SourceError
from likewise.sources import cifar, locate, open_source
from likewise.types import Item

COUNT = 6


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (COUNT, 3072)).astype(np.uint8)


def hundred(folder: Path, **changes: object) -> Path:
    """`cifar-100-python` as the official archive has it, with six images in each file."""
    folder = folder / "cifar-100-python"
    folder.mkdir(parents=True)
    for seed, split in enumerate(("train", "test")):
        content = {
            b"filenames": [b"a.png", b"b.png", b"a.png", b"c.png", b"d.png", b"e.png"],
            b"batch_label": b"training batch 1 of 1",
            b"fine_labels": [0, 1, 0, 1, 0, 1],
            b"coarse_labels": [0, 0, 0, 0, 0, 0],
            b"data": pixels(seed),
        }
        content.update({name.encode(): value for name, value in changes.items()})
        (folder / split).write_bytes(pickle.dumps(content, protocol=2))
    names = {b"fine_label_names": [b"apple", b"bear"], b"coarse_label_names": [b"things"]}
    (folder / "meta").write_bytes(pickle.dumps(names, protocol=2))
    return folder


def ten(folder: Path) -> Path:
    """`cifar-10-batches-py`, with six images in each file."""
    folder = folder / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        names = [f"{name}_{i}.png".encode() for i in range(COUNT)]
        content = {b"filenames": names, b"labels": [0, 1] * 3, b"data": pixels(seed), b"batch_label": b"x"}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"cat", b"dog"]}, protocol=2))
    return folder


def tarred(folder: Path) -> Path:
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


def test_cifar_100_is_recognised_and_keeps_its_labels(tmp_path: Path) -> None:
    items = list(open_source(str(hundred(tmp_path))).items())
    assert [item.key for item in items[:3]] == ["train/apple/a.png", "train/bear/b.png", "train/apple/a-2.png"]
    assert len(items) == 2 * COUNT
    assert items[0].metadata == {"label": "apple", "split": "train", "coarse_label": "things"}
    assert items[-1].metadata["split"] == "test"


def test_cifar_10_is_recognised_too(tmp_path: Path) -> None:
    items = list(open_source(str(ten(tmp_path))).items())
    assert len(items) == 6 * COUNT
    assert items[0].key == "train/cat/data_batch_1_0.png"
    assert items[-1].key == "test/dog/test_batch_5.png"
    assert items[0].metadata == {"label": "cat", "split": "train"}


def test_the_pixels_come_out_exactly(tmp_path: Path) -> None:
    source = open_source(str(hundred(tmp_path)))
    for item, row in zip(source.items(), np.concatenate([pixels(0), pixels(1)]), strict=True):
        with Picture.open(io.BytesIO(source.read(item))) as picture:
            assert picture.size == (32, 32)
            assert np.array_equal(np.asarray(picture), row.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("make", [hundred, ten])
def test_the_archive_gives_what_the_folder_gives(tmp_path: Path, make) -> None:
    folder = make(tmp_path)
    packed, plain = open_source(str(tarred(folder))), open_source(str(folder))
    there, here = list(packed.items()), list(plain.items())
    assert [(item.key, item.metadata) for item in there] == [(item.key, item.metadata) for item in here]
    assert [packed.read(item) for item in there] == [plain.read(item) for item in here]


def test_one_split_can_be_had_alone(tmp_path: Path) -> None:
    folder = hundred(tmp_path)
    for path in (folder, tarred(folder)):
        source = cifar.open_cifar(path, "test")
        assert [item.key.split("/")[0] for item in source.items()] == ["test"] * COUNT
        assert source.covers("test/apple/x.png")
        assert not source.covers("train/apple/x.png")
    (folder / "test").unlink()
    assert len(list(open_source(str(folder)).items())) == COUNT
    with pytest.raises(SourceError, match="no test file"):
        cifar.open_cifar(folder, "test")


def test_an_original_is_found_again_by_its_virtual_path(tmp_path: Path) -> None:
    folder = hundred(tmp_path)
    for place in (folder, tarred(folder)):
        source, item = locate(f"{place}/train/apple/a-2.png")
        with Picture.open(io.BytesIO(source.read(item))) as picture:
            assert np.array_equal(np.asarray(picture), pixels()[2].reshape(3, 32, 32).transpose(1, 2, 0))
    with pytest.raises(SourceError, match="not in this CIFAR"):
        source.read(Item("train/apple/none.png"))


def test_other_places_are_not_cifar(tmp_path: Path) -> None:
    assert cifar.in_folder(tmp_path) is None
    (tmp_path / "x.tar").write_bytes(b"no tar")
    assert cifar.in_tar(tmp_path / "x.tar") is None
    with tarfile.open(tmp_path / "y.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("cifar-100-python/readme"))
    assert cifar.in_tar(tmp_path / "y.tar") is None
    for path in (tmp_path, tmp_path / "x.tar", tmp_path / "nothing"):
        with pytest.raises(SourceError, match="official python layout"):
            cifar.open_cifar(path)


class Command:
    """Pickles to a call."""

    def __init__(self, function: object, *values: object) -> None:
        self.call = (function, values)

    def __reduce__(self) -> object:
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Command(os.system, "touch /tmp/likewise-was-here"),
        Command(eval, "1 + 1"),
        Command(getattr, "x", "upper"),
        Command(__import__, "os"),
        {b"data": Command(exec, "pass")},
        [np.array([Command(os.getcwd)], object)],
    ],
)
def test_a_pickle_that_calls_anything_is_refused(tmp_path: Path, evil: object) -> None:
    folder = hundred(tmp_path)
    (folder / "train").write_bytes(pickle.dumps(evil))
    with pytest.raises(SourceError, match="not trusted"):
        open_source(str(folder))
    assert not Path("/tmp/likewise-was-here").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": np.array([b"x"] * COUNT, object)}, "not of bytes"),
        ({"data": np.zeros((COUNT, 3071), np.uint8)}, "no \\(n, 3072\\)"),
        ({"data": np.zeros((COUNT, 3072), np.float32)}, "not of bytes"),
        ({"data": [1, 2, 3]}, "no \\(n, 3072\\)"),
        ({"fine_labels": [0, 1, 0, 1, 0, 2]}, "do not fit together"),
        ({"fine_labels": [0, 1, 0, 1, 0, -1]}, "do not fit together"),
        ({"filenames": [b"a.png"]}, "do not fit together"),
        ({"fine_labels": ["a"] * COUNT}, "no \\(n, 3072\\)"),
    ],
)
def test_contents_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        open_source(str(hundred(tmp_path, **changes)))


@pytest.mark.parametrize("data", [b"", b"torn", pickle.dumps([1, 2])])
def test_torn_files_are_refused(tmp_path: Path, data: bytes) -> None:
    folder = hundred(tmp_path)
    (folder / "meta").write_bytes(data)
    with pytest.raises(SourceError, match="fetch"):
        open_source(str(folder))


def test_the_download_asks_for_the_published_md5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def download(url: str, target: Path, digest: str, progress: object) -> Path:
        asked.extend([url, target, digest])
        return target

    monkeypatch.setattr(weights, "download", download)
    assert cifar.download("cifar100", tmp_path) == tmp_path / "cifar-100-python.tar.gz"
    assert asked[0] == "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    assert asked[2] == "md5:eb9058c3a382ffc7106e4002c42a8d85"
    assert cifar.download("cifar10").name == "cifar-10-python.tar.gz"
