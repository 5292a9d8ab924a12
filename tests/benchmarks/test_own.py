"""One's own folders and tables as a benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.benchmarks import Benchmark, Classes, Lists, open_benchmark
from likewise.errors import SourceError
from likewise.types import Item
from places import keys, picture, write_tree


def classes_of(found: Benchmark) -> tuple[list[int], list[int], list[int]]:
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    return truth.queries.tolist(), truth.gallery.tolist(), truth.self_rows.tolist()


def test_subfolders_are_classes_and_each_image_is_asked_for_among_the_others(tmp_path: Path) -> None:
    found = open_benchmark("folder", write_tree(tmp_path, ["cat/1.png", "cat/deep/2.png", "dog/1.png"]))
    assert keys(found.queries) == keys(found.gallery) == ["cat/1.png", "cat/deep/2.png", "dog/1.png"]
    assert classes_of(found) == ([0, 0, 1], [0, 0, 1], [0, 1, 2])
    assert next(found.gallery.items()).metadata == {"label": "cat"}
    assert found.notes == ()


def test_images_in_no_class_are_searched_but_not_asked_for(tmp_path: Path) -> None:
    found = open_benchmark("folder", write_tree(tmp_path, ["a.png", "cat/1.png", "dog/1.png"]))
    assert keys(found.queries) == ["cat/1.png", "dog/1.png"]
    assert classes_of(found) == ([0, 1], [-1, 0, 1], [1, 2])
    assert found.notes == ("1 images lie in no class's folder and are not asked for",)


@pytest.mark.parametrize(("held", "asked"), [("gallery", "queries"), ("train", "test"), ("gallery", "query")])
def test_two_sides_are_told_by_their_names(tmp_path: Path, held: str, asked: str) -> None:
    write_tree(tmp_path, [f"{held}/cat/1.png", f"{held}/dog/1.png", f"{asked}/dog/2.png", f"{asked}/eel/1.png"])
    found = open_benchmark("folder", tmp_path)
    assert keys(found.gallery) == [f"{held}/cat/1.png", f"{held}/dog/1.png"]
    assert keys(found.queries) == [f"{asked}/dog/2.png", f"{asked}/eel/1.png"]
    assert classes_of(found) == ([1, 2], [0, 1], [-1, -1])


def test_one_side_alone_is_a_class(tmp_path: Path) -> None:
    found = open_benchmark("folder", write_tree(tmp_path, ["gallery/1.png", "other/1.png"]))
    assert classes_of(found) == ([0, 1], [0, 1], [0, 1])


@pytest.mark.parametrize(
    "tree", [["a.png"], ["gallery/1.png", "queries/cat/1.png"], ["gallery/cat/1.png", "queries/1.png"]]
)
def test_a_folder_without_classes_is_refused(tmp_path: Path, tree: list[str]) -> None:
    with pytest.raises(SourceError, match="no images lie in folders of it; folder wants one folder for each class"):
        open_benchmark("folder", write_tree(tmp_path, tree))


def table(folder: Path, *lines: str, head: str = "query,key,relevance") -> Path:
    write_tree(folder, ["q/1.png", "q/2.png", "k/1.png", "k/2.png", "k/3.png"])
    (folder / "judged.csv").write_text("\n".join([head, *lines]))
    return folder / "judged.csv"


def lists_of(found: Benchmark) -> tuple[list[list[int]], list[list[int]]]:
    truth = found.truths[""]
    assert isinstance(truth, Lists)
    return [rows.tolist() for rows in truth.positives], [rows.tolist() for rows in truth.junk]


def test_a_table_says_what_is_right_wrong_and_junk(tmp_path: Path) -> None:
    lines = ["q/1.png,k/2.png,1", "q/1.png,k/1.png,0", "q/2.png,k/3.png,-1", "q/2.png,./k/2.png,1"]
    found = open_benchmark("csv", table(tmp_path, *lines))
    assert keys(found.queries) == ["q/1.png", "q/2.png"]
    assert keys(found.gallery) == ["k/2.png", "k/1.png", "k/3.png"]
    assert lists_of(found) == ([[0], [0]], [[], [2]])
    assert found.gallery.read(Item("k/2.png")) == picture("k/2.png")
    assert found.notes == ()


def test_a_query_that_is_a_key_is_junk_to_itself_unless_judged(tmp_path: Path) -> None:
    lines = ["k/1.png,k/2.png,1", "k/2.png,k/1.png,1", "k/2.png,k/2.png,1"]
    assert lists_of(open_benchmark("csv", table(tmp_path, *lines))) == ([[0], [0, 1]], [[1], []])


def test_columns_may_stand_in_any_order_and_grades_are_noted(tmp_path: Path) -> None:
    found = open_benchmark("csv", table(tmp_path, "x,2,k/1.png,q/1.png", head="note,relevance,key,query"))
    assert lists_of(found) == ([[0]], [[]])
    assert found.notes == ("relevance above 1 counts as 1",)


def test_paths_may_lead_out_of_the_tables_folder_and_distractors_follow(tmp_path: Path) -> None:
    path = table(tmp_path / "in", "../q.png,../k.png,1")
    write_tree(tmp_path, ["q.png", "k.png", "more/x.png"])
    found = open_benchmark("csv", path, distractors=tmp_path / "more")
    assert keys(found.gallery) == ["k.png", "more/x.png"]
    assert found.gallery.read(Item("k.png")) == picture("k.png")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "has no lines below query,key,relevance"),
        (["q/1.png,k/1.png,yes"], "line 2 reads q/1.png,k/1.png,yes"),
        (["q/1.png,k/1.png"], "line 2 reads q/1.png,k/1.png,: give two paths and a number"),
        (["q/1.png,,1"], "line 2 reads"),
        (["q/1.png,k/1.png,-2"], "line 2 reads"),
        (["q/1.png,k/1.png,nan"], "line 2 reads"),
        (["q/1.png,k/1.png,1", "q/1.png,k/1.png,0"], "line 3 judges a query and a key otherwise"),
        (["q/1.png,k/9.png,1"], r"1 of the 2 images that it names are not there, such as .*k/9.png: mend the paths"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, lines: list[str], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        open_benchmark("csv", table(tmp_path, *lines))


def test_blank_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 4 reads q/1.png,k/1.png,x"):
        open_benchmark("csv", table(tmp_path, "", " q/1.png , k/2.png , 1", "q/1.png,k/1.png,x"))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no table of commas"):
        open_benchmark("csv", table(tmp_path, "x" * 200_000))


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="make it query,key,relevance"):
        open_benchmark("csv", table(tmp_path, "1,2", head="a,b"))
