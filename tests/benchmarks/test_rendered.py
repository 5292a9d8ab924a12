from __future__ import annotations

import itertools
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image as Pictures

from likewise.benchmarks import rendered
from likewise.benchmarks.rendered import KINDS, Scene, draw, scenes, silhouette, write
from likewise.errors import BadArgument

SMALL = 48


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_there_are_forty_kinds_with_names_fit_for_folders():
    assert len(set(KINDS)) == 40
    assert all(kind.isidentifier() and kind == kind.lower() for kind in KINDS)


def test_a_scene_is_named_by_kind_instance_and_view():
    assert Scene("mug", 3, 1).name == "mug-003-1"


def test_the_same_scene_is_the_same_picture_and_asking_between_changes_nothing():
    first = draw(Scene("teapot", 2, 1), seed=5, side=SMALL)
    for other in scenes(3, 1, kinds=["castle", "dog"]):
        draw(other, seed=5, side=SMALL)
    np.testing.assert_array_equal(draw(Scene("teapot", 2, 1), seed=5, side=SMALL), first)


def test_another_process_draws_the_same_picture():
    code = (
        "import zlib; from likewise.benchmarks.rendered import Scene, draw;"
        f"print(zlib.crc32(draw(Scene('bird', 4, 2), seed=9, side={SMALL}).tobytes()))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(told) == zlib.crc32(draw(Scene("bird", 4, 2), seed=9, side=SMALL).tobytes())


@pytest.mark.parametrize(
    ("scene", "seed"),
    [(Scene("car", 0, 1), 0), (Scene("car", 1, 0), 0), (Scene("bus", 0, 0), 0), (Scene("car", 0, 0), 1)],
)
def test_view_instance_kind_and_seed_each_change_the_picture(scene, seed):
    one, other = draw(Scene("car", 0, 0), side=SMALL), draw(scene, seed=seed, side=SMALL)
    assert one.shape != other.shape or np.abs(one.astype(int) - other).mean() > 4


def test_an_instance_keeps_its_object_in_every_view():
    one, other = (rendered._photo(Scene("robot", 1, view), 0, SMALL)[0] for view in (0, 1))
    paints = one.scene.paint[: one.own].max() + 1
    assert one.scene.paints[:paints] == other.scene.paints[:paints]
    assert one.own == other.own
    assert not np.array_equal(one.camera.eye, other.camera.eye)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_and_its_object_can_be_seen(kind):
    for instance in range(2):
        scene = Scene(kind, instance, instance)
        picture, mask = draw(scene, seed=instance, side=SMALL), silhouette(scene, seed=instance, side=SMALL)
        assert picture.dtype == np.uint8
        assert picture.shape == (*mask.shape, 3)
        assert max(mask.shape) == SMALL
        assert min(mask.shape) >= SMALL * 3 // 4
        assert picture.std() > 8
        assert mask.mean() > 0.015
        assert np.ptp(np.nonzero(mask)[0]) > SMALL // 4 or np.ptp(np.nonzero(mask)[1]) > SMALL // 4


def test_every_object_stands_on_the_ground_spans_two_units_and_has_unit_normals():
    for kind, instance in itertools.product(KINDS, range(6)):
        thing = rendered._model(kind, instance, 1)
        assert np.isfinite(thing.points).all()
        np.testing.assert_allclose(np.linalg.norm(np.ptp(thing.points, axis=0)), 2, rtol=1e-6)
        assert abs(thing.points[:, 2].min()) < 1e-9
        corners = thing.points[thing.faces]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        lengths = np.linalg.norm(thing.normals[thing.faces[areas > 1e-5]], axis=-1)
        np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_scenes_come_in_the_order_kind_instance_view():
    found = scenes(2, 2, first_instance=5, kinds=["mug", "bed"])
    assert [scene.name for scene in found] == [
        "mug-005-0", "mug-005-1", "mug-006-0", "mug-006-1", "bed-005-0", "bed-005-1", "bed-006-0", "bed-006-1",
    ]  # fmt: skip
    assert len(scenes(3, 2)) == 240
    assert scenes(0, 2) == []


def test_write_makes_one_jpeg_a_scene_and_nothing_else(tmp_path):
    told = []
    write(tmp_path, scenes(2, 1, kinds=["apple", "pear"]), side=SMALL, progress=lambda *at: told.append(at))
    assert files_of(tmp_path) == [
        "apple/apple-000-0.jpg",
        "apple/apple-001-0.jpg",
        "pear/pear-000-0.jpg",
        "pear/pear-001-0.jpg",
    ]
    assert told == [(0, 4), (4, 4)]
    with Pictures.open(tmp_path / "apple" / "apple-000-0.jpg") as picture:
        saved = np.asarray(picture).astype(int)
    assert np.abs(saved - draw(Scene("apple", 0, 0), side=SMALL)).mean() < 12


def test_write_keeps_what_is_there_and_draws_what_is_missing(tmp_path):
    wanted = scenes(2, 1, kinds=["apple"])
    write(tmp_path, wanted, side=SMALL)
    kept, lost = (tmp_path / "apple" / f"{scene.name}.jpg" for scene in wanted)
    before = lost.read_bytes()
    kept.write_bytes(b"mine")
    lost.unlink()
    write(tmp_path, wanted, side=SMALL)
    assert kept.read_bytes() == b"mine"
    assert lost.read_bytes() == before


def test_a_picture_that_fails_leaves_no_file_behind(tmp_path, monkeypatch):
    def interrupted(scene, *, seed, side):
        if scene.instance == 1:
            raise KeyboardInterrupt
        return draw(scene, seed=seed, side=side)

    monkeypatch.setattr(rendered, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, scenes(3, 1, kinds=["apple"]), side=SMALL)
    assert files_of(tmp_path) == ["apple/apple-000-0.jpg"]


def test_two_processes_write_the_same_bytes_as_one(tmp_path):
    wanted = scenes(20, 1, kinds=["snowman"])
    write(tmp_path / "one", wanted[:2] + wanted[-2:], side=SMALL)
    write(tmp_path / "two", wanted, side=SMALL, workers=2)
    assert len(files_of(tmp_path / "two")) == 20
    for name in files_of(tmp_path / "one"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


@pytest.mark.parametrize(
    "call",
    [
        lambda _: draw(Scene("unicorn", 0, 0)),
        lambda _: draw(Scene("mug", -1, 0)),
        lambda _: draw(Scene("mug", 0, -1)),
        lambda _: draw(Scene("mug", 0, 0), seed=-1),
        lambda _: draw(Scene("mug", 0, 0), side=8),
        lambda _: silhouette(Scene("mug", 0, 0), side=8),
        lambda _: scenes(-1, 1),
        lambda _: scenes(1, 1, kinds=["unicorn"]),
        lambda folder: write(folder, [Scene("unicorn", 0, 0)]),
        lambda folder: write(folder, scenes(1, 1, kinds=["mug"]), side=8),
        lambda folder: write(folder, scenes(1, 1, kinds=["mug"]), workers=0),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_any_file_is_made(tmp_path, call):
    with pytest.raises(BadArgument):
        call(tmp_path)
    assert files_of(tmp_path) == []
