"""`POST /v1/explain`: the places that a picture and an image of the gallery share."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from likewise import images
from likewise.queries import ByImage, ByKey, Query
from likewise.queries import Term as Weighted
from likewise.rerank import load
from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.gate import unless_gone
from likewise.service.problems import Refusal, declared
from likewise.service.state import Service, service_of
from likewise.service.terms import record_of, understood
from likewise.types import Hit

router = APIRouter(prefix="/v1", tags=["search"])

_CHAIN = "geometry"


class ExplainRequest(models.Asked):
    """A picture, and an image of the gallery."""

    collection: str | None = Field(default=None, max_length=500, description="The first one unless given.")
    term: models.KeyTerm | models.UploadTerm | models.DataTerm | models.UrlTerm
    key: Annotated[str, models.KEY]


class Size(BaseModel):
    """Of a picture, upright, in pixels."""

    width: int
    height: int


class Explanation(BaseModel):
    """The places that two pictures share by one geometry; none where they show nothing in common."""

    inliers: int = Field(description="How many places agree.")
    query: Size = Field(description="Of the whole picture, also where only a region of it is compared.")
    hit: Size
    matches: list[tuple[float, float, float, float]] = Field(
        description="x and y in the query's picture, then in the hit's, in pixels."
    )


@router.post(
    "/explain",
    response_model=Explanation,
    responses=declared(
        *("bad-argument", "no-token", "not-allowed", "foreign-origin", "no-such-collection", "no-such-image"),
        *("no-such-upload", "too-large", "not-a-picture", "undecodable", "not-fetched", "busy", "not-supported"),
        *("not-ready", "deadline"),
    ),
)
async def explain(request: Request, asked: ExplainRequest) -> Explanation:
    """Which places of a picture are also in an image of the gallery, as the re-ranker `geometry` finds them."""
    service = service_of(request)
    async with service.gate.turn():
        gallery = service.galleries.get(asked.collection)
        return await unless_gone(request, _explained(service, gallery, asked))


async def _explained(service: Service, gallery: Gallery, asked: ExplainRequest) -> Explanation:
    record = record_of(gallery, asked.key)
    read = await understood(service, gallery, models.SearchRequest(query=[asked.term]), {})
    hit = Hit(1, 0.0, record, -1)
    return await asyncio.get_running_loop().run_in_executor(service.threads, _places, gallery, read.query, hit)


def _places(gallery: Gallery, query: Query, hit: Hit) -> Explanation:
    """Both pictures are read as they are known here: one of the gallery from where it was found."""
    part = query.terms[0].part
    if not isinstance(part, ByImage | ByKey):
        raise Refusal("bad-argument", "only pictures share places: name one by `key`, `upload`, `data` or `url`")
    asked = Query((Weighted(part),))
    found = gallery.collection.explained(asked, [hit], load(_CHAIN))
    (explained,) = found
    shown = _size(gallery, explained.picture.read())
    left, top, whole = 0, 0, shown
    if isinstance(part, ByImage) and part.region is not None:
        left, top, whole = max(part.region[0], 0), max(part.region[1], 0), _size(gallery, part.data)
    size = Size(width=hit.record.width, height=hit.record.height)
    if explained.places is None:
        return Explanation(inliers=0, query=whole, hit=size, matches=[])
    mine = explained.places.query * (shown.width, shown.height) + (left, top)
    theirs = explained.places.hit * (size.width, size.height)
    matches = [tuple(each) for each in np.hstack([mine, theirs]).round(2).tolist()]
    return Explanation(inliers=len(matches), query=whole, hit=size, matches=matches)


def _size(gallery: Gallery, data: bytes) -> Size:
    width, height = images.size(data, gallery.collection.limits)
    return Size(width=width, height=height)
