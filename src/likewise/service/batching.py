"""Work that arrives at the same time is done together: one call of the encoder, one pass of the index."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Task, Answer]):
    """A task, whoever waits for it, and since when on the loop's clock."""

    task: Task
    future: asyncio.Future[Answer]
    since_s: float


class Batches(Generic[Key, Task, Answer]):
    """Does tasks of one key together. For one thread, that of the event loop; the work is done in others.

    A task that finds a free lane is begun at once, so that a client alone never waits for others. What arrives while all lanes
    are taken is begun together, and so is what others are known to bring within the window. A task whose caller has given up before
    it is begun is never begun.
    """

    def __init__(  # noqa: PLR0913 - how much, how long, where, and who is told
        self,
        work: Callable[[Key, Sequence[Task]], Sequence[Answer | Exception]],
        threads: Executor,
        *,
        lanes: int = 1,
        most: int = 64,
        window_s: float = 0.0,
        expected: Callable[[], int] = lambda: 0,
        watch: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """Say how work is done.

        Args:
            work: Called in a thread with tasks of one key; their answers in the same order, errors among them.
            threads: Where it is called.
            lanes: Calls at the same time.
            most: Tasks of one call.
            window_s: How long a task waits for those that are expected.
            expected: How many tasks are on their way.
            watch: Told how many tasks each call has.
        """
        self._work, self._threads = work, threads
        self._lanes, self._most, self._window_s, self._expected, self._watch = lanes, most, window_s, expected, watch
        self._waiting: OrderedDict[Key, list[_Waiting[Task, Answer]]] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def do(self, key: Key, task: Task) -> Answer:
        """The answer to one task; its error is raised."""
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Task, Answer] = _Waiting(task, loop.create_future(), loop.time())
        self._waiting.setdefault(key, []).append(waiting)
        self._begin()
        return await waiting.future

    def _begin(self) -> None:
        """Begin as much as there are lanes for, what waits longest first."""
        while len(self._running) < self._lanes and self._waiting:
            key, line = next(iter(self._waiting.items()))
            line[:] = [each for each in line if not each.future.done()]
            if not line:
                del self._waiting[key]
                continue
            if self._is_worth_waiting(line):
                return
            batch, rest = line[: self._most], line[self._most :]
            del self._waiting[key]
            if rest:
                self._waiting[key] = rest
            running = asyncio.get_running_loop().create_task(self._run(key, batch))
            self._running.add(running)
            running.add_done_callback(self._ended)

    def _is_worth_waiting(self, line: Sequence[_Waiting[Task, Answer]]) -> bool:
        loop = asyncio.get_running_loop()
        left_s = line[0].since_s + self._window_s - loop.time()
        if left_s <= 0 or len(line) >= self._most or self._expected() <= 0:
            return False
        if self._timer is None:
            self._timer = loop.call_later(left_s, self._on_time)
        return True

    def _on_time(self) -> None:
        self._timer = None
        self._begin()

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._begin()

    async def _run(self, key: Key, batch: Sequence[_Waiting[Task, Answer]]) -> None:
        self._watch(len(batch))
        tasks = [each.task for each in batch]
        answers: Sequence[Answer | Exception]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._threads, self._work, key, tasks)
        except Exception as error:  # whatever it is, those who wait are told
            answers = [error] * len(batch)
        for each, answer in zip(batch, answers, strict=True):
            if each.future.done():
                continue
            if isinstance(answer, Exception):
                each.future.set_exception(answer)
            else:
                each.future.set_result(answer)
