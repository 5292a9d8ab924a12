"""The images of a gallery: lists, facts, thumbnails and originals."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from likewise.collection import narrowing
from likewise.errors import BadImage
from likewise.images.kinds import kind_of
from likewise.service import models, ranges, showing
from likewise.service.galleries import Gallery
from likewise.service.parameters import COLLECTION, KEY, SIDE, WHERE
from likewise.service.problems import Refusal, content, declared
from likewise.service.state import service_of
from likewise.service.terms import record_of
from likewise.types import Record

router = APIRouter(prefix="/v1/images", tags=["images"])

_MEDIA = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WebP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "ICO": "image/x-icon",
    "PNM": "image/x-portable-anymap",
    "JPEG 2000": "image/jp2",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
_VERSION = Annotated[
    str | None, Query(max_length=64, description="What the links say: with it the answer may be kept for ever.")
]
_PICTURE = content(200, "image/*", "The picture.") | {304: {"description": "It is the one of the `If-None-Match`."}}


@router.get(
    "",
    response_model=models.ImagePage,
    responses=declared(
        "bad-argument", "no-token", "not-allowed", "no-such-collection", "unknown-name", "busy", "not-ready", "deadline"
    ),
)
async def listed(
    request: Request,
    collection: COLLECTION = None,
    where: WHERE = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str | None, Query(max_length=10_000, description="`next` of the page before.")] = None,
) -> models.ImagePage:
    """Images in the order of the gallery."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    async with service.gate.turn():
        return await asyncio.get_running_loop().run_in_executor(service.threads, _page, gallery, where, limit, after)


@router.get(
    "/{key:path}/thumbnail",
    response_class=Response,
    responses=_PICTURE
    | declared(
        "bad-argument",
        "no-token",
        "not-allowed",
        "no-such-collection",
        "no-such-image",
        "undecodable",
        "busy",
        "not-ready",
        "deadline",
    ),
)
async def thumbnail(
    request: Request, key: KEY, collection: COLLECTION = None, side: SIDE = 256, v: _VERSION = None
) -> Response:
    """An image, small: WebP."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    record = record_of(gallery, key)
    headers = _caching(record, f"{record.content_sha256[:32]}-{side}", v)
    if ranges.is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    async with service.gate.turn():
        data = await asyncio.get_running_loop().run_in_executor(service.threads, gallery.collection.original, record)
        shown = await service.decoder.thumbnail(data, side)
    return Response(shown, media_type="image/webp", headers=headers)


@router.get(
    "/{key:path}/original",
    response_class=Response,
    responses=_PICTURE
    | content(206, "image/*", "A part of it.")
    | declared(
        "bad-argument",
        "no-token",
        "not-allowed",
        "no-such-collection",
        "no-such-image",
        "range",
        "busy",
        "not-ready",
        "deadline",
    ),
)
async def original(request: Request, key: KEY, collection: COLLECTION = None, v: _VERSION = None) -> Response:
    """The image's own file, byte for byte, or a range of it."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    record = record_of(gallery, key)
    headers = _caching(record, record.content_sha256[:32], v) | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(PurePosixPath(key).name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if ranges.is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    async with service.gate.turn():
        data = await asyncio.get_running_loop().run_in_executor(service.threads, gallery.collection.original, record)
    return ranges.answer(request, data, _media_type(data), headers)


@router.get(
    "/{key:path}",
    response_model=models.ImageInfo,
    responses=declared("bad-argument", "no-token", "not-allowed", "no-such-collection", "no-such-image", "not-ready"),
)
async def facts(request: Request, key: KEY, collection: COLLECTION = None) -> models.ImageInfo:
    """What is known of an image."""
    gallery = service_of(request).galleries.get(collection)
    return showing.image(gallery, record_of(gallery, key))


def _page(gallery: Gallery, where: str | None, limit: int, after: str | None) -> models.ImagePage:
    store = gallery.collection.store
    wanted = narrowing.chosen(store, where, set())
    behind = -1 if after is None else _row_behind(gallery, after)
    found = list(islice(store.records(where=wanted, after=behind), limit + 1))
    shown = found[:limit]
    return models.ImagePage(
        total=len(store) if wanted is None else len(store.snapshot(wanted).live),
        images=[showing.image(gallery, record) for _, record in shown],
        next=_cursor(*shown[-1]) if len(found) > limit else None,
    )


def _cursor(row: int, record: Record) -> str:
    return base64.urlsafe_b64encode(json.dumps([row, record.key]).encode()).decode()


def _row_behind(gallery: Gallery, after: str) -> int:
    """The row of the image that a cursor names: its own of today, where it has one, since `compact` gives rows other numbers."""
    try:
        row, key = json.loads(base64.urlsafe_b64decode(after.encode()))
        now = gallery.collection.store.row_of(str(key))
        return min(int(row), 2**62) if now is None else now
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise Refusal("bad-argument", "`after` is no cursor: take `next` of the page before") from error


def _caching(record: Record, tag: str, version: str | None) -> dict[str, str]:
    """Headers by which a picture is kept: for ever, if the address names its content."""
    fixed = version is not None and version == record.content_sha256[: len(version)] and len(version) >= 8
    return {
        "ETag": f'"{tag}"',
        "Cache-Control": "private, max-age=31536000, immutable" if fixed else "private, no-cache",
    }


def _media_type(data: bytes) -> str:
    try:
        return _MEDIA[kind_of(data)]
    except BadImage:
        return "application/octet-stream"
