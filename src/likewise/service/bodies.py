"""Bodies of requests become a search and its pictures, within limits that hold before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from likewise.service import models, problems
from likewise.service.problems import Refusal
from likewise.service.settings import Settings
from likewise.service.terms import File

BINARY: Mapping[str, str] = {"type": "string", "format": "binary"}
_MOST_PARTS = 64


async def search(request: Request, settings: Settings) -> tuple[models.SearchRequest, dict[str, File]]:
    """What a search request asks, and the pictures in its body.

    Raises:
        Refusal: If it is too large, of no kind that is read, or not of the declared shape.
    """
    kind, options = _kind(request), _options(request.url.query)
    if kind == "application/json":
        return parsed(await request.body()), {}
    if kind == "multipart/form-data":
        told, files = await _form(request, settings)
        return (_of(options, files, settings) if told is None else parsed(told)), files
    files = await pictures(request, settings)
    return _of(options, files, settings), files


async def pictures(request: Request, settings: Settings) -> dict[str, File]:
    """The picture that is the body, or those in its parts, by part name; errors as of `search`."""
    kind = _kind(request)
    if kind == "multipart/form-data":
        return (await _form(request, settings))[1]
    if kind.startswith("image/") or kind == "application/octet-stream":
        data = await request.body()
        if not data:
            raise Refusal("bad-argument", "the body is empty: send a picture")
        return {"image": File("image", data)}
    raise Refusal(
        "not-a-picture",
        f"a body of type {kind or 'none'} is not read: send image/*, application/octet-stream or multipart/form-data",
    )


@lru_cache(maxsize=1000)
def _options(query: str) -> models.SearchOptions:
    """The options in an address: most clients send the same ones again and again."""
    try:
        return models.SearchOptions.model_validate(dict(parse_qsl(query, keep_blank_values=True)))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise problems.invalid([each | {"loc": ("query", *each["loc"])} for each in found]) from error


def _parameters() -> list[dict[str, Any]]:
    """The options in an address as OpenAPI tells parameters."""
    told = []
    for name, schema in models.SearchOptions.model_json_schema()["properties"].items():
        about, found = schema.pop("description", ""), dict(schema)
        one: dict[str, Any] = next((each for each in found.pop("anyOf", [{}]) if each.get("type") != "null"), {})
        if found.get("default", ...) is None:
            del found["default"]
        told.append({"name": name, "in": "query", "required": False, "description": about, "schema": found | one})
    return told


OPTIONS = _parameters()


def parsed(text: bytes) -> models.SearchRequest:
    """A search request in JSON.

    Raises:
        Refusal: If it is none.
    """
    try:
        return models.SearchRequest.model_validate_json(text)
    except ValidationError as error:
        raise problems.invalid(_short(error)) from error


def _of(options: models.SearchOptions, files: Mapping[str, File], settings: Settings) -> models.SearchRequest:
    query: list[models.Term] = [models.FileTerm(file=name, region=options.region) for name in files]
    if len(query) > settings.max_query_terms:
        raise Refusal("bad-argument", f"{len(query)} pictures: send at most {settings.max_query_terms}")
    return models.SearchRequest(query=query, **options.model_dump(exclude={"region"}))


def _short(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, without the readings of a term that nobody meant."""
    found: list[dict[str, Any]] = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        place = tuple(each["loc"])
        named = [part for part in place if isinstance(part, str) and part.endswith("Term")]
        found.append(
            {"loc": ("body", *(part for part in place if part not in named)), "msg": each["msg"], "term": named}
        )
    meant = [each for each in found if not each["term"] or not _is_another(each, found)]
    return meant or found


def _is_another(each: Mapping[str, Any], found: list[dict[str, Any]]) -> bool:
    """Whether an error belongs to a reading of a term that lacks its main name."""
    return any(other["term"] == each["term"] and other["msg"] == "Field required" for other in found)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _form(request: Request, settings: Settings) -> tuple[bytes | None, dict[str, File]]:
    """The part `request` if there is one, and the files by part name."""
    try:
        form = await request.form(
            max_files=_MOST_PARTS, max_fields=_MOST_PARTS, max_part_size=settings.max_upload_bytes
        )
    except HTTPException as error:
        raise Refusal("bad-argument", f"the multipart body is not understood: {error.detail}") from error
    told: bytes | None = None
    files: dict[str, File] = {}
    try:
        for name, part in form.multi_items():
            data = await part.read() if isinstance(part, UploadFile) else part.encode()
            if name == "request":
                told = data
            elif not isinstance(part, UploadFile):
                raise Refusal(
                    "bad-argument", f"the part {name!r} is no file: options stand in the part `request`, as JSON"
                )
            elif name in files:
                raise Refusal("bad-argument", f"two parts are called {name!r}: give each a name of its own")
            else:
                files[name] = File(part.filename or name, data)
    finally:
        await form.close()
    return told, files
