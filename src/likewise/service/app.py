"""The ASGI app, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from likewise import __version__
from likewise.errors import LikewiseError
from likewise.service import problems
from likewise.service.decoding.inline import InlineDecoder
from likewise.service.galleries import Galleries
from likewise.service.gate import Gate
from likewise.service.guard import Headers
from likewise.service.routes import collections, health, images, pages, search, uploads
from likewise.service.searching import Searching
from likewise.service.settings import Settings
from likewise.service.state import Service
from likewise.service.telemetry import Telemetry
from likewise.service.uploads import Uploads

_ROUTERS = (
    search.router,
    uploads.router,
    images.router,
    collections.router,
    health.router,
    pages.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI app; it opens its collections here, and its threads end with its lifespan.

    Raises:
        NoCollection: If a folder holds none.
    """
    service = _service(settings)

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.get_running_loop().run_in_executor(service.threads, service.galleries.load)
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
    app.add_middleware(Headers)
    return app


def _service(settings: Settings) -> Service:
    telemetry = Telemetry()
    threads = ThreadPoolExecutor(settings.workers + 2, "service")  # two that wait for disks
    return Service(
        settings=settings,
        galleries=Galleries(settings.folders),
        uploads=Uploads(settings.uploads_bytes, settings.uploads_s),
        decoder=InlineDecoder(settings.limits, threads),
        gate=Gate(settings.queue, settings.deadline_s, telemetry.queue.set),
        searching=Searching(settings.workers, settings.batch, settings.window_s, telemetry),
        telemetry=telemetry,
        threads=threads,
    )


async def _close(service: Service) -> None:
    await service.decoder.close()
    service.searching.close()
    service.threads.shutdown()
    service.galleries.close()
