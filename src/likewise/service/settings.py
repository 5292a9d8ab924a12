"""What an operator decides: which collections, who may do what, and how much one request may cost."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import BadArgument
from likewise.images import Limits
from likewise.processors import processors

_MEGA = 1_000_000
_DEFAULT_PIXELS = 50 * _MEGA


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service is set up; nothing else configures it.

    Attributes:
        folders: Those that hold a collection, or addresses of Milvus; the first one answers where a request names none.
        host: The address that is listened on.
        port: 0 takes a free one.
        tokens: The file of tokens; None where everybody on this machine may ask.
        writable: Whether images may be added and deleted, and indexing started.
        allow_urls: Whether a query may name an address that the service fetches.
        index_roots: Folders below which a client may have places indexed.
        max_upload_bytes: Of one picture as it is sent.
        max_body_bytes: Of one request with many pictures.
        max_pixels: Of one picture that is sent, width × height.
        max_query_terms: Of one search.
        most_hits: What `k` may be.
        queue: Requests that are worked on or wait; one more is answered 429.
        deadline_s: After which a request is answered 504.
        threads: That search side by side; 0 for one for each processor.
        batch: Queries that are embedded together at most.
        window_s: How long a query waits for others whose picture is still being decoded.
        uploads_bytes: Of query pictures kept for a while, all together.
        uploads_s: How long one is kept.
        drain_s: How long a stopping service goes on with what it has taken.
    """

    folders: tuple[Path | str, ...]
    host: str = "127.0.0.1"
    port: int = 8765
    tokens: Path | None = None
    writable: bool = False
    allow_urls: bool = False
    index_roots: tuple[Path, ...] = ()
    max_upload_bytes: int = 50 * _MEGA
    max_body_bytes: int = 1000 * _MEGA
    max_pixels: int = _DEFAULT_PIXELS
    max_query_terms: int = 32
    most_hits: int = 1000
    queue: int = 256
    deadline_s: float = 30.0
    threads: int = 0
    batch: int = 64
    window_s: float = 0.003
    uploads_bytes: int = 256 * _MEGA
    uploads_s: float = 3600.0
    drain_s: float = 20.0

    def __post_init__(self) -> None:
        if not self.folders:
            raise BadArgument("nothing to serve: name the folder of a collection")
        if not is_loopback(self.host) and self.tokens is None:
            raise BadArgument(
                f"--host {self.host} can be reached by other machines, and anybody there could see these pictures: "
                "say who may by --tokens FILE (`likewise serve --new-token NAME --scope read` makes a token)"
            )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can ask."""
        return is_loopback(self.host)

    @property
    def workers(self) -> int:
        """Threads that search."""
        return self.threads or processors()

    @property
    def limits(self) -> Limits:
        """What a picture that is sent may cost."""
        return Limits(max_bytes=self.max_upload_bytes, max_pixels=self.max_pixels)


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine can reach.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
