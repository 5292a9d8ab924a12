from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakes import records
from galleries import clustered
from likewise.errors import BadArgument
from likewise.gallery.bundling import bundled
from likewise.gallery.codes import ENOUGH, K, coded
from likewise.gallery.columns import packed, texts
from likewise.gallery.exporting import _plane
from likewise.gallery.facts import facets, public
from likewise.roots import Roots
from likewise.stores.local import LocalStore
from likewise.types import Card, Metric, Recipe, Record


def store_of(folder: Path, rows: np.ndarray, metric: Metric, *, unit: bool) -> LocalStore:
    card = Card("made", rows.shape[1], Recipe("tiny", 8), metric=metric, unit=unit)
    store = LocalStore.create(folder / ".likewise", card)
    with store.write() as writer:
        writer.extend(records(*(f"{i:05d}" for i in range(len(rows)))), rows)
    return store


@pytest.mark.parametrize(("metric", "unit"), [("cosine", True), ("cosine", False), ("l2", False)])
def test_codes_find_what_the_library_finds(metric: Metric, unit: bool, tmp_path: Path) -> None:
    rows, _ = clustered(2000, 160, unit=unit)
    rows = rows + (0.3 if not unit else 0)
    with store_of(tmp_path, rows, metric, unit=unit) as store:
        codes = coded(store.snapshot(), metric, unit=unit)
        asked = np.arange(0, 2000, 40)
        _, near = store.nearest(rows[asked], K + 1, metric)
    found = codes.nearest(asked, K)
    share = np.mean([len(set(f) & set(n[n != a][:K])) / K for f, n, a in zip(found, near, asked, strict=True)])
    assert codes.agreement.share >= ENOUGH
    assert share >= ENOUGH - 0.03
    assert codes.values.shape[1] < 160


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_rank_and_two_numbers_make_the_score_of_the_library(metric: Metric, tmp_path: Path) -> None:
    rows, _ = clustered(500, 24)
    with store_of(tmp_path, rows, metric, unit=True) as store:
        codes = coded(store.snapshot(), metric, unit=True)
        scores, near = store.nearest(rows[:5], 20, metric)
    products = codes.values[:5].astype(float) @ codes.values.T
    told = products * codes.steps[:5, None] * codes.steps + codes.biases + codes.biases[:5, None]
    told = told + codes.constant if metric == "cosine" else -np.sqrt(np.maximum(0, -2 * told))
    assert np.abs(np.take_along_axis(told, near, 1) - scores)[:, 1:].max() < (0.02 if metric == "cosine" else 0.05)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_few_images_are_enough(count: int, tmp_path: Path) -> None:
    rows, _ = clustered(count, 16)
    with store_of(tmp_path, rows, "cosine", unit=True) as store:
        codes = coded(store.snapshot(), "cosine", unit=True)
    assert codes.agreement.share == pytest.approx(1, abs=0.1)
    assert codes.nearest(np.array([0]), 50).shape == (1, count - 1)
    assert len(_plane(codes)) > 8


def test_copies_of_one_picture_stand_in_gallery_order(tmp_path: Path) -> None:
    rows, _ = clustered(60, 16)
    rows[[5, 30, 50]] = rows[10]
    with store_of(tmp_path, rows, "cosine", unit=True) as store:
        codes = coded(store.snapshot(), "cosine", unit=True)
    assert codes.nearest(np.array([10]), 3).tolist() == [[5, 30, 50]]
    assert codes.agreement.share == 1


def test_columns_are_where_the_head_says() -> None:
    names = texts(["ä", "", "<b>"])
    data = packed({"a": np.array([1, 2, 3], np.uint8), "b": np.array([[1.5, 2]], np.float32), **names}, {"count": 3})
    length = int.from_bytes(data[4:8], "little")
    head = json.loads(data[8 : 8 + length])
    assert data[:4] == b"LKWG"
    assert (8 + length) % 8 == 0
    assert head["count"] == 3
    at = head["columns"]["b"]
    start = 8 + length + at["offset"]
    assert at["offset"] % 8 == 0
    assert np.frombuffer(data[start : start + 8], "<f4").tolist() == [1.5, 2.0]
    assert names["ends"].tolist() == [2, 2, 5]


def test_a_facet_is_a_field_with_some_values_that_no_other_says_already() -> None:
    metadata = [
        {"label": "cat", "id": i, "lens": 35 if i % 3 else 50, "sharp": 0.5 * i, "flash": i < 2} for i in range(6)
    ]
    kept = [Record(f"{'a' if i % 2 else 'b'}/{i}", "", 1, 0, 1, 1, each) for i, each in enumerate(metadata)]
    found = {each.name: each for each in facets(kept, metadata)}
    assert list(found) == ["folder", "flash", "lens"]
    assert found["lens"].values == ["35", "50"]
    assert found["flash"].values == ["false", "true"]
    assert found["folder"].codes.tolist() == [2, 1, 2, 1, 2, 1]
    same = [{"label": "a" if i % 2 else "b"} for i in range(6)]
    assert [each.name for each in facets(kept, same)] == ["label"]


def test_values_with_a_path_of_this_machine_are_not_told() -> None:
    roots = Roots("/home/ann", {"disk": "/mnt/disk"})
    told = public({"a": "/home/ann/x.jpg", "b": ["/mnt/disk/y"], "c": "fine", "d": {"e": "file:///home/ann/z"}}, roots)
    assert told == {"c": "fine"}
    assert public({"a": "/x"}, Roots("/")) == {"a": "/x"}


def test_modules_become_one_script_in_the_order_of_need() -> None:
    modules = {
        "main": 'import { two as deux, four } from "./b.js";\nconsole.log(deux(), four);\n',
        "b": 'import { one } from "./a.js";\nexport function two() { return one; }\nexport const four = 4;\n',
        "a": "export const one = 1;\n",
    }
    script = bundled(modules.__getitem__, "main")
    assert script.index("module_a = ") < script.index("module_b = ") < script.index("module_main = ")
    assert "const { two: deux, four } = module_b;" in script
    assert "import " not in script
    assert "export " not in script


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({"main": 'import { b } from "./b.js";\n', "b": 'import { main } from "./main.js";\n'}, "need each other"),
        ({"main": "export default 1;\n"}, "cannot be bundled"),
        ({"main": 'import all from "./b.js";\n', "b": ""}, "cannot be bundled"),
    ],
)
def test_a_module_that_cannot_be_bundled_is_named(modules: dict[str, str], said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        bundled(modules.__getitem__, "main")
