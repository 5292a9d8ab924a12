"""Two actors of Ray on this machine: the same bits, and a killed one costs nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fakes import colours
from likewise import __version__, distributed, encoders, ingest
from likewise.collection import Collection
from likewise.distributed import Plan, shards
from likewise.distributed.crews import GivenUp
from likewise.distributed.on_ray import Cluster, RayCrew, _mended, _Round
from likewise.distributed.working import Made, Model, Told
from likewise.errors import BadArgument, LikewiseError, MissingExtra, StoreMismatch
from likewise.roots import Roots

ray = pytest.importorskip("ray")
from ray.exceptions import RayActorError

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


class Dying:
    """Stands in for Ray: actors answer at once, or are dead."""

    def __init__(self, told: Told, deaths: int) -> None:
        self._told, self.deaths, self.kills = told, deaths, 0

    def hired(self) -> object:
        return SimpleNamespace(
            told=SimpleNamespace(remote=lambda: ("told", object())),
            make=SimpleNamespace(remote=lambda shard: ("make", shard, object())),
            done=SimpleNamespace(remote=lambda: ("done", object())),
        )

    def wait(
        self, refs: list[tuple[object, ...]], num_returns: int = 1, timeout: float = 0
    ) -> tuple[list[object], list[object]]:
        return list(refs[:1]), list(refs[1:])

    def get(self, ref: tuple[object, ...]) -> object:
        if ref[0] != "make":
            return self._told if ref[0] == "told" else 1
        if self.deaths:
            self.deaths -= 1
            raise RayActorError
        return Made(ref[1], [], np.zeros((0, 1), np.float32), [], "numpy fp32")  # type: ignore[arg-type]

    def kill(self, handle: object) -> None:
        self.kills += 1


@pytest.mark.parametrize(("deaths", "wanted"), [(2, [Made, Made]), (3, [GivenUp, Made])])
def test_a_shard_goes_to_another_worker_until_it_has_killed_three(deaths: int, wanted: list[type]) -> None:
    notes: list[str] = []
    ray = Dying(Told(__version__, "f", "numpy fp32", "here"), deaths)
    todo = shards.of_archives("f", [("/a.tar", "1"), ("/b.tar", "1")])
    crew = _Round(ray, ray.hired, 1, todo, notes.append, "f")
    answers = list(crew.answers(lambda _done: None))
    crew.dismiss()
    assert [type(each) for each in answers] == wanted
    assert [each.shard for each in answers] == todo
    assert len(notes) == deaths
    assert "/a.tar go to another" in notes[0]
    assert ray.kills >= 1


def test_a_worker_with_other_weights_is_refused_by_name() -> None:
    ray = Dying(Told(__version__, "g", "numpy fp32", "10.0.0.7, process 5"), 0)
    crew = _Round(ray, ray.hired, 1, shards.of_archives("f", [("/a.tar", "1")]), print, "f")
    with pytest.raises(StoreMismatch, match=r"10\.0\.0\.7.*same weights on every machine"):
        list(crew.answers(lambda _done: None))
