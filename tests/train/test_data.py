from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("torch")

from likewise.errors import BadArgument
from likewise.sources import class_of, open_source
from likewise.train.data import Labelled, batches, gathered, held_out, together
from likewise.train.mining import mined_labels
from likewise.types import Item, Recipe

RECIPE = Recipe("small", 16)


def labelled(per_class: int = 5, classes: int = 4) -> Labelled:
    labels = np.repeat(np.arange(classes), per_class)
    pixels = np.zeros((len(labels), 16, 16, 3), np.uint8) + labels[:, None, None, None].astype(np.uint8)
    return Labelled(pixels, labels, tuple("abcdefgh"[:classes]), tuple(f"{i}" for i in range(len(labels))))


def test_a_class_is_the_label_of_the_source_or_the_folder() -> None:
    assert class_of(Item("train/x/1.png", metadata={"label": "apple"})) == "apple"
    assert class_of(Item("birds/heron/1.jpg")) == "heron"
    assert class_of(Item("1.jpg")) == ""
    assert class_of(Item("n01443537/images/n01443537_0.JPEG")) == "n01443537"
    assert class_of(Item("images/1.jpg")) == "images"


def test_pictures_without_class_or_content_are_skipped_and_named(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "alone.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Picture.new("RGB", (20, 20), (9, 9, 9)).save(tmp_path / name)
    (tmp_path / "b" / "broken.png").write_bytes(b"no picture")
    seen: list[tuple[int, int]] = []
    found = gathered(open_source(str(tmp_path)), RECIPE, progress=lambda done, total: seen.append((done, total)))
    assert found.names == ("a", "b")
    assert found.labels.tolist() == [0, 0, 1]
    assert {skip.key for skip in found.skipped} == {"alone.png", "b/broken.png"}
    assert seen[-1] == (5, 5)
    unlabelled = gathered(open_source(str(tmp_path)), RECIPE, labelled=False)
    assert len(unlabelled) == 4


def test_one_class_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Picture.new("RGB", (20, 20)).save(tmp_path / "a" / "1.png")
    with pytest.raises(BadArgument, match="one folder for each"):
        gathered(open_source(str(tmp_path)), RECIPE)


def test_held_out_classes_are_not_trained_on_and_labels_are_numbered_anew() -> None:
    training, judges = held_out(labelled(), classes=["b", "d"])
    assert training.names == ("a", "c")
    assert judges.names == ("b", "d")
    assert training.labels.tolist() == [0] * 5 + [1] * 5
    assert not set(training.keys) & set(judges.keys)
    assert (training.pixels[:, 0, 0, 0] == np.repeat([0, 2], 5)).all()


def test_held_out_images_come_evenly_from_all_classes() -> None:
    training, judges = held_out(labelled(), images=8, seed=1)
    assert np.bincount(judges.labels).tolist() == [2, 2, 2, 2]
    assert len(training) == 12
    again = held_out(labelled(), images=8, seed=1)[1]
    assert again.keys == judges.keys


def test_sets_that_are_put_together_share_no_class() -> None:
    both = together([labelled(), labelled(3, 2)])
    assert both.names == ("1/a", "1/b", "1/c", "1/d", "2/a", "2/b")
    assert both.sets.tolist() == [0, 0, 0, 0, 1, 1]
    assert np.bincount(both.labels).tolist() == [5, 5, 5, 5, 3, 3]
    assert len(set(both.keys)) == len(both) == 26
    training, judges = held_out(both, classes=["1/b", "2/a"])
    assert training.sets.tolist() == [0, 0, 0, 1]
    assert judges.sets.tolist() == [0, 1]
    assert together([training]) is training


def test_sets_of_different_sizes_are_not_put_together() -> None:
    small = Labelled(np.zeros((2, 8, 8, 3), np.uint8), np.arange(2), ("a", "b"), ("1", "2"))
    with pytest.raises(BadArgument, match="one recipe for all"):
        together([labelled(), small])


def test_wrong_splits_are_refused() -> None:
    with pytest.raises(BadArgument, match="no class is called z"):
        held_out(labelled(), classes=["z"])
    with pytest.raises(BadArgument, match="everything"):
        held_out(labelled(), classes=["a", "b", "c", "d"])


def test_an_epoch_meets_every_picture_once_in_an_order_of_its_own() -> None:
    labels = labelled(6).labels
    first = np.concatenate(list(batches(labels, 8, seed=0, epoch=0)))
    assert sorted(first.tolist()) == list(range(24))
    assert not np.array_equal(first, np.concatenate(list(batches(labels, 8, seed=0, epoch=1))))
    assert np.array_equal(first, np.concatenate(list(batches(labels, 8, seed=0, epoch=0))))


def test_a_small_set_is_met_as_often_as_a_large_one() -> None:
    sets = np.repeat([0, 1, 2], [20, 10, 7])
    met = np.concatenate(list(batches(np.arange(37) % 4, 5, seed=0, epoch=0, sets=sets)))
    missing = np.repeat([1, 2, 3], [20, 10, 7]) - np.bincount(met, minlength=37)
    assert missing.sum() == 1  # 61 pictures fill twelve batches of five
    assert missing.min() == 0


def test_balanced_batches_hold_as_many_of_each_class_whatever_its_size() -> None:
    labels = np.repeat(np.arange(4), [40, 3, 3, 2])
    counts = np.zeros(4, np.int64)
    for rows in batches(labels, 6, seed=0, epoch=0, per_class=3):
        sizes = np.bincount(labels[rows], minlength=4)
        assert sorted(sizes.tolist()) == [0, 0, 3, 3]
        counts += sizes
    assert counts.max() - counts.min() <= 3


def test_mutual_nearest_neighbours_get_one_label() -> None:
    angles = np.radians([0, 4, 90, 95, 200])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert mined_labels(rows).tolist() == [0, 0, 1, 1, 2]
    assert len(set(mined_labels(rows, least=0.999).tolist())) == 5
    with pytest.raises(BadArgument, match="at least two"):
        mined_labels(rows[:1])
