"""Only pictures, only from the public web, only from the address that was looked at."""

from __future__ import annotations

import gzip
import ipaddress
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from likewise.errors import BadArgument, BadImage, DownloadError, LikewiseError, NotAPicture, OverLimit
from likewise.service.fetching import Fetcher, is_public, resolved, target_of
from loopback import Asked, serving
from photos import encoded, photo
from serving import client_of

PICTURE = encoded(photo(1), "JPEG")

REFUSED = [
    *(
        "file:///etc/passwd",
        "gopher://a.org/",
        "ftp://a.org/a.jpg",
        "data:image/png;base64,xx",
        "a.org/a.jpg",
        "//a.org/a.jpg",
    ),
    *(
        "http://",
        "http:///a.jpg",
        "http://user@a.org/",
        "http://user:pass@a.org/",
        "http://a.org@127.0.0.1/",
        "http://@a.org/",
    ),
    *(
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://0/",
    ),
    *("http://0177.0.0.1/", "http://127.0.0.1./", "http://0x7f.0.0.1/", "http://127.000.000.001/"),
    *("http://a.org:22/", "http://a.org:8080/", "http://a.org:99999/", "http://a.org:x/"),
    *("http://a.org\\@127.0.0.1/", "http://a.org /", "http://a.org/\r\nHost: b", "http://a\x00.org/", "http://a..org/"),
    *("http://[::1", "http://[127.0.0.1]/", "http://" + "a" * 64 + ".org/", "http://a.org%2f@b/"),
]
NOT_PUBLIC = [
    *("http://127.0.0.1/", "http://127.8.9.1/", "http://10.0.0.1/", "http://172.31.0.1/", "http://192.168.1.1/"),
    *("http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://0.0.0.0/", "http://224.0.0.1/"),
    *(
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
    ),
    *("http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::1]/", "http://[2002:7f00:1::]/"),
    *("http://[2001::1]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/"),
    *(
        "http://[2606:2800::5efe:10.0.0.1]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://①②⑦.⓪.⓪.①/",
        "http://ⓛocalhost/",
    ),
    *(
        "https://127.0.0.1/",
        "http://198.18.0.1/",
        "http://192.0.2.1/",
        "http://240.0.0.1/",
        "http://no-such-name.invalid/",
    ),
]


@pytest.mark.parametrize("url", REFUSED, ids=ascii)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    asked: list[str] = []
    fetcher = Fetcher(1000, resolver=lambda host, port: asked.append(host) or [])  # type: ignore[func-returns-value]
    with pytest.raises(BadArgument):
        fetcher.fetch(url)
    assert asked == []


@pytest.mark.parametrize("url", NOT_PUBLIC, ids=ascii)
def test_what_is_not_public_is_not_connected_to_and_looks_like_what_is_not_there(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(host: str, port: int) -> Sequence[str]:
        if host.endswith(".invalid"):
            raise socket.gaierror("unknown")
        return ["127.0.0.1"] if "localhost" in host.lower() else [host]

    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    with pytest.raises(DownloadError) as caught:
        Fetcher(1000, resolver=named).fetch(url)
    assert str(caught.value) == "the address cannot be fetched: its host is unknown, not public, or does not answer"


def test_a_name_with_one_address_that_is_not_public_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    for found in (["93.184.215.14", "10.0.0.1"], [], ["fe80::1%eth0"]):
        with pytest.raises(DownloadError):
            Fetcher(1000, resolver=lambda host, port, found=found: found).fetch("http://a.org/")  # type: ignore[misc]


def test_public_addresses_are() -> None:
    for text in ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::5"):
        assert is_public(ipaddress.ip_address(text))


def test_the_system_knows_this_machine() -> None:
    assert "127.0.0.1" in resolved("127.0.0.1", 80)


class Answers:
    """What a server of a test says; by path."""

    def __init__(self) -> None:
        self.paths: dict[str, tuple[int, bytes, dict[str, str]]] = {"/a.jpg": (200, PICTURE, {})}

    def __call__(self, asked: Asked) -> None:
        asked.reply(*self.paths[asked.path])


@pytest.fixture
def web() -> Iterator[tuple[Answers, str, int, list[tuple[str, str]]]]:
    answers = Answers()
    with serving(answers) as (address, seen):
        yield answers, "http://pictures.example:" + address.rpartition(":")[2], int(address.rpartition(":")[2]), seen


def here(port: int, max_bytes: int = 100_000, **more: object) -> Fetcher:
    told = {"ports": (port,), "allowed": lambda _: True, "resolver": lambda host, port: ["127.0.0.1"], "timeout_s": 5.0}
    return Fetcher(max_bytes, **(told | more))  # type: ignore[arg-type]


Web = tuple[Answers, str, int, list[tuple[str, str]]]


def test_a_picture_is_fetched_also_where_addresses_lead_on(web: Web) -> None:
    answers, base, port, seen = web
    answers.paths["/x y?q=é"] = answers.paths["/x%20y?q=%C3%A9"] = (302, b"", {"Location": "/a.jpg"})
    assert here(port).fetch(f"{base}/a.jpg") == PICTURE
    assert here(port).fetch(f"{base}/x%20y?q=é") == PICTURE
    assert seen[-1][0] == "/a.jpg"


def test_a_name_that_points_elsewhere_a_moment_later_changes_nothing(web: Web) -> None:
    _, base, port, _ = web
    told = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(told)

    assert here(port, resolver=rebinding).fetch(f"{base}/a.jpg") == PICTURE
    assert asked == ["pictures.example"]


@pytest.mark.parametrize("to", ["http://inside.example:{port}/a.jpg", "//inside.example:{port}/a.jpg"])
def test_a_redirect_is_looked_at_as_the_address_was(web: Web, to: str) -> None:
    answers, base, port, seen = web
    answers.paths["/on"] = (302, b"", {"Location": to.format(port=port)})
    fetcher = here(
        port,
        resolver=lambda host, port: ["127.0.0.1" if host == "pictures.example" else "127.0.0.2"],
        allowed=lambda address: str(address) == "127.0.0.1",
    )
    with pytest.raises(DownloadError):
        fetcher.fetch(f"{base}/on")
    assert [path for path, _ in seen] == ["/on"]


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://u@pictures.example/", "http://pictures.example:22/"])
def test_a_redirect_to_what_is_no_address_is_refused(web: Web, to: str) -> None:
    answers, base, port, _ = web
    answers.paths["/on"] = (302, b"", {"Location": to})
    with pytest.raises(BadArgument):
        here(port).fetch(f"{base}/on")


def test_redirects_end(web: Web) -> None:
    answers, base, port, seen = web
    answers.paths["/on"] = (302, b"", {"Location": "/on"})
    with pytest.raises(DownloadError, match="more than 3 times"):
        here(port).fetch(f"{base}/on")
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, b"", {}), DownloadError),
        ((200, b"<html>" + bytes(100), {}), NotAPicture),
        ((200, b"", {}), NotAPicture),
        ((200, PICTURE, {"Content-Length": "10000000"}), OverLimit),
        ((200, PICTURE + bytes(200_000), {}), OverLimit),
        ((200, gzip.compress(PICTURE), {"Content-Encoding": "gzip"}), DownloadError),
        ((200, PICTURE, {"Content-Length": str(len(PICTURE) + 5), "Connection": "close"}), DownloadError),
    ],
)
def test_what_is_no_whole_picture_within_the_limit_is_refused(
    web: Web, answer: tuple[int, bytes, dict[str, str]], error: type[LikewiseError]
) -> None:
    answers, base, port, _ = web
    answers.paths["/b"] = answer
    with pytest.raises(error):
        here(port, timeout_s=2.0).fetch(f"{base}/b")


def test_a_body_without_length_is_counted(web: Web) -> None:
    def endless(asked: Asked) -> None:
        asked.send_response(200)
        asked.end_headers()
        try:
            asked.wfile.write(PICTURE)
            while True:
                asked.wfile.write(bytes(65536))
        except OSError:
            return

    with serving(endless) as (address, _):
        port = int(address.rpartition(":")[2])
        with pytest.raises(OverLimit):
            here(port).fetch(f"http://pictures.example:{port}/")


@pytest.mark.parametrize("part", ["nothing", "head", "body"])
def test_a_server_that_dribbles_is_left_when_the_time_is_over(part: str) -> None:
    import threading

    over = threading.Event()

    def slow(asked: Asked) -> None:
        try:
            if part == "body":
                asked.send_response(200)
                asked.end_headers()
            while part != "nothing" and not over.wait(0.05):
                asked.wfile.write(b"x")
        except OSError:
            return
        over.wait(20)

    with serving(slow) as (address, _):
        port = int(address.rpartition(":")[2])
        with pytest.raises((DownloadError, BadImage)):
            here(port, timeout_s=0.7).fetch(f"http://pictures.example:{port}/")
        over.set()


def test_no_proxy_of_the_environment_is_asked(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    _, base, port, _ = web
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert here(port).fetch(f"{base}/a.jpg") == PICTURE


def test_an_address_without_path_asks_for_the_root() -> None:
    assert target_of("https://A.org", (443,)).path == "/"
    assert target_of("https://bücher.example/ü?é", (443,)).host == "xn--bcher-kva.example"


def test_a_query_by_address_is_answered_where_the_operator_allows_it(web: Web, photos: Path) -> None:
    _, base, port, _ = web
    asked = {"query": [{"url": f"{base}/a.jpg"}], "k": 2}
    with client_of(photos) as client:
        assert client.post("/v1/search", json=asked).status_code == 403
    with client_of(photos, allow_urls=True) as client:
        inside = client.post("/v1/search", json={"query": [{"url": "http://169.254.169.254/"}]})
        assert (inside.status_code, "not public" in inside.json()["detail"]) == (422, True)
        assert client.post("/v1/search", json={"query": [{"url": "http://u@a.org/"}]}).status_code == 400
        service = client.app.state.service  # type: ignore[attr-defined]
        client.app.state.service = replace(service, fetcher=here(port))  # type: ignore[attr-defined]
        answer = client.post("/v1/search", json=asked)
        sent = client.post("/v1/search?k=2", content=PICTURE, headers={"Content-Type": "image/jpeg"})
    assert [hit["key"] for hit in answer.json()["hits"]] == [hit["key"] for hit in sent.json()["hits"]]
