"""Work that takes longer than a request may: one job after the other, watched, and stopped when asked."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from likewise import ingest
from likewise.errors import LikewiseError
from likewise.images import Limits
from likewise.service.galleries import Gallery
from likewise.service.problems import Refusal, refusal_of

State: TypeAlias = Literal["waiting", "running", "done", "failed", "stopped"]

_MOST_WAITING = 8
_MOST_KEPT = 100
_WAIT_S = 30.0  # for another process that is writing
ENDED: tuple[State, ...] = ("done", "failed", "stopped")


class _Stopped(Exception):
    """The client, or the end of the service, wants no more of it."""


@dataclass(slots=True)
class Job:
    """One job; the thread that does it changes it, and whoever looks sees whole values.

    Attributes:
        id: 16 hexadecimal digits.
        collection: Its name.
        state: `done`, `failed` and `stopped` are the ends.
        report: What was done so far.
        why: Where it failed, for a person.
        asked_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC; None before its end.
        version: Rises with every change.
    """

    id: str
    collection: str
    asked_at: str
    state: State = "waiting"
    report: ingest.Report = field(default_factory=ingest.Report)
    why: str | None = None
    ended_at: str | None = None
    version: int = 0
    wanted: threading.Event = field(default_factory=threading.Event, repr=False)  # set: nobody wants it any more


class Jobs:
    """The jobs of a service; any thread may ask.

    Args:
        limits: Of one picture.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "job")

    def index(self, gallery: Gallery, places: Sequence[str]) -> Job:
        """Have places brought up to date.

        Args:
            gallery: That holds them.
            places: As for `Collection.index`; who names them has been checked.

        Raises:
            Refusal: `busy` if too many jobs wait.
        """
        with self._guard:
            waiting = sum(job.state == "waiting" for job in self._jobs.values())
            if waiting >= _MOST_WAITING:
                raise Refusal("busy", f"{waiting} jobs wait already: try again when one is done", {"Retry-After": "60"})
            job = Job(secrets.token_hex(8), gallery.name, _now())
            self._jobs[job.id] = job
            for old in [each.id for each in self._jobs.values() if each.state in ENDED][:-_MOST_KEPT]:
                del self._jobs[old]
            options = ingest.Options(limits=self._limits, wait_s=_WAIT_S)
            self._thread.submit(
                self._do, job, lambda watch: gallery.collection.index(*places, options=options, watch=watch)
            )
        return job

    def all(self) -> list[Job]:
        """All that are remembered, the newest first."""
        with self._guard:
            return list(reversed(self._jobs.values()))

    def get(self, name: str) -> Job:
        """One job.

        Raises:
            Refusal: If there is none of this id, or it is forgotten.
        """
        with self._guard:
            if name not in self._jobs:
                raise Refusal(
                    "no-such-job", "there is no job of this id, or it ended long ago: GET /v1/jobs lists them"
                )
            return self._jobs[name]

    def stop(self, name: str) -> Job:
        """Have a job end soon; what it has committed stays. Nothing happens to one that has ended."""
        job = self.get(name)
        job.wanted.set()
        return job

    def close(self) -> None:
        """Stop all, and wait until they have."""
        for job in self.all():
            job.wanted.set()
        self._thread.shutdown()

    def _do(self, job: Job, work: Callable[[ingest.Watch], ingest.Report]) -> None:
        def watch(report: ingest.Report) -> None:
            job.report = report
            job.version += 1
            if job.wanted.is_set():
                raise _Stopped

        try:
            watch(job.report)
            job.state = "running"
            job.report = work(watch)
        except _Stopped:
            self._end(job, "stopped")
        except LikewiseError as error:
            self._end(job, "failed", refusal_of(error).detail)
        except BaseException:
            self._end(job, "failed", "a fault of the program: its log says more")
            raise
        else:
            self._end(job, "done")

    def _end(self, job: Job, state: State, why: str | None = None) -> None:
        job.why, job.ended_at, job.state = why, _now(), state
        job.version += 1


def allowed_place(path: str, roots: Sequence[Path]) -> str:
    """A folder that a client names, once it is found to lie below one that the operator allows; links count as what they lead to.

    Raises:
        Refusal: If it does not, in the same words whether anything is there or not.
    """
    refused = Refusal(
        "not-allowed", "this is no folder below one that the operator allows to be indexed (--index-root)"
    )
    if "\x00" in path or not Path(path).is_absolute():
        raise refused
    try:
        found = Path(path).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise refused from error
    if not any(found.is_relative_to(root.resolve()) for root in roots) or not found.is_dir():
        raise refused
    return str(found)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
