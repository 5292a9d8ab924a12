"""Whether the server lives, is ready, and how it does."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from likewise import __version__
from likewise.service import telemetry
from likewise.service.models import Health
from likewise.service.problems import Refusal, content, declared
from likewise.service.state import service_of

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health)
async def healthz() -> Health:
    """Whether the process answers at all; says nothing of its collections."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", response_model=Health, responses=declared("not-ready"))
async def readyz(request: Request) -> Health:
    """Whether searches are answered: collections are open and their models loaded."""
    service = service_of(request)
    if service.gate.draining:
        raise Refusal("not-ready", "the server is stopping")
    missing = service.galleries.not_ready()
    if missing:
        raise Refusal("not-ready", f"not loaded yet: {', '.join(missing)}", {"Retry-After": "1"})
    return Health(status="ready", version=__version__)


@router.get(
    "/metrics",
    response_class=Response,
    responses=content(200, "text/plain", "Prometheus text format.") | declared("no-token", "not-allowed"),
)
async def metrics(request: Request) -> Response:
    """Counters, latencies and sizes for Prometheus."""
    service = service_of(request)
    for name, count in service.galleries.sizes().items():
        service.telemetry.images.labels(name).set(count)
    return Response(service.telemetry.text(), media_type=telemetry.MEDIA_TYPE)
