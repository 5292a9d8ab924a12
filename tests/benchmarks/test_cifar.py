"""CIFAR as a benchmark: test among train, and the classes that are held out."""

from __future__ import annotations

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fakes import png
from likewise.benchmarks import Classes, open_benchmark
from likewise.benchmarks.cifar import held_out_classes
from likewise.errors import BadArgument, SourceError
from likewise.types import Item
from places import cifar10, cifar100, keys, write_files


def classes_of(truth: object) -> Classes:
    assert isinstance(truth, Classes)
    return truth


def ten(folder: Path) -> Path:
    """CIFAR-10 with two classes."""
    files = cifar10()
    files["batches.meta"] = pickle.dumps({b"label_names": [b"airplane", b"bird"]}, 2)
    for name in [name for name in files if "batch_" in name or name == "test_batch"]:
        content = pickle.loads(files[name], encoding="bytes")
        files[name] = pickle.dumps({**content, b"labels": [0, 1]}, 2)
    return write_files(folder, files)


def test_test_images_are_searched_among_training_images(tmp_path: Path) -> None:
    found = open_benchmark("cifar100", write_files(tmp_path, cifar100()))
    truth = classes_of(found.truths[""])
    assert keys(found.queries) == ["test/apple/test_0.png", "test/bear/test_1.png"]
    assert keys(found.gallery) == [f"train/{'bear' if i % 2 else 'apple'}/train_{i}.png" for i in range(6)]
    assert truth.queries.tolist() == [0, 1]
    assert truth.gallery.tolist() == [0, 1, 0, 1, 0, 1]
    assert truth.self_rows.tolist() == [-1, -1]
    assert truth.names == ("apple", "bear")
    assert {array.dtype for array in (truth.queries, truth.gallery, truth.self_rows)} == {np.dtype(np.int64)}
    assert found.notes[:2] == (
        "2 queries instead of the official 10,000",
        "6 gallery images instead of the official 50,000",
    )
    assert found.queries.read(Item("test/bear/test_1.png")).startswith(b"\x89PNG")
    assert found.facts.licence == "not stated"


def test_the_archive_is_the_same_benchmark(tmp_path: Path) -> None:
    write_files(tmp_path / "cifar-100-python", cifar100())
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "cifar-100-python", "cifar-100-python")
    packed, plain = (open_benchmark("cifar100", tmp_path / name) for name in ("c.tar.gz", "cifar-100-python"))
    assert keys(packed.queries) == keys(plain.queries)
    assert keys(packed.gallery) == keys(plain.gallery)


def test_held_out_classes_are_searched_among_themselves(tmp_path: Path) -> None:
    found = open_benchmark("cifar100-disjoint", write_files(tmp_path, cifar100()))
    truth = classes_of(found.truths[""])
    assert keys(found.queries) == keys(found.gallery)
    assert keys(found.gallery) == [
        "train/bear/train_1.png",
        "train/bear/train_3.png",
        "train/bear/train_5.png",
        "test/bear/test_1.png",
    ]
    assert truth.names == ("bear",)
    assert truth.self_rows.tolist() == [0, 1, 2, 3]
    assert found.notes == ("4 images instead of the official 12,000",)


def test_cifar_10_has_both_benchmarks_too(tmp_path: Path) -> None:
    whole, disjoint = (open_benchmark(name, ten(tmp_path)) for name in ("cifar10", "cifar10-disjoint"))
    assert len(keys(whole.gallery)) == 10
    assert {key.split("/")[1] for key in keys(disjoint.queries)} == {"bird"}


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (9, 1), (10, 2), (99, 19), (100, 20)])
def test_a_fifth_of_the_classes_is_held_out_the_last_by_name(count: int, held_out: int) -> None:
    names = [f"{number:03d}" for number in range(count)]
    assert held_out_classes(reversed(names)) == tuple(names[-held_out:])


def test_one_class_cannot_be_split() -> None:
    with pytest.raises(BadArgument, match="1 classes cannot be split"):
        held_out_classes(["apple", "apple"])


def test_the_other_cifar_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="holds CIFAR-10; cifar100-disjoint wants CIFAR-100: ask for cifar10-disjoint"
    ):
        open_benchmark("cifar100-disjoint", ten(tmp_path / "10"))
    with pytest.raises(SourceError, match="holds CIFAR-100; cifar10 wants CIFAR-10: ask for cifar100"):
        open_benchmark("cifar10", write_files(tmp_path / "100", cifar100()))


def test_one_side_alone_is_no_benchmark(tmp_path: Path) -> None:
    files = cifar100()
    del files["train"]
    with pytest.raises(SourceError, match="only one of train and test is there"):
        open_benchmark("cifar100", write_files(tmp_path, files))


def test_folders_of_pictures_are_read_as_the_official_files_are(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for number, label in enumerate(f"class{c:03d}" for c in range(11)):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{i}.png").write_bytes(png((number, i, 9), 32))
    (tmp_path / "README.png").write_bytes(png((1, 2, 3), 32))
    found = open_benchmark("cifar100", tmp_path)
    truth = classes_of(found.truths[""])
    assert truth.queries.tolist() == [c for c in range(11) for _ in range(2)]
    assert truth.gallery.tolist() == [c for c in range(11) for _ in range(3)]
    assert keys(found.queries)[0] == "test/class000/0.png"
    item = next(found.gallery.items())
    assert found.gallery.read(item) == png((0, 0, 9), 32)
    assert found.gallery.covers(item.key)
    assert len(keys(open_benchmark("cifar100-disjoint", tmp_path).queries)) == 2 * 5
