"""Images from addresses of the web, one at a time: what the server says of one, and its bytes."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import TypeVar, cast
from urllib.parse import quote, urlsplit

from likewise.errors import SourceError

Got = TypeVar("Got")

_CHUNK_BYTES = 1 << 16
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold as it is; spaces and letters like é are written as %XX
_PAUSE_S = 0.25  # before the second try; each further one waits twice as long
_LONGEST_PAUSE_S = 30.0
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others in a moment


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of an image without sending it.

    Attributes:
        size_bytes: -1 if it does not say.
        modified_ns: Nanoseconds since 1970; 0 if it does not say.
        etag: Empty if it has none, or a weak one.
    """

    size_bytes: int = -1
    modified_ns: int = 0
    etag: str = ""


def fetch(url: str, *, max_bytes: int = 64 << 20, timeout_s: float = 20.0, tries: int = 1) -> bytes:
    """Fetch one image.

    Args:
        url: http or https, also after redirects.
        max_bytes: More than this is refused as soon as it is seen.
        timeout_s: For each wait on the network, and for all of one try together.
        tries: How often to try, with longer and longer pauses, what fails in a way that passes.

    Raises:
        SourceError: If it cannot be fetched; the message says why.
    """

    def read(answer: HTTPResponse) -> bytes:
        deadline, data = time.monotonic() + timeout_s, bytearray()
        while chunk := answer.read1(_CHUNK_BYTES):
            data += chunk
            if len(data) > max_bytes:
                raise SourceError(f"{url}: is over {max_bytes / 1e6:,.0f} MB: save it smaller and pass its path")
            if time.monotonic() > deadline:
                raise TimeoutError(f"it took longer than {timeout_s:g} s")
        return bytes(data)

    return _asked(url, "GET", read, timeout_s, tries)


def facts(url: str, *, timeout_s: float = 10.0) -> Facts:
    """Ask what there is at an address.

    Args:
        url: http or https, also after redirects.
        timeout_s: For each wait on the network.

    Raises:
        SourceError: If there is no answer, or a refusal.
    """
    return _asked(url, "HEAD", _facts, timeout_s, tries=2)


def _asked(url: str, method: str, read: Callable[[HTTPResponse], Got], timeout_s: float, tries: int) -> Got:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:  # half an address of IPv6
        raise SourceError(f"{url}: is no address ({error}): save the image and pass its path") from error
    if scheme not in ("http", "https"):
        raise SourceError(f"{url}: only http:// and https:// are fetched: save the image and pass its path")
    pause_s = _PAUSE_S
    while True:
        tries -= 1
        try:
            return _once(url, method, read, timeout_s)
        except SourceError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _PASSING or not tries:
                raise SourceError(
                    f"{url}: cannot be fetched ({error.code} {error.reason}): check the address"
                ) from error
            pause_s = max(pause_s, _wished_pause_s(error))
        except Exception as error:  # beside OSError and ValueError, http.client has exceptions of its own
            if not tries:
                why = getattr(error, "reason", None) or error
                told = f"{url}: cannot be fetched ({why}): save the image and pass its path"
                raise SourceError(told) from error
        time.sleep(pause_s)
        pause_s *= 2


def _once(url: str, method: str, read: Callable[[HTTPResponse], Got], timeout_s: float) -> Got:
    headers = {"User-Agent": "likewise", "Accept": "image/*,*/*;q=0.5"}
    request = urllib.request.Request(quote(url, safe=_SAFE), headers=headers, method=method)  # noqa: S310
    with closing(urllib.request.build_opener(_WebOnly).open(request, timeout=timeout_s)) as answer:
        return read(cast(HTTPResponse, answer))


def _wished_pause_s(error: urllib.error.HTTPError) -> float:
    """What the server asks to wait, in seconds, within reason."""
    told = error.headers.get("Retry-After", "")
    return min(float(told), _LONGEST_PAUSE_S) if told.isdigit() else 0.0


def _facts(answer: HTTPResponse) -> Facts:
    size, etag = answer.headers.get("Content-Length", ""), answer.headers.get("ETag", "")
    try:
        date = parsedate_to_datetime(answer.headers.get("Last-Modified", ""))
        modified_ns = max(0, round(date.timestamp()) * 1_000_000_000)
    except (TypeError, ValueError, OverflowError):
        modified_ns = 0
    return Facts(int(size) if size.isdigit() else -1, modified_ns, "" if etag.startswith("W/") else etag)


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other web addresses, and to nothing else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it leads to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
