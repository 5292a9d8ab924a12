"""Does a collection still say the truth: are its files whole, its images still there, its embeddings what they would be today?"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from likewise import images
from likewise.encoders import Encoder
from likewise.encoders.runtimes import running
from likewise.errors import BadImage, SourceError
from likewise.stores.home import Home
from likewise.types import Embeddings, Image, Record, Skipped

TOLERANCE = {"float32": 1e-3}
ROUNDED_TOLERANCE = 4e-3
"""Relative L2 difference up to which two embeddings of one image count as the same: another processor, another order of
summation; and where one of them was rounded to float16 or to codes. What rounding itself costs is taken off before: the
embedding that is kept may lie no farther from today's than today's own codes do. A coarse code hides a small drift."""

BF16_TOLERANCE = 0.045
"""The same where one of the two was computed in bf16: what a cosine of 0.999 allows, the bound of docs/encoders.md."""


_ASKED = 500  # images, for how much a search finds
_NEIGHBOURS = 10
_SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what was found.

    Attributes:
        blocks: Blocks of the array file whose checksum was recomputed.
        damaged: What is wrong inside the collection's own files, in words.
        images: Originals that were read and hashed again.
        missing: Keys whose original cannot be read, with the reason.
        changed: Keys whose original has other bytes than the ones embedded.
        embedded: Images that were embedded again.
        drifted: Keys whose embedding differs by more than the tolerance.
        largest_drift: The largest relative L2 difference among all that were embedded again, beyond what keeping them costs.
        recall: Of the ten nearest, the share that a search finds, measured anew; None where searches are exact.
        wished_recall: What the collection is to have.
        recall_error: The standard error of `recall`.
    """

    blocks: int
    damaged: tuple[str, ...]
    images: int
    missing: tuple[Skipped, ...]
    changed: tuple[str, ...]
    embedded: int
    drifted: tuple[str, ...]
    largest_drift: float
    recall: float | None = None
    wished_recall: float = 1.0
    recall_error: float = 0.0

    @property
    def falls_short(self) -> bool:
        """Whether searches find less than they are to find, by more than chance would explain."""
        return self.recall is not None and self.recall + _SURE * self.recall_error < self.wished_recall

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.damaged or self.missing or self.changed or self.drifted or self.falls_short)


def verify(
    store: Home,
    encoder: Encoder,
    read: Callable[[Record], bytes],
    *,
    sample: int | None = 256,
    limits: images.Limits | None = None,
    watch: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verification:
    """Check a collection against its own checksums, its originals, and its encoder.

    Args:
        store: Every block of its array is always checked.
        encoder: Embeds the sample again.
        read: Gives the encoded bytes of an original; raises `SourceError` if it is gone.
        sample: How many images, drawn with a fixed seed, are read, hashed and embedded again; None means all.
        limits: Of the decoder; the ones of indexing.
        watch: Told (images done, images in all).

    Returns:
        What was found; nothing is changed.
    """
    blocks, damaged = store.check()
    chosen = _sample(store, sample)
    missing: list[Skipped] = []
    changed: list[str] = []
    differences: dict[str, float] = {}
    for start in range(0, len(chosen), 64):
        again: list[tuple[int, Record, Image]] = []
        for row, record in chosen[start : start + 64]:
            try:
                data = read(record)
                if hashlib.sha256(data).hexdigest() != record.content_sha256:
                    changed.append(record.key)
                    continue
                again.append((row, record, images.prepare(data, encoder.card.recipe, limits or images.Limits()).pixels))
            except (SourceError, BadImage) as error:
                missing.append(Skipped(record.key, str(error)))
        differences.update(_differences(store, encoder, again))
        watch(min(start + 64, len(chosen)), len(chosen))
    bf16 = any("bf16" in told for told in (*store.computed_by, running(encoder).precision))
    rounded = TOLERANCE.get(store.kept_as, ROUNDED_TOLERANCE)
    tolerance = max(rounded, BF16_TOLERANCE if bf16 else 0.0)
    drifted = tuple(key for key, difference in differences.items() if difference > tolerance)
    largest = max(differences.values(), default=0.0)
    shares = store.shares_found(_ASKED)
    found = Verification(
        blocks, tuple(damaged), len(chosen), tuple(missing), tuple(changed), len(differences), drifted, largest
    )
    if shares is None:
        return found
    spread = max(float(shares.std()), 1 / _NEIGHBOURS / len(shares) ** 0.5) / len(shares) ** 0.5
    return replace(found, recall=float(shares.mean()), wished_recall=store.wish.recall, recall_error=spread)


def _sample(store: Home, size: int | None) -> list[tuple[int, Record]]:
    """A simple random sample in row order, by one pass over the records (Vitter's algorithm R, TOMS 1985)."""
    records: Iterator[tuple[int, Record]] = store.records()
    if size is None:
        return list(records)
    draw = random.Random(0)  # noqa: S311 - a sample to look at, not a secret
    kept: list[tuple[int, Record]] = []
    for seen, pair in enumerate(records):
        if seen < size:
            kept.append(pair)
        elif (place := draw.randrange(seen + 1)) < size:
            kept[place] = pair
    return sorted(kept, key=lambda pair: pair[0])


def _differences(store: Home, encoder: Encoder, again: Sequence[tuple[int, Record, Image]]) -> dict[str, float]:
    """Key → relative L2 difference between the embedding that is kept and the one made now, beyond what keeping it costs."""
    if not again:
        return {}
    kept: Embeddings = store.embeddings(np.array([row for row, _, _ in again], np.int64))
    now = encoder.encode(np.stack([pixels for _, _, pixels in again]))
    sizes = np.maximum(np.linalg.norm(now, axis=1), np.finfo(np.float32).tiny)
    codec = store.codebook.codec
    rounding = np.linalg.norm(now - codec.decode(codec.encode(now)), axis=1)
    relative = np.maximum(np.linalg.norm(now - kept, axis=1) - rounding, 0) / sizes
    return {record.key: float(value) for (_, record, _), value in zip(again, relative, strict=True)}
