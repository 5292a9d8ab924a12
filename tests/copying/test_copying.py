"""Copies of a gallery between its forms: the same afterwards, resumed where they were broken off, and never on top of something else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise import copying
from likewise.copying import ends
from likewise.copying.ends import Answers, ParquetEnd, StoreEnd
from likewise.errors import BadArgument, LikewiseError, NoCollection, StoreMismatch
from likewise.roots import Roots
from likewise.stores import home, parquet
from likewise.stores.home import Place
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish
from likewise.types import Item, Record, Skipped

CARD = MeanColour().card
ROWS = unit_rows(40)


def facts() -> list[Record]:
    made = records(*(f"photos://{'ab'[i % 2]}/{i}.jpg" for i in range(40)))
    return [replace(record, metadata={"label": "ab"[i % 2], "n": i}) for i, record in enumerate(made)]


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[LocalStore]:
    with LocalStore.create(tmp_path / "from" / ".likewise", CARD) as store:
        with store.write() as writer:
            writer.note_source("/mnt/photos", Roots("", {"photos": "/mnt/photos"}))
            writer.note_running("onnx fp32")
            writer.extend(facts(), ROWS)
            writer.extend(records("photos://gone"), unit_rows(1, seed=2))
            writer.delete(["photos://gone"], remember=True)
            writer.vanish(["photos://a/0.jpg"])
            writer.skip([(Skipped("photos://torn", "is torn"), Item("photos://torn", 3, 4))])
            writer.note_index(Wish("exact", 0.9))
        yield store


@pytest.fixture(params=["local", "milvus", "parquet"])
def goal(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "milvus":
        return str(request.getfixturevalue("milvus_lite_address"))
    return tmp_path / ("to/.likewise" if request.param == "local" else "to.parquet")


def everything(place: Place) -> dict[str, tuple[Record, bytes]]:
    with ends.opened(place) as end:
        return {
            record.key: (record, row.tobytes())
            for part, rows in end.rows()
            for record, row in zip(part, rows, strict=True)
        }


def test_a_copy_holds_what_searches_see_and_so_does_a_copy_of_the_copy(
    origin: LocalStore, goal: Place, tmp_path: Path
) -> None:
    steps: list[tuple[str, int, int]] = []
    done = copying.copy(origin.folder, goal, watch=lambda *told: steps.append(told))
    assert (done.images, done.written, done.asked, done.base) == (39, 39, 16, "")
    assert {what for what, _, _ in steps} == {"reading what is told", "copying", "reading back", "comparing searches"}
    assert ("copying", 39, 39) in steps
    wanted = {record.key: (record, row.tobytes()) for record, row in list(zip(facts(), ROWS, strict=True))[1:]}
    assert everything(goal) == wanted
    back = copying.copy(goal, tmp_path / "back" / ".likewise")
    assert back.checksum == done.checksum
    assert everything(tmp_path / "back" / ".likewise") == wanted
    with LocalStore.open(tmp_path / "back" / ".likewise") as store:
        assert store.roots.path("photos://a/2.jpg") == "/mnt/photos/a/2.jpg"
        assert store.sources() == ["/mnt/photos"]
        assert [record.key for _, record in store.records()] == [record.key for _, record in origin.records()]


def test_a_store_takes_what_is_kept_beside_images(origin: LocalStore, goal: Place) -> None:
    if isinstance(goal, Path) and goal.suffix == ".parquet":
        pytest.skip("Parquet holds images alone")
    for _ in range(2):
        copying.copy(origin.folder, goal)
        store = home.opened(goal)
        assert store.skipped() == [Skipped("photos://torn", "is torn")]
        assert store.known("photos://torn") == origin.known("photos://torn")
        assert store.forgotten() == ["photos://gone"]
        assert store.computed_by == ["onnx fp32"]
        assert store.wish == Wish("exact", 0.9)
        store.close()


def test_a_copy_that_is_there_is_only_compared_and_one_in_part_is_finished(
    origin: LocalStore, goal: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "SHARD_ROWS", 12)
    monkeypatch.setattr(ends, "_BLOCK_BYTES", 1)  # batches of 64 rows
    copying.copy(origin.folder, goal)
    assert copying.copy(origin.folder, goal).written == 0
    with origin.write() as writer:
        writer.extend(records("x", "y"), unit_rows(2, seed=4))
    done = copying.copy(origin.folder, goal)
    assert (done.images, done.written) == (41, 2)
    if isinstance(goal, Path) and goal.suffix == ".parquet":
        assert [shard.rows for shard in parquet.shards(goal)] == [12, 12, 12, 3, 2]
        assert done.base == str(origin.folder.parent)
        assert done.is_rooted


def test_what_has_changed_is_copied_again_where_rows_can_change(origin: LocalStore, goal: Place) -> None:
    copying.copy(origin.folder, goal)
    with origin.write() as writer:
        writer.extend([replace(facts()[5], content_sha256="ff" * 32)], unit_rows(1, seed=9))
    if isinstance(goal, Path) and goal.suffix == ".parquet":
        with pytest.raises(BadArgument, match=r"b/5\.jpg has changed since"):
            copying.copy(origin.folder, goal)
    else:
        assert copying.copy(origin.folder, goal).written == 1
        assert everything(goal)["photos://b/5.jpg"][1] == unit_rows(1, seed=9).tobytes()


def test_a_place_with_other_images_or_of_another_encoder_is_left_as_it_is(
    origin: LocalStore, goal: Place, tmp_path: Path
) -> None:
    with LocalStore.create(tmp_path / "other" / ".likewise", CARD) as other, other.write() as writer:
        writer.extend(records("strange"), unit_rows(1))
    with (
        LocalStore.create(tmp_path / "third" / ".likewise", MeanColour("third").card) as third,
        third.write() as writer,
    ):
        writer.extend(records("strange"), unit_rows(1))
    copying.copy(tmp_path / "other" / ".likewise", goal)
    with pytest.raises(BadArgument, match="holds strange, which is not among"):
        copying.copy(origin.folder, goal)
    with pytest.raises(StoreMismatch, match="third"):
        copying.copy(tmp_path / "third" / ".likewise", goal)
    assert list(everything(goal)) == ["strange"]


def test_an_empty_gallery_is_copied_with_its_card(tmp_path: Path, goal: Place) -> None:
    LocalStore.create(tmp_path / "from" / ".likewise", CARD).close()
    done = copying.copy(tmp_path / "from" / ".likewise", goal)
    assert (done.images, done.asked, done.checksum) == (0, 0, "0" * 32)
    with ends.opened(goal) as end:
        assert end.head.card == CARD


def test_a_copy_that_differs_is_found(origin: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goal = tmp_path / "to" / ".likewise"
    rows = StoreEnd.rows

    def bent(end: StoreEnd) -> Iterator[ends.Rows]:
        for told, each in rows(end):
            yield told, each if end.store.folder != goal else each[::-1]

    with monkeypatch.context() as patch:
        patch.setattr(StoreEnd, "rows", bent)
        with pytest.raises(LikewiseError, match="holds 39 images with the checksum .* and 39 with"):
            copying.copy(origin.folder, goal)
    nearest = StoreEnd.nearest

    def odd(end: StoreEnd, queries: np.ndarray, k: int) -> list[Answers]:
        found = nearest(end, queries, k)
        return found if end.store.folder != goal else [Answers(each.keys[::-1], each.scores) for each in found]

    with monkeypatch.context() as patch:
        patch.setattr(StoreEnd, "nearest", odd)
        patch.setattr(copying, "NEIGHBOURS", 20)
        with pytest.raises(LikewiseError, match="the neighbours of .* are .* and they were"):
            copying.copy(origin.folder, goal)


@pytest.mark.parametrize(
    ("keys", "scores", "alike"),
    [
        ("abc", (3, 2, 1), True),
        ("abd", (3, 2, 1), True),
        ("adc", (3, 2, 1), False),
        ("abc", (3, 2, 0.9), False),
        ("ab", (3, 2), False),
    ],
)
def test_answers_are_alike_up_to_ties_at_the_end(keys: str, scores: tuple[float, ...], alike: bool) -> None:
    one, other = Answers("abc", np.array([3, 2, 1], np.float32)), Answers(keys, np.array(scores, np.float32))
    assert copying._alike(one, other) is alike


PROGRAM = """
import sys
from pathlib import Path
from likewise import copying
from likewise.copying import ends
ends.SHARD_ROWS = 500
ends._BLOCK_BYTES = 1
goal = {goal!r}
copying.copy(Path({origin!r}), Path(goal) if goal.startswith("/") else goal, watch=lambda what, done, of: print(what, done, flush=True))
"""


@pytest.mark.parametrize("form", ["local", "parquet", "milvus"])
def test_a_copy_that_was_killed_goes_on_where_it_was(form: str, tmp_path: Path) -> None:
    origin = tmp_path / "from" / ".likewise"
    with LocalStore.create(origin, CARD) as store, store.write() as writer:
        writer.extend(records(*map(str, range(6000))), unit_rows(6000))
    goal = {
        "local": f"{tmp_path}/to/.likewise",
        "parquet": f"{tmp_path}/to.parquet",
        "milvus": f"milvus:{tmp_path}/to.db",
    }[form]
    program = PROGRAM.format(goal=goal, origin=str(origin))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("copying") and int(line.split()[1]) >= 2000:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    done = copying.copy(origin, Path(goal) if form != "milvus" else goal)
    assert done.images == 6000
    assert 0 < done.written < 6000
    assert list(tmp_path.glob("to.parquet/*.part*")) in ([], list(tmp_path.glob("to.parquet/*.part"))[:1])
    if form == "milvus":
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(f"{tmp_path}/to.db")


def test_ends_that_are_not_there_or_cannot_be_written_say_so(origin: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(NoCollection, match="no Parquet at"):
        copying.copy(tmp_path / "none.parquet", tmp_path / "to" / ".likewise")
    parquet.write_shard(tmp_path / "one.parquet", parquet.Head(CARD), [])
    with pytest.raises(BadArgument, match="is one file"):
        copying.copy(origin.folder, tmp_path / "one.parquet")
    assert ParquetEnd(tmp_path / "one.parquet").place.endswith("one.parquet")
