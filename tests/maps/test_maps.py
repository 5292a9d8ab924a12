"""The map: what is alike lies close, it is kept beside the store, and new images lie by their neighbours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fakes
from galleries import clustered
from likewise.cli import likewise as command
from likewise.collection import Collection, atlas
from likewise.errors import BadArgument, MissingExtra, UnknownName
from likewise.maps import along_a_curve, current, keeping, made, placing
from likewise.stores.local import LocalStore
from likewise.types import Card, Recipe, Record

DIM = 16


def records(count: int, first: int = 0) -> list[Record]:
    return [Record(f"{i:05}.png", f"{i:064x}"[::-1], 1, 1, 4, 3) for i in range(first, first + count)]


@pytest.fixture
def store(tmp_path: Path):
    rows, _ = clustered(400, DIM, seed=3)
    with LocalStore.create(tmp_path / ".likewise", Card("made", DIM, Recipe("tiny", 8))) as store:
        with store.write() as writer:
            writer.extend(records(400), rows)
        yield store


def neighbours_kept(rows: np.ndarray, points: np.ndarray, k: int = 10) -> float:
    near = [np.argsort(((a[:, None] - a[None]) ** 2).sum(2), axis=1)[:, 1 : k + 1] for a in (rows, points)]
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(*map(np.ndarray.tolist, near), strict=True)]))


def test_tsne_keeps_more_neighbours_than_two_directions(store):
    share = {}
    for method in ("pca", "tsne"):
        found = made(store, store.folder, method)
        assert found.method == method
        assert np.abs(found.points).max() == pytest.approx(1)
        share[method] = neighbours_kept(store.embeddings(found.rows), found.points)
    assert share["tsne"] > 2 * share["pca"]
    assert share["tsne"] > 0.4


def test_the_same_gallery_gets_the_same_map(store):
    one, other = made(store, store.folder, "tsne"), made(store, store.folder, "tsne")
    np.testing.assert_array_equal(one.points, other.points)
    assert one.version != other.version


def test_a_kept_map_is_read_again_as_it_was(store):
    one, other = made(store, store.folder, "pca"), current(store, store.folder)
    assert (one.version, list(one.keys)) == (other.version, list(other.keys))
    np.testing.assert_array_equal(one.points, other.points)
    assert set(one.keys) == {record.key for _, record in store.records()}
    assert [store.snapshot().records(one.rows)[row].key for row in one.rows.tolist()] == list(one.keys)


def test_new_images_lie_by_their_neighbours_and_gone_ones_are_left_out(store):
    before = made(store, store.folder, "tsne")
    kept = dict(zip(before.keys, before.points.tolist(), strict=True))
    with store.write() as writer:
        writer.delete(["00003.png"])
        writer.extend(records(1, 900), store.embedding("00007.png"))
    now = current(store, store.folder)
    assert now.later == 1
    assert now.version != before.version
    assert "00003.png" not in now.keys
    assert now.keys[-1] == "00900.png"
    assert all(kept[key] == point for key, point in zip(now.keys[:-1], now.points[:-1].tolist(), strict=True))
    far = np.linalg.norm(now.points[-1] - kept["00007.png"])
    assert far < 0.2


def test_a_map_outlives_new_row_numbers(store):
    before = made(store, store.folder, "pca")
    with store.write() as writer:
        writer.delete(["00000.png"])
        assert writer.compact() == 1
    now = current(store, store.folder)
    assert now.later == 0
    assert [key for key in before.keys if key != "00000.png"] == list(now.keys)
    assert [store.snapshot().records(now.rows)[row].key for row in now.rows.tolist()] == list(now.keys)


def test_without_any_old_image_new_ones_lie_in_the_middle(store):
    found = placing.beside(store.snapshot(), np.array([], np.int64), np.zeros((0, 2), np.float32), np.array([3, 4]))
    np.testing.assert_array_equal(found, np.zeros((2, 2)))


def test_images_alike_to_the_last_bit_have_a_map(tmp_path):
    row = fakes.unit_rows(1, DIM)
    with LocalStore.create(tmp_path / ".likewise", Card("made", DIM, Recipe("tiny", 8))) as store:
        with store.write() as writer:
            writer.extend(records(80), np.repeat(row, 80, axis=0))
        for method in ("pca", "tsne"):
            assert np.isfinite(made(store, store.folder, method).points).all()


def test_one_image_makes_no_map(tmp_path):
    with LocalStore.create(tmp_path / ".likewise", Card("made", DIM, Recipe("tiny", 8))) as store:
        with store.write() as writer:
            writer.extend(records(1), fakes.unit_rows(1, DIM))
        with pytest.raises(BadArgument, match="2 images at least"):
            made(store, store.folder, "pca")


def test_without_opentsne_main_directions_are_taken_and_tsne_is_refused(store, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openTSNE", None)
    assert made(store, store.folder).method == "pca"
    with pytest.raises(MissingExtra, match=r"likewise\[map\]"):
        made(store, store.folder, "tsne")
    with pytest.raises(UnknownName):
        made(store, store.folder, "umap")


def test_who_watches_can_end_the_work_and_the_map_before_stays(store):
    before = made(store, store.folder, "pca")
    told: list[str] = []

    def watch(what: str, done: int, of: int) -> None:
        assert 0 <= done <= of
        told.append(what)
        if what == "placing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(store, store.folder, "tsne", watch)
    assert list(dict.fromkeys(told)) == ["main directions", "neighbours", "placing"]
    assert current(store, store.folder).version == before.version


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no map"])
def test_a_torn_file_counts_as_no_map(store, data):
    made(store, store.folder, "pca")
    (store.folder / keeping.FOLDER / keeping.FILE_NAME).write_bytes(data)
    assert current(store, store.folder) is None


def test_points_that_follow_each_other_lie_close():
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 2)).astype(np.float32)
    steps = np.linalg.norm(np.diff(points[along_a_curve(points)], axis=0), axis=1).mean()
    assert steps < np.linalg.norm(np.diff(points, axis=0), axis=1).mean() / 10


@pytest.fixture
def photos(tmp_path: Path):
    for name, data in fakes.colours(300).items():
        (tmp_path / name).write_bytes(data)
    with Collection.create(tmp_path, fakes.MeanColour()) as made:
        made.index(tmp_path)
        yield made


def test_a_sheet_holds_the_pictures_in_the_order_of_the_points(photos, tmp_path):
    import io

    shown = photos.make_map("pca")
    assert photos.map().version == shown.version
    (tmp_path / shown.keys[0]).unlink()
    sheet = Image.open(io.BytesIO(atlas.sheet(photos.store, photos.store.folder, shown, 0, photos.limits))).convert(
        "RGB"
    )
    assert sheet.size == (16 * 64, 16 * 64)
    assert sheet.getpixel((32, 32)) == pytest.approx((235,) * 3, abs=4)
    for place in (1, 17, 255):
        with Image.open(tmp_path / shown.keys[place]) as original:
            wanted = original.getpixel((0, 0))
        x, y = place % 16 * 64 + 32, place // 16 * 64 + 32
        assert sheet.getpixel((x, y)) == pytest.approx(wanted, abs=24)
    with pytest.raises(BadArgument, match="no sheet 2"):
        atlas.sheet(photos.store, photos.store.folder, shown, 2, photos.limits)


def test_sheets_are_made_once_and_stay_within_their_bound(photos, monkeypatch):
    shown, store = photos.make_map("pca"), photos.store
    first = atlas.sheet(store, store.folder, shown, 0, photos.limits)
    monkeypatch.setattr(atlas.pictures, "of_record", lambda *_a: pytest.fail("it is there already"))
    assert atlas.sheet(store, store.folder, shown, 0, photos.limits) == first
    monkeypatch.undo()
    monkeypatch.setattr(atlas, "MOST_BYTES", 1)
    atlas.sheet(store, store.folder, shown, 1, photos.limits)
    assert len(list((store.folder / keeping.FOLDER).glob("sheet-*"))) == 1


def test_the_command_makes_draws_and_tells(photos, tmp_path):
    def run(*arguments: str):
        return CliRunner().invoke(command, ["-c", str(tmp_path), "map", *arguments], catch_exceptions=False)

    lines = run("--method", "pca", "--json").stdout.splitlines()
    assert len(lines) == 300
    assert set(json.loads(lines[0])) == {"key", "x", "y"}
    (tmp_path / "zz.png").write_bytes(fakes.png((9, 9, 9)))
    photos.index(tmp_path)
    assert "1 image placed later" in run("--png", str(tmp_path / "out" / "map.png"), "--side", "600").output
    with Image.open(tmp_path / "out" / "map.png") as drawing:
        assert drawing.size == (600, 600)
