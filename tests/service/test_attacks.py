"""Whatever is sent, it is answered by a picture or by a problem document, and the server lives on within its memory."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

import nasty
from serving import draw_folder, index_folder, served, until

_MUTANTS = int(os.environ.get("LIKEWISE_MUTANTS", "1000"))
_MOST_GROWTH_BYTES = 300 << 20
_UNUSABLE = (413, 415, 422)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Server:
    """A server that may be attacked, in a process of its own."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port = pid, port

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def say(self, said: bytes) -> bytes:
        """All that is answered to bytes which need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as line:
            told = b""
            with contextlib.suppress(
                ConnectionError
            ):  # a server that reads no more may reset the line behind its answer
                line.sendall(said)
                while part := line.recv(65536):
                    told += part
            return told

    def most_bytes(self) -> int:
        """The most memory that it has had."""
        return next(
            int(line.split()[1]) << 10
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM:")
        )

    def lives(self) -> bool:
        return self.ask("GET", "/healthz")[0].status == 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = index_folder(draw_folder(tmp_path_factory.mktemp("attacked") / "photos", each=2))
    with served(place, "--max-upload-mb", "2", "--max-megapixels", "20") as (process, port):
        found = Server(process.pid, port)
        until(lambda: found.ask("GET", "/readyz")[0].status == 200)
        upload(found, nasty.good("PNG"))  # what is made once is no growth
        yield found
        assert found.lives()


def upload(server: Server, data: bytes) -> tuple[int, dict[str, object]]:
    answer, told = server.ask("POST", "/v1/uploads", data, {"Content-Type": "image/jpeg", "X-Likewise": "1"})
    if answer.status == 201:
        return 201, json.loads(told)
    return answer.status, problem(answer, told)


def problem(answer: HTTPResponse, told: bytes) -> dict[str, object]:
    """What a refusal says, once it is seen to be a clean one."""
    assert answer.headers["Content-Type"] == "application/problem+json", (answer.status, told[:500])
    found: dict[str, object] = json.loads(told)
    assert found["status"] == answer.status
    assert 400 <= answer.status < 500, found
    for word in (b"Traceback", b"/tmp/", b"site-packages", b"/home/", b"root:"):
        assert word not in told
    return found


@pytest.mark.parametrize("name", nasty.drawn())
def test_a_nasty_picture_is_a_problem_document_or_a_picture(server: Server, name: str) -> None:
    status, told = upload(server, nasty.drawn()[name])
    assert status in (201, 400, *_UNUSABLE), told
    assert server.lives()


def test_bombs_are_refused_by_their_heads(server: Server) -> None:
    before = server.most_bytes()
    for name in ("PNG of 2 Gpx", "PNG of 400 Mpx", "JPEG of 4 Gpx", "GIF of 4 Gpx", "BMP of 4 Gpx"):
        status, told = upload(server, nasty.drawn()[name])
        assert status in _UNUSABLE, (name, told)
    assert server.most_bytes() - before < _MOST_GROWTH_BYTES


def test_mutants_of_pictures_are_problem_documents_or_pictures_and_memory_is_bounded(server: Server) -> None:
    before = server.most_bytes()
    ends = {201: 0} | dict.fromkeys(_UNUSABLE, 0)
    for number, data in enumerate(nasty.mutants(_MUTANTS, seed=20261128)):
        status, told = upload(server, data)
        assert status in (ends if data else (400,)), (number, told)
        ends[status] = ends.get(status, 0) + 1
    assert ends[201] > _MUTANTS // 100, ends  # some wounds are harmless: the mutator does not only make rubbish
    assert sum(ends[status] for status in _UNUSABLE) > _MUTANTS // 4, ends
    assert server.most_bytes() - before < _MOST_GROWTH_BYTES


_PATHS = [
    "/v1/images/..%2f..%2f..%2fetc%2fpasswd/original",
    "/v1/images/../../../etc/passwd/original",
    "/v1/images/%2e%2e/%2e%2e/etc/passwd/original",
    "/v1/images//etc/passwd/original",
    "/v1/images/%2fetc%2fpasswd/thumbnail",
    "/v1/images/..%5c..%5cwindows%5cwin.ini/original",
    "/v1/images/file:%2f%2f%2fetc%2fpasswd/original",
    "/v1/images/photos:%2f%2f..%2f..%2fetc%2fpasswd/original",
    "/v1/images/lines%2f00.png%00.jpg/original",
    "/v1/images/%00/original",
    "/v1/images/%ff%fe/original",
    "/v1/images/%ed%a0%80/original",
    "/v1/images/.likewise%2findex.sqlite/original",
    "/v1/images/" + "a" * 5000,
    "/v1/images/" + "%2e%2e%2f" * 1000 + "etc/passwd",
    "/v1/images/lines/00.png/thumbnail?side=99999999",
    "/v1/images/lines/00.png/thumbnail?side=-1",
    "/v1/images?after=AAAA",
    "/v1/images?limit=99999999",
    "/v1/images?where=" + "(" * 3000,
    "/v1/images?where=%00",
    "/v1/images?collection=..%2f..",
    "/v1/collections/..%2f..%2fetc",
    "/v1/uploads/..%2f..%2fetc%2fpasswd",
    "/v1/uploads/" + "0" * 32,
    "/web/..%2fapp.py",
    "/web/%2e%2e/app.py",
    "/web/../app.py",
    "/web//etc/passwd",
    "/web/%00",
    "/problems/..%2f..%2fetc%2fpasswd",
    "/.likewise/index.sqlite",
    "//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
]


@pytest.mark.parametrize("path", _PATHS, ids=lambda path: path[:60])
def test_no_path_leads_out_of_the_gallery(server: Server, path: str) -> None:
    answer, told = server.ask("GET", path)
    problem(answer, told)


_SEARCHES = {
    "nested": b"[" * 200_000,
    "nested objects": b'{"query":' * 50_000,
    "no JSON": b"\xff\xfe{}",
    "numbers beyond numbers": b'{"query":[{"text":"a","weight":1e999}]}',
    "no number": b'{"query":[{"key":"lines/00.png","weight":NaN}]}',
    "k": b'{"query":[{"key":"lines/00.png"}],"k":' + b"9" * 5000 + b"}",
    "many terms": json.dumps({"query": [{"key": "lines/00.png"}] * 5000}).encode(),
    "filter": json.dumps({"query": [{"key": "lines/00.png"}], "where": "not " * 2000 + "width > 1"}).encode(),
    "region": b'{"query":[{"key":"lines/00.png","region":"99999999999,0,9,9"}]}',
    "base64": b'{"query":[{"data":"!!!!"}]}',
    "address": b'{"query":[{"url":"http://127.0.0.1/"}]}',
    "no such key": b'{"query":[{"key":"../../etc/passwd"}]}',
    "foreign field": b'{"query":[{"key":"lines/00.png"}],"__class__":"os"}',
}


@pytest.mark.parametrize("name", _SEARCHES)
def test_a_nasty_search_is_a_problem_document(server: Server, name: str) -> None:
    answer, told = server.ask("POST", "/v1/search", _SEARCHES[name], {"Content-Type": "application/json"})
    problem(answer, told)


_HEAD = b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nX-Likewise: 1\r\nContent-Type: image/png\r\n"


def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(server: Server) -> None:
    told = server.say(_HEAD + b"Content-Length: 1000000000000\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 413")
    assert b"/problems/too-large" in told


def test_a_body_that_does_not_say_how_long_it_is_is_refused_when_it_is_too_long(server: Server) -> None:
    before = server.most_bytes()
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    told = server.say(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 1000)  # 65 MB where 4 are allowed
    assert not told or told.startswith(b"HTTP/1.1 413"), told[:200]
    assert server.most_bytes() - before < _MOST_GROWTH_BYTES
    assert server.lives()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -5\r\n",
        b"Content-Length: five\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nX: " + b"a" * 200_000 + b"\r\n",
        b"Transfer-Encoding: rot13\r\n",
        b"X\x00: y\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_line_closed(server: Server, head: bytes) -> None:
    told = server.say(_HEAD + head + b"Connection: close\r\n\r\nzz\r\n")
    assert told.startswith(b"HTTP/1.1 4") or (not told and len(head) > 100_000), told[:100]
    assert b"Traceback" not in told
    assert server.lives()


def test_a_multipart_body_of_a_thousand_parts_is_refused(server: Server) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n' * 1000 + b"--b--\r\n"
    answer, told = server.ask("POST", "/v1/search", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert problem(answer, told)["type"] == "/problems/bad-argument"


def test_clients_that_send_in_drops_are_given_up_and_keep_nobody_waiting(tmp_path: Path) -> None:
    """Of heads that never end, and of bodies that never end: the others are answered all the while."""
    place = index_folder(draw_folder(tmp_path / "photos", each=1))
    with served(place, "--deadline-s", "3", "--queue", "60") as (process, port):
        server = Server(process.pid, port)
        heads = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(40)]
        bodies = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(40)]
        try:
            for line in heads:
                line.sendall(_HEAD)
            for line in bodies:
                line.sendall(_HEAD + b"Content-Length: 1000\r\n\r\n\x89PNG")
            assert server.lives()
            answer, told = server.ask("GET", "/v1/images/lines/00.png")
            assert answer.status == 200, told
            for line in bodies:
                assert line.recv(65536).startswith(b"HTTP/1.1 504")
            assert server.lives()
        finally:
            for line in (*heads, *bodies):
                line.close()


_KEYS = [
    "uploads/..%2f..%2fout.png",
    "uploads/../../out.png",
    "uploads/%2e%2e/out.png",
    "%2fvar%2fout.png",
    "uploads/%2fvar%2fout.png",
    "uploads/..%5cout.png",
    "uploads/c:%5cout.png",
    "uploads/out.png%00.jpg",
    "uploads/out%0a.png",
    "uploads/.likewise/out.png",
    "uploads/.incoming/out.png",
    ".likewise/out.png",
    "lines/00.png",
    "uploads/out.py",
    "uploads/con.png",
    "uploads/" + "a/" * 500 + "out.png",
    "uploads/" + "a" * 300 + ".png",
]


def test_what_is_added_by_attackers_lies_below_uploads_or_nowhere(tmp_path: Path) -> None:
    place = index_folder(draw_folder(tmp_path / "photos", each=1))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    headers = {"Content-Type": "image/png", "X-Likewise": "1"}
    with served(place, "--writable", "--max-upload-mb", "2", "--max-megapixels", "20") as (process, port):
        server = Server(process.pid, port)
        until(lambda: server.ask("GET", "/readyz")[0].status == 200)
        for key in _KEYS:
            problem(*server.ask("PUT", f"/v1/images/{key}", nasty.good("PNG"), headers))
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before
        for number, (name, data) in enumerate(nasty.drawn().items()):
            answer, told = server.ask("PUT", f"/v1/images/uploads/{number}.png", data, headers)
            if answer.status != 201:
                problem(answer, told)
                assert not (place / f"uploads/{number}.png").exists(), name
        assert server.lives()
    for path, data in before.items():
        assert path.read_bytes() == data
