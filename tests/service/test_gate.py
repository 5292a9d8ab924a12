"""So many requests, so long each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect

from likewise.service.gate import Gate, unless_gone
from likewise.service.problems import Refusal


def test_one_request_more_than_the_queue_holds_is_refused_with_a_time_to_wait() -> None:
    seen, refused = list[int](), list[int]()

    async def main() -> None:
        gate = Gate(1, 10, seen.append, lambda: refused.append(1))
        async with gate.turn():
            with pytest.raises(Refusal) as caught:
                async with gate.turn():
                    pytest.fail("was let in")
            assert caught.value.slug == "busy"
            assert int(caught.value.headers["Retry-After"]) >= 1
            assert gate.inside == 1
        async with gate.turn():
            pass

    asyncio.run(main())
    assert seen == [1, 0, 1, 0]
    assert refused == [1]


def test_what_takes_longer_than_the_deadline_is_given_up() -> None:
    async def main() -> None:
        gate = Gate(1, 0.01)
        with pytest.raises(Refusal) as caught:
            async with gate.turn():
                await asyncio.Event().wait()
        assert caught.value.slug == "deadline"
        assert gate.inside == 0

    asyncio.run(main())


def test_a_timeout_of_something_else_stays_what_it_is() -> None:
    async def main() -> None:
        async with Gate(1, 10).turn():
            raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_a_service_that_stops_takes_no_more() -> None:
    async def main() -> None:
        gate = Gate(1, 10)
        gate.drain()
        with pytest.raises(Refusal) as caught:
            async with gate.turn():
                pytest.fail("was let in")
        assert caught.value.slug == "not-ready"

    asyncio.run(main())


def test_work_for_a_client_that_leaves_is_given_up() -> None:
    was_given_up = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_given_up.append(True)
            raise

    async def main() -> None:
        leaving = asyncio.Event()

        async def receive() -> Any:
            await leaving.wait()
            return {"type": "http.disconnect"}

        asked = asyncio.create_task(unless_gone(Request({"type": "http"}, receive), work()))
        await asyncio.sleep(0)
        leaving.set()
        with pytest.raises(ClientDisconnect):
            await asked
        await asyncio.sleep(0)

    asyncio.run(main())
    assert was_given_up == [True]


def test_work_for_a_client_that_stays_is_answered() -> None:
    async def main() -> int:
        async def receive() -> Any:
            await asyncio.Event().wait()

        async def work() -> int:
            await asyncio.sleep(0)
            return 7

        return await unless_gone(Request({"type": "http"}, receive), work())

    assert asyncio.run(main()) == 7
