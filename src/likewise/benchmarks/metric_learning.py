"""The benchmarks of metric learning, on classes that were not trained on: products, birds, cars, clothes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likewise.benchmarks.parts import counted, listed, needed, required, text_of
from likewise.benchmarks.types import Benchmark, Classes, Facts
from likewise.errors import MissingExtra, SourceError

_REALITY = "protocol of Oh Song et al., CVPR 2016, arXiv:1511.06452; MAP@R: arXiv:2003.08505"


def sop(path: Path | None) -> Benchmark:
    """Stanford Online Products: the test half, `Ebay_test.txt`."""
    home = "https://cvgl.stanford.edu/projects/lifted_struct/"
    folder = needed(path, "sop", home, "Ebay_test.txt")
    lines = [line.split() for line in text_of(folder / "Ebay_test.txt", home)[1:]]
    names, labels = _columns(lines, 3, 1, folder / "Ebay_test.txt")
    facts = Facts(
        "each image of 11,316 products that training has not seen is searched among the others; itself is left out by row",
        home,
        "MIT for the collection; photos from eBay",
        f"Oh Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, CVPR 2016; {_REALITY}",
    )
    return _among(("sop", folder), facts, names, labels, (60_502, ("R@1", "R@10", "R@100", "R@1000", "MAP@R")))


def cub200(path: Path | None) -> Benchmark:
    """CUB-200-2011: the birds of classes 101 to 200."""
    home = "https://www.vision.caltech.edu/datasets/cub_200_2011/"
    folder = needed(path, "cub200", home, "images.txt, image_class_labels.txt and images/")
    files = dict(line.split(maxsplit=1) for line in text_of(folder / "images.txt", home))
    classes = dict(line.split() for line in text_of(folder / "image_class_labels.txt", home))
    chosen = [
        (f"images/{files[key]}", int(label)) for key, label in classes.items() if int(label) > 100 and key in files
    ]
    facts = Facts(
        "each image of the last 100 species is searched among the others; itself is left out by row",
        home,
        "not stated; for non-commercial research",
        f"Wah et al., The Caltech-UCSD Birds-200-2011 Dataset, 2011; {_REALITY}",
    )
    names, labels = [name for name, _ in chosen], [label for _, label in chosen]
    return _among(("cub200", folder), facts, names, labels, (5924, ("R@1", "R@2", "R@4", "R@8", "MAP@R")))


def cars196(path: Path | None) -> Benchmark:
    """Cars-196: the models 99 to 196 of `cars_annos.mat`, images in `car_ims/`."""
    home = "https://ai.stanford.edu/~jkrause/cars/car_dataset.html"
    folder = needed(path, "cars196", home, "cars_annos.mat and car_ims/")
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtra("cars_annos.mat is a file of Matlab: pip install scipy") from error
    try:
        table = loadmat(str(required(folder / "cars_annos.mat", home)), squeeze_me=True)["annotations"]
        rows = [(str(row["relative_im_path"]), int(row["class"])) for row in np.atleast_1d(table)]
    except SourceError:
        raise
    except Exception as error:  # scipy has kinds of its own, and a torn file raises any
        raise SourceError(f"{folder / 'cars_annos.mat'}: {error}: fetch it anew from {home}") from error
    chosen = [(name, label) for name, label in rows if label > 98]
    facts = Facts(
        "each image of the last 98 models of cars is searched among the others; itself is left out by row",
        home,
        "not stated; for non-commercial research",
        f"Krause et al., 3D Object Representations for Fine-Grained Categorization, 3dRR 2013; {_REALITY}",
    )
    names, labels = [name for name, _ in chosen], [label for _, label in chosen]
    return _among(("cars196", folder), facts, names, labels, (8131, ("R@1", "R@2", "R@4", "R@8", "MAP@R")))


def inshop(path: Path | None) -> Benchmark:
    """In-Shop clothes retrieval: query → gallery of `list_eval_partition.txt`."""
    home = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html"
    folder = needed(path, "inshop", home, "Eval/list_eval_partition.txt and Img/")
    places = (folder / "Eval" / "list_eval_partition.txt", folder / "list_eval_partition.txt")
    table = next((each for each in places if each.exists()), places[0])
    lines = [line.split() for line in text_of(table, home)[2:]]
    if any(len(line) != 3 for line in lines):
        raise SourceError(f"{table}: wants image, item and part in each line: fetch it anew from {home}")
    inside = "Img/" if (folder / "Img").is_dir() else ""
    asked = [(inside + name, item) for name, item, part in lines if part == "query"]
    searched = [(inside + name, item) for name, item, part in lines if part == "gallery"]
    if not asked or not searched:
        raise SourceError(f"{table}: names no queries or no gallery: fetch it anew from {home}")
    number = {item: i for i, item in enumerate(sorted({item for _, item in (*asked, *searched)}))}
    truth = Classes(
        np.array([number[item] for _, item in asked], np.int64),
        np.array([number[item] for _, item in searched], np.int64),
        np.full(len(asked), -1),
    )
    facts = Facts(
        "each photo of a piece of clothing is searched among the gallery's; right is the same item",
        home,
        "non-commercial research by agreement",
        "Liu et al., DeepFashion, CVPR 2016",
    )
    notes = counted(len(asked), 14_218, "queries") + counted(len(searched), 12_612, "gallery images")
    sources = listed(folder, [name for name, _ in searched]), listed(folder, [name for name, _ in asked])
    return Benchmark("inshop", facts, *sources, {"": truth}, ("R@1", "R@10", "R@20", "R@30", "MAP@R"), notes)


def _columns(lines: Sequence[Sequence[str]], name: int, label: int, file: Path) -> tuple[list[str], list[int]]:
    try:
        return [line[name] for line in lines], [int(line[label]) for line in lines]
    except (IndexError, ValueError) as error:
        raise SourceError(f"{file}: a line has other columns than the official ones: fetch it anew") from error


def _among(
    place: tuple[str, Path],
    facts: Facts,
    names: Sequence[str],
    labels: Sequence[int],
    official: tuple[int, tuple[str, ...]],
) -> Benchmark:
    """Every image a query among the others."""
    name, folder = place
    count, metrics = official
    if not names:
        raise SourceError(f"{folder}: names no images of test classes: fetch it anew from {facts.home}")
    source = listed(folder, names)
    _, numbered = np.unique(labels, return_inverse=True)
    numbers = numbered.astype(np.int64)
    truth = Classes(numbers, numbers, np.arange(len(numbers)))
    return Benchmark(name, facts, source, source, {"": truth}, metrics, counted(len(names), count, "images"))
