"""Who may ask, how much may be sent, and what browsers are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likewise.errors import BadArgument
from likewise.service import tokens
from likewise.service.settings import Settings, is_loopback
from serving import client_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def guarded(photos: Path, file: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A client of a guarded server, and a token of each scope."""
    made = {scope: tokens.add(file, f"a-{scope}", scope) for scope in ("read", "write")}
    with client_of(photos, tokens=file) as client:
        yield client, made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_other_machines_can_ask_only_where_tokens_say_who_may(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="--tokens"):
        Settings((tmp_path,), host="0.0.0.0")
    assert not Settings((tmp_path,), host="0.0.0.0", tokens=tmp_path / "t").on_loopback
    assert not is_loopback("photos.example")


def test_without_a_collection_nothing_is_served() -> None:
    with pytest.raises(BadArgument, match="nothing to serve"):
        Settings(())


@pytest.mark.parametrize("path", ["/v1/images", "/v1/collections", "/metrics", "/v1/nothing"])
def test_a_guarded_server_answers_nobody_without_a_token(path: str, guarded: tuple[TestClient, dict[str, str]]) -> None:
    client, made = guarded
    for headers in ({}, bearer("wrong"), bearer(""), {"Authorization": f"Basic {made['read']}"}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["type"] == "/problems/no-token"
    assert client.get(path, headers=bearer(made["read"])).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/openapi.json", "/problems/no-token"])
def test_what_says_nothing_of_pictures_needs_no_token(path: str, guarded: tuple[TestClient, dict[str, str]]) -> None:
    assert guarded[0].get(path).status_code == 200


def test_the_page_of_a_guarded_server_may_be_asked_for_under_any_name(photos: Path, file: Path) -> None:
    tokens.add(file, "a", "read")
    with client_of(photos, tokens=file, host="0.0.0.0") as client:
        assert client.get("/", headers={"Host": "photos.example"}).status_code == 200
        document = client.get("/openapi.json").json()
    assert document["paths"]["/v1/search"]["post"]["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_who_may_read_may_search_and_not_write(guarded: tuple[TestClient, dict[str, str]]) -> None:
    client, made = guarded
    asked = {"query": [{"key": "lines/03.png"}]}
    assert client.post("/v1/search", json=asked, headers=bearer(made["read"])).status_code == 200
    refused = client.delete("/v1/images/lines/03.png", headers=bearer(made["read"]))
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/not-allowed"
    assert "a-read" in refused.json()["detail"]
    assert client.delete("/v1/nothing", headers=bearer(made["write"])).status_code == 404


def test_a_token_that_is_taken_out_of_the_file_opens_nothing(
    guarded: tuple[TestClient, dict[str, str]], file: Path
) -> None:
    client, made = guarded
    assert client.get("/v1/models", headers=bearer(made["read"])).status_code == 200
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "a-read" not in line))
    assert client.get("/v1/models", headers=bearer(made["read"])).status_code == 401
    assert client.get("/v1/models", headers=bearer(made["write"])).status_code == 200
    file.unlink()
    gone = client.get("/v1/models", headers=bearer(made["write"]))
    assert gone.status_code == 503
    assert str(file) not in gone.text


def test_the_file_holds_no_token_and_is_its_owners_alone(file: Path) -> None:
    token = tokens.add(file, "ada", "read")
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    holder = tokens.Tokens(file).holder(token)
    assert holder is not None
    assert (holder.name, holder.scope) == ("ada", "read")


def test_a_file_of_tokens_that_others_can_write_to_is_refused(file: Path) -> None:
    tokens.add(file, "ada", "read")
    file.chmod(0o660)
    with pytest.raises(BadArgument, match="chmod 600"):
        tokens.Tokens(file)


@pytest.mark.parametrize(
    "line", ["ada read", "ada admin sha256:" + "0" * 64, "ada read secret", "-x read sha256:" + "0" * 64]
)
def test_a_line_that_is_not_understood_is_named(line: str, file: Path) -> None:
    file.touch(0o600)
    file.write_text(f"# a comment\n{line}\n")
    with pytest.raises(BadArgument, match="line 2"):
        tokens.Tokens(file)


def test_a_name_is_given_once(file: Path) -> None:
    tokens.add(file, "ada", "read")
    with pytest.raises(BadArgument, match="already"):
        tokens.add(file, "ada", "write")
    with pytest.raises(BadArgument, match="no name"):
        tokens.add(file, "a b", "read")
    with pytest.raises(BadArgument, match="can be written"):
        tokens.add(file.parent / "nowhere" / "t", "ada", "read")
    with pytest.raises(BadArgument, match="--new-token"):
        tokens.Tokens(file.parent / "nowhere")


@pytest.mark.parametrize("host", ["photos.example", "photos.example:8765", "10.0.0.1", "[2001:db8::1]:80", ""])
def test_on_loopback_no_other_name_is_answered(host: str, client: TestClient) -> None:
    answer = client.get("/v1/images", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/foreign-origin"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765", "127.0.0.2"])
def test_on_loopback_this_machines_names_are_answered(host: str, client: TestClient) -> None:
    assert client.get("/v1/images", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_pages_of_other_sites_are_refused_even_what_they_could_not_read(
    headers: dict[str, str], client: TestClient
) -> None:
    for answer in (
        client.post("/v1/search", json={"query": [{"key": "lines/03.png"}]}, headers=headers),
        client.get("/v1/images/lines/03.png/thumbnail", headers=headers),
        client.delete("/v1/images/lines/03.png", headers=headers | {"X-Likewise": "1"}),
    ):
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/foreign-origin"


def test_what_changes_something_needs_a_header_or_our_own_page(client: TestClient) -> None:
    path = "/v1/images/no/such.png"
    assert client.delete(path).json()["type"] == "/problems/foreign-origin"
    for headers in ({"X-Likewise": "1"}, {"Origin": "http://localhost:8765"}):
        assert client.delete(path, headers=headers).json()["type"] != "/problems/foreign-origin"


def test_a_body_is_refused_by_what_it_says_of_its_length_and_by_what_comes(photos: Path) -> None:
    with client_of(photos, max_upload_bytes=10_000) as client:
        large = b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)
        said = client.post("/v1/search", content=large, headers={"Content-Type": "image/png"})
        unsaid = client.post(
            "/v1/search",
            content=(large[i : i + 5000] for i in range(0, len(large), 5000)),
            headers={"Content-Type": "image/png"},
        )
        parts = client.post("/v1/uploads", files={"file": large})
        for answer in (said, unsaid, parts):
            assert answer.status_code == 413, answer.text
            assert answer.json()["type"] == "/problems/too-large"
        a_little = client.post("/v1/search", content=large[:20_000], headers={"Content-Type": "image/png"})
        assert a_little.status_code == 413


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(photos: Path) -> None:
    with client_of(photos, max_pixels=2000) as client:
        answer = client.post("/v1/search", files={"a": (photos / "lines/03.png").read_bytes()})
    assert answer.status_code == 413
    assert "48 × 48" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/v1/images", "/nothing", "/v1/search"])
def test_every_answer_tells_browsers_to_keep_to_this_server(path: str, client: TestClient) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
