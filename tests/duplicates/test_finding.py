"""Duplicates of a real folder, from the files to the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import likewise
from likewise.collection import Collection
from likewise.duplicates import Duplicates, Wanted, find, finding, scanning
from likewise.duplicates import threshold as thresholds
from likewise.duplicates.confirming import Geometry
from likewise.duplicates.threshold import UNVERIFIED, threshold
from likewise.errors import BadArgument, StoreBusy
from likewise.significance import fitted
from likewise.stores.local.snapshot import LocalSnapshot
from likewise.types import Record
from photos import album, encoded, photo, write

SAME = {
    frozenset({"00.png", "again/00.png"}),
    frozenset({"01.png", "small/01.png", "small/01.jpg"}),
    frozenset({"02.png", "02 brighter.png"}),
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    place = tmp_path_factory.mktemp("gallery")
    return likewise.index(album(place / "album"), collection=place, model="classical")


def names(found: Duplicates) -> set[frozenset[str]]:
    return {frozenset(member.key.removeprefix("album/") for member in (group.kept, *group.copies)) for group in found}


def test_copies_are_found_and_nothing_else(gallery: Collection) -> None:
    found = gallery.duplicates()
    assert names(found) == SAME
    assert found.tally.images == 28
    assert found.tally.refused > 0
    assert found.tally.unreadable == 0
    kept = {group.kept.key.removeprefix("album/") for group in found}
    assert kept == {"again/00.png", "01.png", "02 brighter.png"} or kept >= {"01.png"}
    assert [group.exact for group in found].count(True) == 1


def test_a_filter_says_which_images_are_compared(gallery: Collection) -> None:
    found = gallery.duplicates(where="folder like '%small%'")
    assert names(found) == {frozenset({"small/01.png", "small/01.jpg"})}
    assert found.tally.images == 2
    assert names(gallery.duplicates(where="width > 100")) == {each - {"small/01.png"} for each in SAME}


def test_groups_that_save_most_stand_first(gallery: Collection) -> None:
    found = gallery.duplicates()
    saved = [sum(copy.record.size_bytes for copy in group.copies) for group in found]
    assert saved == sorted(saved, reverse=True)
    assert found.expendable_bytes == sum(saved)
    assert len(found.expendable) == 4


def test_the_oldest_is_kept_where_that_is_asked_for(gallery: Collection) -> None:
    found = gallery.duplicates(Wanted(keep="oldest"))
    assert {group.kept.key for group in found} == {"album/again/00.png", "album/small/01.jpg", "album/02 brighter.png"}


def test_equal_bytes_alone_look_at_no_picture(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "confirmer", lambda *_: pytest.fail("looked"))
    found = gallery.duplicates(Wanted(exact_only=True))
    assert names(found) == {frozenset({"00.png", "again/00.png"})}
    assert found.threshold is None


def test_without_a_look_the_score_decides(gallery: Collection) -> None:
    found = gallery.duplicates(Wanted(verify="none", score=0.97))
    assert names(found) >= {frozenset({"00.png", "again/00.png"})}
    assert found.tally.looked_at == 0
    for group in found:
        assert all(copy.score >= 0.97 and copy.agreement is None for copy in group.copies)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_either_metric_finds_them(gallery: Collection, metric: str) -> None:
    assert names(gallery.duplicates(Wanted(metric=metric))) == SAME  # type: ignore[arg-type]


def test_geometry_finds_cuts_too(tmp_path: Path) -> None:
    picture = photo(3, 400, 300)
    write(tmp_path / "album" / "whole.png", encoded(picture))
    write(tmp_path / "album" / "cut.png", encoded(picture[30:270, 40:360]))
    write(tmp_path / "album" / "other.png", encoded(photo(4, 400, 300)))
    gallery = likewise.index(tmp_path / "album", collection=tmp_path, model="classical")
    assert names(gallery.duplicates()) == set()
    assert names(gallery.duplicates(Wanted(verify="geometry"))) == {frozenset({"whole.png", "cut.png"})}


def test_geometry_looks_at_fewer_candidates_than_pixels_unless_told_how_many(
    gallery: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(Geometry, "_overlapping", lambda *_: looks.append(1) or -1.0)
    found = gallery.duplicates(Wanted(verify="geometry"))
    assert names(found) == SAME
    few, looks[:] = len(looks), []
    assert few < found.tally.refused
    gallery.duplicates(Wanted(verify="geometry", significance=26.0))
    assert len(looks) > few


def test_what_is_gone_is_not_worth_a_look(gallery: Collection) -> None:
    known = next(record for _, record in gallery.store.records())
    is_worth = finding._worth(gallery.store, Wanted(verify="geometry", score=0.5), "cosine")
    assert is_worth(known, known)
    assert not is_worth(known, replace(known, key="gone"))


def test_of_a_few_images_all_pairs_are_looked_at(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path / "album" / f"{i}.png", encoded(photo(i % 3) if i < 3 else photo(0) // 2 + 60))
    gallery = likewise.index(tmp_path / "album", collection=tmp_path, model="classical")
    found = gallery.duplicates()
    assert names(found) == {frozenset({"0.png", "3.png"})}
    assert found.threshold is not None
    assert (found.threshold.score, found.threshold.by_chance) == (float("-inf"), None)
    with pytest.raises(BadArgument, match=r"too few .* --score"):
        gallery.duplicates(Wanted(verify="none"))


def test_a_gallery_of_nothing_but_copies_says_nothing_of_chance_and_is_looked_at(tmp_path: Path) -> None:
    for i in range(25):
        write(tmp_path / "album" / f"{i}.png", encoded(photo(1)))
    gallery = likewise.index(tmp_path / "album", collection=tmp_path, model="classical")
    found = gallery.duplicates()
    assert [len(group.copies) for group in found] == [24]
    assert found.threshold is not None
    assert found.threshold.chance is None


def test_an_empty_collection_has_no_duplicates(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    gallery = likewise.index(tmp_path / "album", collection=tmp_path, model="classical")
    assert len(gallery.duplicates()) == 0


def test_what_cannot_be_read_is_no_copy_and_is_counted(tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    gallery = likewise.index(folder, collection=tmp_path, model="classical")
    (folder / "02 brighter.png").unlink()
    found = gallery.duplicates()
    assert names(found) == {each for each in SAME if "02.png" not in each}
    assert found.tally.unreadable > 0


def test_the_chance_of_a_pair_accounts_for_all_pairs(gallery: Collection) -> None:
    snapshot = gallery.store.snapshot()
    null = fitted(snapshot, "cosine")
    found = threshold(snapshot, Wanted(significance=3.0), "cosine")
    assert found.pairs == 28 * 27 / 2
    assert found.by_chance == pytest.approx(3.0 * 28 / 2)
    assert null.chance(found.score) == pytest.approx(3.0 / 27, rel=1e-6)
    assert found.score < threshold(snapshot, Wanted(significance=1.0), "cosine").score


def test_the_usual_significance_is_what_the_gallery_can_tell(
    gallery: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = gallery.store.snapshot()
    finest = fitted(snapshot, "cosine").finest()
    none = threshold(snapshot, Wanted(verify="none"), "cosine")
    assert none.chance == pytest.approx(max(finest, UNVERIFIED / 27))
    assert threshold(snapshot, Wanted(), "cosine").score == float("-inf")  # of 27 others all are looked at
    monkeypatch.setattr(thresholds, "VERIFIED_AT_EASE", 10.0)
    assert threshold(snapshot, Wanted(), "cosine").chance == 10 / 27
    monkeypatch.setattr(thresholds, "HELD", 5)
    assert threshold(snapshot, Wanted(), "cosine").chance == 4 / 27
    with pytest.raises(BadArgument, match="can tell"):
        threshold(snapshot, Wanted(significance=1e-12), "cosine")


class Interrupted(Exception):
    pass


def test_a_walk_that_was_interrupted_goes_on_where_it_was(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Wanted(significance=5.0)
    monkeypatch.setattr(scanning, "PairsOfBlocks", blocks_of(10))
    told: list[tuple[int, int]] = []

    def stop(done: int, of: int) -> None:
        told.append((done, of))
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        gallery.duplicates(wanted, stop)
    rest: list[int] = []
    found = gallery.duplicates(wanted, lambda done, _: rest.append(done))
    assert told[-1] == (3, told[-1][1])
    assert rest == list(range(4, told[-1][1] + 1))
    assert names(found) == SAME
    again: list[int] = []
    assert names(gallery.duplicates(wanted, lambda done, _: again.append(done))) == SAME
    assert again == []  # all was done
    other: list[int] = []
    gallery.duplicates(Wanted(significance=6.0), lambda done, _: other.append(done))
    assert other[0] == 1  # another question begins anew


def test_pairs_that_were_not_yet_looked_at_are_taken_again_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = likewise.index(album(tmp_path / "album"), collection=tmp_path, model="classical")
    monkeypatch.setattr(scanning, "_LOOKED_AT_AT_ONCE", 20)
    honest, asked = finding.confirmer, Asked()

    class Torn:
        def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> np.ndarray:
            if len(asked.counts) == 2:
                raise Interrupted
            return asked.agreements(pairs) * 0

    monkeypatch.setattr(finding, "confirmer", lambda *_: Torn())
    with pytest.raises(Interrupted):
        gallery.duplicates()
    monkeypatch.setattr(finding, "confirmer", honest)
    assert names(gallery.duplicates()) == SAME


def blocks_of(rows: int) -> type:
    class Small(scanning.PairsOfBlocks):
        def __init__(self, *given: object, **named: object) -> None:
            super().__init__(*given, **named, block_rows=(rows, rows))  # type: ignore[arg-type]

    return Small


def test_a_note_is_left_now_and_then(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "PairsOfBlocks", blocks_of(10))
    monkeypatch.setattr(scanning, "_NOTED_EACH_S", 0.0)
    notes: list[int] = []
    monkeypatch.setattr(
        LocalSnapshot, "note", lambda _self, _name, arrays: notes.append(int(np.asarray(arrays["counts"])[0]))
    )
    gallery.duplicates(Wanted(significance=5.5))
    assert notes == [1, 2, 3, 4, 5, 6, 6]


def test_a_gallery_that_changed_is_walked_anew(tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    gallery = likewise.index(folder, collection=tmp_path, model="classical")
    assert names(gallery.duplicates()) == SAME
    write(folder / "03 again.png", encoded(photo(3)))
    gallery.index(folder)
    assert names(gallery.duplicates()) == SAME | {frozenset({"03.png", "03 again.png"})}


def test_an_index_that_is_not_exact_is_asked_for_neighbours(
    gallery: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalSnapshot, "is_exact", lambda *_: False)
    monkeypatch.setattr(scanning, "PairsOfBlocks", None)
    assert names(gallery.duplicates(Wanted(significance=7.0))) == SAME


def test_a_collection_that_is_compacted_meanwhile_is_not_believed(tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    gallery = likewise.index(folder, collection=tmp_path, model="classical")
    gallery.forget(folder / "05.png")

    def compact(_done: int, _of: int) -> None:
        gallery.compact()

    with pytest.raises(StoreBusy, match="compacted"):
        find(gallery.store, watch=compact)


def test_hashes_that_begin_alike_are_compared_whole(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = scanning.records

    def alike(snapshot: object, rows: np.ndarray) -> dict[int, Record]:
        found = honest(snapshot, rows)  # type: ignore[arg-type]
        return {row: _with_hash(record, "0" * 16 + record.content_sha256[16:]) for row, record in found.items()}

    monkeypatch.setattr(scanning, "records", alike)
    monkeypatch.setattr(LocalSnapshot, "noted", lambda *_: None)
    assert names(gallery.duplicates(Wanted(exact_only=True))) == {frozenset({"00.png", "again/00.png"})}


def _with_hash(record: Record, sha256: str) -> Record:
    return Record(record.key, sha256, record.size_bytes, record.modified_ns, record.width, record.height)


class Asked:
    """Counts the pairs that are looked at; all are copies."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> np.ndarray:
        self.counts.append(len(pairs))
        return np.ones(len(pairs))


def test_a_crowd_is_looked_at_a_few_at_a_time_and_no_pair_that_hangs_together_already(
    gallery: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked()
    monkeypatch.setattr(finding, "confirmer", lambda *_: asked)
    monkeypatch.setattr(scanning, "_LOOKED_AT_AT_ONCE", 5)
    (group,) = gallery.duplicates(Wanted(score=-1.0, linkage="single"))
    assert len(group.copies) == 27
    walk = asked.counts[:-1]  # the last is that of the group
    assert max(walk) <= 5
    assert sum(walk) < 28 * 27 / 2 / 2
