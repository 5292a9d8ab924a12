"""Never twice: which bytes have an embedding already, in the store or in the run that is going on."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.pipeline import Prepared
from likewise.stores import Store
from likewise.types import Embeddings


@dataclass(slots=True)
class Twin:
    """The first image that some bytes were met in.

    Attributes:
        width: Upright, in pixels.
        height: Upright, in pixels.
        row: Of the store; None if it came in this run and is not there yet.
        embedding: (dim,); None until it is made.
    """

    width: int
    height: int
    row: int | None = None
    embedding: NDArray[np.float32] | None = None


class Met:
    """The bytes that one run has met.

    Which image counts as the first of some bytes depends on the order of the images only, though `needs` is asked in
    whatever order they happen to be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._claims: dict[str, int] = {}  # SHA-256 → the number of the image that is decoded for it
        self._overtaken: set[int] = (
            set()
        )  # numbers that were decoded before an earlier image of the same bytes was read
        self._twins: dict[str, Twin] = {}  # of what the store does not hold yet, and what was looked up there since
        self._refused: dict[str, str] = {}

    def needs(self, number: int, sha256: str) -> bool:
        """Whether an image must be decoded: no earlier one has its bytes, in the store or in this run. Any thread may ask."""
        with self._guard:
            claimed = self._claims.get(sha256)
            if claimed is not None and claimed < number:
                return False
        if claimed is None and self._store.with_content(sha256) is not None:
            return False
        with self._guard:
            claimed = self._claims.get(sha256, number)
            if claimed != number:
                self._overtaken.add(max(number, claimed))
            self._claims[sha256] = min(number, claimed)
        return True

    def twin(self, prepared: Prepared) -> tuple[Twin, bool]:
        """The first image of the same bytes, and whether it is this one; called in the order of the images."""
        sha256 = prepared.sha256
        if sha256 in self._twins:
            return self._twins[sha256], False
        if prepared.pixels is None or prepared.number in self._overtaken:
            found = self._store.with_content(sha256)
            if found is not None:
                row, record = found
                self._twins[sha256] = Twin(record.width, record.height, row)
                return self._twins[sha256], False
        assert prepared.pixels is not None  # noqa: S101 - what is not needed has an earlier twin
        self._twins[sha256] = Twin(prepared.width, prepared.height)
        return self._twins[sha256], True

    def embedded(self, sha256s: list[str], embeddings: Embeddings) -> None:
        """Note the embeddings of first images."""
        for sha256, embedding in zip(sha256s, embeddings, strict=True):
            self._twins[sha256].embedding = embedding

    def embeddings(self, sha256s: list[str]) -> Embeddings:
        """The embeddings of images whose bytes were all met, made in this run or found in the store."""
        twins = [self._twins[sha256] for sha256 in sha256s]
        kept = [twin for twin in twins if twin.embedding is None]
        rows = np.array([-1 if twin.row is None else twin.row for twin in kept], np.int64)
        assert (rows >= 0).all()  # noqa: S101 - a first image is embedded before its copies
        for twin, embedding in zip(kept, self._store.embeddings(rows) if kept else (), strict=True):
            twin.embedding = embedding
        return np.stack([twin.embedding for twin in twins if twin.embedding is not None])

    def committed(self, waiting: set[str]) -> None:
        """Forget what the store knows by now, so that memory stays bounded however long the run is.

        Args:
            waiting: The hashes of images that are not in the store yet.
        """
        with self._guard:
            for sha256 in self._twins.keys() - waiting:
                self._claims.pop(sha256, None)
        self._twins = {sha256: twin for sha256, twin in self._twins.items() if sha256 in waiting}

    def refuse(self, sha256: str, reason: str) -> None:
        """Note that these bytes are no picture: copies of them are not tried."""
        if sha256:
            self._refused[sha256] = reason

    def refusal(self, sha256: str) -> str:
        """Why these bytes are no picture, as far as this run knows."""
        return self._refused.get(sha256, "")
