"""The ASGI app, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from likewise import __version__
from likewise.errors import LikewiseError
from likewise.pipeline.programs import can_be_had
from likewise.service import openapi, problems
from likewise.service.decoding.inline import InlineDecoder
from likewise.service.decoding.isolated import IsolatedDecoder
from likewise.service.fetching import Fetcher
from likewise.service.galleries import Galleries
from likewise.service.gate import Gate
from likewise.service.guard import Browsers, Guard
from likewise.service.jobs import Jobs
from likewise.service.mapping import Maps
from likewise.service.routes import collections, health, images, jobs, map, pages, search, teach, uploads, writing  # noqa: A004 - named after the noun
from likewise.service.searching import Searching
from likewise.service.settings import Settings
from likewise.service.state import Decoder, Service
from likewise.service.strengths import Strengths
from likewise.service.telemetry import Counting, Telemetry
from likewise.service.tokens import Tokens
from likewise.service.uploads import Uploads
from likewise.service.writing.committing import recover_all
from likewise.service.writing.front import Writing

_ROUTERS = (
    search.router,
    uploads.router,
    images.router,
    writing.router,
    collections.router,
    teach.router,
    map.router,
    jobs.router,
    health.router,
    pages.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI app; it opens its collections here, and its threads end with its lifespan.

    Raises:
        NoCollection: If a folder holds none.
    """
    tokens = None if settings.tokens is None else Tokens(settings.tokens)
    service = _service(settings)

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.get_running_loop().run_in_executor(service.threads, _load, service)
        yield
        service.gate.drain()
        await loading
        await _close(service)

    app = FastAPI(
        title="Likewise",
        version=__version__,
        summary="Find the pictures that look like yours.",
        lifespan=living,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    app.add_exception_handler(problems.Refusal, problems.on_refusal)
    app.add_exception_handler(LikewiseError, problems.on_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(HTTPException, problems.on_http)
    app.add_exception_handler(ClientDisconnect, problems.on_gone)
    app.add_middleware(problems.Faults)
    app.add_middleware(Guard, settings=settings, tokens=tokens)  # the last one added is the first one asked
    app.add_middleware(Browsers)
    app.add_middleware(Counting, telemetry=service.telemetry)
    app.openapi = lambda: openapi.document(app, guarded=tokens is not None)  # type: ignore[method-assign]
    return app


def _service(settings: Settings) -> Service:
    telemetry = Telemetry()
    searching = Searching(settings.workers, settings.batch, settings.window_s, telemetry)
    threads = ThreadPoolExecutor(settings.workers + 2, "service")  # two that wait for disks
    decoder = _decoder(settings, threads)
    return Service(
        settings=settings,
        galleries=Galleries(settings.folders),
        uploads=Uploads(settings.uploads_bytes, settings.uploads_s),
        decoder=decoder,
        gate=Gate(settings.queue, settings.deadline_s, telemetry.queue.set, telemetry.refused.inc),
        searching=searching,
        strengths=Strengths(threads),
        telemetry=telemetry,
        threads=threads,
        jobs=Jobs(settings.limits),
        fetcher=Fetcher(settings.max_upload_bytes) if settings.allow_urls else None,
        maps=Maps(),
        writing=Writing(decoder, searching),
    )


def _decoder(settings: Settings, threads: ThreadPoolExecutor) -> Decoder:
    if not can_be_had():
        return InlineDecoder(settings.limits, threads)
    return IsolatedDecoder(settings.limits, waiting=settings.queue, deadline_s=settings.deadline_s)


def _load(service: Service) -> None:
    """What the first requests would wait for."""
    if service.settings.writable:
        recover_all(service.galleries.get(name).collection for name in service.galleries.names)
    service.galleries.load()
    for name in service.galleries.names:
        service.strengths.learn(service.galleries.get(name))


async def _close(service: Service) -> None:
    await asyncio.to_thread(service.jobs.close)
    await service.writing.close()
    await service.decoder.close()
    service.searching.close()
    service.maps.close()
    service.threads.shutdown()
    service.galleries.close()
