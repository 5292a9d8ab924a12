"""`POST /v1/search`."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from likewise.queries import ByImage, ByKey, ByMarks, ByText, Query
from likewise.queries import Term as Weighted
from likewise.service import bodies, models, showing
from likewise.service.galleries import Gallery
from likewise.service.gate import unless_gone
from likewise.service.problems import Refusal, declared
from likewise.service.searching import Answer, Times, Wish, paged
from likewise.service.state import Service, service_of
from likewise.service.strengths import Strength, in_a_word
from likewise.service.terms import File, understood
from likewise.types import Skipped

router = APIRouter(prefix="/v1", tags=["search"])

_KINDS = {ByImage: "image", ByKey: "key", ByText: "text"}

_BODY: dict[str, Any] = {
    "parameters": bodies.OPTIONS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SearchRequest"}},
            "image/*": {"schema": bodies.BINARY},
            "application/octet-stream": {"schema": bodies.BINARY},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"request": {"$ref": "#/components/schemas/SearchRequest"}},
                    "additionalProperties": bodies.BINARY,
                },
                "encoding": {"request": {"contentType": "application/json"}},
            },
        },
    },
}


@router.post(
    "/search",
    response_model=models.SearchAnswer,
    responses=declared(
        "bad-argument",
        "no-token",
        "not-allowed",
        "no-such-collection",
        "no-such-image",
        "no-such-upload",
        "unknown-name",
        "too-large",
        "not-a-picture",
        "undecodable",
        "not-fetched",
        "busy",
        "not-supported",
        "not-ready",
        "deadline",
    ),
    openapi_extra=_BODY,
)
async def search(request: Request) -> Response:
    """The images most like a picture, a part of one, words, an image of the gallery, or a mix of these.

    The body is the picture itself (options in the query string), JSON, or multipart with pictures and a part `request` of JSON.
    """
    service, times = service_of(request), Times()
    async with service.gate.turn():
        asked, files = await bodies.search(request, service.settings)
        gallery = service.galleries.get(asked.collection)
        query, answer = await unless_gone(request, _found(service, gallery, asked, files, times))
    if isinstance(answer, Skipped):
        raise Refusal("bad-argument", f"{answer.key}: {answer.reason}")
    service.telemetry.took(times.stages())
    told = to_json(_told(service, gallery, asked, query, answer, times))
    return Response(told, media_type="application/json")


async def _found(
    service: Service, gallery: Gallery, asked: models.SearchRequest, files: Mapping[str, File], times: Times
) -> tuple[Query, Answer | Skipped]:
    layers = tuple(sorted((asked.layers or {}).items()))
    wish = Wish(asked.metric, asked.rerank, asked.where, asked.significance, asked.fold, layers)
    began = perf_counter()
    with service.searching.expecting():
        read = await understood(service, gallery, asked, files)
    times.decode = perf_counter() - began
    embedded = await service.searching.embed(gallery, read.pixels, times)
    return read.query, await service.searching.search(
        gallery, read.query, embedded, asked.k + asked.offset, wish, times
    )


def _told(
    service: Service, gallery: Gallery, asked: models.SearchRequest, query: Query, whole: Answer, times: Times
) -> showing.Told:
    """The fields of `models.SearchAnswer`."""
    places = len(whole.hits) + len(whole.by_chance)
    answer = paged(whole, asked.offset)
    strengths = _strengths(service, gallery, asked, query, answer)
    left = len(whole.hits) - len(answer.hits)
    by_chance = [showing.chance_hit(gallery, each) for each in answer.by_chance]
    return {
        "collection": gallery.name,
        "model": gallery.collection.store.card.name,
        "query": [_part(term) for term in query.terms],
        "note": answer.note,
        "total": whole.total,
        "k": asked.k,
        "offset": asked.offset,
        "more": places == asked.k + asked.offset and places + len(query.left_out) < whole.total,
        "hits": [
            showing.hit(gallery, each, rank, strength)
            for rank, (each, strength) in enumerate(zip(answer.hits, strengths, strict=True), start=left + 1)
        ],
        "by_chance": by_chance,
        "best_by_chance": by_chance[0] if by_chance and not whole.hits else None,
        "timing_ms": times.told(),
    }


def _strengths(
    service: Service, gallery: Gallery, asked: models.SearchRequest, query: Query, answer: Answer
) -> list[Strength | None]:
    """A word for each hit: of single pictures by the model's own metric, or as far as the hits themselves tell."""
    own = asked.metric in (None, gallery.collection.store.card.metric)
    single = len(query.terms) == 1 and query.terms[0].weight > 0 and isinstance(query.terms[0].part, ByImage | ByKey)
    other = asked.significance is not None or asked.rerank is not None or bool(asked.layers) or query.is_taught
    if other or not own or not single:
        return [in_a_word(hit.chance, hit.inliers) for hit in answer.hits]
    return service.strengths.told(gallery, answer.hits, answer.total)


def _part(term: Weighted) -> showing.Told:
    """The fields of `models.QueryPart`."""
    part = term.part
    kind = _KINDS[type(part)] if not isinstance(part, ByMarks) else "concept" if part.concept else "marks"
    region = list(part.region) if isinstance(part, ByImage) and part.region is not None else None
    return {"kind": kind, "name": part.name, "weight": term.weight, "region": region}
