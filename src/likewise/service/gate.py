"""How many requests are taken at once, and for how long."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from likewise.service.problems import Refusal

Result = TypeVar("Result")


class Gate:
    """Takes a bounded number of requests, each for a bounded time. For one thread, that of the event loop."""

    def __init__(
        self,
        most: int,
        deadline_s: float,
        watch: Callable[[int], None] = lambda _count: None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Say how much is taken.

        Args:
            most: Requests that are worked on or wait.
            deadline_s: For each.
            watch: Told how many there are.
            on_refused: Told of each that is one too many.
        """
        self._most, self._deadline_s, self._watch = most, deadline_s, watch
        self._on_refused = on_refused
        self._inside = 0
        self._mean_s = 0.05
        self._draining = False

    @property
    def inside(self) -> int:
        """Requests that are worked on or wait."""
        return self._inside

    @property
    def draining(self) -> bool:
        """Whether no more are taken."""
        return self._draining

    def drain(self) -> None:
        """Take no more."""
        self._draining = True

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Be one of those inside while the block runs.

        Raises:
            Refusal: `busy` if there are too many, `deadline` if the block takes too long, `not-ready` if the service stops.
        """
        if self._draining:
            raise Refusal("not-ready", "the server is stopping: ask another one, or later", {"Retry-After": "5"})
        if self._inside >= self._most:
            self._on_refused()
            wait = str(max(1, math.ceil(self._mean_s * self._inside)))
            raise Refusal(
                "busy", f"{self._inside:,} requests wait already: try again in {wait} s", {"Retry-After": wait}
            )
        self._inside += 1
        self._watch(self._inside)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        limit = asyncio.timeout(self._deadline_s)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            told = f"not answered within {self._deadline_s:g} s: ask for less, or try again later"
            raise Refusal("deadline", told) from error
        finally:
            self._inside -= 1
            self._watch(self._inside)
            self._mean_s += 0.05 * ((loop.time() - begun) / max(1, self._inside + 1) - self._mean_s)


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of some work, which ends when the client goes away; what of it is not begun is then never begun.

    Args:
        request: Whose body has been read.
        work: For it alone.

    Raises:
        ClientDisconnect: If the client is gone.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
