"""Oxford and Paris, with the first and the revisited ground truth, in tiny."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from likewise.benchmarks import Benchmark, Lists, open_benchmark
from likewise.benchmarks.landmarks import corners
from likewise.errors import SourceError
from likewise.images import decode
from likewise.types import Item
from places import keys, write_tree

OXFORD = ["all_souls_000000", "all_souls_000001", "all_souls_000002", "oxford_000000", "oxford_000001"]
GROUND_TRUTH = {
    "query": "oxc1_all_souls_000001 2.4 1.0 9.6 7.6\n",
    "good": "all_souls_000001\nall_souls_000002\n",
    "ok": "all_souls_000000\n",
    "junk": "oxford_000001\n",
}


def write_image(path: Path, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    target = io.BytesIO()
    Picture.fromarray(pixels).save(target, "JPEG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(target.getvalue())
    return decode(target.getvalue())


def oxford(folder: Path, **changed: str) -> Path:
    for seed, name in enumerate(OXFORD):
        write_image(folder / "oxbuild_images" / f"{name}.jpg", seed)
    for kind, text in {**GROUND_TRUTH, **changed}.items():
        path = folder / "gt_files_170407" / f"all_souls_1_{kind}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def paris(folder: Path) -> Path:
    for name in ("defense_000001", "defense_000002", "louvre_000136", "louvre_000001"):
        write_image(folder / "paris" / name.partition("_")[0] / f"paris_{name}.jpg")
    lists = {
        "query": "paris_defense_000002 0 0 5 5",
        "good": "paris_defense_000001\nparis_louvre_000136",
        "ok": "",
        "junk": "paris_triomphe_000867",
    }
    for kind, text in lists.items():
        path = folder / "paris_120310" / f"defense_1_{kind}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def lists_of(found: Benchmark, setup: str = "") -> tuple[list[list[int]], list[list[int]]]:
    truth = found.truths[setup]
    assert isinstance(truth, Lists)
    return [rows.tolist() for rows in truth.positives], [rows.tolist() for rows in truth.junk]


def test_oxford_is_asked_with_boxes_and_good_and_ok_are_right(tmp_path: Path) -> None:
    found = open_benchmark("oxford5k", oxford(tmp_path))
    assert keys(found.gallery) == [f"oxbuild_images/{name}.jpg" for name in OXFORD]
    assert keys(found.queries) == ["oxbuild_images/all_souls_000001.jpg"]
    assert lists_of(found) == ([[0, 1, 2]], [[4]])
    pixels = write_image(tmp_path / "again.jpg", 1)
    np.testing.assert_array_equal(decode(found.queries.read(Item(keys(found.queries)[0]))), pixels[1:8, 2:10])
    assert found.metrics[0] == "mAP-trapezoid"
    assert found.notes == ("1 queries instead of the official 55", "5 images instead of the official 5,063")


def test_paris_leaves_out_the_files_that_hold_no_picture(tmp_path: Path) -> None:
    found = open_benchmark("paris6k", paris(tmp_path))
    assert [key.rpartition("/")[2] for key in keys(found.gallery)] == [
        "paris_defense_000001.jpg",
        "paris_defense_000002.jpg",
        "paris_louvre_000001.jpg",
    ]
    assert lists_of(found) == ([[0]], [[]])


def test_distractors_follow_also_from_a_folder_below(tmp_path: Path) -> None:
    write_image(oxford(tmp_path) / "flickr100k" / "x.jpg")
    found = open_benchmark("oxford5k", tmp_path, distractors=tmp_path / "flickr100k")
    assert keys(found.gallery)[-2:] == ["oxbuild_images/oxford_000001.jpg", "flickr100k/x.jpg"]
    assert lists_of(found) == ([[0, 1, 2]], [[4]])


def test_ground_truth_that_names_a_missing_image_is_refused(tmp_path: Path) -> None:
    oxford(tmp_path, ok="all_souls_000099")
    with pytest.raises(
        SourceError, match=r"1 of the 4 images .* missing, such as all_souls_000099.jpg; oxford5k wants"
    ):
        open_benchmark("oxford5k", tmp_path)


def test_ground_truth_of_the_other_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="asks for paris_defense_000002; oxford5k wants that of its own city"):
        open_benchmark("oxford5k", paris(tmp_path / "p"))
    with pytest.raises(SourceError, match="asks for all_souls_000001; paris6k wants"):
        open_benchmark("paris6k", oxford(tmp_path / "o"))


def test_a_list_that_is_missing_is_named(tmp_path: Path) -> None:
    (oxford(tmp_path) / "gt_files_170407" / "all_souls_1_junk.txt").unlink()
    with pytest.raises(SourceError, match="all_souls_1_junk.txt is not there"):
        open_benchmark("oxford5k", tmp_path)


@pytest.mark.parametrize(
    "line", ["", "oxc1_all_souls_000001", "oxc1_all_souls_000001 1 2 3 x", "a 1 2 3 inf", "a 1 2 3"]
)
def test_a_query_without_a_box_is_named(tmp_path: Path, line: str) -> None:
    (oxford(tmp_path) / "gt_files_170407" / "all_souls_1_query.txt").write_text(line)
    with pytest.raises(SourceError, match="all_souls_1_query.txt reads .* wants an image and four numbers"):
        open_benchmark("oxford5k", tmp_path)


def test_corners_are_rounded_each() -> None:
    assert corners(136.5, 34.1, 648.5, 955.7) == (136, 34, 512, 922)


GALLERY = ["all_souls_000000", "all_souls_000002", "oxford_000000", "oxford_000001"]


def revisited(folder: Path, name: str = "roxford5k", protocol: int = 2, **changed: object) -> Path:
    for image in OXFORD:
        write_image(folder / "jpg" / f"{image}.jpg")
    query = {
        "bbx": [1.0, 2.0, 6.0, 8.0],
        "easy": np.array([3, 1]),
        "hard": [np.int64(0)],
        "junk": np.zeros(0, np.int64),
    }
    told = {
        "imlist": GALLERY,
        "qimlist": ["all_souls_000001"],
        "gnd": [{**query, **{key: value for key, value in changed.items() if key in query}}],
    }
    told.update({key: value for key, value in changed.items() if key in told})
    (folder / f"gnd_{name}.pkl").write_bytes(pickle.dumps(told, protocol))
    return folder


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["roxford5k", "rparis6k"])
def test_the_three_setups_are_those_of_the_paper(tmp_path: Path, name: str, protocol: int) -> None:
    found = open_benchmark(name, revisited(tmp_path, name, protocol, junk=[2]))
    assert keys(found.gallery) == [f"jpg/{image}.jpg" for image in GALLERY]
    assert keys(found.queries) == ["jpg/all_souls_000001.jpg"]
    assert decode(found.queries.read(Item("jpg/all_souls_000001.jpg"))).shape == (6, 5, 3)
    assert list(found.truths) == ["easy", "medium", "hard"]
    assert lists_of(found, "easy") == ([[1, 3]], [[0, 2]])
    assert lists_of(found, "medium") == ([[0, 1, 3]], [[2]])
    assert lists_of(found, "hard") == ([[0]], [[1, 2, 3]])
    assert found.notes[0] == "1 queries instead of the official 70"


def test_a_million_distractors_follow_the_revisited_gallery(tmp_path: Path) -> None:
    write_tree(tmp_path / "revisitop1m", ["0/a.jpg"])
    found = open_benchmark("roxford5k", revisited(tmp_path / "roxford5k"), distractors=str(tmp_path / "revisitop1m"))
    assert keys(found.gallery)[-1] == "revisitop1m/0/a.jpg"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (
            {"imlist": [*GALLERY, "gone"]},
            r"1 of the 6 images that gnd_roxford5k.pkl names are missing, such as gone.jpg",
        ),
        ({"imlist": [*GALLERY, GALLERY[0]]}, "names an image of the gallery twice"),
        ({"imlist": [1, 2]}, "no list of names called imlist"),
        ({"qimlist": []}, "no list of names called qimlist"),
        ({"gnd": []}, "no gnd for each of its 1 queries"),
        ({"gnd": [3]}, "a query whose easy is no list"),
        ({"hard": [4]}, "a query whose hard is no list of rows below 4"),
        ({"junk": [-1]}, "a query whose junk is no list of rows below 4"),
        ({"easy": None}, "a query whose easy is no list"),
        ({"bbx": [1, 2, 3]}, "bbx is no four numbers"),
        ({"bbx": [1, 2, 3, float("nan")]}, "bbx is no four numbers"),
    ],
)
def test_ground_truth_that_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, object], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        open_benchmark("roxford5k", revisited(tmp_path, **changed))


def test_a_ground_truth_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    revisited(tmp_path)
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps({"gnd": Path("x")}))
    with pytest.raises(SourceError, match="is not trusted"):
        open_benchmark("roxford5k", tmp_path)
