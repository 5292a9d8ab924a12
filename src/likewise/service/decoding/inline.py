"""Decoding in threads of this process: for trusted clients, and where no process can be started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from likewise import images
from likewise.images.writing import webp
from likewise.queries.syntax import Region
from likewise.service.state import Decoded
from likewise.types import Recipe

Result = TypeVar("Result")


class InlineDecoder:
    """See `likewise.service.state.Decoder`."""

    def __init__(self, limits: images.Limits, threads: Executor) -> None:
        self._limits, self._threads = limits, threads

    async def pixels(self, data: bytes, recipe: Recipe, region: Region | None = None) -> Decoded:
        """See `Decoder.pixels`."""
        return await self._run(lambda: decoded(data, recipe, region, self._limits))

    async def size(self, data: bytes) -> tuple[int, int]:
        """See `Decoder.size`."""
        return await self._run(lambda: images.size(data, self._limits))

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """See `Decoder.thumbnail`."""
        return await self._run(lambda: webp(images.thumbnail(data, side, self._limits)))

    async def close(self) -> None:
        """See `Decoder.close`; the threads are the service's."""

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def decoded(data: bytes, recipe: Recipe, region: Region | None, limits: images.Limits) -> Decoded:
    """What a decoder does, wherever it runs; errors as of `Decoder.pixels`."""
    if region is None:
        whole = images.prepare(data, recipe, limits)
        return Decoded(whole.pixels, whole.width, whole.height)
    width, height = images.size(data, limits)
    box = region.box(width, height)
    part = images.prepare(images.cut(data, box, limits), recipe, limits)
    return Decoded(part.pixels, width, height, box)
