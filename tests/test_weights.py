"""Bytes from far away, over a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from likewise import weights
from likewise.errors import DownloadError, SourceError, WeightsError
from likewise.sources import web

BODY = bytes(range(256)) * 20_000  # five million bytes, so several chunks
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    requests: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Handler.requests.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.path != "/no-range" else 0
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
        elif self.path == "/to-file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif start >= len(BODY):
            self.send_error(416)
        else:
            self.send_response(206 if start else 200)
            if self.path != "/no-length":
                self.send_header("Content-Length", str(len(BODY) - start))
            self.end_headers()
            stop = len(BODY) // 2 if self.path == "/stops" else len(BODY)
            with contextlib.suppress(OSError):  # the other side may have heard enough
                self.wfile.write(BODY[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/good", "/redirect", "/no-length"])
@pytest.mark.parametrize("digest", [SHA256, SHA256[:15], f"md5:{hashlib.md5(BODY).hexdigest()}"])
def test_a_file_is_fetched_checked_and_not_fetched_again(server: str, tmp_path: Path, path: str, digest: str) -> None:
    told: list[tuple[int, int]] = []
    target = tmp_path / "deep" / "file"
    assert weights.download(server + path, target, digest, lambda *pair: told.append(pair)) == target
    assert target.read_bytes() == BODY
    assert told[-1] == (len(BODY), -1 if path == "/no-length" else len(BODY))
    count = len(Handler.requests)
    weights.download(server + path, target, digest)
    assert len(Handler.requests) == count
    assert not (target.parent / "file.part").exists()


def test_a_broken_download_goes_on_where_it_was(server: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="the server stopped after"):
        weights.download(f"{server}/stops", tmp_path / "file", SHA256)
    part = (tmp_path / "file.part").stat().st_size
    assert part == len(BODY) // 2
    weights.download(f"{server}/good", tmp_path / "file", SHA256)
    assert Handler.requests[-1] == ("/good", f"bytes={part}-")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_server_that_cannot_resume_is_asked_for_all(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"something else")
    weights.download(f"{server}/no-range", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_part_that_is_whole_already_is_taken(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY)
    weights.download(f"{server}/good", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == BODY


def test_another_content_is_refused_and_deleted(server: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="wanted sha256:00"):
        weights.download(f"{server}/good", tmp_path / "file", "sha256:" + "00" * 32)
    assert not list(tmp_path.glob("file*part"))
    assert not (tmp_path / "file").exists()


def test_a_damaged_cached_file_is_fetched_anew(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"damaged")
    weights.download(f"{server}/good", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "/missing", "http://no-such-host.invalid/x"])
def test_without_an_answer_one_line_says_what_to_do(server: str, tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="another machine and pass its path") as raised:
        weights.download(url if url.startswith("http") else server + url, tmp_path / "file", SHA256)
    assert "\n" not in str(raised.value)


def published(url: str) -> weights.Published:
    return weights.Published(url, "net.pth", SHA256, len(BODY), "BSD-3-Clause", "somebody")


def test_published_weights_are_obtained_once(server: str, tmp_path: Path) -> None:
    one = published(f"{server}/good")
    assert not weights.cached(one, tmp_path)
    got = weights.obtain(one, cache=tmp_path)
    assert got.sha256 == SHA256.removeprefix("sha256:")
    assert got.path.read_bytes() == BODY
    assert weights.cached(one, tmp_path)
    assert weights.by_sha256(got.sha256, tmp_path) == got.path


@pytest.mark.parametrize("links", [True, False])
def test_a_local_file_is_taken_and_remembered_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"my own weights")
    got = weights.obtain(published("http://127.0.0.1:9/x"), mine, cache=tmp_path / "cache")
    assert got.path == mine
    mine.unlink()
    found = weights.by_sha256(got.sha256, tmp_path / "cache")
    assert found is not None
    assert found.read_bytes() == b"my own weights"
    assert weights.by_sha256("00" * 32, tmp_path / "cache") is None


def test_a_remembered_file_that_was_changed_in_place_is_not_believed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"my own weights")
    got = weights.obtain(published("http://127.0.0.1:9/x"), mine, cache=tmp_path / "cache")
    mine.write_bytes(b"other weights")
    assert weights.by_sha256(got.sha256, tmp_path / "cache") is None


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="check the path given with --weights"):
        weights.obtain(published("http://127.0.0.1:9/x"), tmp_path / "none.pth", cache=tmp_path)


def test_the_cache_is_the_users_own() -> None:
    assert weights.cache_folder().name == "likewise"


def test_a_query_is_fetched_from_the_web(server: str) -> None:
    assert web.fetch(f"{server}/good") == BODY
    assert web.fetch(f"{server}/redirect") == BODY


@pytest.mark.parametrize(
    ("path", "told"), [("/missing", "Not Found"), ("/to-file", "file:///etc/passwd"), ("/good", "is over 1 MB")]
)
def test_a_query_that_cannot_be_had_says_why(server: str, path: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        web.fetch(server + path, max_bytes=1_000_000 if path == "/good" else 10**9)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x.png", "http://127.0.0.1:9/x.png"])
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(SourceError, match="save the image and pass its path"):
        web.fetch(url)
