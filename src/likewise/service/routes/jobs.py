"""Indexing in the background: started, watched, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from likewise.service import jobs
from likewise.service.jobs import Job, allowed_place
from likewise.service.problems import Refusal, content, declared
from likewise.service.state import Service, service_of

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="As the job was answered.")]
_LOOK_S = 0.2
_SILENT_S = 15.0  # after so long a comment says that the line still holds
_ASKED = declared("bad-argument", "no-token", "not-allowed", "foreign-origin")


class JobRequest(BaseModel):
    """What is to be done."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["index"] = Field(description="`index`: bring places up to date.")
    collection: str | None = Field(default=None, max_length=500, description="The first one unless given.")
    path: str | None = Field(
        default=None,
        max_length=4096,
        description="A folder of the server below one that its operator allows; all that were indexed before unless given.",
    )


class Progress(BaseModel):
    """Counted in images."""

    total: int
    done: int
    added: int
    changed: int
    unchanged: int
    vanished: int
    skipped: int


class JobInfo(BaseModel):
    """A job as it is now."""

    id: str
    kind: Literal["index"]
    collection: str
    state: jobs.State
    progress: Progress
    reason: str | None = Field(description="Why it failed.")
    asked_at: str
    ended_at: str | None


class JobList(BaseModel):
    """All jobs that are remembered, the newest first."""

    jobs: list[JobInfo]


@router.post(
    "", status_code=202, response_model=JobInfo, responses=_ASKED | declared("no-such-collection", "busy", "not-ready")
)
async def start(request: Request, asked: JobRequest) -> JobInfo:
    """Start a job; it is done after those that were started before."""
    service = _writable(request)
    gallery = service.galleries.get(asked.collection)
    if asked.path is None:
        places = gallery.collection.places()
        if not places:
            raise Refusal("bad-argument", "nothing was indexed here before: say what by `path`")
    else:
        places = [await asyncio.to_thread(allowed_place, asked.path, service.settings.index_roots)]
    return _told(service.jobs.index(gallery, places))


@router.get("", response_model=JobList, responses=declared("no-token", "not-allowed"))
async def listed(request: Request) -> JobList:
    """The jobs of this server since it was started."""
    return JobList(jobs=[_told(job) for job in service_of(request).jobs.all()])


@router.get("/{job_id}", response_model=JobInfo, responses=_ASKED | declared("no-such-job"))
async def one(request: Request, job_id: _ID) -> JobInfo:
    """How far a job is."""
    return _told(service_of(request).jobs.get(job_id))


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses=content(200, "text/event-stream", "One event `job` for each change, until its end.")
    | _ASKED
    | declared("no-such-job"),
)
async def events(request: Request, job_id: _ID) -> Response:
    """How far a job is, told whenever that changes (server-sent events)."""
    job = service_of(request).jobs.get(job_id)
    return StreamingResponse(_events(request, job), media_type="text/event-stream")


@router.delete("/{job_id}", response_model=JobInfo, responses=_ASKED | declared("no-such-job"))
async def stop(request: Request, job_id: _ID) -> JobInfo:
    """Have a job end soon; what it has committed stays, and another one goes on from there."""
    return _told(_writable(request).jobs.stop(job_id))


async def _events(request: Request, job: Job) -> AsyncIterator[bytes]:
    seen, silent_s = -1, 0.0
    gate = service_of(request).gate
    while not gate.draining:
        version = job.version
        if version != seen:
            told = _told(job)
            yield b"event: job\ndata: " + told.model_dump_json().encode() + b"\n\n"
            if told.state in jobs.ENDED:
                return
            seen, silent_s = version, 0.0
        elif silent_s >= _SILENT_S:
            yield b": still here\n\n"
            silent_s = 0.0
        await asyncio.sleep(_LOOK_S)
        silent_s += _LOOK_S


def _writable(request: Request) -> Service:
    service = service_of(request)
    if not service.settings.writable:
        raise Refusal("not-allowed", "this server is read-only: its operator can start it with --writable")
    return service


def _told(job: Job) -> JobInfo:
    report = job.report
    return JobInfo(
        id=job.id,
        kind="index",
        collection=job.collection,
        state=job.state,
        progress=Progress(
            total=report.total,
            done=report.done,
            added=report.added,
            changed=report.changed,
            unchanged=report.unchanged,
            vanished=report.vanished,
            skipped=len(report.skipped) + report.still_skipped,
        ),
        reason=job.why,
        asked_at=job.asked_at,
        ended_at=job.ended_at,
    )
