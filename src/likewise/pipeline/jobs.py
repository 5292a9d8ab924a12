"""One image on its way through the pipeline, and the desk where everything that becomes of it is written down."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from likewise import images
from likewise.errors import BadImage, SourceError
from likewise.sources import Source
from likewise.types import Image, Item, Recipe

NO_MEMORY = "there was not enough memory to decode it"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one image: pixels; or none, since nobody needs them; or none, with the reason.

    Attributes:
        item: Which image.
        number: Its place in the order that the images were given in, from 0.
        sha256: Of the encoded bytes, 64 hexadecimal digits; empty if they could not be read.
        size_bytes: Encoded.
        pixels: (side, side, 3) uint8, read-only, upright sRGB; None if there are none.
        width: Of the upright picture in the file.
        height: Of the upright picture in the file.
        reason: Why there is nothing, in words for a person; empty if nothing went wrong.
    """

    item: Item
    number: int
    sha256: str = ""
    size_bytes: int = 0
    pixels: Image | None = None
    width: int = 0
    height: int = 0
    reason: str = ""


Needs: TypeAlias = Callable[[int, str], bool]
"""Asked, by any thread, with an image's number and the SHA-256 of its bytes whether its pixels are wanted at all."""


@dataclass(slots=True)
class Job:
    """One image that is not finished.

    Attributes:
        item: What the source says.
        number: See `Prepared`.
        path: The file that a decoder may read by itself; None where the source must read.
        cost_bytes: What its encoded bytes are counted as until it is finished.
        data: The encoded bytes, where they were read here.
        sha256: Once they are read.
        size_bytes: Once they are read.
        strikes: How many processes died of it.
        done: Its end.
    """

    item: Item
    number: int
    path: str | None
    cost_bytes: int
    data: bytes | None = None
    sha256: str = ""
    size_bytes: int = 0
    strikes: int = 0
    done: Future[Prepared] = field(default_factory=Future)


class Desk:
    """Reads, asks what is needed, decodes in this process, and notes the end of every job; threads share it.

    Args:
        source: Of the images.
        recipe: Makes the pixels.
        limits: Of the decoder.
        needs: Asked once the bytes are known.
    """

    def __init__(self, source: Source, recipe: Recipe, limits: images.Limits, needs: Needs) -> None:
        self.recipe, self.limits = recipe, limits
        self._source, self._needs = source, needs
        self._guard = threading.Lock()
        self._encoded_bytes = 0

    @property
    def encoded_bytes(self) -> int:
        """What the encoded bytes of all jobs that were taken on and are not finished are counted as."""
        with self._guard:
            return self._encoded_bytes

    def take_on(self, job: Job) -> None:
        """Begin to count a job."""
        with self._guard:
            self._encoded_bytes += job.cost_bytes

    def read_here(self, jobs: Iterable[Job]) -> list[Job]:
        """Read the bytes of some jobs, and give back those whose pixels are needed."""
        return [job for job in jobs if self._read(job)]

    def decode_here(self, jobs: Iterable[Job]) -> None:
        """Finish some jobs with the means of this process; those whose bytes are not read yet are read first."""
        for job in jobs:
            if job.data is None and not self._read(job):
                continue
            try:
                made = images.prepare(job.data or b"", self.recipe, self.limits)
            except BadImage as error:
                self.refused(job, str(error))
            except MemoryError:
                self.refused(job, NO_MEMORY)
            except BaseException as error:  # a mistake of ours: it belongs to whoever waits for this image
                self._failed(job, error)
            else:
                self.made(job, made.pixels, made.width, made.height)

    def found(self, job: Job, sha256: str, size_bytes: int, reason: str) -> bool:
        """Note that an image was read, or why not; returns whether it is to be decoded."""
        job.sha256, job.size_bytes = sha256, size_bytes
        if reason:
            self.refused(job, reason)
            return False
        try:
            needed = self._needs(job.number, sha256)
        except BaseException as error:  # it belongs to whoever waits for this image
            self._failed(job, error)
            return False
        if not needed:
            self._finish(job, Prepared(job.item, job.number, sha256, size_bytes))
        return needed

    def made(self, job: Job, pixels: Image, width: int, height: int) -> None:
        """Finish a job with its pixels."""
        self._finish(job, Prepared(job.item, job.number, job.sha256, job.size_bytes, pixels, width, height))

    def refused(self, job: Job, reason: str) -> None:
        """Finish a job with the reason why it has no pixels."""
        self._finish(job, Prepared(job.item, job.number, job.sha256, job.size_bytes, reason=reason))

    def _read(self, job: Job) -> bool:
        try:
            data = self._source.read(job.item)
        except SourceError as error:
            return self.found(job, "", 0, str(error))
        except MemoryError:
            return self.found(job, "", 0, NO_MEMORY)
        except BaseException as error:
            self._failed(job, error)
            return False
        job.data = data
        self._count(job, len(data))
        return self.found(job, hashlib.sha256(data).hexdigest(), len(data), "")

    def _finish(self, job: Job, end: Prepared) -> None:
        job.data = None
        self._count(job, 0)
        job.done.set_result(end)

    def _failed(self, job: Job, error: BaseException) -> None:
        job.data = None
        self._count(job, 0)
        job.done.set_exception(error)

    def _count(self, job: Job, cost_bytes: int) -> None:
        with self._guard:
            self._encoded_bytes += cost_bytes - job.cost_bytes
            job.cost_bytes = cost_bytes
