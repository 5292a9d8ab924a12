"""Fetch a picture from the public internet for a client, and let it reach nothing else through this machine.

The name is resolved here, every address that it has is checked, and the connection goes to one of those very addresses: a name
that points elsewhere a moment later (DNS rebinding) changes nothing. Each redirect starts from the beginning.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import h11

from likewise.errors import OverLimit
from likewise.images.kinds import kind_of
from likewise.service.fetching.public import is_public
from likewise.service.fetching.targets import Target
from likewise.service.problems import Refusal

Resolver: TypeAlias = Callable[[str, int], Awaitable[list[tuple[str, int]]]]
"""Host and port → IP addresses in digits, each with its port."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 4
_MOST_HEADER_BYTES = 32 << 10
_CHUNK_BYTES = 64 << 10
_HEAD_BYTES = 64  # enough to see that it is a picture
_AT_ONCE = 8
_CONNECT_S = 5.0  # to one of several addresses
# One sentence for whatever goes wrong on the way: how it went wrong would tell who is at home behind a firewall.
_UNREACHABLE = "no picture can be fetched there from the public internet: check the address, or send the picture itself"


async def resolved(host: str, port: int) -> list[tuple[str, int]]:
    """Ask the system, as everybody does.

    Raises:
        OSError: If there is no such name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # 1: SOCK_STREAM everywhere
    return list(dict.fromkeys((str(address[0]), port) for *_, address in found))


class Fetcher:
    """See above; for one event loop.

    Args:
        most_bytes: Of one picture.
        within_s: For all of one picture: names, redirects, and its last byte.
        resolve: What a name stands for.
        allowed: Which addresses may be asked.
        context: Who is believed to be whom, for https.
    """

    def __init__(
        self,
        most_bytes: int,
        within_s: float = 10.0,
        resolve: Resolver = resolved,
        allowed: Callable[[str], bool] = is_public,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._most_bytes, self._within_s = most_bytes, within_s
        self._resolve, self._allowed = resolve, allowed
        self._context = context or ssl.create_default_context()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def fetch(self, url: str) -> bytes:
        """The picture at an address.

        Raises:
            Refusal: `not-fetched` if it is no address that is asked, or does not answer in time with a picture.
            NotAPicture: If something else is there.
            OverLimit: If it is too large.
        """
        target = Target.parse(url)
        try:
            async with asyncio.timeout(self._within_s), self._turns:
                for _ in range(_MOST_REDIRECTS + 1):
                    found = await self._asked(target)
                    if isinstance(found, bytes):
                        return found
                    target = found
        except TimeoutError as error:
            told = f"the picture was not there within {self._within_s:g} s: send it yourself"
            raise Refusal("not-fetched", told) from error
        except (OSError, EOFError, h11.ProtocolError) as error:
            raise Refusal("not-fetched", _UNREACHABLE) from error
        raise Refusal("not-fetched", f"the address leads on more than {_MOST_REDIRECTS} times: name the last one")

    async def _asked(self, target: Target) -> bytes | Target:
        """One request: the picture, or where it leads."""
        async with self._connected(target) as (reader, writer):
            talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
            headers = [
                ("Host", target.authority),
                ("User-Agent", "likewise"),
                ("Accept", "image/*,*/*;q=0.5"),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
            ]
            request = h11.Request(method="GET", target=target.path, headers=headers)
            writer.write((talk.send(request) or b"") + (talk.send(h11.EndOfMessage()) or b""))
            await writer.drain()
            answer = await _next(talk, reader)
            while isinstance(answer, h11.InformationalResponse):
                answer = await _next(talk, reader)
            if not isinstance(answer, h11.Response):
                raise Refusal("not-fetched", _UNREACHABLE)
            told = {name: value.decode("latin-1") for name, value in answer.headers}
            if answer.status_code in _REDIRECTS and b"location" in told:
                return target.leading_to(told[b"location"])
            if answer.status_code != 200 or told.get(b"content-encoding", "identity") != "identity":
                raise Refusal("not-fetched", _UNREACHABLE)
            self._check_size(int(told.get(b"content-length", "0")))  # h11 has seen that it is a number
            return await self._body(talk, reader)

    async def _body(self, talk: h11.Connection, reader: asyncio.StreamReader) -> bytes:
        data, seen = bytearray(), False
        while isinstance(event := await _next(talk, reader), h11.Data):
            data += event.data
            self._check_size(len(data))
            if not seen and len(data) >= _HEAD_BYTES:
                kind_of(bytes(data[:_HEAD_BYTES]))
                seen = True
        kind_of(bytes(data[:_HEAD_BYTES]))
        return bytes(data)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._most_bytes:
            raise OverLimit(
                f"the picture at the address has more than {self._most_bytes / 1e6:,.0f} MB: send a smaller one"
            )

    @asynccontextmanager
    async def _connected(self, target: Target) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to one of the addresses that were checked; never to the name."""
        places = await self._resolve(target.host, target.port)
        if not places or not all(self._allowed(address) for address, _ in places):
            raise Refusal("not-fetched", _UNREACHABLE)
        reader, writer = await self._first(target, places)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                writer.transport.abort()

    async def _first(
        self, target: Target, places: list[tuple[str, int]]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The first address that answers."""
        safe = {"ssl": self._context, "server_hostname": target.host} if target.scheme == "https" else {}
        why: Exception = OSError("no address")
        for address, port in places[:4]:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return await asyncio.open_connection(address, port, limit=_CHUNK_BYTES, **safe)  # type: ignore[arg-type]
            except (OSError, TimeoutError) as error:
                why = error
        raise OSError("none of its addresses answers") from why


async def _next(talk: h11.Connection, reader: asyncio.StreamReader) -> object:
    """What comes next of an answer.

    Raises:
        EOFError: If it breaks off.
        h11.RemoteProtocolError: If it is no HTTP, or its head is too long.
    """
    while (event := talk.next_event()) is h11.NEED_DATA:
        talk.receive_data(await reader.read(_CHUNK_BYTES))
    if isinstance(event, h11.ConnectionClosed):
        raise EOFError
    return event
