"""Which collections there are, what can be asked of them, and which models there are to choose from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from likewise.collection import Collection
from likewise.encoders import TextEncoder, catalogue
from likewise.errors import BadArgument
from likewise.filters.summary import FieldSummary
from likewise.layers import Slice
from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.parameters import COLLECTION, WHERE
from likewise.service.problems import declared
from likewise.service.state import Service, service_of
from likewise.significance.sampling import FEWEST

router = APIRouter(prefix="/v1", tags=["collections"])

_DEFAULT_K = 24


@router.get(
    "/collections",
    response_model=models.CollectionList,
    responses=declared("bad-argument", "no-token", "not-allowed", "not-ready"),
)
async def collections(request: Request) -> models.CollectionList:
    """All that are served, the default first."""
    service = service_of(request)
    return models.CollectionList(
        collections=[await told(service, service.galleries.get(name)) for name in service.galleries.names]
    )


@router.get(
    "/collections/{name}",
    response_model=models.CollectionInfo,
    responses=declared("bad-argument", "no-token", "not-allowed", "no-such-collection", "not-ready"),
)
async def collection(request: Request, name: Annotated[str, Path(max_length=500)]) -> models.CollectionInfo:
    """One collection: its size, its model, what can be asked."""
    service = service_of(request)
    return await told(service, service.galleries.get(name))


@router.get(
    "/fields",
    response_model=models.FieldList,
    responses=declared(
        "bad-argument", "no-token", "not-allowed", "no-such-collection", "unknown-name", "busy", "not-ready", "deadline"
    ),
)
async def fields(
    request: Request,
    collection: COLLECTION = None,
    where: WHERE = None,
    top: Annotated[int, Query(ge=1, le=200, description="How many frequent values are told of each field.")] = 5,
) -> models.FieldList:
    """Fields that a filter can ask for, with their most frequent values."""
    service = service_of(request)
    gallery = service.galleries.get(collection)
    async with service.gate.turn():
        found = await asyncio.get_running_loop().run_in_executor(service.threads, gallery.collection.fields, where, top)
    first = found[0] if found else None
    return models.FieldList(
        images=0 if first is None else first.missing + sum(first.kinds.values()),
        fields=[_field(each) for each in found],
    )


@router.get("/models", response_model=models.ModelList, responses=declared("no-token", "not-allowed"))
async def known_models() -> models.ModelList:
    """The well-known models, as `likewise models` tells them."""
    return models.ModelList(
        models=[
            models.ModelEntry(
                name=entry.name,
                about=entry.about,
                dim=entry.dim,
                input=entry.side,
                metric=entry.metric,
                text=entry.text,
                licence=entry.licence,
                paper=entry.paper or None,
                source=entry.source,
                download_bytes=entry.size_bytes if entry.files else 0,
                download_is_estimate=entry.about_size,
                cached=entry.cached(),
                needs=list(entry.needs),
                lacks=list(entry.lacks),
            )
            for entry in catalogue.ENTRIES
        ]
    )


async def told(service: Service, gallery: Gallery) -> models.CollectionInfo:
    """All about a collection."""
    loop, held = asyncio.get_running_loop(), gallery.collection
    card = held.store.card
    encoder = await loop.run_in_executor(service.threads, lambda: held.encoder)
    count = len(held)
    parts, why = await loop.run_in_executor(service.threads, _layers, held)
    return models.CollectionInfo(
        name=gallery.name,
        images=count,
        model=models.ModelCard(
            name=card.name,
            dim=card.dim,
            input=card.recipe.side,
            recipe=card.recipe.name,
            metric=card.metric,
            layer=card.layer,
            pooling=card.pooling,
            fingerprint=card.fingerprint,
            licence=card.licence,
            source=card.source,
            paper=card.paper,
        ),
        metric=card.metric,
        can=models.Can(
            text=isinstance(encoder, TextEncoder),
            geometry=find_spec("cv2") is not None,
            write=service.settings.writable and gallery.is_folder,
            urls=service.settings.allow_urls,
            significance=count >= FEWEST,
            teach=count > 0 and (card.unit or card.metric == "cosine"),
            map=count > 1,
            layers=bool(parts),
        ),
        layers=[part.name for part in parts],
        layer_weights=[part.weight for part in parts],
        why_no_layers=why,
        default_k=_DEFAULT_K,
    )


def _layers(held: Collection) -> tuple[Sequence[Slice], str | None]:
    try:
        return held.layers(), None
    except BadArgument as error:
        return (), str(error)


def _field(each: FieldSummary) -> models.FieldInfo:
    return models.FieldInfo(
        name=each.name,
        kinds=dict(each.kinds),
        missing=each.missing,
        least=each.least,
        most=each.most,
        distinct=each.distinct,
        top=[models.Frequent(value=value, images=count) for value, count in each.top],
    )
