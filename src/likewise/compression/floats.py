"""Embeddings kept as floating point."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from likewise.compression.types import Arrays, Codes
from likewise.types import Embeddings

Floats = NDArray[np.float32] | NDArray[np.float16]


class Float32:
    """Every bit of them; see `Codec`."""

    NUMBER: ClassVar[str] = ""
    LEAST: ClassVar[int] = 0
    _dtype: ClassVar[np.dtype[np.float32] | np.dtype[np.float16]] = np.dtype("<f4")

    def __init__(self, dim: int) -> None:
        """Take the length of the embeddings."""
        self._dim = dim

    @classmethod
    def check(cls, number: int, dim: int) -> None:
        """See `Codec.check`; any length will do."""

    @classmethod
    def fit(cls, number: int, rows: Embeddings, *, unit: bool, seed: int) -> Self:  # noqa: ARG003 - nothing is fitted
        """See `Codec.fit`."""
        return cls(rows.shape[1])

    @classmethod
    def restore(cls, number: int, dim: int, arrays: Arrays, *, unit: bool) -> Self:  # noqa: ARG003 - nothing was fitted
        """See `Codec.restore`."""
        return cls(dim)

    @property
    def row_bytes(self) -> int:
        """See `Codec.row_bytes`."""
        return self._dim * self._dtype.itemsize

    @property
    def arrays(self) -> Arrays:
        """See `Codec.arrays`."""
        return {}

    def encode(self, rows: Embeddings) -> Codes:
        """See `Codec.encode`."""
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(rows, self._dtype).view(np.uint8).reshape(len(rows), self.row_bytes)

    def decode(self, codes: Codes) -> Embeddings:
        """See `Codec.decode`."""
        return np.asarray(self.rows(np.ascontiguousarray(codes)), np.float32)

    def rows(self, codes: Codes) -> Floats:
        """See `Codec.rows`; the array itself."""
        seen: Floats = codes.view(self._dtype).reshape(len(codes), self._dim)
        return seen

    def searched(self, codes: Codes) -> Floats:
        """See `Codec.searched`; the array itself."""
        return self.rows(codes)

    def asked(self, queries: Embeddings) -> Embeddings:
        """See `Codec.asked`; as they are."""
        return queries


class Float16(Float32):
    """Each component to 11 significant bits; see `Codec`."""

    _dtype = np.dtype("<f2")
