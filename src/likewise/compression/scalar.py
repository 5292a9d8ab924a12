"""Embeddings kept as one byte a component."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from likewise.compression.types import Arrays, Codes, Decoded, unit_again
from likewise.types import Embeddings

_MOST = 127
_SCALE_BYTES = 4


class Int8:
    """Each row in 255 even steps up to its own largest component; see `Codec`.

    Rows of unit norm need no scale: it is what makes them unit again. Others keep theirs in four bytes, to 17 significant bits,
    so that steps times scale is exact.
    """

    NUMBER: ClassVar[str] = ""
    LEAST: ClassVar[int] = 0

    def __init__(self, dim: int, *, unit: bool) -> None:
        """Take the length of the embeddings, and whether all have unit norm."""
        self._dim, self._unit = dim, unit

    @classmethod
    def check(cls, number: int, dim: int) -> None:
        """See `Codec.check`; any length will do."""

    @classmethod
    def fit(cls, number: int, rows: Embeddings, *, unit: bool, seed: int) -> Self:  # noqa: ARG003 - nothing is fitted
        """See `Codec.fit`."""
        return cls(rows.shape[1], unit=unit)

    @classmethod
    def restore(cls, number: int, dim: int, arrays: Arrays, *, unit: bool) -> Self:  # noqa: ARG003 - nothing was fitted
        """See `Codec.restore`."""
        return cls(dim, unit=unit)

    @property
    def row_bytes(self) -> int:
        """See `Codec.row_bytes`."""
        return self._dim + (0 if self._unit else _SCALE_BYTES)

    @property
    def arrays(self) -> Arrays:
        """See `Codec.arrays`."""
        return {}

    def encode(self, rows: Embeddings) -> Codes:
        """See `Codec.encode`."""
        scales = _short(np.abs(rows).max(axis=1, initial=0) / np.float32(_MOST))
        steps = np.divide(rows, scales[:, None], out=np.zeros(rows.shape, np.float32), where=scales[:, None] > 0)
        codes: Codes = np.clip(np.rint(steps), -_MOST, _MOST).astype(np.int8).view(np.uint8)
        if self._unit:
            return codes
        return np.concatenate([codes, scales.astype("<f4")[:, None].view(np.uint8)], axis=1)

    def decode(self, codes: Codes) -> Embeddings:
        """See `Codec.decode`."""
        steps = codes[:, : self._dim].view(np.int8).astype(np.float32)
        if self._unit:
            return unit_again(steps)
        steps *= np.ascontiguousarray(codes[:, self._dim :]).view("<f4")
        return steps

    def rows(self, codes: Codes) -> Decoded:
        """See `Codec.rows`."""
        return Decoded(codes, self.decode, self._dim)

    def searched(self, codes: Codes) -> Decoded:
        """See `Codec.searched`; the embeddings."""
        return self.rows(codes)

    def asked(self, queries: Embeddings) -> Embeddings:
        """See `Codec.asked`; as they are."""
        return queries


def _short(scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers of 0 or more, rounded up to 17 significant bits: 127 times one of them is exact, and divided by 127 is itself again."""
    bits = np.ascontiguousarray(scales, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7F)) & np.uint32(0xFFFFFF80)).view(np.float32)
