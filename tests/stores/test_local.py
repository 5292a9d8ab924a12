"""What is particular to the collection in a folder."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.compression import Codebook, compression
from likewise.errors import BadArgument, LikewiseError, NoCollection, StoreDamaged, StoreFull, StoreMismatch
from likewise.filters import Filter
from likewise.stores.local import LocalStore, arrays, database, filtering

CARD = MeanColour().card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".likewise"


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore.create(folder, CARD)


def add(store: LocalStore, *keys: str, seed: int = 0) -> np.ndarray:
    rows = unit_rows(len(keys), seed=seed)
    with store.write() as writer:
        writer.extend(records(*keys), rows)
    return rows


def array_file(folder: Path) -> Path:
    (path,) = folder.glob("embeddings-*")
    return path


def test_row_i_of_the_array_file_belongs_to_row_i_of_the_table(store: LocalStore, folder: Path) -> None:
    first, second = add(store, "a", "b"), add(store, "c", seed=1)
    kept = np.fromfile(array_file(folder), np.float32).reshape(-1, 4)
    np.testing.assert_array_equal(kept, np.concatenate([first, second]))
    assert [(row, record.key) for row, record in store.records()] == [(0, "a"), (1, "b"), (2, "c")]


def test_float16_halves_the_array_file(tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "h", CARD, "float16")
    rows = add(store, "a", "b")
    assert array_file(tmp_path / "h").stat().st_size == rows.nbytes // 2


def test_float16_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "h", MeanColour(unit=False).card, "float16")
    with store.write() as writer, pytest.raises(BadArgument, match="keep float32"):
        writer.extend(records("a"), np.full((1, 4), 1e6, np.float32))


@pytest.fixture(scope="module")
def book() -> Codebook:
    return compression("pq:2").fitted(unit_rows(600, seed=9), unit=True)


def version(folder: Path) -> int:
    with sqlite3.connect(folder / database.FILE_NAME) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


def test_codes_are_kept_a_row_after_the_other_in_a_format_of_their_own(book: Codebook, tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "coded", CARD, book)
    rows = add(store, "a", "b", "c")
    kept = np.fromfile(tmp_path / "coded" / "embeddings-000000.codes", np.uint8).reshape(-1, 2)
    np.testing.assert_array_equal(kept, book.codec.encode(rows))
    np.testing.assert_array_equal(store.embeddings(np.arange(3)), book.codec.decode(kept))
    assert store.check() == (1, [])
    assert version(tmp_path / "coded") == database.FORMAT_OF_CODES == 3
    LocalStore.create(tmp_path / "floats", CARD, "float16").close()
    assert version(tmp_path / "floats") == database.FORMAT == 2


def test_int8_takes_a_byte_a_component_and_four_more_where_rows_are_not_unit(tmp_path: Path) -> None:
    for unit, size in ((True, 4), (False, 8)):
        store = LocalStore.create(tmp_path / str(unit), MeanColour(unit=unit).card, "int8")
        add(store, "a", "b")
        assert array_file(tmp_path / str(unit)).stat().st_size == 2 * size


def test_a_codebook_lies_in_the_folder_and_moves_with_it(book: Codebook, tmp_path: Path) -> None:
    with LocalStore.create(tmp_path / "here", CARD, book) as store:
        rows = add(store, "a", "b")
        assert (tmp_path / "here" / f"codebook-{store.codebook_sha256[:16]}.npz").exists()
    shutil.move(tmp_path / "here", tmp_path / "there")
    with LocalStore.open(tmp_path / "there") as moved:
        assert (moved.kept_as, moved.codebook.to_bytes()) == ("pq:2", book.to_bytes())
        assert moved.search(rows, 1)[0][0].key == "a"
        add(moved, "c", seed=3)
        assert moved.check() == (2, [])


def test_without_its_codebook_a_collection_still_says_what_it_holds(book: Codebook, tmp_path: Path) -> None:
    with LocalStore.create(tmp_path / "coded", CARD, book) as store:
        add(store, "a", "b")
    (file,) = (tmp_path / "coded").glob("codebook-*.npz")
    file.write_bytes(b"another")
    with LocalStore.open(tmp_path / "coded") as opened:
        assert [record.key for _, record in opened.records()] == ["a", "b"]
        assert opened.counts()["live"] == 2
        with pytest.raises(StoreDamaged, match="put the file back"):
            opened.search(unit_rows(1), 1)
        with pytest.raises(StoreDamaged, match="put the file back"), opened.write():
            raise AssertionError
    assert (tmp_path / "coded" / "embeddings-000000.codes").stat().st_size == 4


def test_what_has_to_be_fitted_is_not_kept_without(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="likewise index PLACE --keep pq:2"):
        LocalStore.create(tmp_path / "coded", CARD, "pq:2")
    assert not (tmp_path / "coded").exists()


def test_a_collection_opens_as_it_is_kept_unless_another_way_is_asked_for(book: Codebook, tmp_path: Path) -> None:
    LocalStore.create(tmp_path / "coded", CARD, book).close()
    for keep in (None, "pq:2", book):
        LocalStore.create(tmp_path / "coded", CARD, keep).close()
    with pytest.raises(StoreMismatch, match="keeps pq:2: go without --keep pq:3"):
        LocalStore.create(tmp_path / "coded", CARD, "pq:3")


def test_compact_moves_codes_as_they_are(book: Codebook, tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "coded", CARD, book)
    rows = add(store, "a", "b", "c")
    with store.write() as writer:
        writer.delete(["b"])
        writer.compact()
    kept = np.fromfile(tmp_path / "coded" / "embeddings-000001.codes", np.uint8).reshape(-1, 2)
    np.testing.assert_array_equal(kept, book.codec.encode(rows)[[0, 2]])
    assert store.check() == (1, [])


def test_a_search_decodes_blocks_and_answers_as_the_decoded_rows_do(tmp_path: Path) -> None:
    card = MeanColour().card
    rows = unit_rows(9000)
    store = LocalStore.create(tmp_path / "coded", card, "int8")
    with store.write() as writer:
        writer.extend(records(*map(str, range(9000))), rows)
    scores, found = store.nearest(rows[:5], 7)
    again = store.embeddings(np.arange(9000))
    for query, line, places in zip(rows[:5], scores, found, strict=True):
        wanted = np.array([np.dot(row, query) for row in again])
        np.testing.assert_array_equal(places, np.argsort(-wanted, kind="stable")[:7])
        np.testing.assert_array_equal(line, wanted[places])


def test_bytes_past_the_committed_rows_are_ignored_and_cut_off(store: LocalStore, folder: Path) -> None:
    rows = add(store, "a", "b")
    with array_file(folder).open("ab") as file:
        file.write(b"half a row that was never acknowledged")
    with LocalStore.open(folder) as again:
        assert len(again) == 2
        assert again.nearest(rows, 5)[1].shape == (2, 2)
        add(again, "c", seed=1)
    assert array_file(folder).stat().st_size == 3 * 4 * 4
    assert store.check() == (2, [])


def test_an_array_file_that_is_too_short_is_reported(store: LocalStore, folder: Path) -> None:
    add(store, "a", "b")
    with array_file(folder).open("r+b") as file:
        file.truncate(20)
    with LocalStore.open(folder) as again, pytest.raises(StoreDamaged, match="20 bytes"):
        again.nearest(unit_rows(1), 1)


def test_a_flipped_bit_is_found_by_its_checksum(store: LocalStore, folder: Path) -> None:
    add(store, "a", "b")
    add(store, "c")
    path = array_file(folder)
    data = bytearray(path.read_bytes())
    data[17] ^= 1
    path.write_bytes(bytes(data))
    blocks, wrong = store.check()
    assert blocks == 2
    assert len(wrong) == 1
    assert "rows 0 to 1" in wrong[0]


def test_a_block_without_checksum_is_found(store: LocalStore, folder: Path) -> None:
    for key in "abc":
        add(store, key)
    with sqlite3.connect(folder / database.FILE_NAME) as connection:
        connection.execute("DELETE FROM blocks WHERE first_row <> 1")
    connection.close()
    assert store.check() == (1, ["rows 0 to 0 have no checksum", "rows 2 to 2 have no checksum"])


def test_the_same_embeddings_keep_the_same_view(store: LocalStore) -> None:
    add(store, "a")
    view = store.view()
    with store.write() as writer:
        writer.note_source("/x", store.roots)
    assert store.view() is view
    add(store, "b")
    assert store.view() is not view


def test_a_search_that_meets_a_compaction_starts_again(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = add(store, "a", "b", "c")
    original = LocalStore.nearest_in
    calls = []

    def meddling(self: LocalStore, *arguments: object) -> object:
        answer = original(self, *arguments)  # type: ignore[arg-type]
        if not calls:
            with store.write() as writer:
                writer.delete(["a"])
                writer.compact()
        calls.append(1)
        return answer

    monkeypatch.setattr(LocalStore, "nearest_in", meddling)
    (hits,) = store.search(rows[1:2], 5)
    assert len(calls) == 2
    assert hits[0].key == "b"
    assert {hit.key for hit in hits} == {"b", "c"}


def test_a_mask_is_not_kept_if_something_was_told_while_it_was_worked_out(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, where = add(store, "a", "b"), Filter.parse("label = 'a'")
    original, calls = filtering.mask_in, list[int]()

    def meddling(*arguments: object) -> object:
        mask = original(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 1:
            with store.write() as writer:
                writer.refresh([replace(each, metadata={"label": "a"}) for each in records("a", "b")])
            assert len(store.search(rows[:1], 9)[0]) == 2  # another thread meets what is told now
        return mask

    monkeypatch.setattr(filtering, "mask_in", meddling)
    assert store.nearest(rows[:1], 9, where=where)[1].tolist() == [[0]]
    assert store.nearest(rows[:1], 9, where=where)[1].shape == (1, 2)
    assert store.nearest(rows[:1], 9, where=where)[1].shape == (1, 2)
    assert len(calls) == 2


def test_others_go_on_while_a_mask_is_worked_out(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, original, found = add(store, "a", "b"), filtering.mask_of, list[int]()

    def slow(*arguments: object) -> object:
        other = threading.Thread(target=lambda: found.append(store.nearest(rows[:1], 9)[1].shape[1]))
        other.start()
        other.join(10)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(filtering, "mask_of", slow)
    assert store.nearest(rows[:1], 9, where=Filter.parse("label = 'b'"))[1].tolist() == [[1]]
    assert found == [2]


def test_an_embedding_that_is_asked_for_during_a_compaction_is_still_that_of_its_key(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = add(store, "a", "b", "c")
    stale = [store.view()]
    with store.write() as writer:
        writer.delete(["a"])
        writer.compact()  # b is row 0 now, c row 1
        writer.extend(records("d"), rows[:1])
    fresh = LocalStore.view
    monkeypatch.setattr(LocalStore, "view", lambda self: stale.pop() if stale else fresh(self))
    found = store.embedding("b")
    assert not stale
    np.testing.assert_array_equal(found, rows[1:2])


def test_what_a_broken_compaction_left_is_cleared_away(store: LocalStore, folder: Path) -> None:
    add(store, "a")
    (folder / arrays.file_name(7, "float32")).write_bytes(b"left over")
    with store.write():
        pass
    assert array_file(folder).name == arrays.file_name(0, "float32")


def test_a_compaction_on_a_full_disk_changes_nothing(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = add(store, "a", "b")

    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.write() as writer:
        writer.delete(["a"])
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "append", full)
            with pytest.raises(StoreFull, match="make room"):
                writer.compact()
    assert [hit.key for hit in store.search(rows[1:], 5)[0]] == ["b"]
    assert store.check()[1] == []
    assert array_file(folder).name == arrays.file_name(0, "float32")


def test_a_full_disk_keeps_what_was_there(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "a")

    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.write() as writer:
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "append", full)
            with pytest.raises(StoreFull, match="No space left"):
                writer.extend(records("b"), unit_rows(1))
        writer.extend(records("c"), unit_rows(1))
    assert [record.key for _, record in store.records()] == ["a", "c"]


def test_other_disk_errors_stay_what_they_are(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(arrays, "append", broken)
    with store.write() as writer, pytest.raises(OSError, match="Input/output"):
        writer.extend(records("a"), unit_rows(1))


def test_no_collection_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoCollection, match="likewise index"):
        LocalStore.open(tmp_path)


def test_a_file_that_is_no_database_is_damaged(folder: Path) -> None:
    folder.mkdir()
    (folder / database.FILE_NAME).write_bytes(b"this is no database at all" * 50)
    with pytest.raises(StoreDamaged, match="not a database"):
        LocalStore.open(folder)


def test_a_newer_format_asks_for_a_newer_program(store: LocalStore, folder: Path) -> None:
    store.close()
    with sqlite3.connect(folder / database.FILE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {database.FORMAT_OF_CODES + 1}")
    connection.close()
    with pytest.raises(LikewiseError, match="install a newer likewise"):
        LocalStore.open(folder)


def test_another_dtype_is_refused(store: LocalStore, folder: Path) -> None:
    with pytest.raises(StoreMismatch, match="keeps float32"):
        LocalStore.create(folder, CARD, "float16")


def test_a_moved_folder_keeps_its_relative_keys(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    rows = add(store, "sub/a.jpg")
    store.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(folder, elsewhere)
    with LocalStore.open(elsewhere / ".likewise") as moved:
        (hits,) = moved.search(rows, 1)
        assert hits[0].path == (elsewhere / "sub/a.jpg").as_posix()


def test_counts_tell_every_state(store: LocalStore) -> None:
    add(store, "a", "b", "c", "d")
    with store.write() as writer:
        writer.delete(["a"], remember=True)
        writer.vanish(["b"])
    assert store.counts() == {"live": 2, "vanished": 1, "dead": 1, "skipped": 0, "forgotten": 1}
    with store.write() as writer:
        assert writer.recall_forgotten() == 1
    assert store.counts()["forgotten"] == 0


def test_records_can_be_asked_for_by_prefix_without_pattern_signs(store: LocalStore) -> None:
    add(store, "a_b/1", "axb/2", "a_b/3", "a%/4")
    assert [record.key for _, record in store.records("a_b/")] == ["a_b/1", "a_b/3"]
    assert [record.key for _, record in store.records("a%")] == ["a%/4"]


def test_a_database_in_a_folder_nobody_may_write_to_still_opens(store: LocalStore, folder: Path, monkeypatch) -> None:
    rows = add(store, "a")
    store.close()
    original = database._opened

    def read_only_medium(uri: str) -> sqlite3.Connection:
        if "mode=rw" in uri:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return original(uri)

    monkeypatch.setattr(database, "_opened", read_only_medium)
    with LocalStore.open(folder) as again:
        assert [hit.key for hit in again.search(rows, 1)[0]] == ["a"]
    (folder / (database.FILE_NAME + "-wal")).touch()
    with pytest.raises(LikewiseError, match="readonly"):
        LocalStore.open(folder)


def test_creating_twice_gives_one_collection(folder: Path) -> None:
    with LocalStore.create(folder, CARD) as one, LocalStore.create(folder, CARD) as two:
        add(one, "a")
        assert len(two) == 1
