"""A client of a live server answers what a collection here answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner
from PIL import Image as Picture

import likewise
from fakes import MeanColour
from likewise import cli
from likewise.collection import Collection
from likewise.errors import BadArgument, BadImage, NoCollection, ServiceError, SourceError, UnknownName
from likewise.queries import Query
from likewise.service import tokens
from likewise.service.app import create_app
from likewise.service.settings import Settings
from likewise.types import Skipped
from serving import draw, draw_folder, index_folder, until

Either = Collection | likewise.Client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = draw_folder(tmp_path_factory.mktemp("photos"))
    (made / "odd & ö").mkdir()
    draw("waves", 77).save(made / "odd & ö" / "50%.png")
    (made / "table.jsonl").write_text(
        "\n".join(json.dumps({"path": f"blobs/{i:02}.png", "camera": {"iso": 100 * i}}) for i in range(12))
    )
    index_folder(made)
    with likewise.open(made) as collection:
        collection.index(made / "table.jsonl")
    return made


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("query") / "unseen.png"
    draw("lines", 99).save(path)
    return path


@pytest.fixture(scope="module")
def guarded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server, and a token that may read."""
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    token = tokens.add(path, "ann", "read")
    app = create_app(Settings((folder,), tokens=path))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started and app.state.service.galleries.not_ready() == [])
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", token
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def here(folder: Path) -> Iterator[Collection]:
    with likewise.open(folder) as collection:
        yield collection


@pytest.fixture
def there(guarded: tuple[str, str]) -> Iterator[likewise.Client]:
    with likewise.Client(guarded[0], token=guarded[1]) as client:
        yield client


@pytest.fixture(params=["here", "there"])
def either(request: pytest.FixtureRequest) -> Either:
    found: Either = request.getfixturevalue(request.param)
    return found


def test_a_picture_is_found_by_itself(either: Either, folder: Path) -> None:
    hits = either.search(folder / "waves" / "03.png", k=4)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert hits[0].key == "waves/03.png"
    assert hits[0].score == pytest.approx(1, abs=1e-4)
    assert hits[0].record.width == 48
    assert hits.note == ""


QUESTIONS: dict[str, dict[str, object]] = {
    "plain": {},
    "k": {"k": 30},
    "plus": {"plus": ["key:waves/01.png", ("key:blobs/02.png", 0.5)]},
    "minus": {"minus": ["key:lines/01.png=0.7"]},
    "region in pixels": {"region": (4, 4, 30, 30)},
    "region in percent": {"region": "0%,0%,50%,100%"},
    "where": {"where": "folder = 'blobs' and camera.iso > 300"},
    "rerank": {"rerank": "alpha-qe"},
    "metric": {"metric": "l2"},
    "significance": {"significance": 1.0},
    "by chance": {"significance": 0.01},
    "fold": {"fold": True},
    "marks": {"liked": ["waves/01.png", "waves/02.png"], "disliked": ["lines/03.png"]},
}


@pytest.mark.parametrize("asked", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_option_gives_the_same_hits(
    asked: dict[str, object], here: Collection, there: likewise.Client, query: Path
) -> None:
    one, other = here.search(query, **asked), there.search(query, **asked)  # type: ignore[arg-type]
    for mine, theirs in ((one, other), (one.by_chance, other.by_chance)):
        assert [hit.key for hit in mine] == [hit.key for hit in theirs]
        assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=1e-5)
        assert [hit.chance or 0 for hit in mine] == pytest.approx([hit.chance or 0 for hit in theirs], rel=1e-3)
        assert [hit.rank for hit in mine] == [hit.rank for hit in theirs]
    assert one.note.split(":")[0] == other.note.split(":")[0]
    assert one.query == other.query


@pytest.mark.parametrize(
    "named", ["key:waves/03.png", "waves/03.png", "waves/03.png@0%,0%,50%,50%", "odd & ö/50%.png", "key:blobs/00.png=2"]
)
def test_keys_are_told_apart_alike(named: str, here: Collection, there: likewise.Client) -> None:
    one, other = here.search(named), there.search(named)
    assert [hit.key for hit in one] == [hit.key for hit in other]
    assert one.note == other.note
    assert one.query.name == other.query.name
    assert len(there.search(named, with_self=True, k=40)) == len(here)


def test_what_is_wrong_is_the_same_error(either: Either, query: Path, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(SourceError):
        either.search("no such file.jpg")
    with pytest.raises(SourceError):
        either.search("key:gone.jpg")
    with pytest.raises((BadImage, SourceError)):
        either.search(tmp_path / "no.png")
    with pytest.raises(BadArgument, match="no text"):
        either.search("text:a red square")
    with pytest.raises(BadArgument):
        either.search(query, k=0)
    with pytest.raises(BadArgument, match="where"):
        either.search(query, where="folder =")
    with pytest.raises(UnknownName):
        either.search(query, where="nothing = 3")
    with pytest.raises(UnknownName):
        either.search(query, rerank="magic")
    with pytest.raises(BadArgument):
        either.search(query, region=(0, 0, 400, 400))
    with pytest.raises(BadArgument, match="nothing to look for"):
        either.query()
    with pytest.raises(BadArgument):
        either.search(query).explain(tmp_path / "x.png")


def test_records_fields_length_and_notes_agree(here: Collection, there: likewise.Client) -> None:
    assert len(here) == len(there) == 37
    assert here.notes() == there.notes()
    assert here.model == there.model
    assert [record.key for record in here.records()] == [record.key for record in there.records()]
    some = "folder = 'blobs' and width >= 48"
    mine, theirs = list(here.records(some)), list(there.records(some))
    assert [(each.key, each.width, each.metadata) for each in mine] == [
        (each.key, each.width, each.metadata) for each in theirs
    ]
    assert [each.modified_ns // 10**9 for each in mine] == [each.modified_ns // 10**9 for each in theirs]
    assert here.fields(top=2) == there.fields(top=2)
    assert here.fields(some) == there.fields(some)


def test_more_images_than_a_page_come_one_after_the_other(
    there: likewise.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.client.client._PAGE", 5)
    keys = [record.key for record in there.records()]
    assert len(keys) == len(set(keys)) == 37


def test_pictures_and_originals_come(either: Either, folder: Path) -> None:
    record = next(record for record in either.records() if record.key == "odd & ö/50%.png")
    assert either.original(record) == (folder / "odd & ö" / "50%.png").read_bytes()
    small = either.picture(record, 20)
    assert small is not None
    assert small.shape == (20, 20, 3)


def test_hits_are_saved_and_shown(either: Either, query: Path, tmp_path: Path) -> None:
    hits = either.search(f"{query}@0%,0%,50%,100%", k=3, plus=["key:waves/01.png"])
    assert hits.save(tmp_path / "hits.png").is_file()
    with Picture.open(tmp_path / "hits.png") as drawn:
        assert drawn.width > 500
    assert "<img" in hits.save(tmp_path / "hits.html").read_text()
    assert json.loads(hits.save(tmp_path / "hits.json").read_text())["model"] == "compact"
    assert hits._repr_html_().count("<img") == 5
    assert "3 images like" in repr(hits)


def test_many_queries_are_answered_in_order_and_a_bad_one_costs_one(either: Either, query: Path) -> None:
    asked = [either.query(f"key:waves/{i:02}.png", with_self=True) for i in range(10)]
    queries = [*asked[:5], Query.image("no.png", b"no picture"), Skipped("gone.png", "no such file"), *asked[5:]]
    found = list(either.search_many(queries, 2))
    assert [type(each) is Skipped for each in found] == [False] * 5 + [True, True] + [False] * 5
    good = [each for each in found if not isinstance(each, Skipped)]
    assert [hits[0].key for hits in good] == [f"waves/{i:02}.png" for i in range(10)]


def test_a_token_is_needed_and_a_collection_must_be_there(guarded: tuple[str, str]) -> None:
    url, token = guarded
    with likewise.Client(url) as client, pytest.raises(ServiceError, match="pass token="):
        client.info()
    with likewise.Client(url, token=token, collection="none") as client, pytest.raises(NoCollection):
        client.info()
    with likewise.Client(url, token=token) as client:
        name = client.info()["name"]
    with likewise.Client(url, token=token, collection=name) as client:
        assert len(client) == 37
        assert client
        assert name in repr(client)


def test_marks_alone_are_a_query(either: Either) -> None:
    hits = either.search(liked=["waves/01.png", "waves/02.png"], k=5)
    assert len(hits) == 5


def test_the_command_line_asks_a_server_as_it_asks_a_folder(
    guarded: tuple[str, str], folder: Path, query: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIKEWISE_TOKEN", guarded[1])
    runner = CliRunner()
    words = ["search", str(query), "-k", "3", "--where", "folder = 'lines'", "--rerank", "alpha-qe", "--json"]
    answers = [
        json.loads(runner.invoke(cli.likewise, ["-c", place, *words], standalone_mode=False).stdout)
        for place in (str(folder), guarded[0], f"{guarded[0]}/#{folder.name}")
    ]
    keys = [[hit["key"] for hit in answer["hits"]] for answer in answers]
    assert keys[0] == keys[1] == keys[2]
    told = runner.invoke(cli.likewise, ["-c", guarded[0], "search", str(query), "--grid", str(tmp_path)])
    assert told.exit_code == 0
    assert (tmp_path / "unseen.png").is_file()
    refused = runner.invoke(cli.likewise, ["-c", guarded[0], "search", str(query), "--recall", "1"])
    assert refused.exit_code == 2
    assert "--recall is for a collection on this machine" in refused.output


def test_a_reader_may_not_write(there: likewise.Client, query: Path) -> None:
    with pytest.raises(ServiceError):
        there.add(query)
    with pytest.raises(ServiceError):
        there.forget("waves/01.png")
    with pytest.raises(ServiceError):
        there.index()


def test_an_encoder_of_ones_own_needs_nothing_here(tmp_path: Path) -> None:
    """Only the names of a model cross the wire."""
    draw_folder(tmp_path, each=2)
    with Collection.create(tmp_path, MeanColour()) as collection:
        assert collection.model == "mean-colour"
