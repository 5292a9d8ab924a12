"""Threads that hold one decoding process each: they hand it parcels, take what it makes, and replace it when it dies or hangs."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from likewise.pipeline.frames import Frame
from likewise.pipeline.jobs import Desk, Job
from likewise.pipeline.programs import Process, can_be_had
from likewise.types import Image, Recipe

__all__ = ["Crew", "Hands", "Process", "Threads", "can_be_had"]

Parcel: TypeAlias = "deque[Job]"

STRIKES = 2  # one death may be somebody else's doing, two are the image's
_STARTS = 3  # processes in a row that die before they have said a word: then this machine does not let them live
_STARTING_S = 60.0


class Crew:
    """The foremen of one run, the parcels they share, and the clock that they are held to.

    Args:
        desk: Gets what becomes of each image.
        workers: Processes.
        depth: Parcels that one process has at once: one that it decodes, the others it reads meanwhile.
        deadline_s: For one image.
    """

    def __init__(self, desk: Desk, workers: int, depth: int, deadline_s: float) -> None:
        self.desk = desk
        self.depth = depth
        self.deadline_s = deadline_s
        self.todo: SimpleQueue[Parcel | None] = SimpleQueue()
        self.one_giant = threading.Lock()
        self.closing = threading.Event()
        self._foremen = [Foreman(self) for _ in range(workers)]
        self._clock = threading.Thread(target=self._watch, daemon=True, name="likewise-clock")
        for thread in (*self._foremen, self._clock):
            thread.start()

    def settings(self) -> dict[str, Any]:
        """What a new process is told first."""
        recipe: Recipe = self.desk.recipe
        return {"recipe": asdict(recipe), "limits": asdict(self.desk.limits), "readers": max(1, self.depth - 1)}

    def share(self) -> int:
        """Parcels that one foreman may have now: its depth, but only two where the others would have none."""
        return self.depth if self.todo.qsize() >= len(self._foremen) else min(self.depth, 2)

    def close(self, *, at_once: bool) -> None:
        """Let everybody go: after what is still to do, or without."""
        if at_once:
            self.closing.set()
            for foreman in self._foremen:
                foreman.kill()
        for _ in self._foremen:
            self.todo.put(None)
        for foreman in self._foremen:
            foreman.join()
        self.closing.set()
        self._clock.join()

    def _watch(self) -> None:
        while not self.closing.wait(min(1.0, self.deadline_s / 4)):
            now = time.monotonic()
            for foreman in self._foremen:
                foreman.check(now)


class Foreman(threading.Thread):
    """Holds one process. Only its own thread touches anything here but `kill` and `check`."""

    def __init__(self, crew: Crew) -> None:
        super().__init__(daemon=True, name="likewise-foreman")
        self._crew = crew
        self._process: Process | None = None
        self._again: deque[Parcel] = deque()  # to be done before anything new
        self._in_hand: deque[Parcel] = deque()  # given to the process, in this order, and not finished
        self._waiting_since: float | None = None  # for a word from the process; None while it owes none
        self._failed_starts = 0
        self._has_turn = False
        self._ended = False
        self._late = False

    def run(self) -> None:
        """Work until there is nothing more to do."""
        while self._load() and not self._crew.closing.is_set():
            self._take_a_message()
        if self._process is not None:
            self._process.end()

    def kill(self) -> None:
        """End the process at once; any thread may."""
        process = self._process
        if process is not None:
            process.kill()

    def check(self, now: float) -> None:
        """End the process if it has not said a word for longer than the deadline; any thread may."""
        since, process = self._waiting_since, self._process
        starting = process is None or not process.was_ready
        allowed_s = max(self._crew.deadline_s, _STARTING_S) if starting else self._crew.deadline_s
        if since is not None and now - since > allowed_s:
            self._late = True
            self.kill()

    def _load(self) -> bool:
        """Give the process as much as it may have; False when there is nothing and nothing will come."""
        while len(self._in_hand) < self._crew.share():
            parcel = self._next_parcel()
            if parcel is None:
                break
            if self._failed_starts >= _STARTS:
                self._crew.desk.decode_here(parcel)
            else:
                self._in_hand.append(parcel)
                self._give(parcel)
        return bool(self._in_hand)

    def _next_parcel(self) -> Parcel | None:
        if self._again:
            return self._again.popleft()
        if self._ended or self._crew.closing.is_set():
            return None
        try:
            parcel = self._crew.todo.get(block=not self._in_hand)
        except queue.Empty:
            return None
        self._ended = parcel is None
        return parcel

    def _give(self, parcel: Parcel) -> None:
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if self._process is None:
            self._process = Process(self._crew.settings())
            if self._crew.closing.is_set():  # `kill` came before there was anything to kill
                self._process.kill()
        if parcel[0].data is None:
            self._process.send({"files": [cast(str, job.path) for job in parcel]})
        else:
            data = [cast(bytes, job.data) for job in parcel]
            self._process.send({"sizes": [len(each) for each in data]}, *data)

    def _take_a_message(self) -> None:
        process = cast(Process, self._process)
        frame = process.receive()
        self._waiting_since = time.monotonic()
        if frame is None:
            self._mourn(process.end())
            return
        told: Any = frame.told
        if "image" in told:
            self._finish(told, frame)
        elif "found" in told:
            self._answer(process, told["found"])
        elif told.get("turn") == "wanted":
            self._waiting_since = None  # the others may take their time
            self._has_turn = self._crew.one_giant.acquire()
            self._waiting_since = time.monotonic()
            process.send({"turn": True})
        elif told.get("turn") == "done":
            self._give_back_the_turn()
        else:
            self._failed_starts = 0
        if not self._in_hand:
            self._waiting_since = None

    def _answer(self, process: Process, found: list[tuple[str, int, str]]) -> None:
        """Say which of the files that were read are to be decoded."""
        parcel = self._in_hand[0]
        take = [self._crew.desk.found(job, *told) for job, told in zip(parcel, found, strict=True)]
        rest = deque(job for job, taken in zip(parcel, take, strict=True) if taken)
        process.send({"take": take})
        if rest:
            self._in_hand[0] = rest
        else:
            self._in_hand.popleft()

    def _finish(self, told: Any, frame: Frame) -> None:
        parcel = self._in_hand[0]
        job = parcel.popleft()
        if not parcel:
            self._in_hand.popleft()
        side = self._crew.desk.recipe.side
        if "reason" in told:
            self._crew.desk.refused(job, told["reason"])
        else:
            pixels: Image = np.frombuffer(frame.data, np.uint8).reshape(side, side, 3)
            self._crew.desk.made(job, pixels, told["width"], told["height"])

    def _mourn(self, status: int) -> None:
        """The process is gone: what it had is done again, the picture that it was at by itself."""
        self._give_back_the_turn()
        late, self._late = self._late, False
        self._waiting_since = None
        was_ready = cast(Process, self._process).was_ready
        self._process = None
        left, self._in_hand = self._in_hand, deque()
        if not left or self._crew.closing.is_set():
            return
        if not was_ready:
            self._failed_starts += 1
            self._again.extendleft(reversed(left))
            return
        suspect = left[0].popleft()
        suspect.strikes += 1
        self._again.extendleft(reversed([parcel for parcel in left if parcel]))
        if suspect.strikes < STRIKES:
            self._again.appendleft(deque([suspect]))
        elif late:
            self._crew.desk.refused(suspect, _late(self._crew.deadline_s))
        else:
            self._crew.desk.refused(suspect, _deadly(status))

    def _give_back_the_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._crew.one_giant.release()


class Hands(Protocol):
    """Whoever decodes: a `Crew`, or the threads of this process."""

    todo: SimpleQueue[Parcel | None]

    def close(self, *, at_once: bool) -> None:
        """Let everybody go: after what is still to do, or without."""
        ...


class Threads:
    """Threads of this process that decode: nothing to start, nothing to send, and no protection from each other."""

    def __init__(self, desk: Desk, workers: int) -> None:
        self.todo: SimpleQueue[Parcel | None] = SimpleQueue()
        self._desk = desk
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, daemon=True, name="likewise-decode") for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def close(self, *, at_once: bool) -> None:
        """Let everybody go: after what is still to do, or after the picture at hand."""
        self._closing = at_once
        for _ in self._threads:
            self.todo.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (parcel := self.todo.get()) is not None:
            if not self._closing:
                self._desk.decode_here(parcel)


def _late(deadline_s: float) -> str:
    return f"took its decoder more than {deadline_s:g} s, twice: raise --deadline, or save it again as another file"


def _deadly(status: int) -> str:
    how = f"ended by signal {-status}" if status < 0 else f"with status {status}"
    return f"brings its decoder down (twice it {how}): open it in a viewer and save it again"
