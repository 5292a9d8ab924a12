"""The map of a gallery: where each image lies, what it is called, and sheets of small pictures. docs/map.md has the layouts."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from likewise.collection import atlas
from likewise.errors import BadArgument
from likewise.maps import Map
from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.mapping import By
from likewise.service.parameters import COLLECTION
from likewise.service.problems import Refusal, content, declared
from likewise.service.state import Service, service_of

router = APIRouter(prefix="/v1/map", tags=["map"])

Result = TypeVar("Result")
MAGIC, LAYOUT = b"LKWM", 1
_VERSION = Annotated[
    str | None, Query(max_length=64, description="`etag` of `GET /v1/map`: refused where the map is another by now.")
]
_PROBLEMS = ("bad-argument", "no-token", "not-allowed", "no-such-collection", "busy", "not-ready", "deadline")


class Progress(BaseModel):
    """How far the work on a map is."""

    what: str
    done: int
    of: int


class MapInfo(BaseModel):
    """The map of a collection."""

    state: Literal["ready", "building", "none"]
    count: int = Field(description="Points; 0 where there is no map yet.")
    etag: str = Field(description="Another one for every other map.")
    method: str
    later: int = Field(description="Images that came since it was made, placed by their neighbours.")
    bounds: tuple[float, float, float, float] = Field(description="Left, top, right and bottom of all points.")
    sheets: int = Field(description="Of the atlas.")
    per_sheet: int
    columns: int = Field(description="Thumbnails beside each other on a sheet.")
    side: int = Field(description="Of a thumbnail, in pixels.")
    progress: Progress | None = Field(default=None, description="Of the one that is being made.")
    error: str | None = Field(default=None, description="Why the last one could not be made.")


class MapWish(models.Asked):
    """How a map is to be made."""

    collection: str | None = Field(default=None, max_length=500)
    method: Literal["tsne", "pca"] | None = Field(default=None, description="The best that is installed unless given.")


class MapKeys(BaseModel):
    """Keys of points, in their order."""

    start: int
    keys: list[str]


class MapColours(BaseModel):
    """What points are called."""

    names: list[str] = Field(description="The most frequent first; code 1 is the first of them.")
    codes: str = Field(description="Base64 of one byte for each point: 0 for no name, or a rare one.")


@router.get("", response_model=MapInfo, responses=declared(*_PROBLEMS))
async def facts(request: Request, collection: COLLECTION = None) -> MapInfo:
    """Whether there is a map, and what of."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    return _told(service, gallery, await _with(service, lambda: service.maps.get(gallery)))


@router.post("", response_model=MapInfo, status_code=202, responses=declared(*_PROBLEMS, "foreign-origin"))
async def make(request: Request, asked: MapWish) -> MapInfo:
    """Begin to make the map anew; `GET /v1/map` tells how far it is."""
    service = service_of(request)
    gallery = service.galleries.get(asked.collection)
    service.maps.make(gallery, asked.method)
    return _told(service, gallery, await _with(service, lambda: service.maps.get(gallery)))


@router.delete("", status_code=204, responses=declared(*_PROBLEMS, "foreign-origin"))
async def stop(request: Request, collection: COLLECTION = None) -> Response:
    """End the work on a map; the one before stays."""
    service = service_of(request)
    service.maps.stop(service.galleries.get(collection))
    return Response(status_code=204)


@router.get(
    "/points",
    response_class=Response,
    responses=content(200, "application/octet-stream", "32 bytes of head, then x and y of each point.")
    | declared(*_PROBLEMS, "not-found"),
)
async def points(request: Request, collection: COLLECTION = None, v: _VERSION = None) -> Response:
    """Where the points lie: `LKWM`, uint32 layout 1, count and 2, 16 letters of etag; then float32 x, y of each; little-endian."""
    service = service_of(request)
    shown = await _shown(service, service.galleries.get(collection), v)
    head = struct.pack("<4sIII16s", MAGIC, LAYOUT, len(shown), 2, shown.version.encode())
    return Response(
        head + shown.points.astype("<f4").tobytes(), media_type="application/octet-stream", headers=_caching(shown, v)
    )


@router.get("/keys", response_model=MapKeys, responses=declared(*_PROBLEMS, "not-found"))
async def keys(
    request: Request,
    collection: COLLECTION = None,
    v: _VERSION = None,
    start: Annotated[int, Query(ge=0, alias="from")] = 0,
    count: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
) -> MapKeys:
    """Which image each point is."""
    service = service_of(request)
    shown = await _shown(service, service.galleries.get(collection), v)
    return MapKeys(start=start, keys=list(shown.keys[start : start + count]))


@router.get("/colours", response_model=MapColours, responses=declared(*_PROBLEMS, "not-found"))
async def colours(request: Request, collection: COLLECTION = None, v: _VERSION = None, by: By = "label") -> MapColours:
    """What each point is called, by its label or its folder."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    shown = await _shown(service, gallery, v)
    found = await _with(service, lambda: service.maps.colours(gallery, shown, by))
    return MapColours(names=list(found.names), codes=base64.b64encode(found.codes.tobytes()).decode())


@router.get(
    "/atlas/{number}",
    response_class=Response,
    responses=content(200, "image/webp", "Thumbnails of the points from `number` × 256 on, row by row.")
    | declared(*_PROBLEMS, "not-found"),
)
async def sheet(
    request: Request,
    number: Annotated[int, Path(ge=0)],
    collection: COLLECTION = None,
    v: _VERSION = None,
) -> Response:
    """A sheet of small pictures, made when it is first asked for."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    shown = await _shown(service, gallery, v)
    held = gallery.collection
    try:
        data = await _with(
            service, lambda: atlas.sheet(held.store, held.store.folder, shown, number, service.settings.limits)
        )
    except BadArgument as error:
        raise Refusal("not-found", str(error)) from error
    return Response(data, media_type="image/webp", headers=_caching(shown, v))


async def _shown(service: Service, gallery: Gallery, version: str | None) -> Map:
    shown = await _with(service, lambda: service.maps.get(gallery))
    if shown is None:
        raise Refusal("not-found", f"{gallery.name} has no map yet: POST /v1/map makes one")
    if version is not None and version != shown.version:
        raise Refusal("not-found", "the map is another by now: GET /v1/map")
    return shown


async def _with(service: Service, work: Callable[[], Result]) -> Result:
    async with service.gate.turn():
        return await asyncio.get_running_loop().run_in_executor(service.threads, work)


def _caching(shown: Map, version: str | None) -> dict[str, str]:
    keeping = "private, max-age=31536000, immutable" if version == shown.version else "private, no-cache"
    return {"ETag": f'"{shown.version}"', "Cache-Control": keeping}


def _told(service: Service, gallery: Gallery, shown: Map | None) -> MapInfo:
    making = service.maps.making(gallery)
    running = making is not None and making.running
    low, high = (
        (shown.points.min(axis=0), shown.points.max(axis=0)) if shown is not None and len(shown) else ((0, 0), (0, 0))
    )
    return MapInfo(
        state="building" if running else "none" if shown is None else "ready",
        count=0 if shown is None else len(shown),
        etag="" if shown is None else shown.version,
        method="" if shown is None else shown.method,
        later=0 if shown is None else shown.later,
        bounds=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        sheets=0 if shown is None else atlas.count(shown),
        per_sheet=atlas.PER_SHEET,
        columns=atlas.COLUMNS,
        side=atlas.SIDE,
        progress=Progress(what=making.what, done=making.done, of=making.of) if making is not None and running else None,
        error=making.error or None if making is not None and not running else None,
    )
