"""The benchmarks of metric learning: classes that no training has seen, every image among the others; and In-Shop's own split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from likewise.benchmarks import layout
from likewise.benchmarks.types import Benchmark, Facts
from likewise.benchmarks.views import Files
from likewise.errors import MissingExtra

SOP = Facts(
    about="60,502 photographs of 11,316 products for sale, each searched among the others; right is the same product.",
    home="https://cvgl.stanford.edu/projects/lifted_struct/",
    licence="not stated",
    citation=(
        "Hyun Oh Song, Yu Xiang, Stefanie Jegelka and Silvio Savarese: Deep Metric Learning via Lifted Structured Feature "
        "Embedding. CVPR 2016, arXiv:1511.06452"
    ),
)
CUB200 = Facts(
    about="5,924 photographs of the last 100 of 200 species of birds, each searched among the others; right is the species.",
    home="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    licence="non-commercial research and education; the copyright of the images is their owners'",
    citation=(
        "Catherine Wah, Steve Branson, Peter Welinder, Pietro Perona and Serge Belongie: The Caltech-UCSD Birds-200-2011 "
        "Dataset. Technical report CNS-TR-2011-001, California Institute of Technology, 2011"
    ),
)
CARS196 = Facts(
    about="8,131 photographs of the last 98 of 196 models of cars, each searched among the others; right is the model.",
    home="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
    licence="not stated",
    citation=(
        "Jonathan Krause, Michael Stark, Jia Deng and Li Fei-Fei: 3D Object Representations for Fine-Grained Categorization. "
        "Workshop on 3D Representation and Recognition at ICCV 2013"
    ),
)
INSHOP = Facts(
    about="14,218 photographs of clothes searched among 12,612 others; right is the same of 3,985 items.",
    home="https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html",
    licence="non-commercial research only",
    citation=(
        "Ziwei Liu, Ping Luo, Shi Qiu, Xiaogang Wang and Xiaoou Tang: DeepFashion: Powering Robust Clothes Recognition and "
        "Retrieval with Rich Annotations. CVPR 2016"
    ),
)
_FEW_EACH = ("R@1", "R@10", "R@100", "R@1000", "R-precision", "MAP@R", "mAP")
_MANY_EACH = ("R@1", "R@2", "R@4", "R@8", "R-precision", "MAP@R", "mAP")
_IN_SHOP = ("R@1", "R@10", "R@20", "R@30", "R-precision", "MAP@R", "mAP")


def sop(path: Path | None) -> Benchmark:
    """`Ebay_test.txt` and the folders that it names; see `open_benchmark`."""
    place = layout.place_of("sop", path, SOP, "Stanford_Online_Products")
    rows = place.table(4, "Ebay_test.txt", skip=1)
    return _among_themselves(place, SOP, [(row[3], row[1]) for row in rows], _FEW_EACH, 60_502)


def cub200(path: Path | None) -> Benchmark:
    """`images.txt`, `image_class_labels.txt` and `images/`; classes 101 to 200; see `open_benchmark`."""
    place = layout.place_of("cub200", path, CUB200, "CUB_200_2011")
    classes = dict(place.table(2, "image_class_labels.txt"))
    images = place.table(2, "images.txt")
    if any(not classes.get(number, "").isdecimal() for number, _ in images):
        raise place.wrong("image_class_labels.txt has no class for some image of images.txt", "both from one archive")
    labelled = [(f"images/{name}", name.partition("/")[0]) for number, name in images if int(classes[number]) > 100]
    return _among_themselves(place, CUB200, labelled, _MANY_EACH, 5924)


def cars196(path: Path | None) -> Benchmark:
    """`cars_annos.mat` and `car_ims/`; classes 99 to 196; needs scipy; see `open_benchmark`."""
    place = layout.place_of("cars196", path, CARS196, "cars196")
    told = _matlab(place, place.first("cars_annos.mat"))
    try:
        names = [str(name) for name in np.atleast_1d(told["class_names"])]
        annotations = np.atleast_1d(told["annotations"])
        images = [(str(one["relative_im_path"]), int(one["class"])) for one in annotations]
        labelled = [(image, names[number - 1]) for image, number in images if number > 98]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise place.wrong(
            f"cars_annos.mat lacks what is looked for ({error})", "its paths, classes and names"
        ) from error
    return _among_themselves(place, CARS196, labelled, _MANY_EACH, 8131)


def inshop(path: Path | None) -> Benchmark:
    """`Eval/list_eval_partition.txt` and `img/` or `Img/img/`; its own queries and gallery; see `open_benchmark`."""
    place = layout.place_of("inshop", path, INSHOP)
    rows = place.table(3, "Eval/list_eval_partition.txt", "list_eval_partition.txt", skip=2)
    above = "Img/" if (place.folder / "Img" / "img").is_dir() else ""
    notes: list[str] = []
    sides = []
    for side, official in (("query", 14_218), ("gallery", 12_612)):
        labelled = [(f"{above}{image}", item) for image, item, part in rows if part == side]
        if not labelled:
            raise place.wrong(f"list_eval_partition.txt has no {side}", "the official one")
        keys, labels, missing = _there(place, labelled)
        sides.append((Files(place.folder, keys, labels), labels))
        notes += [*missing, *layout.counted(len(labelled), official, f"{side} images in the list")]
    (queries, asked), (gallery, held) = sides
    return Benchmark("inshop", INSHOP, gallery, queries, {"": layout.apart(asked, held)}, _IN_SHOP, tuple(notes))


def _among_themselves(
    place: layout.Place, facts: Facts, labelled: Sequence[tuple[str, str]], metrics: tuple[str, ...], official: int
) -> Benchmark:
    if not labelled:
        raise place.wrong("its lists have no image of the classes that are asked for", "the official ones")
    keys, labels, missing = _there(place, labelled)
    source = Files(place.folder, keys, labels)
    notes = (*missing, *layout.counted(len(labelled), official, "images in the list"))
    return Benchmark(place.name, facts, source, source, {"": layout.among_themselves(labels)}, metrics, notes)


def _there(place: layout.Place, labelled: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Keys and labels of the images that are there, each once, and a note if some are not."""
    once = dict(labelled)
    there, missing = place.subset(list(once))
    return list(compress(once, there)), list(compress(once.values(), there)), missing


def _matlab(place: layout.Place, file: Path) -> dict[str, Any]:
    """The variables of a file of MATLAB's, arrays of one element as their element."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtra(f"{file.name} is read by scipy ({error}): pip install 'likewise[benchmarks]'") from error
    try:
        told: dict[str, Any] = loadmat(str(file), squeeze_me=True)
    except Exception as error:  # a torn file makes scipy raise anything
        raise place.wrong(f"{file.name} cannot be read ({error})", "the official one") from error
    return told
