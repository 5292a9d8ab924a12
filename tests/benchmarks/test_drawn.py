"""The drawn benchmark: kinds and instances, drawn once and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.benchmarks import Classes, open_benchmark, rendered
from likewise.errors import BadArgument
from likewise.types import Item
from places import keys

KINDS = ("mug", "teapot")


@pytest.fixture(autouse=True)
def two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds are drawn instead of forty: the same rules in a twentieth of the time."""
    every = rendered.scenes
    monkeypatch.setattr(rendered, "scenes", lambda *given, **named: every(*given, **named, kinds=KINDS))


def test_unseen_objects_are_searched_by_kind(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = open_benchmark(
        "rendered", tmp_path, instances=2, side=16, progress=lambda done, total: told.append((done, total))
    )
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    assert keys(found.gallery)[:4] == [f"mug/mug-{name}.jpg" for name in ("000-0", "000-1", "001-0", "001-1")]
    assert keys(found.queries)[:5] == [f"mug/mug-{number:03d}-0.jpg" for number in range(2, 7)]
    assert truth.gallery.tolist() == [0] * 4 + [1] * 4
    assert truth.queries.tolist() == [0] * 5 + [1] * 5
    assert set(truth.self_rows.tolist()) == {-1}
    assert truth.names == KINDS
    assert told[0] == (0, 18)
    assert told[-1] == (18, 18)
    assert found.queries.read(next(found.queries.items())).startswith(b"\xff\xd8")
    assert found.notes == ("2 objects of each kind, seed 0, 16 pixels, not the usual 30, 0, 160",)


def test_the_other_view_of_each_object_is_right(tmp_path: Path) -> None:
    found = open_benchmark("rendered-instance", tmp_path, instances=2, side=16)
    truth = found.truths[""]
    assert isinstance(truth, Classes)
    assert keys(found.gallery) == [f"{kind}/{kind}-{number}-0.jpg" for kind in KINDS for number in ("000", "001")]
    assert keys(found.queries) == [key.replace("-0.jpg", "-1.jpg") for key in keys(found.gallery)]
    assert truth.queries.tolist() == truth.gallery.tolist() == [0, 1, 2, 3]
    assert truth.names == ("mug-000", "mug-001", "teapot-000", "teapot-001")


def test_what_is_drawn_is_kept_and_another_seed_or_side_lies_apart(tmp_path: Path) -> None:
    first = open_benchmark("rendered-instance", tmp_path, instances=1, side=16)
    file = Path(first.gallery.location) / keys(first.gallery)[0]
    before = file.stat().st_mtime_ns
    again = open_benchmark("rendered-instance", tmp_path, instances=1, side=16)
    assert file.stat().st_mtime_ns == before
    for changed in ({"seed": 1, "side": 16}, {"side": 18}):
        other = open_benchmark("rendered-instance", tmp_path, instances=1, **changed)
        assert other.gallery.read(Item(keys(other.gallery)[0])) != again.gallery.read(Item(keys(again.gallery)[0]))


def test_the_cache_keeps_them_unless_a_folder_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = open_benchmark("rendered-instance", instances=1, side=16)
    assert found.gallery.location.startswith(str(tmp_path))


@pytest.mark.parametrize("instances", [0, -1])
@pytest.mark.parametrize("name", ["rendered", "rendered-instance"])
def test_no_objects_are_no_benchmark(tmp_path: Path, name: str, instances: int) -> None:
    with pytest.raises(BadArgument, match=f"instances is {instances}: draw at least 1"):
        open_benchmark(name, tmp_path, instances=instances)
