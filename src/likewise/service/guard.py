"""Who may ask, how much may be sent, and what browsers are told; before anything else sees a request."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.errors import BadArgument
from likewise.service.problems import Refusal, answer_of
from likewise.service.settings import Settings, is_loopback
from likewise.service.tokens import Tokens

_PUBLIC = ("/", "/healthz", "/readyz", "/openapi.json")
_PUBLIC_BELOW = ("/web/", "/problems/")
_READ_METHODS = ("GET", "HEAD", "OPTIONS")
_READ_POSTS = ("/v1/search", "/v1/uploads", "/v1/explain", "/v1/duplicates")  # they ask, and change nothing that lasts
_MANY_PICTURES = "/v1/images"
_BASE64 = 1.4  # of bytes in JSON, with its line ends
_ROOM = 1_000_000  # bytes of a body beside its picture

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Browsers:
    """Says to browsers what no answer of ours needs: other sites, frames, guesses at types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add headers to what is answered; an answer's own stay."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message)
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


class Guard:
    """Refuses who may not ask, and bodies that are too large, before a handler is called.

    Without tokens only this machine can ask, and what comes from browsers must come from the server's own page: a page elsewhere
    can make a browser send requests here (cross-site request forgery), also under a name that it lets point here (DNS rebinding).
    With tokens neither helps it, as no browser sends them by itself.
    """

    def __init__(self, app: ASGIApp, settings: Settings, tokens: Tokens | None) -> None:
        self._app, self._settings, self._tokens = app, settings, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what may pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        try:
            self._check(scope["method"], path, headers)
            most = self._most_bytes(path)
            if int(headers.get("content-length", "0")) > most:
                raise _too_large(most)
        except Refusal as refusal:
            await answer_of(refusal, path)(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), send)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        if self._tokens is None or self._settings.on_loopback:
            _check_host(headers.get("host", ""), self._settings.host)
        if path in _PUBLIC or path.startswith(_PUBLIC_BELOW):
            return
        writes = method not in _READ_METHODS and not (method == "POST" and path in _READ_POSTS)
        if self._tokens is not None:
            _check_token(self._tokens, headers.get("authorization", ""), writes=writes)
        else:
            _check_origin(headers, writes=writes)

    def _most_bytes(self, path: str) -> int:
        if path == _MANY_PICTURES:
            return self._settings.max_body_bytes
        return int(self._settings.max_upload_bytes * _BASE64) + _ROOM


def _check_host(host: str, ours: str) -> None:
    """Refuse a request that came under a name which somebody else may have pointed here."""
    name = host[: host.rfind("]") + 1].strip("[]") if host.startswith("[") else host.partition(":")[0]
    if not (is_loopback(name) or name == ours):
        raise Refusal(
            "foreign-origin", "this server answers under localhost and 127.0.0.1 only: open it by one of these"
        )


def _check_token(tokens: Tokens, authorization: str, *, writes: bool) -> None:
    scheme, _, token = authorization.partition(" ")
    try:
        holder = tokens.holder(token.strip()) if scheme.lower() == "bearer" else None
    except BadArgument as error:
        raise Refusal("not-ready", "the server cannot read its file of tokens: tell its operator") from error
    if holder is None:
        told = (
            "send `Authorization: Bearer TOKEN`" if not authorization else "this token is not known here, or no longer"
        )
        raise Refusal("no-token", told, {"WWW-Authenticate": 'Bearer realm="likewise"'})
    if writes and not holder.may("write"):
        raise Refusal(
            "not-allowed", f"the token {holder.name} may read and not write: ask the operator for one that may"
        )


def _check_origin(headers: Headers, *, writes: bool) -> None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and origin.partition("://")[2] != headers.get("host", ""):
        raise Refusal("foreign-origin", "a page of another site sent this request")
    if origin is None and site not in ("none", "same-origin"):
        raise Refusal("foreign-origin", "a page of another site sent this request")
    if writes and origin is None and "x-likewise" not in headers:
        raise Refusal(
            "foreign-origin",
            "what changes something needs the header `X-Likewise: 1`, which no page elsewhere can send",
        )


def _counted(receive: Receive, most: int) -> Receive:
    """What the client sends, until it is more than it may: what it says of its length is not believed."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return counting


def _too_large(most: int) -> Refusal:
    return Refusal(
        "too-large", f"the body has more than {most / 1e6:,.0f} MB: send a smaller picture", {"Connection": "close"}
    )


def _add(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
