"""Parts of a file, and whether the client has it already: RFC 9110, sections 13 and 14."""

from __future__ import annotations

import re

from fastapi import Request, Response

from likewise.service.problems import Refusal

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def is_known(request: Request, tag: str) -> bool:
    """Whether the client says that it holds what the tag names."""
    told = request.headers.get("if-none-match", "")
    return told.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in told.split(",")]


def answer(request: Request, data: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """All of the data, or the one range that was asked for; several ranges get all of it, as the standard allows.

    Raises:
        Refusal: If the range lies beyond the end.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    if asked is None or not any(asked.groups()) or not same:
        return Response(data, media_type=media_type, headers=headers)
    first, last = asked.groups()
    start, stop = (
        (int(first), int(last) + 1 if last else len(data)) if first else (max(0, len(data) - int(last)), len(data))
    )
    stop = min(stop, len(data))
    if start >= stop:
        raise Refusal("range", f"the file has {len(data):,} bytes", {"Content-Range": f"bytes */{len(data)}"})
    told = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
    return Response(data[start:stop], 206, media_type=media_type, headers=told)
