"""Online Products, Birds, Cars and In-Shop in their official layouts, in tiny."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from likewise.benchmarks import Benchmark, Classes, open_benchmark
from likewise.errors import MissingExtra, SourceError
from places import keys, write_tree


def among_themselves(found: Benchmark) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Keys, classes and names, where every image is a query whose own row is taken out."""
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    assert keys(found.queries) == keys(found.gallery)
    assert truth.queries.tolist() == truth.gallery.tolist()
    assert truth.self_rows.tolist() == list(range(len(truth.gallery)))
    return keys(found.gallery), truth.gallery.tolist(), truth.names


PRODUCTS = ["bicycle_final/1_0.JPG", "bicycle_final/1_1.JPG", "chair_final/2_0.JPG"]


def products(folder: Path, missing: int = 0) -> Path:
    write_tree(folder, PRODUCTS[missing:])
    lines = [f"{number} {11_319 + number // 3} 1 {path}" for number, path in enumerate(PRODUCTS, 1)]
    (folder / "Ebay_test.txt").write_text("\n".join(["image_id class_id super_class_id path", *lines]))
    return folder


@pytest.mark.parametrize("inside", ["", "Stanford_Online_Products"])
def test_products_are_searched_among_themselves(tmp_path: Path, inside: str) -> None:
    products(tmp_path / inside)
    found = open_benchmark("sop", tmp_path)
    assert among_themselves(found) == (PRODUCTS, [0, 0, 1], ("11319", "11320"))
    assert found.metrics[:4] == ("R@1", "R@10", "R@100", "R@1000")
    assert found.notes == ("3 images in the list instead of the official 60,502",)


def test_missing_images_are_left_out_and_noted(tmp_path: Path) -> None:
    found = open_benchmark("sop", products(tmp_path, missing=1))
    assert among_themselves(found)[0] == PRODUCTS[1:]
    assert found.notes[0] == "1 of 3 images are missing, such as bicycle_final/1_0.JPG, and left out"


def test_a_list_whose_images_are_mostly_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="2 of 3 images are missing, such as bicycle_final/1_0.JPG; sop wants"):
        open_benchmark("sop", products(tmp_path, missing=2))


@pytest.mark.parametrize(("text", "why"), [("head\n1 2 3", "has the line '1 2 3'"), ("head\n", "has no lines")])
def test_a_list_of_another_form_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "Ebay_test.txt").write_text(text)
    with pytest.raises(SourceError, match=f"Ebay_test.txt {why}; sop wants 4 columns"):
        open_benchmark("sop", tmp_path)


BIRDS = ["001.Albatross/A_1.jpg", "101.White_Pelican/P_1.jpg", "101.White_Pelican/P_2.jpg", "200.Yellowthroat/Y_1.jpg"]


def birds(folder: Path, classes: tuple[int, ...] = (1, 101, 101, 200)) -> Path:
    write_tree(folder, [f"images/{name}" for name in BIRDS])
    (folder / "images.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(BIRDS, 1)))
    told = "".join(f"{number} {label}\n" for number, label in enumerate(classes, 1))
    (folder / "image_class_labels.txt").write_text(told)
    return folder


def test_the_last_hundred_species_are_asked_for(tmp_path: Path) -> None:
    found = open_benchmark("cub200", birds(tmp_path / "CUB_200_2011").parent)
    wanted = [f"images/{name}" for name in BIRDS[1:]]
    assert among_themselves(found) == (wanted, [0, 0, 1], ("101.White_Pelican", "200.Yellowthroat"))
    assert found.notes == ("3 images in the list instead of the official 5,924",)


def test_birds_without_a_class_or_a_late_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no class for some image"):
        open_benchmark("cub200", birds(tmp_path, (1, 101, 101)))
    with pytest.raises(SourceError, match="no image of the classes that are asked for"):
        open_benchmark("cub200", birds(tmp_path, (1, 1, 1, 1)))


def cars(folder: Path, classes: list[int], **changed: object) -> Path:
    scipy_io = pytest.importorskip("scipy.io")
    images = [f"car_ims/{number:06d}.jpg" for number in range(1, len(classes) + 1)]
    write_tree(folder, images)
    kinds = [("relative_im_path", object), ("bbox_x1", object), ("class", object), ("test", object)]
    annotations = np.array([[(image, 1, label, 0) for image, label in zip(images, classes, strict=True)]], dtype=kinds)
    names = np.array([[f"Car {number}" for number in range(1, 197)]], dtype=object)
    scipy_io.savemat(folder / "cars_annos.mat", {"annotations": annotations, "class_names": names, **changed})
    return folder


def test_the_last_98_models_are_asked_for(tmp_path: Path) -> None:
    found = open_benchmark("cars196", cars(tmp_path, [1, 98, 99, 196, 99]))
    wanted = ["car_ims/000003.jpg", "car_ims/000004.jpg", "car_ims/000005.jpg"]
    assert among_themselves(found) == (wanted, [1, 0, 1], ("Car 196", "Car 99"))
    assert found.notes == ("3 images in the list instead of the official 8,131",)


def test_a_single_car_is_no_special_case(tmp_path: Path) -> None:
    assert among_themselves(open_benchmark("cars196", cars(tmp_path, [100])))[0] == ["car_ims/000001.jpg"]


def test_annotations_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cars_annos.mat lacks what is looked for"):
        open_benchmark("cars196", cars(tmp_path, [100], annotations=[1, 2]))
    (tmp_path / "cars_annos.mat").write_bytes(b"no matrix")
    with pytest.raises(SourceError, match="cars_annos.mat cannot be read"):
        open_benchmark("cars196", tmp_path)


def test_without_scipy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cars_annos.mat").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtra, match=r"likewise\[benchmarks\]"):
        open_benchmark("cars196", tmp_path)


CLOTHES = [
    ("img/WOMEN/Dresses/id_00000002/02_1_front.jpg", "id_00000002", "train"),
    ("img/WOMEN/Dresses/id_00000007/01_1_front.jpg", "id_00000007", "query"),
    ("img/WOMEN/Dresses/id_00000007/02_2_side.jpg", "id_00000007", "gallery"),
    ("img/MEN/Denim/id_00000080/01_1_front.jpg", "id_00000080", "gallery"),
]


def clothes(folder: Path, above: str = "", rows: list[tuple[str, str, str]] = CLOTHES) -> Path:
    write_tree(folder, [f"{above}{image}" for image, _, _ in rows])
    (folder / "Eval").mkdir()
    lines = [str(len(rows)), "image_name item_id evaluation_status", *("  ".join(row) for row in rows)]
    (folder / "Eval" / "list_eval_partition.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("above", ["", "Img/"])
def test_clothes_have_their_own_queries_and_gallery(tmp_path: Path, above: str) -> None:
    found = open_benchmark("inshop", clothes(tmp_path, above))
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    assert keys(found.queries) == [f"{above}{CLOTHES[1][0]}"]
    assert keys(found.gallery) == [f"{above}{CLOTHES[2][0]}", f"{above}{CLOTHES[3][0]}"]
    assert (truth.queries.tolist(), truth.gallery.tolist(), truth.self_rows.tolist()) == ([0], [0, 1], [-1])
    assert truth.names == ("id_00000007", "id_00000080")
    assert found.metrics[:4] == ("R@1", "R@10", "R@20", "R@30")


def test_a_partition_without_queries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no query; inshop wants"):
        open_benchmark("inshop", clothes(tmp_path, rows=[CLOTHES[0], CLOTHES[2]]))
