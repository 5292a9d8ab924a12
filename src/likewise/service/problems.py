"""Errors as RFC 9457 problem documents: what is wrong, and the way out, without a word about this machine."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise import errors

_log = logging.getLogger("likewise.service")

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes:
        slug: Ends the address that names it, `/problems/<slug>`.
        status: Of HTTP.
        title: In a few words, the same every time.
        about: For its page: what it means and what to do.
    """

    slug: str
    status: int
    title: str
    about: str


KINDS = {
    kind.slug: kind
    for kind in (
        Kind("bad-argument", 400, "An argument is wrong", "A value is missing, not allowed, or does not go with another one. "
             "`detail` says which, and what is allowed; `errors` lists all of them where there are several."),
        Kind("no-token", 401, "A token is needed", "This server asks who you are: send `Authorization: Bearer TOKEN` with a token "
             "that its operator gave you."),
        Kind("not-allowed", 403, "This token may not do that", "Your token may read and not write, or this server does not allow it at "
             "all. Ask its operator."),
        Kind("foreign-origin", 403, "The request came from another site", "A page of another site, or a host name that is not this "
             "server's, sent the request. Use the server's own address; programs that change something without a token send the header "
             "`X-Likewise: 1`."),
        Kind("no-such-collection", 404, "No such collection", "`GET /v1/collections` lists those that are served."),
        Kind("no-such-image", 404, "No such image", "No image of the collection has this key, or its original is gone. "
             "`GET /v1/images` lists keys."),
        Kind("no-such-upload", 404, "No such upload", "Query pictures are kept for an hour, and the oldest go first when there is no "
             "more room: upload it again."),
        Kind("no-such-job", 404, "No such job", "Jobs are remembered until the server ends, and the oldest go first. `GET /v1/jobs` lists "
             "them."),
        Kind("unknown-name", 404, "Nothing of this name", "`detail` lists the names that are nearest."),
        Kind("not-found", 404, "Nothing is here", "There is nothing at this address: `/openapi.json` lists all that there are."),
        Kind("wrong-method", 405, "Not by this method", "The header `Allow` lists the methods that this address knows."),
        Kind("too-slow", 408, "The request came too slowly", "The server does not wait long for a body that comes in drops: send it "
             "again over a better line."),
        Kind("store-busy", 409, "Another process is writing", "Something else is writing to the collection: try again in a while."),
        Kind("too-large", 413, "Too large", "The body, a file in it, or the picture has more bytes or pixels than this server takes. "
             "Send a smaller one, or ask its operator for --max-upload-mb or --max-megapixels."),
        Kind("not-a-picture", 415, "Not a picture of a kind that is read", "Send JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP as "
             "`image/*`, `application/octet-stream` or `multipart/form-data`; JSON as `application/json`."),
        Kind("range", 416, "No such range", "The range lies beyond the end of the file; `Content-Range` says how long it is."),
        Kind("undecodable", 422, "The picture cannot be used", "It is damaged, or what it is asked for cannot be done with it. `detail` "
             "says why."),
        Kind("busy", 429, "Too many requests", "More requests wait than the server can answer in time. Try again after the seconds that "
             "`Retry-After` names."),
        Kind("not-fetched", 422, "The address was not fetched", "A server that fetches addresses asks the public internet only, by http or "
             "https on their own ports, for a picture within its limits. `detail` says what is wrong; send the picture itself."),
        Kind("internal", 500, "An error of the server", "This is a fault of the program. Its operator finds the details in the log under "
             "the number that `detail` names."),
        Kind("not-supported", 501, "This server cannot do that", "A part of the program is not installed, or the collection's model "
             "cannot do it. `detail` says which."),
        Kind("not-ready", 503, "Not ready", "The server is starting, stopping, or its collection cannot be read just now. Try again."),
        Kind("no-room", 507, "No room", "The server's disk is full; nothing that was kept before is lost."),
        Kind("deadline", 504, "It took too long", "The request was given up after the server's deadline (--deadline-s). Ask for less, or "
             "when the server has less to do."),
    )
}  # fmt: skip


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="The place in the request, such as `body.query.0.weight`.")
    what: str = Field(description="What is wrong there.")


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    type: str = Field(description="`/problems/<slug>`: a page that explains this kind.")
    title: str
    status: int
    detail: str = Field(description="What is wrong here, and the way out.")
    instance: str = Field(description="The path that was asked for.")
    parameter: str | None = Field(default=None, description="`where`, if it is the filter that is wrong.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="One for each thing that is wrong with the request."
    )


@dataclass
class Refusal(Exception):
    """A problem that a handler found.

    Attributes:
        slug: A key of `KINDS`.
        detail: For a person: what was found, and the way out.
        headers: Of the answer.
        errors: Single things that are wrong.
    """

    slug: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[FieldProblem, ...] = ()


_OF_ERRORS: tuple[tuple[type[errors.LikewiseError], str, str], ...] = (
    # What may hold a path of this machine is told in other words: the log has the message.
    (errors.BadArgument, "bad-argument", ""),
    (errors.NotAPicture, "not-a-picture", ""),
    (errors.OverLimit, "too-large", ""),
    (errors.BadImage, "undecodable", ""),
    (errors.UnknownName, "unknown-name", ""),
    (errors.MissingExtra, "not-supported", ""),
    (errors.SourceError, "no-such-image", "the original is no longer where it was indexed: index its folder again"),
    (errors.StoreBusy, "store-busy", "another process is writing to the collection: try again in a while"),
    (errors.StoreFull, "no-room", "the server's disk is full; nothing that was kept before is lost"),
    (errors.DownloadError, "undecodable", ""),
    (errors.NoCollection, "not-ready", "the collection's files are gone"),
    (errors.StoreMismatch, "not-ready", "the collection was made with another model than the one that is here"),
    (errors.StoreDamaged, "not-ready", "the collection cannot be read: its operator can run `likewise verify`"),
    (errors.WeightsError, "not-ready", "the collection's model cannot be loaded here"),
)
_PATH = re.compile(r"(?<![\w:/.<])(?:[A-Za-z]:)?/(?:[^\s/:'\",;()]+/)+[^\s/:'\",;()]*")


def refusal_of(error: errors.LikewiseError) -> Refusal:
    """The problem that an error of the library is to a client."""
    for kind, slug, said in _OF_ERRORS:
        if isinstance(error, kind):
            return Refusal(slug, said or without_paths(str(error)))
    return Refusal("internal", "the server cannot do this; its log says why")


def without_paths(text: str) -> str:
    """A message without places on this machine.

    >>> without_paths("/home/ada/photos/cat.jpg: is cut off: fetch it again")
    'a file: is cut off: fetch it again'
    """
    return _PATH.sub("a file", text)


def answer_of(refusal: Refusal, path: str) -> JSONResponse:
    """The answer that tells a problem."""
    kind = KINDS[refusal.slug]
    told = Problem(
        type=f"/problems/{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=refusal.detail,
        instance=path,
        parameter="where" if refusal.detail.startswith("where") else None,
        errors=list(refusal.errors) or None,
    )
    body = told.model_dump(exclude_none=True)
    return JSONResponse(body, kind.status, dict(refusal.headers), media_type=MEDIA_TYPE)


Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""Of a route, as FastAPI takes them: status → what is answered."""


def content(status: int, media_type: str, about: str) -> Responses:
    """The `responses` of a route that answers something else than JSON."""
    schema = {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
    return {status: {"content": {media_type: {"schema": schema}}, "description": about}}


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def declared(*slugs: str) -> Responses:
    """The `responses` of a route for the problems that it may answer with."""
    by_status: Responses = {}
    for slug in slugs:
        kind = KINDS[slug]
        told = by_status.setdefault(kind.status, {"content": {MEDIA_TYPE: {"schema": _PROBLEM}}, "description": ""})
        told["description"] = f"{told['description']}; {kind.title}".removeprefix("; ")
    return by_status


async def on_refusal(request: Request, error: Exception) -> JSONResponse:
    """Answer what a handler refused."""
    assert isinstance(error, Refusal)  # noqa: S101 - registered for it
    return answer_of(error, request.url.path)


async def on_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the library."""
    assert isinstance(error, errors.LikewiseError)  # noqa: S101 - registered for it
    refusal = refusal_of(error)
    if KINDS[refusal.slug].status >= 500:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    return answer_of(refusal, request.url.path)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that is not of its declared shape."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    return answer_of(invalid(error.errors()), request.url.path)


def invalid(found: Sequence[Any]) -> Refusal:
    """What pydantic found wrong, in our words."""
    told = tuple(FieldProblem(where=".".join(map(str, each["loc"])), what=each["msg"]) for each in found[:20])
    first = f"{told[0].where}: {told[0].what}" if told else "the request is not understood"
    return Refusal("bad-argument", first, errors=told)


async def on_gone(_request: Request, _error: Exception) -> Response:
    """Answer a client that is gone: nobody reads it."""
    return Response(status_code=499)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework itself refuses: an address or a method that there is not."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    slug = {404: "not-found", 405: "wrong-method", 413: "too-large"}.get(error.status_code, "bad-argument")
    detail = {"not-found": "there is nothing at this address", "wrong-method": "the header Allow lists what is allowed"}
    return answer_of(
        Refusal(slug, detail.get(slug, without_paths(str(error.detail))), dict(error.headers or {})), request.url.path
    )


class Faults:
    """Answers a fault of ours: its story is in the log, and nothing of it in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and catch what nobody expected."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            number = secrets.token_hex(4)
            _log.error("fault %s at %s %s", number, scope["method"], scope["path"], exc_info=error)
            told = f"a fault of the program, number {number} in the server's log"
            await answer_of(Refusal("internal", told), scope["path"])(scope, receive, send)
