"""Images that clients add, replace and take out; an answer means that it is on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from likewise.errors import BadImage, LikewiseError
from likewise.images.kinds import Kind, kind_of
from likewise.service import bodies
from likewise.service.galleries import Gallery
from likewise.service.parameters import COLLECTION, KEY
from likewise.service.problems import Refusal, answer_of, declared, refusal_of
from likewise.service.state import Service, service_of
from likewise.service.terms import record_of
from likewise.service.writing.committing import Outcome
from likewise.service.writing.files import can_be_had
from likewise.service.writing.keys import is_upload, upload_key
from likewise.service.writing.parts import Part, parts

router = APIRouter(prefix="/v1/images", tags=["writing"])

_End: TypeAlias = tuple[Outcome, Refusal | None]
_LINES = "application/x-ndjson"
_AT_ONCE = 32  # images of one request that are on their way
_ENDINGS: dict[Kind, str] = {
    "JPEG": "jpg",
    "PNG": "png",
    "GIF": "gif",
    "WebP": "webp",
    "TIFF": "tif",
    "BMP": "bmp",
    "ICO": "ico",
    "PNM": "pnm",
    "JPEG 2000": "jp2",
    "AVIF": "avif",
    "HEIF": "heic",
}
_PROBLEMS = (
    "bad-argument",
    "no-token",
    "not-allowed",
    "foreign-origin",
    "no-such-collection",
    "store-busy",
    "too-large",
    "too-slow",
    "not-a-picture",
    "busy",
    "not-supported",
    "no-room",
    "not-ready",
)


class _Stream(Response):
    """Lines that are made while the body is still read; the framework's own would read from the body to see whether the client is gone."""

    media_type = _LINES

    def __init__(self, lines: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Send each line as it comes."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._lines) as lines:
            async for line in lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Added(BaseModel):
    """What became of one image; `added`, `replaced` and `unchanged` ones are on the disk."""

    key: str = Field(description="Under which it is found from now on, or what was sent where it is none.")
    status: Literal["added", "replaced", "unchanged", "skipped", "failed"] = Field(
        description="`skipped`: it cannot be used; `failed`: nothing is wrong with it, send it again."
    )
    reason: str | None = Field(description="Why not.")


class AddedList(BaseModel):
    """What became of each image, in the order they came."""

    results: list[Added]


_MANY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "keys": {
                            "type": "string",
                            "description": "JSON list of keys, before the files; else file names are keys.",
                        },
                        "file": {"type": "array", "items": bodies.BINARY},
                    },
                    "required": ["file"],
                }
            }
        },
    }
}
_ONE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"image/*": {"schema": bodies.BINARY}, "application/octet-stream": {"schema": bodies.BINARY}},
    }
}


@router.post("", response_model=AddedList, responses=declared(*_PROBLEMS), openapi_extra=_MANY)
async def add(request: Request, collection: COLLECTION = None) -> Response:
    """Add images, many at once: `multipart/form-data`, each file with its key as file name.

    With `Accept: application/x-ndjson` the answer has one line for each image, as soon as it is on the disk.
    """
    service, gallery = _writable(request, collection)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("not-a-picture", "send multipart/form-data, one part for each picture; or PUT one to its key")
    if _LINES in request.headers.get("accept", ""):
        service.writing.check_room()
        return _Stream(_lines(request, service, gallery))
    async with service.writing.request():
        found = [end async for end in _added(request, service, gallery)]
    errors = [error for _, error in found if error is not None]
    if len(errors) == len(found):
        raise errors[0]
    return JSONResponse({"results": [_told(end) for end, _ in found]})


@router.put(
    "/{key:path}",
    response_model=Added,
    responses=declared(*_PROBLEMS, "undecodable") | {201: {"model": Added}},
    openapi_extra=_ONE,
)
async def put(request: Request, key: KEY, collection: COLLECTION = None) -> Response:
    """Add an image under a key below `uploads/`, or replace the one that is there; 201 if it is new."""
    service, gallery = _writable(request, collection)
    if not is_upload(key) or upload_key(key) != key:
        raise Refusal(
            "bad-argument", "what clients add has a key below uploads/, in Unicode's form C, such as uploads/cat.jpg"
        )
    async with service.writing.request():
        files = await bodies.pictures(request, service.settings)
        if len(files) != 1:
            raise Refusal("bad-argument", f"the body has {len(files)} files: send one")
        (file,) = files.values()
        try:
            kind_of(file.data)
            end = await service.writing.add(gallery, key, file.data)
        except BadImage:
            raise
        except LikewiseError as error:
            raise _later(error) from error
    if end.status == "skipped":
        raise Refusal("undecodable", end.reason)
    return JSONResponse(_told(end), status_code=201 if end.status == "added" else 200)


@router.delete("/{key:path}", status_code=204, response_class=Response, responses=declared(*_PROBLEMS, "no-such-image"))
async def delete(request: Request, key: KEY, collection: COLLECTION = None) -> Response:
    """Take an image out. An upload is deleted with its file; of any other the file stays, and it stays out of the collection."""
    service, gallery = _writable(request, collection)
    record_of(gallery, key)
    async with service.writing.request():
        try:
            found = await service.writing.remove(gallery, key)
        except LikewiseError as error:
            raise _later(error) from error
    if not found:
        raise Refusal("no-such-image", "no image of the collection has this key any more")
    return Response(status_code=204)


def _writable(request: Request, collection: str | None) -> tuple[Service, Gallery]:
    service = service_of(request)
    if not service.settings.writable:
        raise Refusal("not-allowed", "this server is read-only: its operator can start it with --writable")
    if not can_be_had():
        raise Refusal("not-supported", "images cannot be added by HTTP on this system: use likewise index")
    if service.gate.draining:
        raise Refusal("not-ready", "the server is stopping: ask another one, or later", {"Retry-After": "5"})
    return service, service.galleries.get(collection)


async def _lines(request: Request, service: Service, gallery: Gallery) -> AsyncGenerator[bytes, None]:
    """One line for each image that is durable; a problem that ends the request is the last line."""
    try:
        async with service.writing.request():
            async for end, _ in _added(request, service, gallery):
                yield json.dumps(_told(end)).encode() + b"\n"
    except Refusal as refusal:
        yield bytes(answer_of(refusal, request.url.path).body) + b"\n"


async def _added(request: Request, service: Service, gallery: Gallery) -> AsyncIterator[_End]:
    """What becomes of each file, in their order."""
    line: list[asyncio.Task[_End]] = []
    try:
        async for name, part in _named(request, service.settings.max_upload_bytes):
            line.append(asyncio.create_task(_end(service, gallery, name, part)))
            while line and (line[0].done() or len(line) >= _AT_ONCE):
                yield await line.pop(0)
        while line:
            yield await line.pop(0)
    finally:
        for each in line:
            each.cancel()


async def _named(request: Request, most_bytes: int) -> AsyncIterator[tuple[str, Part]]:
    """Each file with the key that it is to have."""
    keys: list[str] | None = None
    count = 0
    async for part in parts(request.stream(), request.headers["content-type"], most_bytes):
        if part.file_name is None and part.name == "keys":
            if count:
                raise Refusal("bad-argument", "the part `keys` comes after a file: send it first")
            keys = _keys(part)
        elif part.file_name is None and part.name != "file":
            raise Refusal("bad-argument", f"the part {part.name!r} is no file and not `keys`")
        else:
            if keys is not None and count >= len(keys):
                raise Refusal("bad-argument", f"`keys` has {len(keys)} keys, and there are more files")
            yield keys[count] if keys is not None else part.file_name or _name_of(part), part
            count += 1
    if not count:
        raise Refusal("bad-argument", "the body has no files: send at least one picture")


def _keys(part: Part) -> list[str]:
    try:
        found = json.loads(part.data or b"")
    except ValueError as error:
        raise Refusal("bad-argument", "`keys` is no JSON: send a list of texts") from error
    if not isinstance(found, list) or not all(isinstance(key, str) for key in found):
        raise Refusal("bad-argument", "`keys` is no list of texts")
    return found


def _name_of(part: Part) -> str:
    """For a file without a name: its content's, so that the same picture is the same image."""
    data = part.data or b""
    try:
        return f"{hashlib.sha256(data).hexdigest()[:32]}.{_ENDINGS[kind_of(data)]}"
    except BadImage:
        return "unnamed"


async def _end(service: Service, gallery: Gallery, name: str, part: Part) -> _End:
    if part.data is None:
        most = f"{service.settings.max_upload_bytes / 1e6:,.0f} MB"
        return Outcome(name, "skipped", f"has more than {most}: save it smaller"), None
    try:
        kind_of(part.data)
        return await service.writing.add(gallery, name, part.data), None
    except BadImage as error:
        return Outcome(name, "skipped", str(error)), None
    except Refusal as refusal:  # too many pictures wait to be decoded
        return Outcome(name, "failed", refusal.detail), refusal
    except LikewiseError as error:
        later = _later(error)
        return Outcome(name, "failed", later.detail), later


def _later(error: LikewiseError) -> Refusal:
    """The problem that an error of the collection is to a client, and when to try again."""
    refusal = refusal_of(error)
    return replace(refusal, headers={**refusal.headers, "Retry-After": "5"})


def _told(end: Outcome) -> dict[str, str | None]:
    return {"key": end.key, "status": end.status, "reason": end.reason or None}
