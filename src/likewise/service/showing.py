"""Images of a gallery as answers tell them: no path of this machine is among what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.strengths import Strength
from likewise.types import Hit, Record


def image(gallery: Gallery, record: Record) -> models.ImageInfo:
    """An image, with its links."""
    return models.ImageInfo.model_validate(_facts(gallery, record))


def hit(gallery: Gallery, found: Hit, rank: int, strength: Strength | None) -> models.SearchHit:
    """A hit, with its links."""
    return models.SearchHit.model_validate(
        _facts(gallery, found.record)
        | {
            "rank": rank,
            "score": found.score,
            "chance": found.chance,
            "inliers": found.inliers,
            "strength": strength,
            "layers": dict(found.layers) if found.layers else None,
            "folded": [_facts(gallery, each.record) | {"score": each.score} for each in found.folded],
        }
    )


def chance_hit(gallery: Gallery, found: Hit) -> models.ChanceHit:
    """One of the nearest that is no hit."""
    told = {"rank": found.rank, "score": found.score, "chance": found.chance}
    return models.ChanceHit.model_validate(_facts(gallery, found.record) | told)


def links(gallery: Gallery, record: Record) -> models.Links:
    """Where more of an image is; the address changes with its content, so that what is kept of it may be kept for ever."""
    base = f"/v1/images/{quote(record.key, safe='/')}"
    where, version = urlencode({"collection": gallery.name}), record.content_sha256[:12]
    return models.Links(
        image=f"{base}?{where}",
        thumbnail=f"{base}/thumbnail?{where}&v={version}&side=256",
        original=f"{base}/original?{where}&v={version}",
    )


def moment(modified_ns: int) -> str | None:
    """Nanoseconds since 1970 as ISO 8601; None for 0, and for what no calendar has."""
    if modified_ns == 0:
        return None
    try:
        return datetime.fromtimestamp(modified_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


def _facts(gallery: Gallery, record: Record) -> dict[str, object]:
    return {
        "key": record.key,
        "width": record.width,
        "height": record.height,
        "size_bytes": record.size_bytes,
        "modified": moment(record.modified_ns),
        "metadata": dict(record.metadata),
        "links": links(gallery, record),
    }
