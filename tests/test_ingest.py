"""The indexing path: only what is new is read, nothing is lost, nothing is twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, Memory, colours, png
from likewise.errors import LikewiseError, StoreBusy
from likewise.ingest import Options, Report, added_up, ingest
from likewise.stores.local import LocalStore
from likewise.types import Pixels, Skipped


@pytest.fixture
def encoder() -> MeanColour:
    return MeanColour()


@pytest.fixture
def store(tmp_path: Path, encoder: MeanColour) -> LocalStore:
    return LocalStore.create(tmp_path / ".likewise", encoder.card)


def contents(store: LocalStore) -> dict[str, list[float]]:
    pairs = list(store.records())
    rows = store.embeddings(np.array([row for row, _ in pairs], np.int64))
    return {record.key: embedding.tolist() for (_, record), embedding in zip(pairs, rows, strict=True)}


def test_every_image_becomes_one_row_in_the_order_of_the_source(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory(colours(150))
    report = ingest(source, store, encoder, Options(batch=16, workers=3, commit_s=0.0))
    assert (report.total, report.added, report.done) == (150, 150, 150)
    assert [record.key for _, record in store.records()] == [f"memory://{key}" for key in sorted(source.files)]
    (row, record) = next(iter(store.records()))
    assert (row, record.width, record.height, record.metadata) == (0, 12, 12, {"label": "0"})


@pytest.mark.parametrize(
    ("batch", "workers", "commit_s", "processes_from"),
    [(1, 1, 0.0, 64), (7, 5, 0.0, 64), (64, 2, 100.0, 64), (64, 1, 100.0, 0), (64, 2, 100.0, 0), (9, 5, 0.0, 0)],
)
def test_the_result_does_not_depend_on_batches_or_workers(
    tmp_path: Path, encoder: MeanColour, batch: int, workers: int, commit_s: float, processes_from: int
) -> None:
    source = Memory({**colours(40), "00013.png": b"torn", "00020.png": None})
    plain = LocalStore.create(tmp_path / "a" / ".likewise", encoder.card)
    other = LocalStore.create(tmp_path / "b" / ".likewise", encoder.card)
    ingest(source, plain, encoder, Options(workers=1))
    ingest(source, other, encoder, Options(batch, workers, commit_s=commit_s, processes_from=processes_from))
    assert contents(plain) == contents(other)
    assert list(plain.records()) == list(other.records())
    assert plain.skipped() == other.skipped()
    arrays = [next(store.folder.glob("embeddings-*")).read_bytes() for store in (plain, other)]
    assert arrays[0] == arrays[1]


def test_a_second_run_reads_nothing_and_embeds_nothing(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({**colours(10), "torn.png": b"torn"})
    ingest(source, store, encoder)
    source.reads.clear()
    calls = encoder.calls
    report = ingest(source, store, encoder)
    assert source.reads == []
    assert encoder.calls == calls
    assert (report.unchanged, report.still_skipped, report.added, report.done) == (10, 1, 0, 11)


def test_a_changed_image_is_embedded_again_and_there_once(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((255, 0, 0)), "b.png": png((0, 255, 0))})
    ingest(source, store, encoder)
    source.put("a.png", png((0, 0, 255)), modified_ns=2)
    report = ingest(source, store, encoder)
    assert (report.changed, report.unchanged, report.added) == (1, 1, 0)
    assert len(store) == 2
    assert np.argmax(contents(store)["memory://a.png"]) == 2


def test_a_touched_image_with_the_same_bytes_is_not_embedded_again(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((255, 0, 0))})
    ingest(source, store, encoder)
    source.put("a.png", source.files["a.png"] or b"", modified_ns=2)
    calls = encoder.calls
    report = ingest(source, store, encoder)
    assert (report.unchanged, encoder.calls) == (1, calls)
    source.reads.clear()
    ingest(source, store, encoder)
    assert source.reads == []


def test_an_image_without_a_date_is_read_and_compared_by_content(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((255, 0, 0))}, modified_ns=0)
    ingest(source, store, encoder)
    calls = encoder.calls
    report = ingest(source, store, encoder)
    assert (report.unchanged, encoder.calls) == (1, calls)
    assert source.reads == ["a.png", "a.png"]


def test_what_is_gone_vanishes_and_comes_back_without_embedding(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((255, 0, 0)), "b.png": png((0, 255, 0)), "torn.png": b"torn"})
    ingest(source, store, encoder)
    kept = dict(source.files)
    source.files = {"b.png": kept["b.png"]}
    report = ingest(source, store, encoder)
    assert report.vanished == 2
    assert list(contents(store)) == ["memory://b.png"]
    assert store.skipped() == []
    source.files = {"a.png": kept["a.png"], "b.png": kept["b.png"]}
    calls = encoder.calls
    report = ingest(source, store, encoder)
    assert (report.returned, encoder.calls) == (1, calls)
    assert len(store) == 2


def test_a_vanished_image_that_returns_with_another_date_is_compared_by_content(
    store: LocalStore, encoder: MeanColour
) -> None:
    source = Memory({"a.png": png((255, 0, 0)), "b.png": png((0, 255, 0))})
    ingest(source, store, encoder)
    data = source.files.pop("a.png")
    ingest(source, store, encoder)
    source.put("a.png", data or b"", modified_ns=9)
    assert ingest(source, store, encoder).returned == 1
    assert len(store) == 2


def test_another_place_is_not_touched(store: LocalStore, encoder: MeanColour) -> None:
    ingest(Memory(colours(3), location="/one"), store, encoder)
    ingest(Memory(colours(2, seed=1), location="/two"), store, encoder)
    report = ingest(Memory({}, location="/two"), store, encoder)
    assert report.vanished == 2
    assert sorted(contents(store)) == [f"one://{i:05d}.png" for i in range(3)]


def test_one_bad_image_costs_one_skip(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3)), "b.png": b"not a picture", "c.png": None, "d.png": png((4, 5, 6))})
    report = ingest(source, store, encoder)
    assert report.added == 2
    assert [skip.key for skip in report.skipped] == ["memory://b.png", "memory://c.png"]
    assert all(skip.reason for skip in report.skipped)
    assert store.skipped() == report.skipped


def test_retry_tries_what_was_skipped(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": b"torn"})
    ingest(source, store, encoder)
    report = ingest(source, store, encoder, Options(retry=True))
    assert len(report.skipped) == 1
    source.files["a.png"] = png((1, 2, 3))  # mended, with the same date by accident
    assert ingest(source, store, encoder, Options(retry=True)).added == 1
    assert store.skipped() == []


def test_an_image_that_breaks_leaves_the_gallery(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3))})
    ingest(source, store, encoder)
    source.put("a.png", b"torn", modified_ns=2)
    report = ingest(source, store, encoder)
    assert len(report.skipped) == 1
    assert len(store) == 0


def test_forgotten_images_stay_out(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory(colours(3))
    ingest(source, store, encoder)
    with store.write() as writer:
        writer.delete(["memory://00001.png"], remember=True)
    report = ingest(source, store, encoder)
    assert (report.forgotten, report.unchanged, report.done) == (1, 2, 3)
    assert len(store) == 2


def test_new_labels_are_kept_without_embedding(store: LocalStore, encoder: MeanColour) -> None:
    source = Memory({"a.png": png((1, 2, 3))})
    ingest(source, store, encoder)
    calls = encoder.calls

    class Relabelled(Memory):
        def items(self):  # type: ignore[no-untyped-def]
            for item in super().items():
                yield type(item)(item.key, item.size_bytes, item.modified_ns, {"label": "new"})

    ingest(Relabelled(source.files), store, encoder)
    known = store.known("memory://a.png")
    assert known is not None
    assert known.record is not None
    assert known.record.metadata == {"label": "new"}
    assert encoder.calls == calls


@pytest.mark.parametrize("stop_at", [1, 30, 99])
def test_an_interruption_keeps_what_was_embedded_and_the_next_run_completes_it(
    store: LocalStore, encoder: MeanColour, stop_at: int
) -> None:
    source = Memory(colours(100))

    def stop(report: Report) -> None:
        if report.done >= stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(source, store, encoder, Options(batch=8, commit_s=1e9), stop)
    kept = len(store)
    assert kept >= stop_at - 8
    report = ingest(source, store, encoder)
    assert (report.unchanged, report.added) == (kept, 100 - kept)
    assert [record.key for _, record in store.records()] == [f"memory://{key}" for key in sorted(source.files)]


def test_an_error_of_the_encoder_comes_out(store: LocalStore) -> None:
    class Broken(MeanColour):
        def encode(self, pixels: np.ndarray) -> np.ndarray:
            raise RuntimeError("the device is gone")

    with pytest.raises(RuntimeError, match="the device is gone"):
        ingest(Memory(colours(3)), store, Broken())
    with store.write():
        assert len(store) == 0


def test_memory_that_runs_out_on_one_image_costs_that_image(
    store: LocalStore, encoder: MeanColour, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise import images

    original = images.prepare

    def tight(data: bytes, *rest: object) -> object:
        if len(data) > 1000:
            raise MemoryError
        return original(data, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(images, "prepare", tight)
    big = png((9, 9, 9), side=20) + b"\0" * 1000
    report = ingest(Memory({"a.png": png((1, 2, 3)), "big.png": big}), store, encoder)
    assert report.added == 1
    assert report.skipped == [Skipped("memory://big.png", "there was not enough memory to decode it")]


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), ValueError("std::bad_alloc")],
)
def test_a_batch_that_does_not_fit_in_memory_is_halved_until_it_does(store: LocalStore, error: Exception) -> None:
    class Small(MeanColour):
        sizes: list[int] = []

        def encode(self, pixels: Pixels) -> np.ndarray:
            self.sizes.append(len(pixels))
            if len(pixels) > 5:
                raise error
            return super().encode(pixels)

    encoder = Small()
    report = ingest(Memory(colours(100)), store, encoder, Options(batch=40, commit_s=0.0))
    assert report.added == 100
    assert encoder.sizes[:3] == [40, 20, 10]
    assert set(encoder.sizes[3:]) == {5}
    assert [record.key for _, record in store.records()] == [f"memory://{key}" for key in sorted(colours(100))]


def test_memory_that_does_not_suffice_for_one_image_says_what_to_do(store: LocalStore) -> None:
    class Huge(MeanColour):
        def encode(self, pixels: Pixels) -> np.ndarray:
            raise MemoryError

    with pytest.raises(LikewiseError, match="take a smaller model"):
        ingest(Memory(colours(3)), store, Huge())


def test_a_busy_store_is_left_alone(store: LocalStore, encoder: MeanColour) -> None:
    with store.write(), pytest.raises(StoreBusy):
        ingest(Memory(colours(1)), store, encoder)


def test_reports_add_up() -> None:
    one = Report(total=3, added=2, reused=1, skipped=[Skipped("a", "b")], seconds=1.0)
    two = Report(total=1, unchanged=1, seconds=0.5)
    assert added_up([one, two]) == Report(
        total=4, added=2, reused=1, unchanged=1, skipped=[Skipped("a", "b")], seconds=1.5
    )
