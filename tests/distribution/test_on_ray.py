"""Two actors of Ray on this machine: the same bits, and a killed one costs nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fakes import colours
from likewise import distributed, encoders, ingest
from likewise.collection import Collection
from likewise.distributed import Plan, shards
from likewise.distributed.on_ray import Cluster, RayCrew, _mended
from likewise.distributed.working import Model
from likewise.errors import BadArgument, LikewiseError, MissingExtra
from likewise.roots import Roots

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own

OPTIONS = ingest.Options(batch=8)


def actors() -> list[int]:
    """The processes of our actors."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if (folder / "cmdline").read_bytes().startswith(b"ray::LikewiseWorker"):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the actors by /proc")
def test_two_actors_of_which_one_is_killed_leave_what_one_machine_leaves(tmp_path: Path) -> None:
    place = tmp_path / "pictures"
    place.mkdir()
    for key, data in colours(60).items():
        (place / key).write_bytes(data)
    encoder = encoders.load("classical")
    notes: list[str] = []
    with Collection.create(tmp_path / "plain", encoder) as plain, Collection.create(tmp_path / "crew", encoder) as made:
        plain.index(place, options=OPTIONS)
        model = Model.of(encoder, made.store.folder)
        killed: list[int] = []

        def staff(roots: Roots) -> RayCrew:
            return RayCrew(Cluster(workers=2), model, roots, OPTIONS, notes.append)

        def watch(report: ingest.Report) -> None:
            if report.done and not killed:
                killed.append(actors()[0])
                os.kill(killed[0], signal.SIGKILL)

        plan = Plan(tmp_path / "crew" / ".likewise" / "shards", shard_images=6)
        try:
            found = distributed.index(shards.opened(str(place)), made.store, staff, plan, watch)
        finally:
            ray.shutdown()
        assert killed
        assert (found.report.added, found.report.total, found.given_up) == (60, 60, [])
        assert list(made.store.records()) == list(plain.store.records())
        (ours,), (theirs,) = ((tmp_path / name / ".likewise").glob("*.f32") for name in ("crew", "plain"))
        assert ours.read_bytes() == theirs.read_bytes()
        assert made.store.computed_by == plain.store.computed_by


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_is_away_says_how_to_start_one(address: str) -> None:
    model = Model(encoders.load("pixels").card)
    with pytest.raises(LikewiseError, match=rf"no cluster of Ray answers at {address} .*ray start --head"):
        RayCrew(Cluster(address), model, Roots("/"), OPTIONS)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"likewise\[ray\]"):
        RayCrew(Cluster(), Model(encoders.load("pixels").card), Roots("/"), OPTIONS)


def test_an_error_of_a_worker_is_the_one_it_raised() -> None:
    ours = BadArgument("no")
    assert _mended(ours) is ours
    assert str(_mended(KeyError("x"))) == "a worker failed: KeyError: 'x'"
