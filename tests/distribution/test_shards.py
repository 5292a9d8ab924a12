"""Indexing by a crew, without a cluster: every image once, whatever dies, and the same bits as one machine leaves."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, colours, png
from likewise import distributed, ingest
from likewise.distributed import Plan, shards
from likewise.distributed.crews import Alone, Crew, GivenUp, Watch
from likewise.distributed.manifest import FILE_NAME, Manifest
from likewise.distributed.shards import Shard
from likewise.distributed.working import Made, Worker
from likewise.errors import SourceError, StoreMismatch
from likewise.queries.reading import open_place
from likewise.roots import Roots
from likewise.stores import parquet
from likewise.stores.local import LocalStore

OPTIONS = ingest.Options(batch=4, workers=1)


class Died(Exception):
    """The driver, killed."""


def pictures(folder: Path, count: int = 23) -> Path:
    """A folder of different pictures, one that is none, and one that is there twice."""
    folder.mkdir(parents=True)
    for key, data in colours(count).items():
        (folder / key).write_bytes(data)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "copy.png").write_bytes((folder / sorted(colours(count))[0]).read_bytes())
    return folder


def store_in(folder: Path) -> LocalStore:
    return LocalStore.create(folder / ".likewise", MeanColour().card)


def plan(folder: Path, **changed: object) -> Plan:
    return Plan(folder / ".likewise" / "shards", shard_images=4, **changed)  # type: ignore[arg-type]


def alone(roots: Roots) -> Alone:
    return Alone(Worker(MeanColour(), roots, OPTIONS))


def nobody(roots: Roots) -> Crew:
    raise AssertionError("nothing is left to do")


def run(place: Path | str, folder: Path, staff: distributed.Staff = alone, **changed: object) -> distributed.Summary:
    with store_in(folder) as store:
        return distributed.index(shards.opened(str(place)), store, staff, plan(folder, **changed))


def contents(folder: Path) -> dict[str, bytes]:
    with store_in(folder) as store:
        return {record.key: store.embeddings(np.array([row])).tobytes() for row, record in store.records()}


def array(folder: Path) -> bytes:
    return next((folder / ".likewise").glob("*.f32")).read_bytes()


class Backwards:
    """Gives shards back in the wrong order, and may die on the way."""

    def __init__(self, roots: Roots, dies_after: int = 10**9) -> None:
        self._crew, self._left = alone(roots), dies_after

    def each(self, todo: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
        for made in self._crew.each(todo[::-1], watch):
            if not self._left:
                raise Died
            self._left -= 1
            yield made


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Path, Path]:
    """A folder, and the collection that one machine makes of it."""
    place, folder = pictures(tmp_path / "pictures"), tmp_path / "plain"
    with store_in(folder) as store:
        ingest.ingest(open_place(str(place)), store, MeanColour(), OPTIONS)
    return place, folder


@pytest.mark.parametrize("staff", [alone, Backwards])
def test_the_collection_is_bit_for_bit_the_one_of_one_machine(
    whole: tuple[Path, Path], tmp_path: Path, staff: distributed.Staff
) -> None:
    place, plain = whole
    found = run(place, tmp_path / "crew", staff)
    assert (found.report.added, len(found.report.skipped), found.report.total, found.shards) == (24, 1, 25, 7)
    assert array(tmp_path / "crew") == array(plain)
    with store_in(tmp_path / "crew") as ours, store_in(plain) as theirs:
        assert list(ours.records()) == list(theirs.records())
        assert ours.skipped() == theirs.skipped()
        assert (ours.sources(), ours.roots.named) == (theirs.sources(), theirs.roots.named)


def test_a_second_run_has_nothing_to_do(whole: tuple[Path, Path], tmp_path: Path) -> None:
    run(whole[0], tmp_path / "crew")
    found = run(whole[0], tmp_path / "crew", nobody)
    assert (found.report.unchanged, found.report.still_skipped, found.shards) == (24, 1, 0)
    assert not list((tmp_path / "crew" / ".likewise" / "shards").glob("*.parquet"))


@pytest.mark.parametrize("dies_after", [0, 1, 4, 6])
def test_a_driver_that_dies_goes_on_from_the_shards_that_are_there(
    whole: tuple[Path, Path], tmp_path: Path, dies_after: int
) -> None:
    place, plain = whole
    with pytest.raises(Died):
        run(place, tmp_path / "crew", lambda roots: Backwards(roots, dies_after))
    found = run(place, tmp_path / "crew")
    assert (found.found, found.shards) == (dies_after, 7 - dies_after)
    assert array(tmp_path / "crew") == array(plain)


@pytest.mark.parametrize("step", ["extend", "skip", "loaded"])
def test_a_driver_that_dies_while_it_loads_leaves_every_image_once(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from likewise.stores.local.writer import LocalWriter

    place, plain = whole
    of: type = Manifest if step == "loaded" else LocalWriter
    original: Callable[..., object] = getattr(of, step)

    def dies(*given: object) -> object:
        original(*given)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(of, step, dies)
        with pytest.raises(Died):
            run(place, tmp_path / "crew")
    run(place, tmp_path / "crew")
    assert array(tmp_path / "crew") == array(plain)
    assert contents(tmp_path / "crew") == contents(plain)


def test_shards_of_a_listing_that_has_changed_since_are_not_lost(whole: tuple[Path, Path], tmp_path: Path) -> None:
    place, _ = whole
    with pytest.raises(Died):
        run(place, tmp_path / "crew", lambda roots: Backwards(roots, 5))
    (place / "000.png").write_bytes(png((7, 8, 9)))  # the first of all: every shard begins one image earlier
    found = run(place, tmp_path / "crew")
    assert found.found >= 4
    assert found.report.added + found.report.unchanged == 25
    assert len(contents(tmp_path / "crew")) == 25


def test_what_changed_or_is_gone_is_seen(whole: tuple[Path, Path], tmp_path: Path) -> None:
    place, _ = whole
    run(place, tmp_path / "crew")
    first, second = sorted(colours(23))[:2]
    (place / first).write_bytes(png((250, 1, 1)))
    (place / second).unlink()
    (place / "broken.png").unlink()
    found = run(place, tmp_path / "crew")
    assert (found.report.changed, found.report.vanished, found.report.unchanged) == (1, 2, 22)
    (place / second).write_bytes(colours(23)[second])
    assert (
        run(place, tmp_path / "crew").report.returned == 1
    )  # a new date: it is read, and found to be the same picture


def test_what_was_forgotten_stays_out_and_what_was_skipped_is_tried_when_asked(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    place, _ = whole
    run(place, tmp_path / "crew")
    key = sorted(contents(tmp_path / "crew"))[0]
    with store_in(tmp_path / "crew") as store, store.write() as writer:
        writer.delete([key], remember=True)
    assert run(place, tmp_path / "crew", nobody).report.forgotten == 1
    assert len(run(place, tmp_path / "crew", retry=True).report.skipped) == 1


def test_a_shard_that_is_given_up_harms_no_other_and_is_tried_again(whole: tuple[Path, Path], tmp_path: Path) -> None:
    place, plain = whole

    class Fatal:
        def __init__(self, roots: Roots) -> None:
            self._crew = alone(roots)

        def each(self, todo: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
            yield GivenUp(todo[0], "three died")
            yield from self._crew.each(todo[1:], watch)

    found = run(place, tmp_path / "crew", Fatal)
    assert [each.reason for each in found.given_up] == ["three died"]
    assert found.report.added < 24
    assert run(place, tmp_path / "crew").given_up == []
    assert contents(tmp_path / "crew") == contents(plain)


def test_progress_counts_what_is_under_way_and_ends_with_all(whole: tuple[Path, Path], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with store_in(tmp_path / "crew") as store:
        place = shards.opened(str(whole[0]))
        distributed.index(
            place, store, alone, plan(tmp_path / "crew"), lambda report: told.append((report.done, report.total))
        )
    assert told[-1] == (25, 25)
    assert all(done <= total for done, total in told)
    assert len({done for done, _ in told}) > 7


def test_kept_shards_are_a_gallery_that_other_programs_read(whole: tuple[Path, Path], tmp_path: Path) -> None:
    run(whole[0], tmp_path / "crew", keep=True)
    found = parquet.shards(tmp_path / "crew" / ".likewise" / "shards")
    assert sum(shard.rows for shard in found) == 24
    keys = [record.key for shard in found for records in parquet.records_of(shard) for record in records]
    assert sorted(keys) == sorted(contents(tmp_path / "crew"))


def tar(path: Path, names: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as made:
        for name, data in names.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 1_700_000_000
            made.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize("name", ["", "/*.tar"])
def test_a_folder_of_tars_is_one_shard_for_each_and_none_is_opened_twice(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "tars"
    folder.mkdir()
    files = colours(12)
    for number in range(3):
        part = dict(list(files.items())[4 * number : 4 * number + 4])
        tar(folder / f"{number}.tar", {**part, f"bad{number}.png": b"no picture"})
    found = run(f"{folder}{name}", tmp_path / "crew")
    assert (found.shards, found.report.added, len(found.report.skipped), found.report.total) == (3, 12, 3, 15)
    again = run(f"{folder}{name}", tmp_path / "crew", nobody)
    assert (again.report.unchanged, again.report.still_skipped) == (12, 3)
    tar(folder / "1.tar", {"new.png": png((3, 3, 3))})
    found = run(f"{folder}{name}", tmp_path / "crew")
    assert (found.shards, found.report.added, found.report.vanished) == (1, 1, 5)
    (folder / "2.tar").unlink()
    assert run(f"{folder}{name}", tmp_path / "crew", nobody).report.vanished == (0 if name else 5)


def test_the_same_tar_indexed_by_one_machine_gives_the_same_array(tmp_path: Path) -> None:
    tar(tmp_path / "in.tar", colours(9))
    run(tmp_path / "in.tar", tmp_path / "crew")
    with store_in(tmp_path / "plain") as store:
        ingest.ingest(open_place(str(tmp_path / "in.tar")), store, MeanColour(), OPTIONS)
    assert contents(tmp_path / "crew") == contents(tmp_path / "plain")
    assert array(tmp_path / "crew") == array(tmp_path / "plain")


def test_a_line_that_broke_off_counts_for_nothing(whole: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(Died):
        run(whole[0], tmp_path / "crew", lambda roots: Backwards(roots, 3))
    path = tmp_path / "crew" / ".likewise" / "shards" / FILE_NAME
    path.write_text(path.read_text()[:-20])
    assert len(Manifest(path.parent).waiting()) == 2
    path.write_text("{no json}\n" + path.read_text())
    assert run(whole[0], tmp_path / "crew").found == 2
    assert contents(tmp_path / "crew") == contents(whole[1])


def test_a_shard_of_another_encoder_is_refused(whole: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(Died):
        run(whole[0], tmp_path / "crew", lambda roots: Backwards(roots, 1))
    (path,) = (tmp_path / "crew" / ".likewise" / "shards").glob("*.parquet")
    other = MeanColour("other").card
    parquet.write_shard(path, parquet.Head(other), [])
    with pytest.raises(StoreMismatch, match="take the file away"):
        run(whole[0], tmp_path / "crew")


def test_a_machine_that_does_not_see_the_folder_says_so_and_skips_nothing(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    place = shards.opened(str(whole[0]))
    cut = shards.cut("f", str(whole[0]), place.source.items(), [True] * 25, 4)  # type: ignore[union-attr]
    for file in whole[0].iterdir():
        file.unlink()
    worker = Worker(MeanColour(), Roots(str(tmp_path)), OPTIONS)
    with pytest.raises(SourceError, match="mount it on every machine"):
        worker.make(cut[0])


def test_standard_input_is_refused() -> None:
    with pytest.raises(SourceError, match="save the list as a file"):
        shards.opened("-")


def test_shards_are_named_after_their_ends_and_have_one_name_at_every_run(whole: tuple[Path, Path]) -> None:
    source = open_place(str(whole[0]))
    first, again = (shards.cut("f", source.name, source.items(), [True] * 25, 10) for _ in range(2))
    assert first == again
    assert len({shard.id for shard in first}) == 3
    assert {shard.id for shard in first}.isdisjoint(
        shard.id for shard in shards.cut("g", source.name, source.items(), [True] * 25, 10)
    )
    assert first[-1].name.endswith(f"of {source.name}")
    assert shards.of_archives("f", [("/a.tar", "1 2")])[0].name == "/a.tar"
