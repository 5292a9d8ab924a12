"""Galleries and pictures that rerankers are tried on."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as Picture

from fakes import unit_rows
from likewise.images import Limits
from likewise.rerank import Asked, Original, Shortlists
from likewise.rerank.held import Held

Array = np.ndarray


def held(count: int = 30, dim: int = 6, seed: int = 0) -> Held:
    return Held(unit_rows(count, dim, seed), "cosine", unit=True)


def nothing_seen(count: int) -> list[Asked]:
    return [Asked()] * count


def shortlists(gallery: Held, points: Array, depth: int) -> Shortlists:
    return Shortlists.first(gallery, nothing_seen(len(points)), np.asarray(points, np.float32), depth)


def textured(seed: int, side: int = 160) -> Array:
    """(side, side, 3): blobs of many sizes, each picture others."""
    draw = np.random.default_rng(seed)
    sheet = np.zeros((side, side, 3))
    for cells in (6, 12, 24):
        small = Picture.fromarray(draw.integers(0, 256, (cells, cells, 3), np.uint8))
        sheet += np.asarray(small.resize((side, side), Picture.Resampling.BICUBIC), float)
    return (sheet / 3).astype(np.uint8)


def encoded(picture: Array) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def turned(picture: Array, degrees: float = 20, seed: int = 0) -> Array:
    """The same picture seen from elsewhere: turned, smaller, on another ground."""
    ground = Picture.fromarray(textured(1000 + seed, 220))
    seen = Picture.fromarray(picture).convert("RGBA").rotate(degrees, Picture.Resampling.BICUBIC, expand=True)
    ground.paste(seen, (5, 5), seen)
    return np.asarray(ground.convert("RGB"))


def original(picture: Array) -> Original:
    return Original.of(encoded(picture), Limits())


def with_pictures(pictures: Sequence[Array | None], dim: int = 6, seed: int = 0) -> Held:
    """A gallery whose embeddings have nothing to do with its pictures."""
    known = [None if each is None else original(each) for each in pictures]
    rows = unit_rows(len(pictures), dim, seed)
    return Held(rows, "cosine", unit=True, originals=lambda rows: [known[row] for row in rows])
