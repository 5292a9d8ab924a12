"""What a request names becomes a query: keys, uploads, parts of the body and words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from likewise.encoders import TextEncoder
from likewise.queries import ByImage, ByKey, ByMarks, ByText, Part, Query
from likewise.queries import Term as Weighted
from likewise.queries.syntax import Region
from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.problems import Refusal
from likewise.service.state import Service
from likewise.teaching import Marks
from likewise.types import Image, Record


@dataclass(frozen=True, slots=True)
class File:
    """A picture in the body of a request."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Understood:
    """A query, and the pixels of those of its parts that were decoded for it."""

    query: Query
    pixels: Mapping[ByImage, Image]


async def understood(
    service: Service, gallery: Gallery, asked: models.SearchRequest, files: Mapping[str, File]
) -> Understood:
    """Everything that a request names, read and decoded.

    Raises:
        Refusal: If something is not there, or cannot be asked here.
        LikewiseError: If something cannot be used.
    """
    named = {term.file for term in asked.query if isinstance(term, models.FileTerm)}
    terms = [*asked.query, *(models.FileTerm(file=part) for part in files if part not in named)]
    marks = Marks(tuple(asked.liked), tuple(asked.disliked)) if asked.liked or asked.disliked else None
    if not terms and marks is not None:
        return Understood(Query((Weighted(ByMarks(marks)),), with_self=asked.with_self), {})
    if not terms:
        raise Refusal(
            "bad-argument", "nothing to look for: name at least one term in `query` or in `liked`, or send a picture"
        )
    if len(terms) > service.settings.max_query_terms:
        raise Refusal("bad-argument", f"{len(terms)} terms: name at most {service.settings.max_query_terms}")
    for term in terms:
        if term.weight == 0:
            raise Refusal("bad-argument", "a term has weight 0: leave it out, or give it another")
    found = await asyncio.gather(*(_part(service, gallery, term, files) for term in terms))
    made = tuple(Weighted(part, term.weight) for (part, _), term in zip(found, terms, strict=True))
    pixels = {part: shown for part, shown in found if shown is not None and isinstance(part, ByImage)}
    return Understood(Query(made, with_self=asked.with_self, marks=marks), pixels)


async def _part(
    service: Service, gallery: Gallery, term: models.Term, files: Mapping[str, File]
) -> tuple[Part, Image | None]:
    if isinstance(term, models.TextTerm):
        return _words(gallery, term.text), None
    if isinstance(term, models.ConceptTerm):
        return gallery.collection.concepts.part(term.concept), None
    region = None if term.region is None else Region.parse(term.region)
    if isinstance(term, models.UrlTerm):
        if service.fetcher is None:
            raise Refusal("not-allowed", "this server fetches no addresses: send the picture itself")
        return await _picture(service, gallery, File("url", await service.fetcher.fetch(term.url)), region)
    if isinstance(term, models.KeyTerm):
        record = record_of(gallery, term.key)
        if region is None:
            return ByKey(term.key), None
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(service.threads, gallery.collection.original, record)
        return await _picture(service, gallery, File(f"key:{term.key}", data), region, term.key)
    return await _picture(service, gallery, _file(service, term, files), region)


def _file(
    service: Service, term: models.UploadTerm | models.FileTerm | models.DataTerm, files: Mapping[str, File]
) -> File:
    if isinstance(term, models.UploadTerm):
        kept = service.uploads.get(term.upload)
        if kept is None:
            raise Refusal("no-such-upload", "this upload is kept no more: upload the picture again")
        return File(f"upload:{term.upload[:8]}", kept.data)
    if isinstance(term, models.FileTerm):
        if term.file not in files:
            raise Refusal(
                "bad-argument", f"the body has no file part {term.file!r}: it has {', '.join(files) or 'none'}"
            )
        return files[term.file]
    try:
        return File("data", base64.b64decode(term.data, validate=True))
    except ValueError as error:
        raise Refusal("bad-argument", f"`data` is not base64: {error}") from error


async def _picture(
    service: Service, gallery: Gallery, file: File, region: Region | None, key: str = ""
) -> tuple[Part, Image | None]:
    made = await service.decoder.pixels(file.data, gallery.collection.store.card.recipe, region)
    name = file.name if region is None else f"{file.name}@{region}"
    return ByImage(name, file.data, made.box, key), made.pixels


def _words(gallery: Gallery, words: str) -> ByText:
    if not isinstance(gallery.collection.encoder, TextEncoder):
        raise Refusal("bad-argument", f"{gallery.collection.store.card.name} has no text: search by a picture")
    return ByText(words)


def record_of(gallery: Gallery, key: str) -> Record:
    """What the gallery knows of a key; keys come from clients, and only what the gallery holds goes further.

    Raises:
        Refusal: If there is no such image.
    """
    known = gallery.collection.store.known(key)
    if known is None or not known.live or known.record is None:
        raise Refusal("no-such-image", f"no image of {gallery.name} has the key {key!r}: GET /v1/images lists keys")
    return known.record
