"""Copydays and DISC21, in tiny."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.benchmarks import Benchmark, Lists, open_benchmark
from likewise.errors import BadArgument, SourceError
from places import keys, write_tree

COPYDAYS = [
    *("original/200000.jpg", "original/200100.jpg"),
    *("crops/10/200000.jpg", "crops/10/200100.jpg", "crops/80/200100.jpg"),
    *("jpeg/3/200000.jpg", "strong/200001.jpg", "strong/200102.jpg"),
]


def positives(found: Benchmark) -> list[list[int]]:
    truth = found.truths[""]
    assert isinstance(truth, Lists)
    assert all(len(rows) == 0 for rows in truth.junk)
    assert len(truth.junk) == len(truth.positives) == len(keys(found.queries))
    return [rows.tolist() for rows in truth.positives]


def test_each_copy_is_a_query_and_its_original_is_right(tmp_path: Path) -> None:
    found = open_benchmark("copydays", write_tree(tmp_path, COPYDAYS))
    assert keys(found.gallery) == COPYDAYS[:2]
    assert keys(found.queries) == COPYDAYS[2:]
    assert positives(found) == [[0], [1], [1], [0], [0], [1]]
    assert found.metrics[:2] == ("muAP", "mAP")
    assert found.notes == ("2 originals instead of the official 157", "6 copies instead of the official 3,055")


def test_one_kind_of_copies_can_be_asked_for_alone(tmp_path: Path) -> None:
    found = open_benchmark("copydays", write_tree(tmp_path, COPYDAYS), part="strong")
    assert keys(found.queries) == ["strong/200001.jpg", "strong/200102.jpg"]
    assert found.notes[1] == "only the copies in strong/ are asked for"
    with pytest.raises(BadArgument, match="no part 'weak': take all, crops, jpeg, strong"):
        open_benchmark("copydays", tmp_path, part="weak")


def test_distractors_follow_the_originals(tmp_path: Path) -> None:
    write_tree(tmp_path, [*COPYDAYS, "more/x.jpg"])
    found = open_benchmark("copydays", tmp_path, distractors=tmp_path / "more")
    assert keys(found.gallery) == [*COPYDAYS[:2], "more/x.jpg"]


def test_copies_without_an_original_are_left_out_and_noted(tmp_path: Path) -> None:
    found = open_benchmark("copydays", write_tree(tmp_path, [*COPYDAYS, "strong/209901.jpg", "strong/notes.jpg"]))
    assert len(keys(found.queries)) == 6
    assert found.notes[-1] == "1 copies whose original is missing are left out"


def test_copies_of_other_originals_are_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, ["original/100000.jpg", "strong/200001.jpg"])
    with pytest.raises(SourceError, match="1 of 1 copies have no original"):
        open_benchmark("copydays", tmp_path)
    with pytest.raises(SourceError, match="no copies are there; copydays wants them in jpeg"):
        open_benchmark("copydays", tmp_path, part="jpeg")


def disc(folder: Path, table: str, name: str = "dev_groundtruth.csv") -> Path:
    write_tree(folder, [f"references/R{number:06d}.jpg" for number in range(4)])
    write_tree(folder, [f"queries/Q{number:05d}.jpg" for number in range(3)])
    (folder / name).write_text(table)
    return folder


HEADED = "query_id,reference_id\nQ00002,R000003\nQ00000,\n"


def test_a_table_that_lists_queries_without_original_says_what_is_asked(tmp_path: Path) -> None:
    found = open_benchmark("disc21", disc(tmp_path, HEADED))
    assert keys(found.gallery) == [f"references/R{number:06d}.jpg" for number in range(4)]
    assert keys(found.queries) == ["queries/Q00002.jpg", "queries/Q00000.jpg"]
    assert positives(found) == [[3], []]
    assert found.notes == (
        "4 references instead of the official 1,000,000",
        "1 of 2 queries have no original among the references",
    )


def test_a_table_of_matches_alone_asks_for_all_queries(tmp_path: Path) -> None:
    found = open_benchmark("disc21", disc(tmp_path, "Q00002,R000003\nQ00002,R000001\n"))
    assert keys(found.queries) == [f"queries/Q{number:05d}.jpg" for number in range(3)]
    assert positives(found) == [[], [], [1, 3]]


def test_missing_images_are_left_out_and_noted_as_long_as_they_are_few(tmp_path: Path) -> None:
    found = open_benchmark("disc21", disc(tmp_path, HEADED + "Q00001,R000009\nQ00009,\n"))
    assert positives(found) == [[3], [], []]
    assert found.notes[1:3] == (
        "1 queries of the table are missing and left out",
        "1 of 2 matches have an image missing",
    )


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("Q00000,R000009\nQ00009,R000001\nQ00000,R000001", "2 of the 3 pairs in its table are missing"),
        ("Q00000,R000001,0.5", "has the line"),
        ("query_id,reference_id\nQ00000,", "has no match"),
        ("", "has no match"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, table: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        open_benchmark("disc21", disc(tmp_path, table))


def test_of_two_tables_one_must_be_chosen(tmp_path: Path) -> None:
    disc(tmp_path, HEADED)
    disc(tmp_path, "Q00000,R000000", "final_ground_truth.csv")
    with pytest.raises(BadArgument, match="dev_groundtruth.csv, final_ground_truth.csv: pass the one"):
        open_benchmark("disc21", tmp_path)
    found = open_benchmark("disc21", tmp_path, ground_truth=tmp_path / "final_ground_truth.csv")
    assert positives(found) == [[0], [], []]


def test_without_a_table_or_images_it_says_so(tmp_path: Path) -> None:
    write_tree(tmp_path, ["queries/Q00000.jpg", "references/readme.txt"])
    with pytest.raises(SourceError, match="no images are in references/"):
        open_benchmark("disc21", tmp_path)
    write_tree(tmp_path, ["references/R000000.jpg"])
    with pytest.raises(SourceError, match="no ground truth is there"):
        open_benchmark("disc21", tmp_path)
