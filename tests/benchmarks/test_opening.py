"""One door for all benchmarks, and the sources that they are put together of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from likewise import benchmarks
from likewise.benchmarks import layout, names, open_benchmark
from likewise.benchmarks.views import Chosen, Cropped, Files, Joined, with_distractors
from likewise.errors import BadArgument, SourceError, UnknownName
from likewise.images import decode
from likewise.sources import open_source
from likewise.types import Item
from places import keys, picture, write_tree

NEED_A_PATH = [name for name in names() if not name.startswith("rendered")]


def test_every_benchmark_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")
    protocols = page[page.index("## What is asked") : page.index("## Layouts")]
    assert [name for name in names() if f"`{name}`" not in protocols] == []


def test_an_unknown_name_is_met_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean ukbench"):
        open_benchmark("ukbensch", tmp_path)


@pytest.mark.parametrize("name", NEED_A_PATH)
def test_a_benchmark_without_a_path_says_where_to_get_it(name: str) -> None:
    with pytest.raises(BadArgument, match="needs the path of"):
        open_benchmark(name)


@pytest.mark.parametrize("name", NEED_A_PATH)
def test_a_path_where_nothing_is_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        open_benchmark(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", [name for name in NEED_A_PATH if name != "csv"])
def test_an_empty_folder_says_what_is_wanted(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"wants|in the official python layout"):
        open_benchmark(name, tmp_path)


def test_an_option_that_it_does_not_take_is_refused_with_those_it_takes(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="ukbench: .*'distractors': its options are none"):
        open_benchmark("ukbench", tmp_path, distractors="x")
    with pytest.raises(BadArgument, match="its options are part, distractors"):
        open_benchmark("copydays", tmp_path, parts="x")


def test_files_keep_the_order_that_was_given_and_tell_their_labels(tmp_path: Path) -> None:
    source = Files(write_tree(tmp_path), ["b.png", "a/é.png", "gone.png"], ["x", "", "y"])
    items = list(source.items())
    assert [(item.key, item.metadata) for item in items] == [
        ("b.png", {"label": "x"}),
        ("a/é.png", {}),
        ("gone.png", {"label": "y"}),
    ]
    assert source.read(items[0]) == picture("b.png")
    assert items[0].size_bytes == len(picture("b.png"))
    assert source.covers("gone.png")
    assert not source.covers("a.png")
    for key, why in (("a.png", "is not in this benchmark"), ("gone.png", "No such file")):
        with pytest.raises(SourceError, match=why):
            source.read(Item(key))


def test_chosen_items_come_from_their_source(tmp_path: Path) -> None:
    whole = open_source(str(write_tree(tmp_path)))
    source = Chosen(whole, [item for item in whole.items() if item.key.startswith("a")])
    assert keys(source) == [key for key in keys(whole) if key.startswith("a")]
    assert source.read(Item("a.png")) == picture("a.png")
    assert not source.covers("b.png")
    with pytest.raises(SourceError, match="is not in this benchmark"):
        source.read(Item("b.png"))


def test_a_cropped_image_is_a_png_of_the_box(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    target = io.BytesIO()
    Picture.fromarray(pixels).save(target, "PNG")
    (tmp_path / "a.png").write_bytes(target.getvalue())
    source = Cropped(
        Files(tmp_path, ["a.png"]), [("a.png", (2, 3, 8, 5)), ("a.png", (0, 0, 4, 4)), ("a.png", (90, 0, 1, 1))]
    )
    assert keys(source) == ["a.png", "a-2.png", "a-3.png"]
    assert next(source.items()).metadata == {"image": "a.png", "box": [2, 3, 8, 5]}
    np.testing.assert_array_equal(decode(source.read(Item("a.png"))), pixels[3:8, 2:10])
    np.testing.assert_array_equal(decode(source.read(Item("a-2.png"))), pixels[:4, :4])
    assert source.covers("a-2.png")
    with pytest.raises(SourceError, match="outside the picture"):
        source.read(Item("a-3.png"))
    with pytest.raises(SourceError, match="is not in this benchmark"):
        source.read(Item("b.png"))


def test_distractors_stand_behind_the_gallery_with_keys_below_one_folder(tmp_path: Path) -> None:
    write_tree(tmp_path / "in", ["1.png", "2.png"])
    write_tree(tmp_path / "more", ["1.png"])
    gallery, notes = with_distractors(Files(tmp_path / "in", ["2.png", "1.png"]), tmp_path / "more")
    assert keys(gallery) == ["in/2.png", "in/1.png", "more/1.png"]
    assert gallery.read(Item("more/1.png")) == picture("1.png")
    assert gallery.covers("more/1.png")
    assert not gallery.covers("else/1.png")
    assert "distractors" in notes[0]
    with pytest.raises(SourceError, match="is not in this benchmark"):
        gallery.read(Item("else/1.png"))
    with pytest.raises(SourceError, match="nothing is there"):
        with_distractors(gallery, tmp_path / "nowhere")


def test_an_image_that_is_a_distractor_too_is_listed_once(tmp_path: Path) -> None:
    write_tree(tmp_path, ["jpg/1.png", "2.png"])
    joined = Joined(Files(tmp_path, ["jpg/1.png"]), open_source(str(tmp_path)))
    assert keys(joined) == ["jpg/1.png", "2.png"]
    assert joined.read(Item("jpg/1.png")) == picture("jpg/1.png")


def test_a_folder_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(SourceError, match="Permission denied"):
        layout.names_in(tmp_path)


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="x.txt cannot be read"):
        layout.lines_of(tmp_path / "x.txt")


@pytest.mark.parametrize("name", benchmarks.names())
def test_every_benchmark_says_what_it_is_in_a_sentence(name: str) -> None:
    told = benchmarks.about(name)
    assert len(told) > 20
    assert "`" not in told
