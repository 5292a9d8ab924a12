"""UKBench and Holidays: what belongs together is told by the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.benchmarks import Classes, Lists, open_benchmark
from likewise.errors import SourceError
from places import keys, write_tree

SCENES = ["100000.jpg", "100001.jpg", "100002.jpg", "100100.jpg", "100101.jpg", "149901.jpg"]


@pytest.mark.parametrize("folder", ["", "full/"])
def test_four_ukbench_images_are_one_object_and_each_counts_for_itself(tmp_path: Path, folder: str) -> None:
    numbers = [0, 1, 2, 3, 40, 41, 42, 43]
    write_tree(tmp_path, [f"{folder}ukbench{number:05d}.jpg" for number in numbers])
    write_tree(tmp_path, ["readme.txt", "other/ukbench00099.jpg", ".hidden.jpg"])
    found = open_benchmark("ukbench", tmp_path)
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    assert keys(found.queries) == keys(found.gallery)
    assert keys(found.gallery) == [f"{folder}ukbench{number:05d}.jpg" for number in numbers]
    assert truth.queries.tolist() == truth.gallery.tolist() == [0] * 4 + [1] * 4
    assert truth.self_rows.tolist() == [-1] * 8
    assert truth.names == ("0000", "0010")
    assert found.metrics[0] == "N-S"
    assert found.notes == ("2 objects instead of the official 2,550",)


def test_an_object_without_all_its_views_is_noted(tmp_path: Path) -> None:
    found = open_benchmark("ukbench", write_tree(tmp_path, [f"ukbench{number:05d}.jpg" for number in range(6)]))
    assert "1 objects have not all their 4 photographs, so N-S cannot reach 4" in found.notes


def test_the_first_photograph_of_a_scene_is_the_query_and_junk_to_itself(tmp_path: Path) -> None:
    found = open_benchmark("holidays", write_tree(tmp_path / "jpg", SCENES).parent)
    truth = found.truths[""]
    assert isinstance(truth, Lists)
    assert keys(found.queries) == ["jpg/100000.jpg", "jpg/100100.jpg"]
    assert keys(found.gallery) == [f"jpg/{name}" for name in SCENES]
    assert [rows.tolist() for rows in truth.positives] == [[1, 2], [4]]
    assert [rows.tolist() for rows in truth.junk] == [[0], [3]]
    assert found.metrics[:2] == ("mAP-trapezoid", "mAP")
    assert found.notes == (
        "2 queries instead of the official 500",
        "6 images instead of the official 1,491",
        "1 scenes lack their first photograph, which is the query",
    )


def test_distractors_follow_the_holidays(tmp_path: Path) -> None:
    write_tree(tmp_path / "holidays", SCENES)
    write_tree(tmp_path / "flickr", ["1.jpg"])
    found = open_benchmark("holidays", tmp_path / "holidays", distractors=tmp_path / "flickr")
    assert keys(found.gallery)[5:] == ["holidays/149901.jpg", "flickr/1.jpg"]
    assert "distractors" in found.notes[-1]


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no image with a name like ukbench.* is in \./ or full/; ukbench wants"):
        open_benchmark("ukbench", write_tree(tmp_path))
