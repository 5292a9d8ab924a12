"""What arrives together is done together, and what nobody waits for is not done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from likewise.service.batching import Batches


class Work:
    """Doubles numbers, says what it was called with, and waits where it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_begun = threading.Event()

    def __call__(self, key: str, numbers: Sequence[int]) -> list[int | Exception]:
        self.calls.append((key, list(numbers)))
        self.has_begun.set()
        assert self.may_go_on.wait(20)
        return [ValueError(f"{number} is below zero") if number < 0 else 2 * number for number in numbers]


async def begun(work: Work) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work.has_begun.wait, 20)


async def while_one_is_worked_on(
    work: Work, batches: Batches[str, int, int], asked: Sequence[tuple[str, int]]
) -> list[int]:
    """The answers to tasks that came while the lane was taken by another."""
    work.may_go_on.clear()
    first = asyncio.create_task(batches.do("first", 0))
    await begun(work)
    tasks = [asyncio.create_task(batches.do(key, number)) for key, number in asked]
    await asyncio.sleep(0)
    work.may_go_on.set()
    await first
    return list(await asyncio.gather(*tasks))


def test_tasks_that_come_while_others_are_worked_on_are_one_call() -> None:
    work = Work()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads)
            assert await while_one_is_worked_on(work, batches, [("a", n) for n in range(1, 33)]) == [
                2 * n for n in range(1, 33)
            ]

    asyncio.run(main())
    assert work.calls == [("first", [0]), ("a", list(range(1, 33)))]


def test_other_keys_and_full_batches_are_calls_of_their_own() -> None:
    work, sizes = Work(), list[int]()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads, most=2, watch=sizes.append)
            await while_one_is_worked_on(work, batches, [("a", 1), ("b", 2), ("a", 3), ("a", 4)])

    asyncio.run(main())
    assert work.calls[1:] == [("a", [1, 3]), ("b", [2]), ("a", [4])]
    assert sizes == [1, 2, 1, 1]


def test_a_task_waits_for_those_that_are_expected_and_no_longer_than_the_window() -> None:
    work, expected = Work(), [1]

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads, window_s=0.2, expected=lambda: expected[0])
            first = asyncio.create_task(batches.do("a", 1))
            await asyncio.sleep(0)
            expected[0] = 0
            assert await asyncio.gather(first, batches.do("a", 2)) == [2, 4]
            expected[0] = 1  # and never comes
            assert await batches.do("a", 3) == 6

    asyncio.run(main())
    assert work.calls == [("a", [1, 2]), ("a", [3])]


def test_the_error_of_one_task_is_its_own() -> None:
    work = Work()

    async def main() -> list[object]:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads)
            first = asyncio.gather(*(batches.do("a", n) for n in (-1, 5)), return_exceptions=True)
            return list(await first)

    error, answer = asyncio.run(main())
    assert isinstance(error, ValueError)
    assert answer == 10


def test_a_call_that_fails_tells_all_who_wait_and_the_next_one_works() -> None:
    def work(key: str, numbers: Sequence[int]) -> list[int]:
        if key == "bad":
            raise RuntimeError("lost")
        return list(numbers)

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads)
            with pytest.raises(RuntimeError, match="lost"):
                await batches.do("bad", 1)
            assert await batches.do("good", 2) == 2

    asyncio.run(main())


def test_a_task_whose_caller_has_given_up_is_never_begun() -> None:
    work = Work()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batches: Batches[str, int, int] = Batches(work, threads)
            work.may_go_on.clear()
            first = asyncio.create_task(batches.do("a", 1))
            await begun(work)
            given_up = asyncio.create_task(batches.do("a", 2))
            waiting = asyncio.create_task(batches.do("b", 3))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.sleep(0)
            work.may_go_on.set()
            assert await asyncio.gather(first, waiting) == [2, 6]

    asyncio.run(main())
    assert work.calls == [("a", [1]), ("b", [3])]
