"""The decoders of a service: a few processes, each with one picture at a time, a deadline, and somebody to take its place."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Self

from likewise.errors import BadArgument, BadImage, LikewiseError, NotAPicture, OverLimit
from likewise.images import Limits
from likewise.images.kinds import kind_of
from likewise.images.limits import check_bytes
from likewise.pipeline.programs import Process
from likewise.service.decoding import tasks
from likewise.service.decoding.tasks import Made, Task

_STARTS = 3  # processes in a row that die before they have said a word: then this machine does not let them live
_STARTING_S = 60.0
_HEAD_BYTES = 1 << 14  # of an answer: numbers, or a reason
_OWN_BYTES = 256 << 20  # of a decoder beside the picture: buffers of libraries; and for each processor
_THREAD_BYTES = 16 << 20  # … the stack and the heap of a thread that a codec may start
_STOPPING = "the service is stopping"


_ERRORS: Mapping[str, type[LikewiseError]] = {
    kind.__name__: kind for kind in (BadArgument, BadImage, NotAPicture, OverLimit)
}


class Decoders:
    """Processes that decode pictures of strangers; as many threads may ask at once as want to, each gets one of its own.

    A process is started when it is first needed, and again when the one before it died, hung, or took too much memory: that costs
    the picture that it was at, and no other.

    Args:
        limits: Of one picture; checked on its header, and its memory also by the system (on Linux).
        deadline_s: For one picture, once it has a process.
        work: What a process does with a picture, `module:function`.
    """

    def __init__(
        self,
        limits: Limits,
        deadline_s: float = 20.0,
        work: str = "likewise.service.decoding.tasks:carry_out",
    ) -> None:
        self.limits = limits
        self._deadline_s = deadline_s
        self._settings: dict[str, Any] = {
            "limits": asdict(limits),
            "memory_bytes": limits.max_memory_bytes + _OWN_BYTES + (os.cpu_count() or 1) * _THREAD_BYTES,
            "work": work,
        }
        self._guard = threading.Lock()
        self._idle: list[Process] = []
        self._busy: set[Process] = set()
        self._closed = False

    def made(self, data: bytes, task: Task) -> Made:
        """Decode one picture.

        Args:
            data: As it came.
            task: What is to be made of it.

        Raises:
            BadImage: If nothing can be made of it: no picture, over a limit, or one that its decoder does not survive.
            BadArgument: If a region does not lie in it.
            LikewiseError: If no process can be started here, or the service is closing.
        """
        check_bytes(len(data), self.limits)
        kind_of(data)  # what is no picture need not wait
        with self._process() as process:
            return self._asked(process, data, task)

    def close(self) -> None:
        """End all processes at once; who waits for one is told."""
        with self._guard:
            self._closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for process in busy:
            process.kill()  # whoever holds it buries it
        for process in idle:
            _bury(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def _process(self) -> Iterator[Process]:
        """A process that is ready, and kept for the next picture if it survives this one."""
        process = self._taken() or self._started()
        try:
            yield process
        finally:
            with self._guard:
                self._busy.discard(process)
                keep = process.is_alive and not self._closed
                if keep:
                    self._idle.append(process)
            if not keep:
                _bury(process)

    def _taken(self) -> Process | None:
        """One that has nothing to do; those that somebody has killed meanwhile are passed over."""
        while True:
            with self._guard:
                if self._closed:
                    raise LikewiseError(_STOPPING)
                if not self._idle:
                    return None
                process = self._idle.pop()
                if process.is_alive:
                    self._busy.add(process)
                    return process
            _bury(process)

    def _started(self) -> Process:
        for _ in range(_STARTS):
            process = Process(self._settings, "likewise.service.decoding.worker")
            with self._guard:
                self._busy.add(process)
                if self._closed:  # `close` came before there was anything to kill
                    process.kill()
            with _Clock(process, _STARTING_S):
                ready = process.receive(_HEAD_BYTES)
            if ready is not None:
                return process
            with self._guard:
                self._busy.discard(process)
            _bury(process)
        raise LikewiseError(_STOPPING if self._closed else "no process that decodes can be started on this machine")

    def _asked(self, process: Process, data: bytes, task: Task) -> Made:
        with _Clock(process, self._deadline_s) as clock:
            process.send(tasks.telling(task), data)
            frame = process.receive(_HEAD_BYTES + tasks.most_bytes(task))
        if frame is None:
            status = _bury(process)
            if self._closed:
                raise LikewiseError(_STOPPING)
            raise BadImage(self._why(status, late=clock.rang))
        if "reason" in frame.told:
            raise _ERRORS.get(str(frame.told.get("kind")), BadImage)(str(frame.told["reason"]))
        try:
            return tasks.believed(task, frame.told, frame.data)
        except BadImage:
            _bury(process)
            raise

    def _why(self, status: int, *, late: bool) -> str:
        if late:
            return f"took its decoder more than {self._deadline_s:g} s: save it again as another file"
        how = f"ended by signal {-status}" if status < 0 else f"with status {status}"
        return f"brings its decoder down ({how}): open it in a viewer and save it again"


class _Clock:
    """Ends a process that is not done in time; what was done in time is safe from it."""

    def __init__(self, process: Process, deadline_s: float) -> None:
        self._process = process
        self._guard = threading.Lock()
        self._timer = threading.Timer(deadline_s, self._ring)
        self._timer.daemon = True
        self._over = self.rang = False

    def _ring(self) -> None:
        with self._guard:
            if not self._over:
                self.rang = True
                self._process.kill()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._guard:
            self._over = True
        self._timer.cancel()


def _bury(process: Process) -> int:
    """End it at once, whatever it does, and wait for that; returns its exit status."""
    process.kill()
    return process.end()
