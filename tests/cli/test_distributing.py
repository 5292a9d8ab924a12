"""`likewise index --on …`: what is said, and what is refused; the crew is one worker here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakes import colours
from likewise import cli, encoders
from likewise.distributed import on_ray
from likewise.distributed.crews import Alone, GivenUp, Watch
from likewise.distributed.on_ray import Cluster
from likewise.distributed.shards import Shard
from likewise.distributed.working import Made, Model, Worker
from likewise.ingest import Options
from likewise.roots import Roots

MADE: list[tuple[Cluster, Model, Options]] = []


class Crew:
    """Stands in for Ray: one worker with the model that it is told to load; the first shard of more than five kills it."""

    def __init__(self, cluster: Cluster, model: Model, roots: Roots, options: Options, note: object) -> None:
        MADE.append((cluster, model, options))
        self._crew = Alone(Worker(model.loaded(), roots, options))

    def each(self, todo: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
        if len(todo) > 5:
            yield GivenUp(todo[0], "3 workers died of it")
            todo = todo[1:]
        yield from self._crew.each(todo, watch)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(on_ray, "RayCrew", Crew)
    MADE.clear()
    folder = tmp_path / "in"
    folder.mkdir()
    for key, data in colours(12).items():
        (folder / key).write_bytes(data)
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.likewise, ["-c", str(folder), "index", "--model", "classical", *arguments])


def test_it_says_what_the_plain_one_says_and_how_many_shards(place: Path, tmp_path: Path) -> None:
    found = run(tmp_path, "--on", "ray://10.0.0.1:6379", "--workers", "3", "--shard-images", "5", str(place))
    assert found.exit_code == 0, found.output
    assert "3 shards made" in found.output
    assert "12 new in" in found.output
    ((cluster, model, _),) = MADE
    assert cluster == Cluster("10.0.0.1:6379", 3, gpu=False)
    assert model.card.fingerprint == encoders.load("classical").card.fingerprint
    again = run(tmp_path, "--on", "ray")
    assert "12 unchanged" in again.output
    assert len(MADE) == 1  # nobody is hired for nothing


def test_shards_stay_where_they_are_wanted_and_those_given_up_are_named(place: Path, tmp_path: Path) -> None:
    found = run(tmp_path, "--on", "ray", "--shard-images", "2", "--shards", str(tmp_path / "kept"), str(place))
    assert "given up: 00000.png to 00001.png of" in found.output
    assert len(list((tmp_path / "kept").glob("*.parquet"))) == 5
    again = run(tmp_path, "--on", "ray", "--shard-images", "2", "--shards", str(tmp_path / "kept"), str(place))
    assert "2 new, 10 unchanged" in again.output


@pytest.mark.parametrize("wrong", [["--on", "spark"], ["--shards", "x"], ["--shard-images", "9"]])
def test_what_does_not_go_together_is_refused(place: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert run(tmp_path, *wrong, str(place)).exit_code == 2
