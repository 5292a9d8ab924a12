"""Images that clients add are on the disk when they are told so, under keys that lead nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likewise.collection import Collection
from likewise.errors import BadArgument
from likewise.service.writing.keys import upload_key
from photos import encoded, photo
from serving import client_of, draw_folder, index_folder

OURS = {"X-Likewise": "1"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return index_folder(draw_folder(tmp_path / "photos", each=2), "classical")


@pytest.fixture
def client(place: Path) -> Iterator[TestClient]:
    with client_of(place, writable=True, max_upload_bytes=200_000) as client:
        yield client


def data(seed: int) -> bytes:
    return encoded(photo(seed), "JPEG")


def put(client: TestClient, key: str, picture: bytes, **more: str) -> tuple[int, dict[str, object]]:
    answer = client.put(f"/v1/images/{key}", content=picture, headers={"Content-Type": "image/jpeg", **OURS, **more})
    return answer.status_code, answer.json()


def post(client: TestClient, *files: tuple[str | None, bytes], **more: object) -> list[dict[str, object]]:
    answer = client.post("/v1/images", files=[("file", each) for each in files], headers=OURS, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_an_image_that_was_put_is_found_shown_and_verified(client: TestClient, place: Path) -> None:
    assert put(client, "uploads/2019/ca\u0301t.jpg".replace("a\u0301", "á"), data(1))[0] == 201
    key = "uploads/2019/cát.jpg"
    assert (place / key).read_bytes() == data(1)
    assert client.get(f"/v1/images/{key}").json()["width"] == 120
    assert client.get(f"/v1/images/{key}/original").content == data(1)
    found = client.post("/v1/search?k=1", content=data(1), headers={"Content-Type": "image/jpeg", **OURS}).json()
    assert found["hits"][0]["key"] == key
    with Collection.open(place) as collection:
        assert collection.verify(deep=True).ok
        report = collection.index()
        assert (report.added, report.changed, report.vanished) == (0, 0, 0)
        assert report.unchanged == len(collection)


def test_to_put_is_idempotent_by_key_and_content(client: TestClient, place: Path) -> None:
    told = [put(client, "uploads/a.jpg", data(seed)) for seed in (1, 1, 2, 1)]
    assert [(status, end["status"]) for status, end in told] == [
        (201, "added"),
        (200, "unchanged"),
        (200, "replaced"),
        (200, "replaced"),
    ]
    with Collection.open(place) as collection:
        assert len(collection) == 7
        assert collection.verify(deep=True).ok


def test_an_upload_whose_file_is_gone_is_written_again(client: TestClient, place: Path) -> None:
    put(client, "uploads/a.jpg", data(1))
    (place / "uploads/a.jpg").unlink()
    assert put(client, "uploads/a.jpg", data(1))[1]["status"] == "replaced"
    assert (place / "uploads/a.jpg").read_bytes() == data(1)


def test_many_come_in_at_once_and_each_is_told_of(client: TestClient, place: Path) -> None:
    named = hashlib.sha256(data(3)).hexdigest()[:32]
    results = post(
        client,
        *((f"{seed:02}.jpg", data(seed)) for seed in range(40)),
        ("00.jpg", data(0)),
        ("torn.jpg", data(1)[:700]),
        ("page.jpg", b"<html>"),
        ("../out.jpg", data(1)),
        ("huge.jpg", bytes(300_000)),
    )
    assert [each["status"] for each in results] == ["added"] * 40 + ["unchanged"] + ["skipped"] * 4
    assert [each["key"] for each in results[:2]] == ["uploads/00.jpg", "uploads/01.jpg"]
    assert all(each["reason"] for each in results[41:])
    assert not (place / "out.jpg").exists()
    assert not list((place / "uploads").glob("*torn*"))
    keyed = client.post(
        "/v1/images", files=[("keys", (None, json.dumps(["x/y.png"]))), ("file", ("any", data(3)))], headers=OURS
    )
    assert keyed.json()["results"][0]["key"] == "uploads/x/y.png"
    assert named not in str(keyed.json())


def test_a_file_without_a_name_is_called_by_its_content(client: TestClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + data(3) + b"\r\n--b--\r\n"
    answer = client.post(
        "/v1/images", content=body, headers={"Content-Type": "multipart/form-data; boundary=b", **OURS}
    )
    assert answer.json()["results"][0]["key"] == f"uploads/{hashlib.sha256(data(3)).hexdigest()[:32]}.jpg"


def test_lines_tell_of_each_image_in_order(client: TestClient) -> None:
    files = [("file", (f"{seed}.jpg", data(seed))) for seed in range(5)]
    answer = client.post("/v1/images", files=files, headers={**OURS, "Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["key"], line["status"]) for line in lines] == [(f"uploads/{seed}.jpg", "added") for seed in range(5)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"nonsense", "not understood"),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nxx', "breaks off"),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nxx\r\n--b--\r\n', "no file"),
        (b'--b\r\nContent-Disposition: form-data; name="keys"\r\n\r\n{}\r\n--b--\r\n', "no list"),
        (b'--b\r\nContent-Disposition: form-data; name="keys"\r\n\r\n{\r\n--b--\r\n', "no JSON"),
        (b'--b\r\nContent-Disposition: form-data; name="keys"\r\n\r\n[]\r\n--b--\r\n', "no files"),
        (b"--b\r\nX: " + b"y" * 4100 + b"\r\n\r\n\r\n--b--\r\n", "4 KB"),
        (b'--b\r\nContent-Disposition: form-data; name="keys"\r\n\r\n[]\r\n' * 1005 + b"--b--\r\n", "1,000 parts"),
    ],
)
def test_a_body_that_is_none_is_a_problem(client: TestClient, body: bytes, told: str) -> None:
    answer = client.post(
        "/v1/images", content=body, headers={"Content-Type": "multipart/form-data; boundary=b", **OURS}
    )
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_an_upload_is_deleted_with_its_file_and_may_come_again(client: TestClient, place: Path) -> None:
    put(client, "uploads/a.jpg", data(1))
    assert client.delete("/v1/images/uploads/a.jpg", headers=OURS).status_code == 204
    assert not (place / "uploads/a.jpg").exists()
    assert client.delete("/v1/images/uploads/a.jpg", headers=OURS).status_code == 404
    assert put(client, "uploads/a.jpg", data(1))[0] == 201


def test_any_other_image_stays_out_and_its_file_stays(client: TestClient, place: Path) -> None:
    assert client.delete("/v1/images/blobs/00.png", headers=OURS).status_code == 204
    assert (place / "blobs/00.png").exists()
    with Collection.open(place) as collection:
        assert collection.index().forgotten == 1
    assert client.get("/v1/images/blobs/00.png").status_code == 404


def test_what_the_operator_took_out_cannot_be_put_again(client: TestClient, place: Path) -> None:
    put(client, "uploads/a.jpg", data(1))
    with Collection.open(place) as collection:
        collection.forget("uploads/a.jpg")
    status, told = put(client, "uploads/a.jpg", data(2))
    assert (status, "operator" in str(told["detail"])) == (422, True)


def test_while_another_process_writes_clients_are_told_when_to_try_again(place: Path) -> None:
    with client_of(place, writable=True) as client, Collection.open(place) as collection:
        client.app.state.service.writing._wait_s = 0.1  # type: ignore[attr-defined]
        with collection.store.write():
            status, told = put(client, "uploads/a.jpg", data(1))
            answer = client.delete("/v1/images/blobs/00.png", headers=OURS)
            many = client.post("/v1/images", files=[("file", ("b.jpg", data(1)))], headers=OURS)
            lines = client.post(
                "/v1/images",
                files=[("file", ("b.jpg", data(1)))],
                headers={**OURS, "Accept": "application/x-ndjson"},
            )
        assert (status, answer.status_code, many.status_code) == (409, 409, 409)
        assert answer.headers["Retry-After"] == many.headers["Retry-After"] == "5"
        assert json.loads(lines.text)["status"] == "failed"
        assert "another process" in str(told["detail"])
        assert put(client, "uploads/a.jpg", data(1))[0] == 201


def test_a_read_only_server_writes_nothing(place: Path) -> None:
    with client_of(place) as client:
        assert put(client, "uploads/a.jpg", data(1))[0] == 403
        assert client.delete("/v1/images/blobs/00.png", headers=OURS).status_code == 403
        assert client.post("/v1/images", files=[("file", ("b.jpg", data(1)))], headers=OURS).status_code == 403
    assert not (place / "uploads").exists()


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_links_in_the_folder_of_uploads_lead_nowhere(client: TestClient, place: Path, target: str) -> None:
    put(client, "uploads/first.jpg", data(0))
    outside = place.parent / "outside"
    outside.mkdir()
    (outside / "kept.jpg").write_bytes(b"mine")
    (place / "uploads" / "linked").symlink_to(place.parent / target)
    (place / "uploads" / "kept.jpg").symlink_to(outside / "kept.jpg")
    (place / "uploads" / "folder.jpg").mkdir()
    assert put(client, "uploads/linked/a.jpg", data(1))[0] == 422
    assert put(client, "uploads/folder.jpg", data(1))[0] == 422
    assert put(client, "uploads/first.jpg/a.jpg", data(1))[0] == 422
    assert put(client, "uploads/kept.jpg", data(1))[0] == 201
    assert (outside / "kept.jpg").read_bytes() == b"mine"
    assert [each.name for each in outside.iterdir()] == ["kept.jpg"]
    assert not (place / "uploads" / "kept.jpg").is_symlink()


BAD_KEYS = [
    "caf\ufffd.jpg",
    *("", "..", "../a.jpg", "a/../../b.jpg", "/etc/a.jpg", "//a.jpg", "a//b.jpg", "a/", "./a.jpg", "a/./b.jpg"),
    *(
        "C:/a.jpg",
        "c:a.jpg",
        "..\\a.jpg",
        "a\\b.jpg",
        "\\\\host\\a.jpg",
        "a\0.jpg",
        "a\n.jpg",
        "a\x7f.jpg",
        "\x1b[2Ja.jpg",
    ),
    *(".likewise/a.jpg", ".a.jpg", "a/.b/c.jpg", "a .jpg/b.jpg ", "a./b.jpg", " a.jpg", "a /b.jpg"),
    *("con.jpg", "NUL", "aux.png", "a/COM1.jpg", "lpt9.tar.jpg", "com¹.jpg"),
    *("a.txt", "a", "jpg", "a.jpg.exe", "a.svg", "a.html", "a.jpg/b"),
    *("\u202egpj.a.jpg", "a\u2028b.jpg", "\ud800.jpg", "\U0010f82f.jpg", "\ue000.jpg", "a\u00ad.jpg", "\ufeffa.jpg"),
    *(
        "x" * 252 + ".jpg",
        "é" * 126 + ".jpg",
        "/".join(["a" * 60] * 17) + "/a.jpg",
        "a/" * 16 + "a.jpg",
        "\u2025/a.jpg/",
    ),
]


@pytest.mark.parametrize("name", BAD_KEYS, ids=ascii)
def test_a_key_that_could_lead_elsewhere_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(BadArgument, match=r".+: .+"):
        upload_key(name)


@pytest.mark.parametrize("name", BAD_KEYS, ids=ascii)
def test_no_file_appears_under_a_key_that_is_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    with pytest.raises(BadArgument):
        upload_key(f"uploads/{name}")


def test_a_key_is_normalised_once() -> None:
    assert upload_key("cafe\u0301.jpg") == upload_key("café.jpg") == "uploads/café.jpg"
    assert upload_key(upload_key("a/b.PNG")) == "uploads/a/b.PNG"
    assert upload_key("👩\u200d👧.jpg") == "uploads/👩\u200d👧.jpg"
    assert upload_key("12:30.jpg") == "uploads/12:30.jpg"


def test_a_put_needs_a_key_below_uploads(client: TestClient) -> None:
    for key in (
        "a.jpg",
        "blobs/00.png",
        "uploads/a.txt",
        "uploads/.a.jpg",
        "uploads/%2e%2e/a.jpg",
        "uploads/cafe\u0301.jpg",
    ):
        assert put(client, key, data(1))[0] in (400, 404), key
    assert put(client, "uploads/a.jpg", b"%PDF-1.4")[0] == 415
    assert put(client, "uploads/a.jpg", data(1)[:700])[0] == 422
