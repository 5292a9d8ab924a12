"""A query by address: one picture from the public web, and never anything from the network that the server stands in.

The name is resolved here, every address of it is looked at, and the connection goes to the very address that was looked at: a name
that points elsewhere a moment later changes nothing. Each redirect begins anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, urljoin, urlsplit

from likewise.errors import BadArgument, BadImage, DownloadError, LikewiseError, OverLimit
from likewise.images.kinds import kind_of

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""(host, port) → its addresses as text; raises OSError where there are none."""

_CHUNK_BYTES = 1 << 16
_HEAD_BYTES = 64
_SAFE = "!$%&'()*+,/:;=?@[]~"
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_PUBLIC_6 = ipaddress.IPv6Network(
    "2000::/3"
)  # all else is private, reserved, multicast, or holds an IPv4 address (mapped, NAT64)
_NOT_PUBLIC_6 = tuple(
    map(ipaddress.IPv6Network, ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"])
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address that ends in an IPv4 address
_NUMERIC = re.compile(r"(?i)(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")
_NAME = re.compile(
    r"(?i)(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)
_REDIRECTS = (301, 302, 303, 307, 308)
_UNREACHED = "the address cannot be fetched: its host is unknown, not public, or does not answer"


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public network, and holds none inside that may not.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.215.14", "10.0.0.1", "::ffff:127.0.0.1", "2606:2800:21f::1")]
    [True, False, False, True]
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None or (int(address) >> 32 & 0xFFFFFFFF) in _ISATAP:
        return False
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes."""

    scheme: str
    host: str
    port: int
    path: str


class Fetcher:
    """Fetches pictures; threads may share it.

    Args:
        max_bytes: Of a picture.
        timeout_s: For all of it: names, connections, redirects, bytes.
        ports: That may be asked.
        redirects: That are followed.
        at_once: Addresses that are fetched at the same time.
        allowed: Which addresses may be connected to; tests have servers on this machine.
        resolver: Of names.
    """

    def __init__(  # noqa: PLR0913 - every one of them is a limit
        self,
        max_bytes: int,
        *,
        timeout_s: float = 10.0,
        ports: Sequence[int] = (80, 443),
        redirects: int = 3,
        at_once: int = 8,
        allowed: Callable[[Address], bool] = is_public,
        resolver: Resolver = resolved,
    ) -> None:
        self._max_bytes, self._timeout_s, self._ports, self._redirects = max_bytes, timeout_s, tuple(ports), redirects
        self._allowed, self._resolver = allowed, resolver
        self._places = threading.BoundedSemaphore(at_once)
        self._names = ThreadPoolExecutor(at_once, "resolve")
        self._tls = ssl.create_default_context()

    def fetch(self, url: str) -> bytes:
        """The bytes of the picture at an address.

        Raises:
            BadArgument: If the address is none that is fetched: another scheme or port, or it names a user.
            DownloadError: If it leads nowhere, or nowhere public; which of the two is not told.
            BadImage: If what is there is no picture, or too large a one.
        """
        end = time.monotonic() + self._timeout_s
        if not self._places.acquire(timeout=self._timeout_s):
            raise DownloadError("too many addresses are being fetched: try again in a moment")
        try:
            for _ in range(self._redirects + 1):
                found = self._one(target_of(url, self._ports), end)
                if isinstance(found, bytes):
                    return found
                url = urljoin(url, found)
            raise DownloadError(f"the address leads on more than {self._redirects} times")
        except LikewiseError:  # some of which are ValueErrors too
            raise
        except (OSError, http.client.HTTPException, NotInTime, ValueError) as error:
            raise DownloadError(_UNREACHED) from error
        finally:
            self._places.release()

    def close(self) -> None:
        """Let go of the threads."""
        self._names.shutdown(wait=False, cancel_futures=True)

    def _one(self, target: Target, end: float) -> bytes | str:
        """One request: the picture, or where it leads on to."""
        address = self._address(target, end)
        connection = _Connection(address, target, max(0.001, end - time.monotonic()), self._tls)
        clock = threading.Timer(max(0.001, end - time.monotonic()), connection.abort)
        clock.daemon = True
        clock.start()  # a timeout of a socket begins anew with every byte
        try:
            connection.request("GET", target.path, headers=_HEADERS)
            answer = connection.getresponse()
            if answer.status in _REDIRECTS and (to := answer.getheader("Location")):
                return to
            return self._body(answer, end)
        finally:
            clock.cancel()
            connection.close()

    def _address(self, target: Target, end: float) -> str:
        """One of the host's addresses, all of which must be public.

        Raises:
            OSError: If there are none, or one is not.
        """
        asked = self._names.submit(self._resolver, target.host, target.port)
        found = asked.result(timeout=max(0.0, end - time.monotonic()))
        if not found or not all(self._allowed(ipaddress.ip_address(text)) for text in found):
            raise OSError("not public")
        return found[0]

    def _body(self, answer: http.client.HTTPResponse, end: float) -> bytes:
        if answer.status != http.client.OK:
            raise DownloadError(f"the address answers {answer.status}: check it")
        if answer.getheader("Content-Encoding", "identity").strip().lower() != "identity":
            raise DownloadError(
                "the address answers compressed, though it was asked not to: save the picture and send it"
            )
        if int(answer.getheader("Content-Length") or 0) > self._max_bytes:
            raise self._too_large()
        data = bytearray()
        sniffed = False
        while chunk := answer.read1(_CHUNK_BYTES):
            data += chunk
            if len(data) > self._max_bytes:
                raise self._too_large()
            if time.monotonic() > end:
                raise OSError("too slow")
            if not sniffed and len(data) >= _HEAD_BYTES:
                sniffed = bool(kind_of(bytes(data[:_HEAD_BYTES])))
        kind_of(bytes(data[:_HEAD_BYTES]))
        if answer.length:
            raise OSError("it breaks off")
        return bytes(data)

    def _too_large(self) -> BadImage:
        return OverLimit(
            f"the picture there has more than {self._max_bytes / 1e6:,.0f} MB: save it smaller and send it"
        )


_HEADERS = {"User-Agent": "likewise", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}


def target_of(url: str, ports: Sequence[int]) -> Target:
    """Where an address leads, taken apart once and never read again.

    Raises:
        BadArgument: If it is none that is fetched.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        ascii_host = host if ":" in host else host.encode("idna").decode() if host else ""
    except (ValueError, UnicodeError) as error:
        raise BadArgument("the address is not understood: copy it from a browser") from error
    if parts.scheme not in ("http", "https"):
        raise BadArgument("only http:// and https:// addresses are fetched")
    if "@" in parts.netloc:
        raise BadArgument("the address names a user: leave out what stands before @")
    if not _is_host(ascii_host) or any(ord(sign) <= 0x20 or sign in "\\\x7f" for sign in url):
        raise BadArgument("the address names no host that is understood: copy it from a browser")
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in ports:
        raise BadArgument(f"port {port} is not asked: only {' and '.join(map(str, ports))}")
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return Target(parts.scheme, ascii_host, port, path)


def _is_host(host: str) -> bool:
    """Whether it is a name, or a number as everybody writes it: not 127.1, 0x7f000001 or 017700000001."""
    if ":" in host or _NUMERIC.fullmatch(host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return bool(_NAME.fullmatch(host))


class _Connection(http.client.HTTPConnection):
    """To an address that was looked at, under the name that was asked for."""

    def __init__(self, address: str, target: Target, timeout_s: float, tls: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._address, self._tls = address, tls if target.scheme == "https" else None
        self._guard = threading.Lock()
        self._aborted = False

    def connect(self) -> None:
        """Connect to the address, whatever the name means by now."""
        made = socket.create_connection((self._address, self.port), self.timeout)
        with self._guard:
            self.sock = made
            if self._aborted:
                raise OSError("too slow")
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(made, server_hostname=self.host.rstrip("."))

    def abort(self) -> None:
        """End whatever is going on; any thread may."""
        with self._guard:
            self._aborted = True
            sock = self.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
