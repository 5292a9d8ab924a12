"""A server on this machine that stands in for object storage, and counts what it is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import quote

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Storage:
    """An S3 server of moto; `asked` counts requests as (method, `list` or `object`)."""

    def __init__(self, port: int, asked: Counter[tuple[str, str]]) -> None:
        self.endpoint, self.port, self.asked = f"http://127.0.0.1:{port}", port, asked

    def make(self, bucket: str, objects: Mapping[str, bytes] = {}) -> None:
        """A bucket with some objects."""
        self._send("PUT", f"/{bucket}", b"")
        for key, data in objects.items():
            self.put(bucket, key, data)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """One object."""
        self._send("PUT", f"/{bucket}/{key}", data)

    def delete(self, bucket: str, key: str) -> None:
        """One object, away."""
        self._send("DELETE", f"/{bucket}/{key}", b"")

    def _send(self, method: str, path: str, body: bytes) -> None:
        connection = HTTPConnection("127.0.0.1", self.port)
        # moto looks at the name of the user in the signature, not at the signature
        sign = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        connection.request(
            method, quote(path), body, {"Authorization": sign, "Content-Type": "application/octet-stream"}
        )
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status)


@contextmanager
def storing() -> Iterator[Storage]:
    """Object storage for as long as the block lasts."""
    import threading
    from collections.abc import Callable

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    asked: Counter[tuple[str, str]] = Counter()
    moto = DomainDispatcherApplication(create_backend_app)

    def counted(environ: dict[str, str], start: Callable[..., object]) -> object:
        is_list = "list-type=2" in environ["QUERY_STRING"]
        asked[environ["REQUEST_METHOD"], "list" if is_list else "object"] += 1
        return moto(environ, start)

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: object) -> None:
            """Nothing is printed."""

    server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Storage(server.server_port, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
