"""The page, its files, and the pages that explain problems; public, since they say nothing of any collection."""

from __future__ import annotations

import hashlib
from html import escape
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from likewise.service import ranges
from likewise.service.problems import KINDS, Refusal, content, declared

router = APIRouter(tags=["page"])

_WEB = files("likewise.service") / "web"
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}


@router.get("/", response_class=Response, include_in_schema=False)
async def page(request: Request) -> Response:
    """The page."""
    return _file(request, "index.html")


@router.get("/web/{name:path}", response_class=Response, include_in_schema=False)
async def web(request: Request, name: str) -> Response:
    """A file of the page."""
    return _file(request, name)


@router.get(
    "/problems/{slug}",
    response_class=Response,
    responses=content(200, "text/html", "A page for a person.") | declared("not-found"),
)
async def problem(slug: Annotated[str, Path(description="The end of a problem's `type`.")]) -> Response:
    """What a kind of problem means, and the way out."""
    if slug not in KINDS:
        raise Refusal("not-found", f"there is no problem of this name: there are {', '.join(KINDS)}")
    kind = KINDS[slug]
    title, about = escape(kind.title), escape(kind.about)
    text = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{about}<p>HTTP {kind.status}"
    return Response(text, media_type="text/html; charset=utf-8")


def _file(request: Request, name: str) -> Response:
    parts = name.split("/")
    suffix = name[name.rfind(".") :]
    place = _WEB.joinpath(*parts)
    if suffix not in _MEDIA or not all(_is_plain(part) for part in parts) or not place.is_file():
        raise Refusal("not-found", "there is nothing at this address")
    data = place.read_bytes()
    headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
    if ranges.is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=_MEDIA[suffix], headers=headers)


def _is_plain(part: str) -> bool:
    """Whether a part of an address is a name in its folder, and nothing that leads out of it."""
    return part not in ("", ".", "..") and not part.startswith(".") and "\\" not in part and "\0" not in part
