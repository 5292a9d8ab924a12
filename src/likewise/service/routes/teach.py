"""Concepts: marks of images under a name. Marks themselves are part of a search. docs/teaching.md."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from likewise.collection.concepts import Concept
from likewise.service import models
from likewise.service.parameters import COLLECTION
from likewise.service.problems import declared
from likewise.service.state import service_of
from likewise.teaching import DEFAULT, Marks

router = APIRouter(prefix="/v1/concepts", tags=["teach"])

_NAME = Annotated[str, Path(min_length=1, max_length=200)]
_PROBLEMS = ("bad-argument", "no-token", "not-allowed", "no-such-collection", "not-ready")
_CHANGING = (*_PROBLEMS, "foreign-origin", "store-busy", "no-room")


class ConceptMarks(models.Asked):
    """What a concept is taught by."""

    liked: list[Annotated[str, models.KEY]] = Field(default_factory=list, max_length=1000)
    disliked: list[Annotated[str, models.KEY]] = Field(default_factory=list, max_length=1000)
    method: Literal["logistic", "rocchio"] = DEFAULT


class ConceptInfo(BaseModel):
    """A concept that is kept."""

    name: str
    liked: list[str] = Field(description="Under the keys that the images have now.")
    disliked: list[str]
    missing: list[str] = Field(description="Marked images that are gone, and do not count.")
    method: str | None
    same_model: bool = Field(description="Whether it was taught with the embeddings that the collection holds.")
    created_at: str


class ConceptList(BaseModel):
    """All concepts of a collection, by name."""

    concepts: list[ConceptInfo]


@router.get("", response_model=ConceptList, responses=declared(*_PROBLEMS))
async def concepts(request: Request, collection: COLLECTION = None) -> ConceptList:
    """All concepts of a collection."""
    service = service_of(request)
    held = service.galleries.get(collection).collection.concepts
    found = await asyncio.get_running_loop().run_in_executor(service.threads, lambda: list(held.values()))
    return ConceptList(concepts=[_told(each) for each in found])


@router.get("/{name}", response_model=ConceptInfo, responses=declared(*_PROBLEMS, "unknown-name"))
async def concept(request: Request, name: _NAME, collection: COLLECTION = None) -> ConceptInfo:
    """One concept."""
    service = service_of(request)
    held = service.galleries.get(collection).collection.concepts
    return _told(await asyncio.get_running_loop().run_in_executor(service.threads, held.__getitem__, name))


@router.put("/{name}", response_model=ConceptInfo, responses=declared(*_CHANGING))
async def save(request: Request, name: _NAME, asked: ConceptMarks, collection: COLLECTION = None) -> ConceptInfo:
    """Keep marks under a name, in the place of what it meant before."""
    service = service_of(request)
    held = service.galleries.get(collection).collection.concepts
    marks = Marks(tuple(asked.liked), tuple(asked.disliked), asked.method)
    return _told(await asyncio.get_running_loop().run_in_executor(service.threads, held.save, name, marks))


@router.delete("/{name}", status_code=204, responses=declared(*_CHANGING, "unknown-name"))
async def remove(request: Request, name: _NAME, collection: COLLECTION = None) -> Response:
    """Forget a concept; the images stay."""
    service = service_of(request)
    held = service.galleries.get(collection).collection.concepts
    await asyncio.get_running_loop().run_in_executor(service.threads, held.remove, name)
    return Response(status_code=204)


def _told(found: Concept) -> ConceptInfo:
    marks = found.marks
    return ConceptInfo(
        name=found.name,
        liked=[] if marks is None else list(marks.liked),
        disliked=[] if marks is None else list(marks.disliked),
        missing=list(found.missing),
        method=None if marks is None else marks.method,
        same_model=found.same_model,
        created_at=found.created_at,
    )
