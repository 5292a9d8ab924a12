"""Never twice: bytes that have an embedding are neither decoded nor embedded again, and the result is the same."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, Memory, colours, png
from likewise import images, reuse
from likewise.errors import StoreMismatch
from likewise.ingest import Options, Report, ingest
from likewise.pipeline import Prepared
from likewise.sources import open_source
from likewise.stores.local import LocalStore
from likewise.types import Item, Recipe, Record

FILES = {f"{place}/{key}": data for place in ("a", "b") for key, data in colours(50).items()}  # each picture twice


@pytest.fixture
def encoder() -> MeanColour:
    return MeanColour()


@pytest.fixture(params=["float32", "float16", "int8"])
def store(tmp_path: Path, encoder: MeanColour, request: pytest.FixtureRequest) -> LocalStore:
    return LocalStore.create(tmp_path / ".likewise", encoder.card, request.param)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was decoded in this process."""
    original, seen = images.prepare, list[bytes]()

    def counted(data: bytes, *rest: object) -> object:
        seen.append(data)
        return original(data, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(images, "prepare", counted)
    return seen


def everything(store: LocalStore) -> tuple[list[tuple[int, Record]], bytes]:
    pairs = list(store.records())
    return pairs, store.embeddings(np.array([row for row, _ in pairs], np.int64)).tobytes()


def told(report: Report) -> dict[str, int]:
    return {
        name: getattr(report, name)
        for name in ("added", "changed", "reused", "unchanged", "vanished")
        if getattr(report, name)
    }


def test_a_moved_folder_costs_neither_decoding_nor_embedding(
    tmp_path: Path, encoder: MeanColour, decoded: list[bytes]
) -> None:
    before, after = tmp_path / "photos", tmp_path / "2019" / "pictures"
    before.mkdir()
    for key, data in colours(20).items():
        (before / key).write_bytes(data)
    store = LocalStore.create(tmp_path / ".likewise", encoder.card)
    ingest(open_source(str(tmp_path)), store, encoder)
    was = everything(store)[1]
    shutil.move(before, after)
    decoded.clear()
    report = ingest(open_source(str(tmp_path)), store, encoder)
    assert told(report) == {"added": 20, "reused": 20, "vanished": 20}
    assert (encoder.calls, decoded) == (20, [])
    assert everything(store)[1] == was
    assert {record.key for _, record in store.records()} == {f"2019/pictures/{key}" for key in colours(20)}


@pytest.mark.parametrize("commit_s", [0.0, 1e9])
def test_copies_in_one_run_are_embedded_once(
    store: LocalStore, encoder: MeanColour, decoded: list[bytes], commit_s: float
) -> None:
    report = ingest(Memory(FILES), store, encoder, Options(batch=8, workers=1, commit_s=commit_s))
    assert told(report) == {"added": 100, "reused": 50}
    assert encoder.calls == 50
    assert sorted(decoded) == sorted(set(FILES.values()))
    rows = store.embeddings(np.arange(100))
    np.testing.assert_array_equal(rows[:50], rows[50:])
    assert [record.key for _, record in store.records()] == [f"memory://{key}" for key in sorted(FILES)]


def test_the_result_is_that_of_embedding_every_copy(tmp_path: Path, encoder: MeanColour) -> None:
    with_reuse = LocalStore.create(tmp_path / "a" / ".likewise", encoder.card)
    without = LocalStore.create(tmp_path / "b" / ".likewise", encoder.card)
    ingest(Memory(FILES), with_reuse, encoder)
    for place in ("a", "b"):  # two collections of one half each know nothing of the other's bytes
        half = LocalStore.create(tmp_path / place / "half" / ".likewise", encoder.card)
        ingest(Memory({key: data for key, data in FILES.items() if key.startswith(place)}), half, encoder)
        with without.write() as writer:
            pairs = list(half.records())
            writer.extend([record for _, record in pairs], half.embeddings(np.arange(50)))
    assert everything(with_reuse) == everything(without)


def test_a_copy_of_something_forgotten_replaced_or_vanished_is_not_embedded(
    store: LocalStore, encoder: MeanColour
) -> None:
    red, green, blue, grey = (png(colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)))
    source = Memory({"red.png": red, "green.png": green, "blue.png": blue})
    ingest(source, store, encoder)
    wanted = everything(store)[1]
    with store.write() as writer:
        writer.delete(["memory://red.png"], remember=True)
    source.put("green.png", grey, modified_ns=2)
    del source.files["blue.png"]
    ingest(source, store, encoder)
    calls = encoder.calls
    report = ingest(Memory({"1.png": red, "2.png": green, "3.png": blue}, location="/other"), store, encoder)
    assert told(report) == {"added": 3, "reused": 3}
    assert encoder.calls == calls
    rows = [row for row, record in store.records() if record.key.startswith("other://")]
    found = {store.embeddings(np.array([row])).tobytes() for row in rows}
    assert found == {wanted[i * 16 : (i + 1) * 16] for i in range(3)}


def test_an_image_that_becomes_as_another_one_is_changed_and_reused(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3)), "b.png": png((4, 5, 6))})
    ingest(source, store, encoder)
    source.put("b.png", png((1, 2, 3)), modified_ns=2)
    assert told(ingest(source, store, encoder)) == {"changed": 1, "reused": 1, "unchanged": 1}
    rows = store.embeddings(np.array([row for row, _ in store.records()]))
    np.testing.assert_array_equal(rows[0], rows[1])
    assert encoder.calls == 2


def test_an_image_that_is_changed_back_is_not_embedded_a_third_time(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3))})
    ingest(source, store, encoder)
    for number, data in ((2, png((4, 5, 6))), (3, png((1, 2, 3)))):
        source.put("a.png", data, modified_ns=number)
        assert ingest(source, store, encoder).changed == 1
    assert encoder.calls == 2
    assert len(store) == 1


def test_after_compact_what_was_dropped_is_embedded_again(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3))})
    ingest(source, store, encoder)
    ingest(Memory({}), store, encoder)
    with store.write() as writer:
        writer.compact()
    assert told(ingest(source, store, encoder)) == {"added": 1}
    assert encoder.calls == 2


def test_another_model_or_recipe_has_nothing_to_reuse(tmp_path: Path, encoder: MeanColour) -> None:
    source = Memory(colours(5))
    ingest(source, LocalStore.create(tmp_path / "one" / ".likewise", encoder.card), encoder)

    class Larger(MeanColour):
        def __init__(self) -> None:
            super().__init__()
            self._card = type(self._card)("mean-colour", 4, Recipe("larger", 12))

    other = Larger()
    with pytest.raises(StoreMismatch):
        LocalStore.create(tmp_path / "one" / ".likewise", other.card)
    report = ingest(source, LocalStore.create(tmp_path / "two" / ".likewise", other.card), other)
    assert told(report) == {"added": 5}
    assert other.calls == 5


def test_copies_of_what_is_no_picture_are_skipped_for_the_same_reason_and_tried_once(
    store: LocalStore, encoder: MeanColour, decoded: list[bytes]
) -> None:
    source = Memory({"a.png": b"torn", "b.png": png((1, 2, 3)), "c.png": b"torn", "d.png": None})
    report = ingest(source, store, encoder, Options(workers=1))
    reasons = [skip.reason for skip in report.skipped]
    assert reasons[0] == reasons[1]
    assert "no such file" in reasons[2]
    assert decoded.count(b"torn") == 1


def test_copies_alone_are_gathered_up_to_a_bound(store: LocalStore, encoder: MeanColour) -> None:
    data = png((1, 2, 3))
    source = Memory({f"{i:05d}.png": data for i in range(1500)})
    report = ingest(source, store, encoder, Options(commit_s=0.0))
    assert told(report) == {"added": 1500, "reused": 1499}
    assert encoder.calls == 1
    assert len(store) == 1500


@pytest.mark.parametrize("seed", range(20))
def test_which_copy_is_the_first_depends_on_the_order_of_the_images_only(
    tmp_path: Path, encoder: MeanColour, seed: int
) -> None:
    """Images are read in any order, within what may be ahead, and taken in theirs; commits fall anywhere."""
    draw = random.Random(seed)
    contents = [f"{draw.randrange(8):064x}" for _ in range(60)]
    store = LocalStore.create(tmp_path / ".likewise", encoder.card)
    met = reuse.Met(store)
    answers: dict[int, bool] = {}
    ahead = list(range(12))
    firsts, waiting = [], list[tuple[Record, bool]]()
    for number, sha256 in enumerate(contents):
        while number not in answers:
            asked = ahead.pop(draw.randrange(len(ahead)))
            answers[asked] = met.needs(asked, contents[asked])
            ahead += [max([*ahead, *answers]) + 1] if max([*ahead, *answers]) + 1 < len(contents) else []
        pixels = np.zeros((8, 8, 3), np.uint8) if answers[number] else None
        _, is_first = met.twin(Prepared(Item(str(number)), number, sha256, 1, pixels, 3, 2))
        firsts += [number] if is_first else []
        waiting.append((Record(str(number), sha256, 1, 1, 3, 2), is_first))
        if draw.random() < 0.3:
            rows = [np.eye(4, dtype=np.float32)[int(record.content_sha256, 16) % 4] for record, _ in waiting]
            met.embedded(
                [record.content_sha256 for record, first in waiting if first],
                np.array([row for row, (_, first) in zip(rows, waiting, strict=True) if first]).reshape(-1, 4),
            )
            made = met.embeddings([record.content_sha256 for record, _ in waiting])
            np.testing.assert_array_equal(made, np.array(rows))
            with store.write() as writer:
                writer.extend([record for record, _ in waiting], made)
            waiting = []
            met.committed(set())
    assert firsts == [contents.index(sha256) for sha256 in dict.fromkeys(contents)]
