"""The service under its server: signals, clients that leave, work beside it, many at once."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.collection import Collection
from serving import client_of, draw, draw_folder, index_folder, served, until


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=200)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, json.loads(told)


def search(key: str) -> bytes:
    return json.dumps({"query": [{"key": key}], "k": 3}).encode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_after_what_was_begun_is_answered(number: int, photos: Path) -> None:
    with served(photos, "--deadline-s", "400", "--drain-s", "300") as (process, port):
        assert ask(port, "POST", "/v1/search", search("lines/03.png"), **{"Content-Type": "application/json"})[0] == 200
        body = search("lines/04.png")
        slow = socket.create_connection(("127.0.0.1", port), timeout=200)
        head = f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        slow.sendall(f"{head}\r\n".encode() + body[:10])  # begun, and not yet sent whole
        until(lambda: b"likewise_queue_length 1.0" in _metrics(port))
        process.send_signal(number)
        until(lambda: not _accepts(port))
        slow.sendall(body[10:])
        answer = b""
        while part := slow.recv(65536):
            answer += part
        slow.close()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"lines/" in answer
        assert process.wait(200) == 0


def _metrics(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=200)
    connection.request("GET", "/metrics")
    told = connection.getresponse().read()
    connection.close()
    return told


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_what_was_begun_and_does_not_end_is_given_up_after_a_while(photos: Path) -> None:
    with served(photos, "--drain-s", "1") as (process, port):
        stuck = socket.create_connection(("127.0.0.1", port), timeout=200)
        stuck.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 999\r\n\r\nx"
        )
        until(lambda: b"likewise_queue_length 1.0" in _metrics(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(200) == 0
        stuck.close()


def test_a_collection_is_searched_as_it_is_after_index_and_compact_beside_it(tmp_path: Path) -> None:
    folder = index_folder(draw_folder(tmp_path / "growing", each=4))
    with client_of(folder) as client, ThreadPoolExecutor(2) as threads:
        stop = threading.Event()

        def asking() -> list[int]:
            seen = []
            while not stop.is_set():
                answer = client.post(
                    "/v1/search", json={"query": [{"key": "lines/01.png"}], "k": 50, "with_self": True}
                )
                assert answer.status_code == 200, answer.text
                told = answer.json()
                assert told["hits"][0]["key"] == "lines/01.png"
                assert len({hit["key"] for hit in told["hits"]}) == len(told["hits"])
                seen.append(len(told["hits"]))
            return seen

        asked = [threads.submit(asking) for _ in range(2)]
        with Collection.open(folder) as other:
            for seed in range(100, 106):
                draw("lines", seed).save(folder / "lines" / f"{seed}.png")
                other.index(folder)
                other.forget(f"lines/{seed}.png") if seed % 2 else other.compact()
            last = [record.key for record in other.records()]
        stop.set()
        seen = [count for each in asked for count in each.result()]
        now = client.post("/v1/search", json={"query": [{"key": "lines/01.png"}], "k": 50, "with_self": True}).json()
    assert {hit["key"] for hit in now["hits"]} == set(last)
    assert set(seen) <= set(range(12, len(last) + 2))


def test_another_collection_in_its_place_is_opened(tmp_path: Path) -> None:
    folder = index_folder(draw_folder(tmp_path / "one", each=2))
    other = index_folder(draw_folder(tmp_path / "two", each=3))
    with client_of(folder) as client:
        assert client.get("/v1/images").json()["total"] == 6
        (folder / ".likewise").rename(tmp_path / "old")
        assert client.get("/v1/images").json()["type"] == "/problems/not-ready"
        (other / ".likewise").rename(folder / ".likewise")
        assert client.get("/v1/images").json()["total"] == 9


def test_many_at_once_share_the_calls_of_the_encoder_and_of_the_index(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 clients, 32 pictures: what comes while the encoder works is embedded in one call, and searched in a few."""
    with client_of(photos, deadline_s=400) as client:
        collection = client.app.state.service.galleries.get().collection  # type: ignore[attr-defined]
        encoder, calls, may_go_on = collection.encoder, list[int](), threading.Event()

        class Watched:
            card = encoder.card

            def encode(self, pixels: np.ndarray) -> np.ndarray:
                calls.append(len(pixels))
                if len(calls) == 1:
                    assert may_go_on.wait(200)
                return np.asarray(encoder.encode(pixels))

        monkeypatch.setattr(collection, "_encoder", Watched())
        searches = list[int]()
        plain = collection.search_many
        monkeypatch.setattr(
            collection, "search_many", lambda queries, *a, **o: searches.append(len(queries)) or plain(queries, *a, **o)
        )
        datas = [
            (photos / f"{kind}/{seed:02}.png").read_bytes()
            for kind in ("lines", "blobs", "waves")
            for seed in range(11)
        ]
        embedder = client.app.state.service.searching._embeds  # type: ignore[attr-defined]
        with ThreadPoolExecutor(33) as threads:
            first = threads.submit(client.post, "/v1/search", files={"a": datas[0]})
            until(lambda: calls == [1])
            others = [threads.submit(client.post, "/v1/search", files={"a": data}) for data in datas[1:]]
            until(lambda: sum(map(len, embedder._waiting.values())) == 32)
            may_go_on.set()
            answers = [each.result() for each in [first, *others]]
    assert [answer.json()["hits"][0]["score"] for answer in answers] == pytest.approx([1.0] * 33, abs=1e-4)
    assert calls == [1, 32]
    assert sum(searches) == 33
    assert len(searches) <= 1 + 32 // 2


def test_a_client_that_leaves_before_its_turn_costs_no_work(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of(photos, deadline_s=400) as client:
        collection = client.app.state.service.galleries.get().collection  # type: ignore[attr-defined]
        encoder, calls, may_go_on = collection.encoder, list[int](), threading.Event()

        class Slow:
            card = encoder.card

            def encode(self, pixels: np.ndarray) -> np.ndarray:
                calls.append(len(pixels))
                assert may_go_on.wait(200)
                return np.asarray(encoder.encode(pixels))

        monkeypatch.setattr(collection, "_encoder", Slow())
        data = (photos / "lines/03.png").read_bytes()
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(client.post, "/v1/search", files={"a": data})
            until(lambda: calls == [1])
            client.app.state.service.gate._deadline_s = 1.0  # type: ignore[attr-defined]
            second = client.post("/v1/search", files={"a": data})
            assert (second.status_code, second.json()["type"]) == (504, "/problems/deadline")
            may_go_on.set()
            assert first.result().status_code == 200
        until(lambda: client.app.state.service.gate.inside == 0)  # type: ignore[attr-defined]
    assert calls == [1]


def test_a_new_token_is_printed_and_opens_the_server(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "likewise", "serve", "--new-token", "ada", "--tokens", str(tmp_path / "tokens")]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600
    with served(photos, "--tokens", str(tmp_path / "tokens")) as (_, port):
        assert ask(port, "GET", "/v1/images")[0] == 401
        assert ask(port, "GET", "/v1/images", Authorization=f"Bearer {token}")[0] == 200


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--host", "0.0.0.0"], "--tokens"),
        (["--new-token", "ada"], "--tokens FILE"),
        (["--tokens", "/nowhere/t"], "--new-token"),
    ],
)
def test_what_is_not_safe_or_not_said_does_not_start(options: list[str], word: str, photos: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likewise", "serve", str(photos), *options], check=False, capture_output=True, text=True
    )
    assert done.returncode in (1, 2)
    assert word in done.stderr


def test_a_port_that_is_taken_is_said(photos: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "likewise", "serve", str(photos), "--port", port],
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert port in done.stderr
