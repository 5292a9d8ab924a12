"""Which image is kept, who stands under it, and where chains are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from likewise.duplicates import Group, Wanted
from likewise.duplicates.grouping import Grouper
from likewise.duplicates.keeping import order, why
from likewise.duplicates.types import KEEPS, Keep
from likewise.errors import BadArgument, StoreBusy
from likewise.types import Embeddings, Record, Rows


class Held:
    """Rows in memory with their records; `asked` counts the rows of each question."""

    def __init__(self, rows: Embeddings, records: Sequence[Record]) -> None:
        self.rows, self._records = rows, records
        self.asked: list[int] = []
        self.renumbered = False

    def embeddings(self, rows: Rows) -> Embeddings:
        return self.rows[rows]

    def records(self, rows: Rows) -> Mapping[int, Record] | None:
        self.asked.append(len(rows))
        return None if self.renumbered else {row: self._records[row] for row in rows.tolist()}


class Says:
    """Confirms no pair of some; a refused one is told by keys."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused

    def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> np.ndarray:
        return np.array([0.1 if "".join(sorted((a.key, b.key))) in self.refused else 0.95 for a, b in pairs])


def chain(count: int, step: float = 0.1) -> Embeddings:
    """Each is like the next, and the last is not like the first."""
    angles = step * np.arange(count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def records(count: int, best: Sequence[int] = ()) -> list[Record]:
    """Named a, b, c …; those of `best` are the largest, in that order."""
    sides = {place: 100 - i for i, place in enumerate(best)}
    return [Record(chr(97 + i), f"{i:064x}", 10, 1, sides.get(i, 50), 50) for i in range(count)]


def grouped(held: Held, wanted: Wanted, least: float = 0.99, says: Says | None = None) -> list[Group]:
    grouper = Grouper(held, "cosine", True, least, says, wanted, lambda key: f"/{key}")  # type: ignore[arg-type]
    return list(grouper.groups([np.arange(len(held.rows))]))


def keys(groups: Sequence[Group]) -> list[str]:
    return ["".join([group.kept.key, *sorted(copy.key for copy in group.copies)]) for group in groups]


def test_a_chain_is_cut_where_a_file_is_no_copy_of_the_kept_one() -> None:
    held = Held(chain(5), records(5, best=[1]))
    found = grouped(held, Wanted())
    assert keys(found) == ["bac", "de"]
    assert all(copy.direct and copy.score >= 0.99 for group in found for copy in group.copies)
    assert keys(grouped(held, Wanted(linkage="complete"))) == ["ba", "cd"]


def test_single_linkage_keeps_a_chain_whole_and_says_who_is_no_copy_of_the_kept_one() -> None:
    (group,) = grouped(Held(chain(5), records(5, best=[1])), Wanted(linkage="single"))
    assert keys([group]) == ["bacde"]
    assert {copy.key: copy.direct for copy in group.copies} == {"a": True, "c": True, "d": False, "e": False}
    assert {copy.key for copy in group.expendable} == {"a", "c"}
    assert group.weakest.key == "e"
    assert group.weakest.score == pytest.approx(np.cos(0.3), abs=1e-6)


def test_complete_linkage_asks_each_of_each() -> None:
    rows = chain(4, 0.05)
    assert keys(grouped(Held(rows, records(4)), Wanted(linkage="complete"), 0.9)) == ["abcd"]
    assert keys(grouped(Held(rows, records(4)), Wanted(linkage="complete"), 0.9, Says("bd"))) == ["abc"]


def test_what_the_pictures_refuse_is_no_copy_whatever_it_scores() -> None:
    rows = chain(3, 0.01)
    (group,) = grouped(Held(rows, records(3)), Wanted(), 0.9, Says("ac"))
    assert keys([group]) == ["ab"]
    assert group.copies[0].agreement == 0.95
    assert keys(grouped(Held(rows, records(3)), Wanted(), 0.9, Says("ab", "ac"))) == ["bc"]
    assert keys(grouped(Held(rows, records(3)), Wanted(), 0.9, Says("ab", "ac", "bc"))) == []


def test_equal_bytes_need_neither_score_nor_pictures() -> None:
    held = Held(chain(3, 1.5), [replace(record, content_sha256="f" * 64) for record in records(3)])
    (group,) = grouped(held, Wanted(), 0.99, Says("ab", "ac", "bc"))
    assert group.exact
    assert keys([group]) == ["abc"]
    assert [copy.agreement for copy in group.copies] == [None, None]


def test_copies_stand_in_the_order_of_their_likeness_exact_ones_first() -> None:
    made = records(4)
    made[3] = replace(made[3], content_sha256=made[0].content_sha256)
    rows = chain(4, 0.02)[[0, 2, 1, 3]]
    (group,) = grouped(Held(rows, made), Wanted(), 0.9)
    assert [copy.key for copy in group.copies] == ["d", "c", "b"]
    assert not group.exact


def test_records_are_asked_for_by_many_at_once() -> None:
    held = Held(np.repeat(chain(3, 1.0), 2, axis=0), records(6))
    grouper = Grouper(held, "cosine", True, 0.99, None, Wanted(), str)  # type: ignore[arg-type]
    found = list(grouper.groups([np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]))
    assert len(found) == 3
    assert held.asked == [6]


def test_a_large_crowd_is_grouped_in_parts() -> None:
    count = 9000
    held = Held(np.repeat(chain(1), count, axis=0), [Record(f"{i}", f"{i:064x}", 1, 1, 1, 1) for i in range(count)])
    (group,) = grouped(held, Wanted())
    assert len(group.copies) == count - 1


def test_rows_that_were_renumbered_are_not_taken_for_others() -> None:
    held = Held(chain(2, 0.01), records(2))
    held.renumbered = True
    with pytest.raises(StoreBusy, match="run again"):
        grouped(held, Wanted())


A_DAY_NS = 86_400 * 10**9
IMAGES = {
    "largest": Record("wide.jpg", "", 100, 5 * A_DAY_NS, 400, 300),
    "heavy": Record("heavy.png", "", 900, 6 * A_DAY_NS, 200, 150),
    "old": Record("old.jpg", "", 90, 1 * A_DAY_NS, 200, 150),
    "new": Record("new.jpg", "", 20, 9 * A_DAY_NS, 100, 75),
    "undated": Record("undated.jpg", "", 80, 0, 200, 150),
}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("largest", ["largest", "heavy", "old", "undated", "new"]),
        ("smallest", ["new", "undated", "old", "largest", "heavy"]),
        ("oldest", ["old", "largest", "heavy", "new", "undated"]),
        ("newest", ["new", "heavy", "largest", "old", "undated"]),
    ],
)
def test_the_one_to_keep_is_chosen_by_the_rule(keep: Keep, expected: list[str]) -> None:
    for shuffled in permutations(IMAGES):
        assert sorted(shuffled, key=lambda name: order(IMAGES[name], keep)) == expected


def test_equal_images_are_told_apart_by_their_paths() -> None:
    long, short = Record("copies/a.jpg", "", 1, 1, 1, 1), Record("z.jpg", "", 1, 1, 1, 1)
    assert sorted([long, short], key=lambda record: order(record, "largest")) == [short, long]
    assert why(short, long, "largest") == "shorter path"
    assert why(short, replace(short, key="y.jpg"), "largest") == "first by name"


def test_the_reason_names_what_decided() -> None:
    assert why(IMAGES["largest"], IMAGES["heavy"], "largest") == "most pixels: 400 × 300, the next has 200 × 150"
    assert why(IMAGES["heavy"], IMAGES["old"], "largest") == "most bytes: 900 bytes, the next has 90 bytes"
    assert why(IMAGES["old"], IMAGES["undated"], "oldest") == "oldest: 1970-01-02 00:00:00, the next has no date"
    assert why(IMAGES["old"], replace(IMAGES["old"], modified_ns=A_DAY_NS + 1), "oldest").endswith(
        "the same to the second"
    )
    assert why(IMAGES["new"], IMAGES["heavy"], "newest").startswith("newest: 1970-01-10")
    assert why(IMAGES["new"], IMAGES["old"], "smallest").startswith("fewest bytes: 20 bytes")


def test_wishes_that_contradict_are_refused() -> None:
    assert KEEPS == ("largest", "smallest", "oldest", "newest")
    for wrong in ({"keep": "best"}, {"linkage": "average"}, {"verify": "eyes"}, {"score": 0.9, "significance": 1.0}):
        with pytest.raises(BadArgument):
            Wanted(**wrong)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="above 0"):
        Wanted(significance=0.0)
