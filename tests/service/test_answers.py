"""What endpoints answer, and how they say what is wrong."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.collection import Collection
from likewise.errors import LikewiseError
from likewise.service import problems, showing
from likewise.service.app import create_app
from likewise.service.galleries import Galleries
from likewise.service.settings import Settings
from likewise.service.strengths import Strengths
from likewise.service.uploads import Uploads
from serving import client_of, draw_folder, index_folder, until


def ask(client: TestClient, **request: Any) -> Any:
    return client.post("/v1/search", json=request)


def test_a_hit_tells_all_that_is_known_of_its_image_and_where_more_is(client: TestClient, photos: Path) -> None:
    (hit,) = ask(client, k=1, query=[{"key": "lines/03.png"}], with_self=True).json()["hits"]
    assert (hit["key"], hit["width"], hit["height"], hit["rank"]) == ("lines/03.png", 48, 48, 1)
    assert hit["score"] == pytest.approx(1, abs=1e-5)
    assert client.get(hit["links"]["image"]).json() == {k: hit[k] for k in client.get(hit["links"]["image"]).json()}
    assert client.get(hit["links"]["original"]).content == (photos / "lines/03.png").read_bytes()
    with Image.open(io.BytesIO(client.get(hit["links"]["thumbnail"]).content)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (48, 48))


def test_an_answer_says_how_it_was_understood_and_where_the_time_went(client: TestClient, photos: Path) -> None:
    files = {"a": ("my cat.png", (photos / "lines/03.png").read_bytes())}
    told = client.post("/v1/search", params={"k": 2, "region": "50%,0%,50%,100%"}, files=files).json()
    assert told["query"] == [
        {"kind": "image", "name": "my cat.png@50%,0%,50%,100%", "weight": 1.0, "region": [24, 0, 24, 48]}
    ]
    assert (told["collection"], told["model"], told["total"], told["more"]) == ("photos", "compact", 36, True)
    times = told["timing_ms"]
    assert times["total"] >= max(times[name] for name in ("wait", "decode", "embed", "search", "rerank"))
    assert times["decode"] > 0
    assert times["embed"] > 0
    assert times["rerank"] == 0


def test_where_chance_is_known_hits_have_a_strength(tmp_path: Path) -> None:
    with client_of(index_folder(draw_folder(tmp_path / "many", each=60))) as client:
        one = {"k": 5, "query": [{"key": "lines/03.png"}], "with_self": True}
        until(lambda: ask(client, **one).json()["hits"][0]["strength"] is not None)
        told = ask(client, **one).json()
        assert told["hits"][0]["strength"] == "strong"
        assert {hit["strength"] for hit in told["hits"]} <= {"strong", "fair", "weak"}
        assert all(hit["chance"] is None for hit in told["hits"])
        mixed = ask(client, k=5, query=[{"key": "lines/03.png"}, {"key": "waves/03.png"}]).json()
        assert {hit["strength"] for hit in mixed["hits"]} == {None}


def test_images_are_listed_in_pages_in_the_order_of_the_gallery(client: TestClient, photos: Path) -> None:
    keys: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/v1/images", params={"limit": 5, "where": "folder <> 'waves'"} | after).json()
        assert page["total"] == 24
        keys += [image["key"] for image in page["images"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    with Collection.open(photos) as collection:
        assert keys == [record.key for record in collection.records("folder <> 'waves'")]


def test_pages_go_on_where_they_were_when_images_are_deleted_and_rows_get_other_numbers(tmp_path: Path) -> None:
    folder = index_folder(draw_folder(tmp_path / "few", each=3))
    with client_of(folder) as client, Collection.open(folder) as collection:
        first = client.get("/v1/images", params={"limit": 4}).json()
        keys = [image["key"] for image in first["images"]]
        collection.forget(keys[0])
        collection.compact()
        second = client.get("/v1/images", params={"limit": 9, "after": first["next"]}).json()
        assert [image["key"] for image in second["images"]] == [record.key for record in collection.records()][3:]
        collection.forget(keys[3])
        again = client.get("/v1/images", params={"limit": 9, "after": first["next"]}).json()
        assert {image["key"] for image in second["images"]} >= {image["key"] for image in again["images"]}


def test_collections_tell_their_model_and_what_can_be_asked(client: TestClient) -> None:
    told = client.get("/v1/collections").json()["collections"]
    assert told == [client.get("/v1/collections/photos").json()]
    assert (told[0]["images"], told[0]["model"]["name"], told[0]["metric"]) == (36, "compact", "cosine")
    assert (told[0]["can"]["text"], told[0]["can"]["write"]) == (False, False)


def test_fields_tell_what_a_filter_can_ask_for(client: TestClient) -> None:
    told = client.get("/v1/fields", params={"where": "folder <> 'waves'", "top": 3}).json()
    (folder,) = [field for field in told["fields"] if field["name"] == "folder"]
    assert told["images"] == 24
    assert {each["value"]: each["images"] for each in folder["top"]} == {"blobs": 12, "lines": 12}


def test_models_are_those_of_the_catalogue(client: TestClient) -> None:
    names = [entry["name"] for entry in client.get("/v1/models").json()["models"]]
    assert "compact" in names
    assert len(names) > 5


def test_two_collections_are_asked_by_their_names(photos: Path, tmp_path: Path) -> None:
    other = index_folder(draw_folder(tmp_path / "photos", each=2))
    with client_of(photos, other) as client:
        assert [each["name"] for each in client.get("/v1/collections").json()["collections"]] == ["photos", "photos-2"]
        assert ask(client, query=[{"key": "lines/01.png"}]).json()["total"] == 36
        assert ask(client, query=[{"key": "lines/01.png"}], collection="photos-2").json()["total"] == 6


def test_an_upload_is_kept_under_its_content(client: TestClient, photos: Path) -> None:
    data = (photos / "lines/03.png").read_bytes()
    first = client.post("/v1/uploads", content=data, headers={"Content-Type": "image/png"})
    assert first.status_code == 201
    again = client.post("/v1/uploads", files={"file": data}).json()
    assert (again["id"], again["width"], again["height"]) == (first.json()["id"], 48, 48)
    assert client.get(f"/v1/uploads/{again['id']}").json() == again
    shown = client.get(f"/v1/uploads/{again['id']}/thumbnail", params={"side": 16})
    with Image.open(io.BytesIO(shown.content)) as picture:
        assert picture.size == (16, 16)
    for path in (f"/v1/uploads/{'0' * 32}", f"/v1/uploads/{'0' * 32}/thumbnail"):
        assert client.get(path).json()["type"] == "/problems/no-such-upload"
    assert client.post("/v1/uploads", files={"a": data, "b": data}).status_code == 400


def test_uploads_go_when_their_time_is_over_or_there_is_no_more_room() -> None:
    now = [100.0]
    uploads = Uploads(10, 60, lambda: now[0])
    first, second = uploads.keep(b"aaaa", 1, 1), uploads.keep(b"bbbb", 1, 1)
    assert uploads.get(first.id) is not None
    third = uploads.keep(b"cccc", 1, 1)  # the second was used less lately than the first
    assert (uploads.get(second.id), uploads.size_bytes, len(uploads)) == (None, 8, 2)
    now[0] = 161
    assert (uploads.get(first.id), uploads.get(third.id), uploads.size_bytes) == (None, None, 0)
    large = uploads.keep(b"d" * 11, 1, 1)
    assert uploads.get(large.id) is not None


def test_what_is_kept_of_a_picture_is_asked_for_by_its_content(client: TestClient) -> None:
    links = ask(client, k=1, query=[{"key": "lines/03.png"}]).json()["hits"][0]["links"]
    for link in (links["thumbnail"], links["original"]):
        first = client.get(link)
        assert "immutable" in first.headers["Cache-Control"]
        same = client.get(link, headers={"If-None-Match": f'"x", W/{first.headers["ETag"]}'})
        assert (same.status_code, same.content) == (304, b"")
        unversioned = client.get(link.replace("&v=", "&v=0"))
        assert unversioned.headers["Cache-Control"] == "private, no-cache"
    small = client.get(links["thumbnail"].replace("side=256", "side=32"))
    assert small.headers["ETag"] != client.get(links["thumbnail"]).headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-99999999", 206, slice(0, None)),
        ("bytes=0-1,4-5", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
        ("bytes=-", 200, slice(0, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_a_range_of_an_original_is_what_lies_there(
    asked: str, status: int, part: slice | None, client: TestClient, photos: Path
) -> None:
    data = (photos / "lines/03.png").read_bytes()
    answer = client.get("/v1/images/lines/03.png/original", headers={"Range": asked})
    assert answer.status_code == status
    if part is None:
        assert answer.headers["Content-Range"] == f"bytes */{len(data)}"
    else:
        assert answer.content == data[part]
    if status == 206:
        assert answer.headers["Content-Range"].endswith(f"/{len(data)}")


def test_a_range_of_a_file_that_changed_since_is_all_of_it(client: TestClient, photos: Path) -> None:
    answer = client.get("/v1/images/lines/03.png/original", headers={"Range": "bytes=0-9", "If-Range": '"old"'})
    assert answer.content == (photos / "lines/03.png").read_bytes()


def test_an_original_cannot_run_in_a_browser(client: TestClient) -> None:
    headers = client.get("/v1/images/lines/03.png/original").headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Content-Disposition"] == "inline; filename*=UTF-8''03.png"


@pytest.mark.parametrize(
    ("request_", "status", "slug", "word"),
    [
        ({"query": [{"key": "no/such.png"}]}, 404, "no-such-image", "no/such.png"),
        ({"query": [{"key": "../../etc/passwd"}]}, 404, "no-such-image", "passwd"),
        ({"query": [{"key": "lines/03.png"}], "collection": "cats"}, 404, "no-such-collection", "photos"),
        ({"query": [{"upload": "0" * 32}]}, 404, "no-such-upload", "again"),
        ({"query": [{"key": "lines/03.png"}], "rerank": "geometri"}, 404, "unknown-name", "geometry"),
        ({"query": [{"key": "lines/03.png"}], "where": "colour = 'red'"}, 404, "unknown-name", "where"),
        ({"query": [{"key": "lines/03.png"}], "where": "folder = "}, 400, "bad-argument", "where"),
        ({"query": [{"key": "lines/03.png", "weight": 0}]}, 400, "bad-argument", "weight"),
        ({"query": [{"key": "lines/03.png", "region": "0,0,999,9"}]}, 400, "bad-argument", "48 × 48"),
        ({"query": [{"text": "a cat"}]}, 400, "bad-argument", "no text"),
        ({"query": [{"data": "***"}]}, 400, "bad-argument", "base64"),
        ({"query": [{"data": "bm8gcGljdHVyZQ=="}]}, 415, "not-a-picture", "not an image"),
        ({"query": [{"file": "a"}]}, 400, "bad-argument", "no file part"),
        ({"query": [{"url": "https://example.org/a.png"}]}, 403, "not-allowed", "address"),
        ({"query": [{"keyy": "lines/03.png"}]}, 400, "bad-argument", "query.0"),
        ({"query": []}, 400, "bad-argument", "nothing to look for"),
        ({"query": [{"key": "lines/03.png"}], "k": 0}, 400, "bad-argument", "k"),
        (
            {"query": [{"key": "lines/03.png"}, {"key": "waves/03.png"}], "significance": 0.1},
            400,
            "bad-argument",
            "mixes",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_the_way_out(
    request_: dict[str, Any], status: int, slug: str, word: str, client: TestClient
) -> None:
    answer = client.post("/v1/search", json=request_)
    told = answer.json()
    assert (answer.status_code, told["status"], told["type"]) == (status, status, f"/problems/{slug}"), told
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert word in told["detail"]
    assert told["instance"] == "/v1/search"
    assert "<h1>" in client.get(told["type"]).text


def test_a_filter_that_is_refused_is_named_as_the_parameter(client: TestClient) -> None:
    for where in ("folder = ", "colour = 'red'"):
        for answer in (
            ask(client, query=[{"key": "lines/03.png"}], where=where),
            client.get("/v1/images", params={"where": where}),
            client.get("/v1/fields", params={"where": where}),
        ):
            assert answer.json()["parameter"] == "where", answer.text
    assert "parameter" not in ask(client, query=[{"key": "no"}], where="folder = 'waves'").json()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "image/png", 400),
        (b"no picture", "image/png", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"--x", "multipart/form-data; boundary=x", 400),
        (b"nothing", "multipart/form-data", 400),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes, kind: str, status: int, client: TestClient) -> None:
    answer = client.post("/v1/search", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text


def test_a_damaged_picture_is_told_from_what_is_none(client: TestClient, photos: Path) -> None:
    data = (photos / "lines/03.png").read_bytes()
    answer = client.post("/v1/search", files={"a": data[: len(data) // 2]})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/undecodable")
    twice = client.post("/v1/search", files=[("a", data), ("a", data)])
    assert "two parts" in twice.json()["detail"]
    words = client.post("/v1/search", data={"k": "3"}, files={"a": data})
    assert "no file" in words.json()["detail"]
    many = client.post("/v1/search", files={str(i): data for i in range(40)})
    assert many.status_code == 400


def test_an_address_or_a_method_that_there_is_not_is_a_problem_too(client: TestClient) -> None:
    for path in ("/nothing", "/v1/nothing", "/web/nothing.js", "/problems/nothing", "/docs", "/v1/images/no/such.png"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    answer = client.get("/v1/search")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["type"] == "/problems/wrong-method"


@pytest.mark.parametrize(
    "name", ["../settings.py", "%2e%2e/settings.py", "..%2fsettings.py", ".hidden.js", "a//b.js", "app.py"]
)
def test_no_file_outside_the_page_is_given_out(name: str, client: TestClient) -> None:
    assert client.get(f"/web/{name}").status_code == 404


def test_the_page_is_asked_for_again_and_not_sent_again(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert client.get("/web/index.html").content == page.content
    assert client.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_metrics_count_what_was_answered_by_route_and_stage(photos: Path) -> None:
    with client_of(photos) as client:
        assert client.post("/v1/search", files={"a": (photos / "lines/03.png").read_bytes()}).status_code == 200
        assert client.post("/v1/search", files={"a": b"nothing"}).status_code == 415
        assert client.get("/v1/images/any/thing/at/all").status_code == 404
        text = client.get("/metrics").text
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert told['likewise_requests_total{method="POST",route="/v1/search",status="200"}'] == "1.0"
    assert told['likewise_requests_total{method="GET",route="/v1/images/{key:path}",status="404"}'] == "1.0"
    assert told["likewise_skipped_total"] == "1.0"
    assert told["likewise_queue_length"] == "0.0"
    assert told['likewise_images{collection="photos"}'] == "36.0"
    for stage in ("decode", "embed", "search", "total"):
        assert told[f'likewise_stage_seconds_count{{stage="{stage}"}}'] == "1.0"
    assert told['likewise_batch_size_count{stage="embed"}'] == "1.0"
    assert "any/thing" not in text


def test_a_full_queue_answers_429_with_a_time_to_wait(photos: Path) -> None:
    with client_of(photos, queue=1) as client:
        gate = client.app.state.service.gate  # type: ignore[attr-defined]
        gate._inside = 1
        answer = client.post("/v1/search", json={"query": [{"key": "lines/03.png"}]})
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/busy")
        assert int(answer.headers["Retry-After"]) >= 1
        gate._inside = 0
        assert "likewise_refused_total 1.0" in client.get("/metrics").text


def test_no_answer_tells_a_path_of_this_machine(photos: Path, tmp_path: Path) -> None:
    folder = index_folder(draw_folder(tmp_path / "secret place", each=2))
    with Collection.open(folder) as collection:
        outside = draw_folder(tmp_path / "elsewhere", each=1)
        collection.index(outside)
        keys = [record.key for record in collection.records()]
    (folder / "lines/01.png").unlink()
    (folder / "waves/01.png").write_bytes(b"no picture any more")
    data = (photos / "lines/03.png").read_bytes()
    with client_of(folder) as client:
        answers = [
            client.get(path) for path in ("/v1/images", "/v1/collections", "/v1/fields?top=200", "/metrics", "/readyz")
        ]
        answers.append(client.post("/v1/search", params={"k": 99}, files={"a": data}))
        answers.append(
            client.post("/v1/search", params={"k": 99, "fold": True, "significance": 0.5}, files={"a": data})
        )
        answers.append(client.post("/v1/search", params={"rerank": "geometry"}, files={"a": data}))
        answers.append(ask(client, query=[{"key": "lines/01.png", "region": "0,0,9,9"}]))
        answers.append(ask(client, query=[{"key": "waves/01.png", "region": "0,0,9,9"}]))
        for key in keys:
            answers += [client.get(f"/v1/images/{key}{part}") for part in ("", "/thumbnail", "/original")]
        (folder / ".likewise").rename(folder / "gone")
        answers += [client.get(path) for path in ("/v1/images", "/v1/collections", "/metrics")]
        answers.append(client.post("/v1/search", files={"a": data}))
        (folder / "gone").rename(folder / ".likewise")
    assert {answer.status_code for answer in answers} >= {200, 404, 415, 503}
    assert 500 not in {answer.status_code for answer in answers}
    for answer in answers:
        told = f"{answer.headers}{answer.text}"
        for secret in (str(tmp_path), "secret place/", str(Path.cwd()), str(Path.home())):
            assert secret not in told


def test_a_fault_of_ours_is_a_problem_with_a_number_and_nothing_else(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"{photos} is secret")

    with client_of(photos) as client:
        monkeypatch.setattr("likewise.service.routes.search._told", broken)
        answer = client.post("/v1/search", json={"query": [{"key": "lines/03.png"}]})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert "secret" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("nanoseconds", "told"),
    [
        (0, None),
        (1_600_000_000_000_000_000, "2020-09-13T12:26:40Z"),
        (-(10**29), None),
        (2**63, "2262-04-11T23:47:16Z"),
    ],
)
def test_a_date_that_no_calendar_has_is_none(nanoseconds: int, told: str | None) -> None:
    assert showing.moment(nanoseconds) == told


def test_a_server_that_is_not_ready_says_so(photos: Path) -> None:
    app = create_app(Settings((photos,)))
    client = TestClient(app, base_url="http://localhost")  # whose models nobody loads
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert client.get("/healthz").status_code == 200
    app.state.service.gate.drain()
    assert "stopping" in client.get("/readyz").json()["detail"]
    assert ask(client, query=[{"key": "lines/03.png"}]).status_code == 503
    app.state.service.galleries.close()


def test_more_terms_than_a_query_may_have_are_refused(photos: Path) -> None:
    with client_of(photos, max_query_terms=2) as client:
        answer = ask(client, query=[{"key": "lines/03.png"}] * 3)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-argument")
    assert "at most 2" in answer.json()["detail"]


def test_a_concept_that_nobody_taught_is_unknown(client: TestClient) -> None:
    assert ask(client, query=[{"concept": "tigers"}]).json()["type"] == "/problems/unknown-name"


def test_an_error_that_is_none_of_those_known_tells_nothing() -> None:
    refusal = problems.refusal_of(LikewiseError("/home/ada/secret"))
    assert (refusal.slug, "ada" in refusal.detail) == ("internal", False)
    assert problems.invalid([]).detail == "the request is not understood"


def test_a_strength_is_learned_anew_when_the_gallery_has_grown_and_a_while_has_passed(tmp_path: Path) -> None:
    now, folder = [0.0], index_folder(draw_folder(tmp_path / "many", each=60))
    with ThreadPoolExecutor(1) as threads:
        galleries, strengths = Galleries([folder]), Strengths(threads, lambda: now[0])
        gallery, hits = galleries.get(), list(galleries.get().collection.search("key:lines/03.png", 3))
        assert strengths.told(gallery, hits, 180) == [None] * 3  # nobody waits
        until(lambda: None not in strengths.told(gallery, hits, 180))
        known = strengths._learned[gallery]
        now[0] = 61.0
        strengths.told(gallery, hits, 180)
        assert strengths._learned[gallery] is known
        strengths.told(gallery, hits, 181)
        until(lambda: strengths._learned[gallery].at_s == 61.0)
        galleries.close()
