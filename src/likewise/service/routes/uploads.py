"""Query pictures that are kept for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from likewise.service import bodies, models
from likewise.service.parameters import SIDE
from likewise.service.problems import Refusal, content, declared
from likewise.service.state import service_of
from likewise.service.uploads import Kept

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As the upload was answered.")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": bodies.BINARY},
            "application/octet-stream": {"schema": bodies.BINARY},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": bodies.BINARY}, "required": ["file"]}
            },
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=models.Upload,
    responses=declared(
        "bad-argument",
        "no-token",
        "not-allowed",
        "too-large",
        "not-a-picture",
        "undecodable",
        "busy",
        "not-ready",
        "deadline",
    ),
    openapi_extra=_BODY,
)
async def upload(request: Request) -> models.Upload:
    """Keep a query picture for an hour, so that an address can hold the query; the same picture gets the same id."""
    service = service_of(request)
    async with service.gate.turn():
        files = await bodies.pictures(request, service.settings)
        if len(files) != 1:
            raise Refusal("bad-argument", f"the body has {len(files)} files: send one")
        (file,) = files.values()
        width, height = await service.decoder.size(file.data)
    return _told(service.uploads.keep(file.data, width, height))


@router.get(
    "/{upload_id}",
    response_model=models.Upload,
    responses=declared("bad-argument", "no-token", "not-allowed", "no-such-upload"),
)
async def kept(request: Request, upload_id: _ID) -> models.Upload:
    """What was answered when it was uploaded."""
    return _told(_kept(request, upload_id))


@router.get(
    "/{upload_id}/thumbnail",
    response_class=Response,
    responses=content(200, "image/webp", "The picture, small.")
    | declared("bad-argument", "no-token", "not-allowed", "no-such-upload", "busy", "not-ready", "deadline"),
)
async def thumbnail(request: Request, upload_id: _ID, side: SIDE = 256) -> Response:
    """The picture, small."""
    service, found = service_of(request), _kept(request, upload_id)
    async with service.gate.turn():
        shown = await service.decoder.thumbnail(found.data, side)
    return Response(shown, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})


def _kept(request: Request, upload_id: str) -> Kept:
    found = service_of(request).uploads.get(upload_id)
    if found is None:
        raise Refusal("no-such-upload", "this upload is kept no more: upload the picture again")
    return found


def _told(found: Kept) -> models.Upload:
    until = datetime.fromtimestamp(found.until_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return models.Upload(id=found.id, width=found.width, height=found.height, expires=until)
