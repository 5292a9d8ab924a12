"""What the client sends and how it waits, against a server that is a function."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import likewise
from fakes import png
from likewise.client import asking, told
from likewise.client import transport as transports
from likewise.client.transport import Transport
from likewise.errors import (
    BadArgument,
    BadImage,
    LikewiseError,
    MissingExtra,
    NoCollection,
    ServiceError,
    SourceError,
    StoreBusy,
    StoreFull,
    UnknownName,
)
from likewise.queries import ByKey, ByMarks, Query, Term
from likewise.teaching import Marks

Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time


def client_of(handler: Handler, clock: Clock, timeout_s: float = 60, **given: Any) -> likewise.Client:
    client = likewise.Client(
        "http://photos.test/", timeout_s=timeout_s, transport=httpx.MockTransport(handler), **given
    )
    made = client._transport
    client._transport = Transport(made.http, timeout_s, clock.sleep, clock.now)
    return client


def problem(slug: str, status: int, detail: str = "so it is", **headers: str) -> httpx.Response:
    told = {"type": f"/problems/{slug}", "title": "t", "status": status, "detail": detail, "instance": "/v1"}
    return httpx.Response(status, json=told, headers={"Content-Type": "application/problem+json", **headers})


def test_a_busy_server_is_asked_again_after_the_time_that_it_names() -> None:
    clock, answers = Clock(), [problem("busy", 429, **{"Retry-After": "3"}), problem("not-ready", 503)]

    def handler(_request: httpx.Request) -> httpx.Response:
        return answers.pop(0) if answers else httpx.Response(200, json={"collections": [{"images": 5}]})

    assert len(client_of(handler, clock)) == 5
    assert clock.slept[0] >= 3
    assert 0 < clock.slept[1] <= 0.4


def test_pauses_grow_and_end_with_the_deadline() -> None:
    clock = Clock()
    client = client_of(lambda _request: problem("busy", 429), clock, timeout_s=20)
    with pytest.raises(ServiceError, match="so it is"):
        client.info()
    assert clock.time < 20
    assert len(clock.slept) > 4
    assert max(clock.slept) <= 8


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    clock = Clock()
    client = client_of(lambda _request: problem("busy", 429, **{"Retry-After": "900"}), clock)
    with pytest.raises(ServiceError):
        client.info()
    assert clock.slept == []


@pytest.mark.parametrize("told", ["Fri, 31 Dec 1999 23:59:59 GMT", "soon", ""])
def test_a_date_to_wait_for_is_read_and_nonsense_is_not(told: str) -> None:
    clock, answers = Clock(), [problem("busy", 429, **{"Retry-After": told})]

    def handler(_request: httpx.Request) -> httpx.Response:
        return answers.pop(0) if answers else httpx.Response(200, json={"collections": [{"images": 5}]})

    assert len(client_of(handler, clock)) == 5
    assert 0 < clock.slept[0] < 1


@pytest.mark.parametrize(
    ("slug", "status", "error"),
    [
        ("bad-argument", 400, BadArgument),
        ("no-such-collection", 404, NoCollection),
        ("no-such-image", 404, SourceError),
        ("unknown-name", 404, UnknownName),
        ("store-busy", 409, StoreBusy),
        ("too-large", 413, BadImage),
        ("not-a-picture", 415, BadImage),
        ("undecodable", 422, BadImage),
        ("not-supported", 501, MissingExtra),
        ("no-room", 507, StoreFull),
        ("internal", 500, ServiceError),
        ("deadline", 504, ServiceError),
        ("not-allowed", 403, ServiceError),
    ],
)
def test_a_problem_is_the_error_that_it_is_here(slug: str, status: int, error: type[LikewiseError]) -> None:
    client = client_of(lambda _request: problem(slug, status), Clock())
    with pytest.raises(error, match="so it is") as caught:
        client.info()
    assert type(caught.value) is transports._ERRORS.get(slug, ServiceError)


def test_what_is_no_likewise_is_said() -> None:
    with pytest.raises(ServiceError, match="is it likewise serve"):
        client_of(lambda _request: httpx.Response(404, text="<html>"), Clock()).info()
    with pytest.raises(ServiceError, match="no JSON"):
        client_of(lambda _request: httpx.Response(200, text="<html>"), Clock()).info()


def test_a_server_that_is_not_there_is_tried_a_few_times() -> None:
    clock = Clock()

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ServiceError, match=r"is `likewise serve` running there\?"):
        client_of(refuse, clock).info()
    assert len(clock.slept) == 3

    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    with pytest.raises(ServiceError, match="within 60 s"):
        client_of(late, clock).info()


def test_a_search_whose_answer_was_lost_is_not_sent_twice() -> None:
    count = 0

    def lose(request: httpx.Request) -> httpx.Response:
        nonlocal count
        if request.method != "POST":
            return httpx.Response(200, json=INFO)
        count += 1
        raise httpx.ReadError("lost", request=request)

    with pytest.raises(ServiceError):
        client_of(lose, Clock()).index()
    assert count == 1


CARD = {
    "name": "m", "dim": 4, "recipe": "r", "input": 8, "metric": "cosine", "layer": "", "pooling": "", "fingerprint": "f",
    "licence": "", "source": "", "paper": "",
}  # fmt: skip
INFO = {"collections": [{"name": "photos", "images": 2, "model": CARD, "can": {"text": True}}]}
NOTHING = {"hits": [], "by_chance": []}


def image(key: str) -> dict[str, object]:
    return {"key": key, "width": 1, "height": 1, "size_bytes": 1, "modified": None, "metadata": {}, "links": {}}


def test_words_and_pictures_go_as_terms_and_parts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((1, 2, 3)))
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if request.method == "POST":
            return httpx.Response(200, json=NOTHING)
        if request.url.path.startswith("/v1/images/"):
            return problem("no-such-image", 404)
        return httpx.Response(200, json=INFO)

    client = client_of(handler, Clock(), token="secret")
    assert len(client.search("at night", 3, where="width > 3")) == 0
    told = json.loads(sent[-1].content)
    assert told["query"] == [{"text": "at night", "weight": 1.0}]
    assert (told["k"], told["where"]) == (3, "width > 3")
    assert sent[-1].headers["Authorization"] == "Bearer secret"
    assert sent[-1].headers["X-Likewise"] == "1"
    client.search(tmp_path / "a.png", plus=[png((9, 9, 9))], region="0%,0%,50%,50%", minus=[tmp_path / "a.png"])
    assert sent[-1].headers["Content-Type"].startswith("multipart/form-data")
    assert sent[-1].content.count(png((1, 2, 3))) == 1
    assert b'"region": "0,0,6,6"' in sent[-1].content
    assert str(tmp_path).encode() not in sent[-1].content


def test_pictures_are_sent_as_they_are_read_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(png((1, 2, 3)))
    got: dict[str, tuple[bytes, str]] = {}

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.method == "PUT"
        request.read()
        got[request.url.path] = request.content, request.headers["Content-Length"]
        if request.url.path.endswith("b.png"):
            return problem("undecodable", 422)
        return httpx.Response(200, json={"key": "trip/a.png", "status": "replaced", "reason": None})

    found = client_of(handler, Clock()).add(tmp_path / "in", prefix="trip/")
    assert [(each.key, each.status, each.reason) for each in found] == [
        ("trip/a.png", "replaced", ""),
        ("trip/b.png", "skipped", "so it is"),
    ]
    assert got["/v1/images/trip/a.png"] == (png((1, 2, 3)), str(len(png((1, 2, 3)))))


def test_images_are_forgotten_by_key_folder_and_filter() -> None:
    keys = ["a/1.png", "a/2.png", "b & c/3.png"]
    gone: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        key = request.url.path.removeprefix("/v1/images/")
        if request.method == "DELETE":
            gone.append(key)
            return httpx.Response(204)
        if request.url.path == "/v1/images":
            some = keys[:1] if "where" in request.url.params else keys
            return httpx.Response(200, json={"images": [image(each) for each in some], "next": None})
        return httpx.Response(200, json=image(key)) if key in keys else problem("no-such-image", 404)

    client = client_of(handler, Clock())
    assert client.forget("b & c/3.png") == 1
    assert client.forget("a") == 2
    assert client.forget(where="width = 1") == 1
    assert gone == ["b & c/3.png", "a/1.png", "a/2.png", "a/1.png"]
    with pytest.raises(BadArgument, match="lies below it"):
        client.forget("z")
    with pytest.raises(BadArgument, match="nothing to forget"):
        client.forget()
    assert len(gone) == 4


def test_a_job_is_watched_until_it_is_over() -> None:
    states = [{"state": "running", "done": 3, "total": 9}, {"state": "done", "done": 9, "total": 9}]
    stopped: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            stopped.append(request.url.path)
            return httpx.Response(204)
        if request.method == "POST":
            assert json.loads(request.content) == {"kind": "index", "collection": "photos"}
            return httpx.Response(202, json={"id": "7", "state": "queued"})
        return httpx.Response(200, json={"id": "7", **states.pop(0)} if "jobs" in request.url.path else INFO)

    seen: list[tuple[int, int]] = []
    job = client_of(handler, Clock()).index()
    assert not job.is_over
    assert job.wait(lambda done, of: seen.append((done, of))).state == "done"
    assert seen == [(3, 9), (9, 9)]
    job.stop()
    assert stopped == ["/v1/jobs/7"]
    states.append({"state": "failed", "error": "no room"})
    with pytest.raises(ServiceError, match="no room"):
        job.wait()


@pytest.mark.parametrize("url", ["photos", "ftp://photos", "http://", "http://ann:secret@photos"])
def test_an_address_that_is_none_is_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(BadArgument) as caught:
        likewise.Client(url)
    assert "secret" not in str(caught.value)


def test_values_out_of_range_are_refused_before_anything_is_sent() -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=INFO)

    client = client_of(handler, Clock())
    with pytest.raises(BadArgument, match="1 to 1000"):
        client.search(b"x", k=5000)
    with pytest.raises(BadArgument, match="name them"):
        client.search(b"x", rerank=3)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="above zero"):
        likewise.Client("http://photos", timeout_s=0)


def test_unnamed_marks_in_a_mix_are_refused_and_alone_they_go_as_such() -> None:
    sent: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json=NOTHING)

    client, marks = client_of(handler, Clock()), ByMarks(Marks(("a.png",), ("b.png",)))
    list(client.search_many([Query((Term(marks),))], layers={"fc1": 0.5}))
    assert sent[0]["query"] == []
    assert (sent[0]["liked"], sent[0]["disliked"], sent[0]["layers"]) == (["a.png"], ["b.png"], {"fc1": 0.5})
    with pytest.raises(BadArgument, match="save these marks as a concept"):
        list(client.search_many([Query((Term(marks), Term(ByKey("c.png"))))]))
    list(client.search_many([Query((Term(ByMarks(marks.marks, "mine")), Term(ByKey("c.png"))))]))
    assert sent[-1]["query"] == [{"concept": "mine", "weight": 1.0}, {"key": "c.png", "weight": 1.0}]


def test_stand_ins_for_the_servers_model_have_its_shape() -> None:
    card = told.card(CARD)
    assert asking.Without(card).encode(np.zeros((3, 8, 8, 3), np.uint8)).shape == (3, 4)
    assert asking.WithText(card).encode_texts(["a", "b"]).shape == (2, 4)


def test_pictures_that_cannot_be_had_are_none() -> None:
    client = client_of(lambda _request: problem("no-such-image", 404), Clock())
    record = told.record(image("a.png"))
    assert client.picture(record) is None
    assert client.picture_of(ByKey("a.png")) is None


def test_the_dependency_is_of_the_plain_install() -> None:
    told = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert any(each.startswith("httpx") for each in told["project"]["dependencies"])
