"""From a source to pixels: read and decode many images at once, and hand them out in order.

What overlaps, what is bounded, and what happens when a decoder dies: docs/pipeline.md. The result never depends on how
many work on it, nor on whether they are threads or processes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from likewise import images
from likewise.pipeline.jobs import Desk, Job, Needs, Prepared
from likewise.pipeline.processes import Crew, Hands, Threads, can_be_had
from likewise.processors import processors
from likewise.sources import Source
from likewise.types import Item, Recipe

__all__ = ["How", "Needs", "Prepared", "prepared"]

_PARCEL_IMAGES = 16  # small images travel together: a message costs more than reading one of them
_PARCEL_BYTES = 1 << 20
_READ_HERE_IMAGES = 4  # of a compressed tar, whose entries are best read in their order
_UNKNOWN_BYTES = 1 << 20  # what an image counts as whose source cannot tell its size before it is read


@dataclass(frozen=True, slots=True)
class How:
    """How to go about it; none of this changes a pixel.

    Attributes:
        workers: Processes that decode, or threads where there are few images.
        ahead: Images that are begun and not handed out, at the most.
        ahead_bytes: The same in bytes, of encoded images and of pixels; one image is always let in.
        prefetch: Images that are being read at once: where each read takes long, the waits overlap.
        deadline_s: For a decoding process to finish one image; then it is replaced.
        processes_from: Images from which on it is worth while to start processes, which takes 0.2 s; 0 starts them for
            any number. With one worker there are none otherwise.
        limits: Of the decoder.
    """

    workers: int = field(default_factory=processors)
    ahead: int = 128
    ahead_bytes: int = 256 << 20
    prefetch: int = 8
    deadline_s: float = 300.0
    processes_from: int = 64
    limits: images.Limits = field(default_factory=images.Limits)


def prepared(
    source: Source,
    items: Iterable[Item],
    recipe: Recipe,
    how: How | None = None,
    needs: Needs = lambda _number, _sha256: True,
) -> Generator[Prepared, None, None]:
    """Make pixels of images, in the order of the images, some way ahead of whoever takes them.

    Close the iterator to stop early: the processes end with it, as they do when this program dies.

    Args:
        source: Of the images.
        items: Which of its images; taken from here in the thread that takes the results.
        recipe: Makes the pixels.
        how: Of speed and limits.
        needs: Told (number, SHA-256) of each image once it is read; without need it is not decoded.

    Yields:
        One for each item.
    """
    how = how or How()
    rest = iter(items)
    first = list(itertools.islice(rest, how.processes_from))
    many = len(first) == how.processes_from and (how.workers > 1 or how.processes_from == 0)
    line = _Line(source, recipe, how, needs, in_processes=many and can_be_had())
    finished = False
    try:
        yield from line.run(itertools.chain(first, rest))
        finished = True
    finally:
        line.close(at_once=not finished)


class _Line:
    """One run: a window of jobs in order, whose far end is filled as its near end is handed out."""

    def __init__(self, source: Source, recipe: Recipe, how: How, needs: Needs, *, in_processes: bool) -> None:
        self._source, self._how = source, how
        self._desk = Desk(source, recipe, how.limits, needs)
        self._pixel_bytes = 3 * recipe.side**2
        self._in_processes = in_processes
        depth = 1 + -(-how.prefetch // how.workers)
        self._parcel_images = max(1, min(_PARCEL_IMAGES, how.ahead // (how.workers * depth)))
        self._hands: Hands
        if in_processes:
            self._hands = Crew(self._desk, how.workers, depth, how.deadline_s)
        else:
            self._hands = Threads(self._desk, how.workers)
        self._readers = ThreadPoolExecutor(how.prefetch, thread_name_prefix="likewise-read")
        self._window: deque[Job] = deque()
        self._numbers = itertools.count()

    def run(self, items: Iterator[Item]) -> Iterator[Prepared]:
        jobs = (self._job(item) for item in items)
        ahead: list[Job] = []  # at most one: looked at, and not let in yet
        while True:
            while self._has_room() and (parcel := self._gathered(jobs, ahead)):
                self._begin(parcel)
            if not self._window:
                return
            yield self._window.popleft().done.result()

    def close(self, *, at_once: bool) -> None:
        self._readers.shutdown(wait=not at_once, cancel_futures=True)
        self._hands.close(at_once=at_once)

    def _job(self, item: Item) -> Job:
        path = self._source.file(item) if self._in_processes else None
        return Job(item, next(self._numbers), path, item.size_bytes if item.size_bytes >= 0 else _UNKNOWN_BYTES)

    def _has_room(self) -> bool:
        """For a whole parcel: letting images in one by one would make parcels of one."""
        if not self._window:
            return True
        held = len(self._window) * self._pixel_bytes + self._desk.encoded_bytes
        return len(self._window) + self._parcel_images <= self._how.ahead and held < self._how.ahead_bytes

    def _gathered(self, jobs: Iterator[Job], ahead: list[Job]) -> list[Job]:
        """The next few images that are read in the same way and make no more than one parcel; none at the end."""
        parcel: list[Job] = []
        size_bytes = 0
        while (job := ahead.pop() if ahead else next(jobs, None)) is not None:
            most = self._parcel_images if job.path else min(self._parcel_images, _READ_HERE_IMAGES)
            alike = not parcel or (job.path is None) == (parcel[0].path is None)
            if parcel and (not alike or len(parcel) >= most or size_bytes + job.cost_bytes > _PARCEL_BYTES):
                ahead.append(job)
                break
            parcel.append(job)
            size_bytes += job.cost_bytes
        return parcel

    def _begin(self, parcel: list[Job]) -> None:
        for job in parcel:
            self._desk.take_on(job)
            self._window.append(job)
        if parcel[0].path is not None:
            self._hands.todo.put(deque(parcel))
        else:
            self._readers.submit(self._read, parcel)

    def _read(self, parcel: list[Job]) -> None:
        needed = self._desk.read_here(parcel)
        if needed:
            self._hands.todo.put(deque(needed))
