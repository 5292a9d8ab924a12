"""Indexing in the background: done, watched, stopped, and only where the operator allows it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from likewise import ingest
from likewise.collection import Collection
from serving import client_of, draw, draw_folder, index_folder, until

WRITES = {"X-Likewise": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return index_folder(draw_folder(tmp_path / "photos", each=2))


@pytest.fixture
def writer(folder: Path, tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "allowed").mkdir()
    with client_of(folder, writable=True, index_roots=(tmp_path / "allowed",)) as client:
        client.headers.update(WRITES)
        yield client


def ended(client: TestClient, name: str) -> dict[str, Any]:
    until(lambda: client.get(f"/v1/jobs/{name}").json()["state"] in ("done", "failed", "stopped"))
    told: dict[str, Any] = client.get(f"/v1/jobs/{name}").json()
    return told


def held(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> threading.Event:
    """Makes indexing wait until the test lets it go on."""
    collection = client.app.state.service.galleries.get().collection  # type: ignore[attr-defined]
    go = threading.Event()

    def index(*places: str, options: ingest.Options, watch: ingest.Watch) -> ingest.Report:
        assert go.wait(60)
        report = ingest.Report(total=3)
        watch(report)
        return report

    monkeypatch.setattr(collection, "index", index)
    return go


def test_a_job_brings_the_gallery_up_to_date_and_it_is_searched_at_once(writer: TestClient, folder: Path) -> None:
    draw("lines", 77).save(folder / "lines" / "new.png")
    (folder / "blobs/00.png").unlink()
    answer = writer.post("/v1/jobs", json={"kind": "index"})
    assert answer.status_code == 202
    told = ended(writer, answer.json()["id"])
    assert told["state"] == "done", told
    assert told["progress"] == {
        "total": 6, "done": 6, "added": 1, "changed": 0, "unchanged": 5, "vanished": 1, "skipped": 0,
    }  # fmt: skip
    found = writer.post("/v1/search", json={"query": [{"key": "lines/new.png"}], "k": 20, "with_self": True}).json()
    keys = {hit["key"] for hit in found["hits"]}
    assert "lines/new.png" in keys
    assert "blobs/00.png" not in keys


def test_events_tell_of_a_job_until_its_end(writer: TestClient) -> None:
    name = writer.post("/v1/jobs", json={"kind": "index"}).json()["id"]
    with writer.stream("GET", f"/v1/jobs/{name}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done"
    assert all(each["id"] == name for each in told)


def test_silent_jobs_keep_their_line(writer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.service.routes.jobs._SILENT_S", 0.1)
    go = held(monkeypatch, writer)
    name = writer.post("/v1/jobs", json={"kind": "index"}).json()["id"]
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(lambda: writer.get(f"/v1/jobs/{name}/events").text)
        threading.Timer(1.0, go.set).start()
        assert ": still here" in reading.result()


def test_jobs_are_done_one_after_the_other_and_only_so_many_wait(
    writer: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = held(monkeypatch, writer)
    first = writer.post("/v1/jobs", json={"kind": "index"}).json()["id"]
    until(lambda: writer.get(f"/v1/jobs/{first}").json()["state"] == "running")
    waiting = [writer.post("/v1/jobs", json={"kind": "index"}) for _ in range(9)]
    assert [each.status_code for each in waiting] == [202] * 8 + [429]
    assert int(waiting[-1].headers["Retry-After"]) > 0
    listed = writer.get("/v1/jobs").json()["jobs"]
    assert [job["state"] for job in listed] == ["waiting"] * 8 + ["running"]
    assert writer.delete(f"/v1/jobs/{first}").status_code == 200
    assert writer.delete(f"/v1/jobs/{waiting[0].json()['id']}").status_code == 200
    go.set()
    assert ended(writer, first)["state"] == "stopped"
    assert ended(writer, waiting[0].json()["id"])["state"] == "stopped"
    assert ended(writer, waiting[1].json()["id"])["state"] == "done"


def test_old_jobs_are_forgotten(writer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.service.jobs._MOST_KEPT", 1)
    held(monkeypatch, writer).set()
    names = []
    for _ in range(3):
        names.append(writer.post("/v1/jobs", json={"kind": "index"}).json()["id"])
        ended(writer, names[-1])
    gone = writer.get(f"/v1/jobs/{names[0]}")
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/no-such-job")


def test_a_job_beside_another_writer_fails_and_says_why(
    writer: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.service.jobs._WAIT_S", 0.1)
    with Collection.open(folder) as other, other.store.write():
        told = ended(writer, writer.post("/v1/jobs", json={"kind": "index"}).json()["id"])
    assert told["state"] == "failed"
    assert "another process is writing" in told["reason"]
    assert str(folder) not in json.dumps(told)


def test_a_fault_of_a_job_is_no_story_for_clients(writer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = writer.app.state.service.galleries.get().collection  # type: ignore[attr-defined]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/home/ada/secret")

    monkeypatch.setattr(collection, "index", broken)
    told = ended(writer, writer.post("/v1/jobs", json={"kind": "index"}).json()["id"])
    assert told["state"] == "failed"
    assert "secret" not in told["reason"]


def test_a_service_that_ends_stops_its_jobs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of(folder, writable=True) as client:
        client.headers.update(WRITES)
        go = held(monkeypatch, client)
        name = client.post("/v1/jobs", json={"kind": "index"}).json()["id"]
        jobs = client.app.state.service.jobs  # type: ignore[attr-defined]
        until(lambda: jobs.get(name).state == "running")
        threading.Timer(0.2, go.set).start()
    assert jobs.get(name).state == "stopped"


def test_a_folder_below_an_allowed_one_is_indexed(writer: TestClient, tmp_path: Path) -> None:
    draw_folder(tmp_path / "allowed" / "more", each=1)
    answer = writer.post("/v1/jobs", json={"kind": "index", "path": str(tmp_path / "allowed" / "more")})
    assert ended(writer, answer.json()["id"])["progress"]["added"] == 3


def test_a_folder_anywhere_else_is_refused_in_the_same_words_whether_it_is_there_or_not(
    writer: TestClient, tmp_path: Path
) -> None:
    allowed = tmp_path / "allowed"
    (tmp_path / "allowed-not").mkdir()
    (allowed / "file").touch()
    (allowed / "link").symlink_to("/")
    (allowed / "loop").symlink_to(allowed / "loop")
    attacks = [
        "/", "/etc", "/nowhere", ".", "", "photos", "~", str(tmp_path), f"{allowed}/..", f"{allowed}/../photos", f"{allowed}-not",
        f"{allowed}/link", f"{allowed}/link/etc", f"{allowed}/loop", f"{allowed}/file", f"{allowed}/nowhere", f"{allowed}/\x00",
        f"{allowed}/*", "http://127.0.0.1/", "s3://bucket/", "-", f"file://{allowed}",
    ]  # fmt: skip
    told = set()
    for path in attacks:
        answer = writer.post("/v1/jobs", json={"kind": "index", "path": path})
        assert answer.status_code == 403, path
        told.add(answer.json()["detail"])
    assert len(told) == 1
    assert str(tmp_path) not in told.pop()
    assert writer.get("/v1/jobs").json()["jobs"] == []


def test_a_server_that_may_not_write_starts_and_stops_nothing(folder: Path) -> None:
    with client_of(folder) as client:
        for answer in (
            client.post("/v1/jobs", json={"kind": "index"}, headers=WRITES),
            client.delete("/v1/jobs/0123456789abcdef", headers=WRITES),
        ):
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-allowed")


def test_what_was_never_indexed_from_anywhere_needs_a_path(writer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = writer.app.state.service.galleries.get().collection  # type: ignore[attr-defined]
    monkeypatch.setattr(collection, "places", list)
    assert writer.post("/v1/jobs", json={"kind": "index"}).status_code == 400
