"""What every handler can reach: `request.app.state.service`."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fastapi import Request

from likewise.images import Box
from likewise.queries.syntax import Region
from likewise.types import Image, Recipe

if TYPE_CHECKING:
    from likewise.service.fetching import Fetcher
    from likewise.service.galleries import Galleries
    from likewise.service.gate import Gate
    from likewise.service.jobs import Jobs
    from likewise.service.mapping import Maps
    from likewise.service.searching import Searching
    from likewise.service.settings import Settings
    from likewise.service.strengths import Strengths
    from likewise.service.telemetry import Telemetry
    from likewise.service.uploads import Uploads
    from likewise.service.writing.front import Writing


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture of a client, as an encoder wants it.

    Attributes:
        pixels: (side, side, 3) uint8, of the region if there is one.
        width: Of the whole picture, upright, in pixels.
        height: Of the whole picture, upright, in pixels.
        box: The region in pixels; None for all of it.
    """

    pixels: Image
    width: int
    height: int
    box: Box | None = None


class Decoder(Protocol):
    """Seam: the only way by which bytes of clients become pixels.

    Contract: within the service's limits; the same pixels as `likewise.images.prepare` gives, of the whole picture or of what
    `likewise.images.cut` cuts out; whatever the bytes are, the service lives on.
    """

    async def pixels(self, data: bytes, recipe: Recipe, region: Region | None = None) -> Decoded:
        """Decode one picture, or a part of it, by a recipe.

        Raises:
            BadImage: If the bytes are no picture within the limits.
            BadArgument: If the region does not lie in the picture.
        """
        ...

    async def size(self, data: bytes) -> tuple[int, int]:
        """Upright width and height in pixels.

        Raises:
            BadImage: If the bytes are no picture within the limits.
        """
        ...

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """A WebP that fits in side × side.

        Raises:
            BadImage: If the bytes are no picture within the limits.
        """
        ...

    async def close(self) -> None:
        """Let go of threads and processes."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """All parts of a running service."""

    settings: Settings
    galleries: Galleries
    uploads: Uploads
    decoder: Decoder
    gate: Gate
    searching: Searching
    strengths: Strengths
    telemetry: Telemetry
    threads: Executor
    jobs: Jobs
    fetcher: Fetcher | None  # None where addresses are not fetched
    maps: Maps
    writing: Writing


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - `create_app` put it there
    return service
