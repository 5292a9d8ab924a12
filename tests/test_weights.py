"""Bytes from far away, over a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

import pytest

from likewise import weights
from likewise.errors import BadArgument, DownloadError, SourceError, WeightsError
from likewise.sources import web
from loopback import Asked, serve_ranges, serving

BODY = bytes(range(256)) * 20_000  # five million bytes, so several chunks
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    requests: ClassVar[list[tuple[str, str | None]]] = []

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
            self.wfile.write(BODY[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
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


def refusing(*_: object, **__: object) -> object:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:1234567", "sha256:" + "0" * 65, "md5:1234", "sha1:" + "0" * 40, "sha256:GGGGGGGG"]
)
def test_a_digest_that_would_not_tell_one_file_from_another_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(BadArgument, match="is no digest"):
        weights.download("http://127.0.0.1:9/x", tmp_path / "file", digest)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "weights.pth"])
def test_weights_come_from_the_web_only(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadArgument, match="http"):
        weights.download(url, tmp_path / "file", SHA256)


def test_a_part_of_another_file_is_given_up_and_all_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"of an older release")
    with serving(serve_ranges(BODY)) as (url, seen):
        weights.download(f"{url}/x", tmp_path / "file", SHA256)
    assert seen == [("/x", "bytes=19-"), ("/x", "")]
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_server_that_goes_on_elsewhere_is_not_believed(tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        if "Range" in asked.headers:
            asked.reply(206, BODY[5:], {"Content-Range": f"bytes 5-{len(BODY) - 1}/{len(BODY)}"})
        else:
            asked.reply(200, BODY)

    (tmp_path / "file.part").write_bytes(BODY[:100])
    with serving(answer) as (url, _):
        weights.download(f"{url}/x", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == BODY


def test_an_answer_that_is_no_http_is_told_in_one_line(tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        asked.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    with serving(answer) as (url, _):
        with pytest.raises(DownloadError, match="cannot fetch"):
            weights.download(f"{url}/x", tmp_path / "file", SHA256)
        with pytest.raises(SourceError, match="cannot be fetched"):
            web.fetch(f"{url}/x")


def test_an_answer_that_breaks_off_between_chunks_is_told_and_gone_on_with(tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        asked.protocol_version = "HTTP/1.1"
        asked.send_response(200)
        asked.send_header("Transfer-Encoding", "chunked")
        asked.end_headers()
        asked.wfile.write(b"4\r\n" + BODY[:4] + b"\r\nzz\r\n")
        asked.close_connection = True

    with serving(answer) as (url, _), pytest.raises(DownloadError, match="cannot fetch"):
        weights.download(f"{url}/x", tmp_path / "file", SHA256)
    assert (tmp_path / "file.part").read_bytes() == BODY[:4]


def test_two_at_once_fetch_it_once(tmp_path: Path) -> None:
    with serving(serve_ranges(BODY)) as (url, seen), ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: weights.download(f"{url}/x", tmp_path / "file", SHA256), range(4)))
    assert got == [tmp_path / "file"] * 4
    assert len(seen) == 1


def test_a_disk_that_cannot_be_written_is_not_blamed_on_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing)
    with serving(serve_ranges(BODY)) as (url, _), pytest.raises(DownloadError, match="allow it to be written"):
        weights.download(f"{url}/x", tmp_path / "file", SHA256)
    (tmp_path / "blocked").write_bytes(b"")
    with pytest.raises(DownloadError, match="make room there"):
        weights.download("http://127.0.0.1:9/x", tmp_path / "blocked" / "file", SHA256)


def test_published_weights_that_are_cached_need_no_network(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.pth").write_bytes(BODY)
    got = weights.obtain(published("http://127.0.0.1:9/x"), cache=tmp_path)
    assert got == weights.Weights(tmp_path / "weights" / "net.pth", SHA256.removeprefix("sha256:"))


def test_cached_weights_that_were_damaged_are_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.pth").write_bytes(b"damaged")
    with serving(serve_ranges(BODY)) as (url, _):
        got = weights.obtain(published(f"{url}/x"), cache=tmp_path)
    assert got.path.read_bytes() == BODY


def test_a_cache_that_cannot_be_written_is_no_reason_to_refuse_ones_own_weights(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"my own weights")
    (tmp_path / "cache").write_bytes(b"no folder")
    got = weights.obtain(published("http://127.0.0.1:9/x"), tmp_path / "mine.pth", cache=tmp_path / "cache")
    assert got.sha256 == hashlib.sha256(b"my own weights").hexdigest()


def test_ones_own_weights_are_remembered_once_and_again_after_a_change(tmp_path: Path) -> None:
    mine, again, cache = tmp_path / "mine.pth", tmp_path / "again.pth", tmp_path / "cache"
    mine.write_bytes(b"my own weights")
    nowhere = published("http://127.0.0.1:9/x")
    sha256 = weights.obtain(nowhere, mine, cache=cache).sha256
    assert weights.obtain(nowhere, mine, cache=cache).sha256 == sha256
    mine.write_bytes(b"other weights")  # and with it what is remembered, where it is a link
    again.write_bytes(b"my own weights")
    assert weights.obtain(nowhere, again, cache=cache).sha256 == sha256
    found = weights.by_sha256(sha256, cache)
    assert found is not None
    assert found.read_bytes() == b"my own weights"
    assert [path.name for path in found.parent.iterdir()] == [sha256]


def test_weights_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.pth").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(WeightsError, match=r"mine\.pth: Permission denied"):
        weights.obtain(published("http://127.0.0.1:9/x"), tmp_path / "mine.pth", cache=tmp_path)


@pytest.mark.parametrize("path", ["/ünï cødé.png", "/a%20b.png?x=[1]&y=é"])
def test_an_address_may_be_written_as_people_do(path: str) -> None:
    def answer(asked: Asked) -> None:
        asked.reply(200, asked.path.encode())

    with serving(answer) as (url, _):
        assert unquote(web.fetch(url + path).decode()) == unquote(path)
        assert b"%2520" not in web.fetch(url + path)


def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(web.time, "monotonic", lambda: next(clock))
    with serving(serve_ranges(BODY)) as (url, _), pytest.raises(SourceError, match="it took longer than 20 s"):
        web.fetch(f"{url}/x")


@pytest.mark.parametrize("url", ["http://[::1", "http://", "https://\x00/", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match="save the image and pass its path"):
        web.fetch(url)


def hub(body: bytes, missing: tuple[str, ...] = ()) -> Callable[[Asked], None]:
    """A hub of repositories: `/raw/` has the pointers of what lies under `/resolve/`."""

    def answer(asked: Asked) -> None:
        if any(name in asked.path for name in missing):
            asked.reply(404, b"")
        elif "/raw/" in asked.path:
            sha256 = hashlib.sha256(BODY).hexdigest()
            asked.reply(200, f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 9\n".encode())
        else:
            asked.reply(200, body)

    return answer


def on_hub(url: str, name: str = "m.safetensors") -> weights.Published:
    return weights.Published(
        f"{url}/x/resolve/main/{name}", f"x--{name}", f"lfs:{url}/x/raw/main/{name}", 7_000_000, "MIT", "x"
    )


def test_a_pointer_tells_the_digest_once_and_later_no_network_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(hub(BODY)) as (url, seen):
        published = on_hub(url)
        first = weights.obtain(published, cache=tmp_path)
        assert first.sha256 == hashlib.sha256(BODY).hexdigest()
        assert [path for path, _ in seen] == ["/x/raw/main/m.safetensors", "/x/resolve/main/m.safetensors"]
    monkeypatch.setattr("urllib.request.urlopen", refusing)
    assert weights.obtain(published, cache=tmp_path) == first
    assert weights.by_sha256(first.sha256, tmp_path, [published.file_name]) == first.path


def test_what_does_not_match_its_pointer_is_refused(tmp_path: Path) -> None:
    with (
        serving(hub(BODY + b"x")) as (url, _),
        pytest.raises(DownloadError, match="gave a file with sha256.*it has 7 MB"),
    ):
        weights.obtain(on_hub(url), cache=tmp_path)


def test_a_pointer_that_tells_nothing_or_is_damaged_is_told(tmp_path: Path) -> None:
    with serving(serve_ranges(b"no pointer at all")) as (url, _):
        published = on_hub(url)
        with pytest.raises(DownloadError, match=r"tells no SHA-256.*/resolve/main/m.safetensors elsewhere"):
            weights.obtain(published, cache=tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "x--m.safetensors.lfs").write_text("torn")
    with pytest.raises(DownloadError, match="is damaged: delete it"):
        weights.obtain(published, cache=tmp_path)


def test_of_several_addresses_the_first_that_is_there_is_taken_and_later_the_cached_one(tmp_path: Path) -> None:
    with serving(hub(BODY, missing=("a.safetensors", "b.safetensors"))) as (url, seen):
        candidates = [on_hub(url, "a.safetensors"), on_hub(url, "b.safetensors"), on_hub(url, "c.bin")]
        assert weights.obtain_first(candidates, cache=tmp_path).path.name == "x--c.bin"
        asked = len(seen)
        assert weights.obtain_first(candidates, cache=tmp_path).path.name == "x--c.bin"
        assert len(seen) == asked
        with pytest.raises(DownloadError, match="/resolve/main/b.safetensors"):
            weights.obtain_first(candidates[:2], cache=tmp_path)


def test_other_faults_than_a_missing_file_are_not_passed_over(tmp_path: Path) -> None:
    with serving(lambda asked: asked.reply(503, b"")) as (url, seen):
        with pytest.raises(DownloadError, match="/resolve/main/a"):
            weights.obtain_first([on_hub(url, "a"), on_hub(url, "b")], cache=tmp_path)
        assert len(seen) == 1
