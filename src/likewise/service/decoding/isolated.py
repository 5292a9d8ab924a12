"""The service's decoder: pictures of clients become pixels in processes that may die."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from likewise.images import Limits
from likewise.processors import processors
from likewise.queries.syntax import Region
from likewise.service.decoding.pool import Decoders
from likewise.service.decoding.tasks import Made, Prepare, Size, Task, Thumbnail
from likewise.service.problems import Refusal
from likewise.service.state import Decoded
from likewise.types import Recipe

_WORK = "likewise.service.decoding.tasks:carry_out"


class IsolatedDecoder:
    """See `likewise.service.state.Decoder`; for one thread, that of the event loop.

    Args:
        limits: Of one picture.
        processes: Pictures that are decoded at once; as many as there are processors unless given.
        waiting: Pictures that may wait; one more is refused as `busy`.
        deadline_s: For one picture, once it has a process.
        work: See `Decoders`.
    """

    def __init__(
        self,
        limits: Limits,
        processes: int | None = None,
        waiting: int = 256,
        deadline_s: float = 20.0,
        work: str = _WORK,
    ) -> None:
        count = processes or processors()
        self.decoders = Decoders(limits, deadline_s, work)
        self._threads = ThreadPoolExecutor(count, "decode")
        self._most = count + waiting
        self._inside = 0

    async def pixels(self, data: bytes, recipe: Recipe, region: Region | None = None) -> Decoded:
        """See `Decoder.pixels`."""
        made = await self._made(data, Prepare(recipe, None if region is None else str(region)))
        pixels = np.frombuffer(made.data, np.uint8).reshape(recipe.side, recipe.side, 3)
        return Decoded(pixels, made.width, made.height, made.box)

    async def size(self, data: bytes) -> tuple[int, int]:
        """See `Decoder.size`."""
        made = await self._made(data, Size())
        return made.width, made.height

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """See `Decoder.thumbnail`."""
        return (await self._made(data, Thumbnail(side))).data

    async def close(self) -> None:
        """See `Decoder.close`; what is being decoded is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self.decoders.close)
        await asyncio.to_thread(self._threads.shutdown)

    async def _made(self, data: bytes, task: Task) -> Made:
        if self._inside >= self._most:
            raise Refusal(
                "busy", f"{self._inside:,} pictures wait to be decoded: try again in a moment", {"Retry-After": "2"}
            )
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self.decoders.made, data, task)
        finally:
            self._inside -= 1
