"""Images of a gallery as answers tell them: no path of this machine is among what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, urlencode

from likewise.service import models
from likewise.service.galleries import Gallery
from likewise.service.strengths import Strength
from likewise.types import Hit, Record

Told: TypeAlias = dict[str, object]
"""Fields of an answer's model. Answers of many hits are not made of models: to check each field again takes as long as a search."""


def image(gallery: Gallery, record: Record) -> models.ImageInfo:
    """An image, with its links."""
    return models.ImageInfo.model_validate(facts(gallery, record))


def hit(gallery: Gallery, found: Hit, rank: int, strength: Strength | None) -> Told:
    """A hit, with its links: the fields of `models.SearchHit`."""
    return facts(gallery, found.record) | {
        "rank": rank,
        "score": found.score,
        "chance": found.chance,
        "inliers": found.inliers,
        "strength": strength,
        "layers": dict(found.layers) if found.layers else None,
        "folded": [facts(gallery, each.record) | {"score": each.score} for each in found.folded],
    }


def chance_hit(gallery: Gallery, found: Hit) -> Told:
    """One of the nearest that is no hit: the fields of `models.ChanceHit`."""
    return facts(gallery, found.record) | {"rank": found.rank, "score": found.score, "chance": found.chance}


@lru_cache(maxsize=10_000)
def links(collection: str, key: str, sha256: str) -> dict[str, str]:
    """Where more of an image is: the fields of `models.Links`.

    The address changes with the content, so that what is kept of it may be kept for ever.
    """
    base, where, version = f"/v1/images/{quote(key, safe='/')}", urlencode({"collection": collection}), sha256[:12]
    return {
        "image": f"{base}?{where}",
        "thumbnail": f"{base}/thumbnail?{where}&v={version}&side=256",
        "original": f"{base}/original?{where}&v={version}",
    }


@lru_cache(maxsize=10_000)
def moment(modified_ns: int) -> str | None:
    """Nanoseconds since 1970 as ISO 8601; None for 0, and for what no calendar has."""
    if modified_ns == 0:
        return None
    try:
        return datetime.fromtimestamp(modified_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


def facts(gallery: Gallery, record: Record) -> Told:
    """What is known of an image: the fields of `models.ImageInfo`."""
    return {
        "key": record.key,
        "width": record.width,
        "height": record.height,
        "size_bytes": record.size_bytes,
        "modified": moment(record.modified_ns),
        "metadata": dict(record.metadata),
        "links": links(gallery.name, record.key, record.content_sha256),
    }
