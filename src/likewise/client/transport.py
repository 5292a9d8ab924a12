"""Requests that are sent again where that may help, within a deadline, and whose refusals are errors of this library."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from likewise import __version__
from likewise.errors import (
    BadArgument,
    BadImage,
    LikewiseError,
    MissingExtra,
    NoCollection,
    NotAPicture,
    OverLimit,
    ServiceError,
    SourceError,
    StoreBusy,
    StoreFull,
    UnknownName,
)

_AGAIN = (429, 503)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 8.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_ERRORS: Mapping[str, type[LikewiseError]] = {
    "bad-argument": BadArgument,
    "no-such-collection": NoCollection,
    "no-such-image": SourceError,
    "no-such-upload": SourceError,
    "unknown-name": UnknownName,
    "store-busy": StoreBusy,
    "too-large": OverLimit,
    "not-a-picture": NotAPicture,
    "undecodable": BadImage,
    "not-supported": MissingExtra,
    "no-room": StoreFull,
}
"""What a problem document of the server is to a program; all others are a `ServiceError`."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent; made anew for each try, since a stream can be read once."""

    make: Callable[[], Mapping[str, Any]] = field(default=dict)


@dataclass(frozen=True, slots=True)
class Transport:
    """A server.

    Attributes:
        http: The connection.
        timeout_s: For one request with all its tries.
        sleep: Waits so many seconds.
        now: A clock that only goes forward, in seconds.
    """

    http: httpx.Client
    timeout_s: float
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    @classmethod
    def to(
        cls, url: str, token: str | None, timeout_s: float, transport: httpx.BaseTransport | None = None
    ) -> Transport:
        """Connect to an address when something is asked.

        Raises:
            BadArgument: If it is no address of http or https, or holds a name or a password.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadArgument(f"{url}: give the server's address, such as http://127.0.0.1:8765")
        if parts.username or parts.password:
            raise BadArgument(f"{parts.hostname}: the address holds a name or a password: pass a token instead")
        if timeout_s <= 0:
            raise BadArgument(f"a timeout of {timeout_s:g} s: it must be above zero")
        headers = {"User-Agent": f"likewise/{__version__}", "X-Likewise": "1", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        http = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=timeout_s,
            transport=transport,
            trust_env=parts.hostname not in _LOOPBACK,  # no proxy stands between a machine and itself
        )
        return cls(http, timeout_s)

    def json(self, method: str, path: str, body: Body | None = None, **params: object) -> Any:
        """The answer as JSON; None where there is no content.

        Raises:
            LikewiseError: As `send`.
        """
        answer = self.send(method, path, body, **params)
        if answer.status_code == 204 or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise ServiceError(
                f"{self.name} answers {path} with something that is no JSON: is it likewise serve?"
            ) from error

    def send(self, method: str, path: str, body: Body | None = None, **params: object) -> httpx.Response:
        """Ask, and ask again as long as the server is busy and the deadline allows it.

        Args:
            method: Of HTTP.
            path: Below the server's address.
            body: What to send.
            params: Of the query string; those that are None are left out.

        Raises:
            LikewiseError: The error that the server's problem document stands for.
            ServiceError: If there is no answer in time, or the problem is none that the caller can mend.
        """
        end = self.now() + self.timeout_s
        asked = {name: value for name, value in params.items() if value is not None}
        tries = 0
        while True:
            left = end - self.now()
            if left <= 0:
                raise ServiceError(
                    f"{self.name} gave no answer within {self.timeout_s:g} s: pass a larger timeout_s, or ask for less"
                )
            tries += 1
            try:
                more = body.make() if body is not None else {}
                answer = self.http.request(method, path, params=asked, timeout=left, **more)  # type: ignore[arg-type]
            except httpx.TimeoutException as error:
                raise ServiceError(
                    f"{self.name} gave no answer within {self.timeout_s:g} s: pass a larger timeout_s, or ask for less"
                ) from error
            except httpx.TransportError as error:
                pause = self._pause(tries)
                lost = isinstance(error, httpx.ConnectError) or method in ("GET", "PUT", "DELETE")
                if not lost or tries > 3 or pause >= end - self.now():
                    raise ServiceError(
                        f"{self.name} cannot be reached ({error}): is `likewise serve` running there?"
                    ) from error
                self.sleep(pause)
                continue
            if answer.is_success:
                return answer
            pause = self._asked_to_wait(answer, tries)
            if answer.status_code not in _AGAIN or pause >= end - self.now():
                raise self._error(answer)
            self.sleep(pause)

    @property
    def name(self) -> str:
        """The server, to print."""
        return str(self.http.base_url).rstrip("/")

    def _pause(self, tries: int) -> float:
        """Longer each time, and never the same for two clients that were refused together."""
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (tries - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - it keeps no secret

    def _asked_to_wait(self, answer: httpx.Response, tries: int) -> float:
        told = answer.headers.get("Retry-After", "")
        if told.isdecimal():
            return max(float(told), self._pause(tries))
        try:
            moment = parsedate_to_datetime(told).timestamp() if told else 0.0
        except ValueError:
            moment = 0.0
        return max(moment - time.time(), self._pause(tries))

    def _error(self, answer: httpx.Response) -> LikewiseError:
        try:
            told = answer.json()
            slug, detail = str(told["type"]).rpartition("/")[2], str(told["detail"])
        except (ValueError, KeyError, TypeError):
            slug, detail = "", f"answers {answer.status_code} to {answer.request.url.path}: is it likewise serve?"
        kind = _ERRORS.get(slug, ServiceError)
        said = {401: ": pass token=…", 403: ""}.get(answer.status_code, "")
        return kind(detail if kind is not ServiceError else f"{self.name}: {detail}{said}")
