"""One image from an address: a query, never a gallery."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from urllib.parse import quote, urlsplit

from likewise.errors import SourceError

_CHUNK_BYTES = 1 << 16
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold as it is; spaces and letters like é are written as %XX


def fetch(url: str, *, max_bytes: int = 64 << 20, timeout_s: float = 20.0) -> bytes:
    """Fetch one image.

    Args:
        url: http or https, also after redirects.
        max_bytes: More than this is refused as soon as it is seen.
        timeout_s: For each wait on the network, and for all of it together.

    Raises:
        SourceError: If it cannot be fetched; the message says why.
    """
    deadline = time.monotonic() + timeout_s
    data = bytearray()
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise SourceError(f"{url}: only http:// and https:// are fetched: save the image and pass its path")
        headers = {"User-Agent": "likewise", "Accept": "image/*,*/*;q=0.5"}
        request = urllib.request.Request(quote(url, safe=_SAFE), headers=headers)  # noqa: S310
        with urllib.request.build_opener(_WebOnly).open(request, timeout=timeout_s) as answer:
            while chunk := answer.read1(_CHUNK_BYTES):
                data += chunk
                if len(data) > max_bytes:
                    raise SourceError(f"{url}: is over {max_bytes / 1e6:,.0f} MB: save it smaller and pass its path")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it took longer than {timeout_s:g} s")
    except SourceError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"{url}: cannot be fetched ({error.code} {error.reason}): check the address") from error
    except Exception as error:  # beside OSError and ValueError, http.client has exceptions of its own
        why = getattr(error, "reason", None) or error
        raise SourceError(f"{url}: cannot be fetched ({why}): save the image and pass its path") from error
    return bytes(data)


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other web addresses, and to nothing else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it leads to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
