"""A web server on this machine that serves one test, and says what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Asked(BaseHTTPRequestHandler):
    """One request; `answer` is the function that the test gave."""

    timeout = 5
    answers: ClassVar[Callable[[Asked], None]]
    seen: ClassVar[list[tuple[str, str]]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Range", "")))
        type(self).answers(self)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


def serve_ranges(body: bytes) -> Callable[[Asked], None]:
    """A server that knows how to go on from some byte."""

    def answer(asked: Asked) -> None:
        start = int(asked.headers["Range"][6:-1]) if "Range" in asked.headers else 0
        if start >= len(body):
            asked.reply(416, b"")
        elif start:
            asked.reply(206, body[start:], {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"})
        else:
            asked.reply(200, body)

    return answer


@contextmanager
def serving(answer: Callable[[Asked], None]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a server that answers so, and what it has seen: (path, Range)."""
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (Asked,), {"answers": staticmethod(answer), "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
