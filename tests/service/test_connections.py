"""Whoever sends a request drop by drop loses the connection, and nobody else notices."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from likewise.service import connections
from likewise.service.connections import PatientProtocol
from serving import until


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "BODY_S", 0.5)

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        more = True
        while more:
            message = await receive()  # type: ignore[operator]
            if message["type"] == "http.disconnect":
                return
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]

    config = uvicorn.Config(app, port=0, http=PatientProtocol, lifespan="off", log_level="error")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answered(connection: socket.socket) -> bytes:
    """All of an answer, which may come in pieces."""
    found = b""
    while not found.endswith(b"ok") and (more := connection.recv(1000)):
        found += more
    return found


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HT", WHOLE[:-2], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nxx"],
    ids=["nothing", "line", "head", "body"],
)
def test_a_request_that_does_not_go_on_loses_its_connection_and_others_are_answered(port: int, begun: bytes) -> None:
    with (
        socket.create_connection(("127.0.0.1", port), 30) as slow,
        socket.create_connection(("127.0.0.1", port)) as other,
    ):
        slow.sendall(begun)
        other.sendall(WHOLE)
        assert b"200 OK" in other.recv(1000)
        assert slow.recv(1000) == b""


def test_a_second_request_of_a_connection_is_waited_for_no_longer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as slow:
        slow.sendall(WHOLE)
        assert answered(slow).endswith(b"ok")
        slow.sendall(WHOLE[:20])
        assert slow.recv(1000) == b""


def test_a_whole_body_in_pieces_is_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as calm:
        calm.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        calm.sendall(b"cd")
        assert answered(calm).endswith(b"ok")
