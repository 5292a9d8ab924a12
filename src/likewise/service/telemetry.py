"""What the service measures of itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_OF_PICTURES = ("/v1/search", "/v1/uploads")
_UNUSABLE = (413, 415, 422)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Telemetry:
    """Counters and histograms in a registry of their own, so that two apps of one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.stages = Histogram(
            "likewise_stage_seconds",
            "Time of one stage of a search.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.requests = Counter(
            "likewise_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self.batches = Histogram(
            "likewise_batch_size",
            "Queries that were worked on together.",
            ["stage"],
            buckets=_SIZES,
            registry=self.registry,
        )
        self.queue = Gauge("likewise_queue_length", "Requests that are worked on or wait.", registry=self.registry)
        self.refused = Counter("likewise_refused", "Requests answered 429.", registry=self.registry)
        self.skipped = Counter("likewise_skipped", "Pictures that could not be used.", registry=self.registry)
        self.images = Gauge("likewise_images", "Images in a collection.", ["collection"], registry=self.registry)

    def took(self, stages: Mapping[str, float]) -> None:
        """Note the seconds of each stage of a search; one that it did not have is not counted."""
        for name, seconds in stages.items():
            if seconds:
                self.stages.labels(name).observe(seconds)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)


class Counting:
    """Counts what is answered, by route and status; the outermost of all, so that what is refused is counted too."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and look at what comes back."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(
                    scope.get("route"), "path", "none"
                )  # an address that there is not is no label of its own
                method = scope["method"] if scope["method"] in _METHODS else "other"
                status = message["status"]
                self._telemetry.requests.labels(method, route, str(status)).inc()
                if route in _OF_PICTURES and status in _UNUSABLE:
                    self._telemetry.skipped.inc()
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
