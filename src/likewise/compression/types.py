"""What a codec is: rows of numbers as rows of bytes, and rows that are kept as bytes and read as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.types import Embeddings

Codes: TypeAlias = NDArray[np.uint8]
"""(n, row_bytes) uint8: one embedding a row, as it lies in an array file."""

Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]


class Decoded:
    """Embeddings that are kept as codes: a read-only (n, dim) array whose rows are decoded when they are asked for."""

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, codes: Codes, decode: Callable[[Codes], Embeddings], dim: int) -> None:
        """Look at codes, which may be a memory map; nothing is read yet.

        Args:
            codes: (n, row_bytes).
            decode: From some of them to as many embeddings.
            dim: Of these.
        """
        self._codes, self._decode, self._dim = codes, decode, dim

    @property
    def shape(self) -> tuple[int, int]:
        """(n, dim)."""
        return len(self._codes), self._dim

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, rows: slice | NDArray[np.integer] | list[int]) -> Embeddings:
        return self._decode(self._codes[rows])

    def part(self, start: int, stop: int | None) -> Decoded:
        """The rows between two, not decoded yet."""
        return Decoded(self._codes[start:stop], self._decode, self._dim)

    def __array__(self, dtype: np.dtype[np.generic] | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        if copy is False:
            raise ValueError("decoded embeddings are a copy of what is kept")
        return np.asarray(self[:], dtype)


Numbers: TypeAlias = "NDArray[np.float32] | NDArray[np.float16] | Decoded"
"""(n, dim) numbers of a gallery, read a slice or some rows at a time; an array only where they are kept as floating point."""


def part(rows: Numbers, start: int, stop: int | None = None) -> Numbers:
    """Some rows in a row, of which nothing is read yet."""
    return rows.part(start, stop) if isinstance(rows, Decoded) else rows[start:stop]


class Codec(Protocol):
    """How embeddings of one length are kept.

    Contract: what was decoded is encoded to the same codes again, so that a copy of a copy is no worse; a row that cannot be kept is
    decoded to what is not finite; rows of unit norm are unit again; what is `searched`, compared with what is `asked`, scores as decoded
    embeddings and queries do, up to rounding, and each row of it is the same, to the last bit, whatever others it is read with.
    """

    NUMBER: ClassVar[str]
    """What the number behind its name counts, such as `bytes a row`; empty if there is none."""

    LEAST: ClassVar[int]
    """Embeddings that it must be fitted on at least; 0 if nothing is fitted."""

    @classmethod
    def check(cls, number: int, dim: int) -> None:
        """Refuse a number that does not go with the length of the embeddings, before any is made.

        Raises:
            BadArgument: If it does not.
        """
        ...

    @classmethod
    def fit(cls, number: int, rows: Embeddings, *, unit: bool, seed: int) -> Self:
        """Make one for embeddings like these.

        Args:
            number: Behind its name; 0 if there is none.
            rows: (n, dim), n at least `LEAST`.
            unit: All embeddings have unit norm.
            seed: Of whatever is drawn; the same rows and seed give the same codec.

        Raises:
            BadArgument: If the number does not go with the length of the embeddings.
        """
        ...

    @classmethod
    def restore(cls, number: int, dim: int, arrays: Arrays, *, unit: bool) -> Self:
        """Make the one again whose `arrays` these are.

        Raises:
            ValueError: If they do not fit together.
            KeyError: If one is missing.
        """
        ...

    @property
    def row_bytes(self) -> int:
        """Length of a code."""
        ...

    @property
    def arrays(self) -> Arrays:
        """What was fitted, and decoding needs; empty if nothing was."""
        ...

    def encode(self, rows: Embeddings) -> Codes:
        """(n, dim) finite embeddings → (n, row_bytes)."""
        ...

    def decode(self, codes: Codes) -> Embeddings:
        """(n, row_bytes) → (n, dim)."""
        ...

    def rows(self, codes: Codes) -> Numbers:
        """The embeddings as an array that is decoded where it is looked at."""
        ...

    def searched(self, codes: Codes) -> Numbers:
        """What an index compares with `asked` queries: the embeddings, or the same turned in space, which takes less time to decode."""
        ...

    def asked(self, queries: Embeddings) -> Embeddings:
        """(q, dim) queries, turned in space as `searched` is.

        Raises:
            BadArgument: If they have another length.
        """
        ...


def unit_again(rows: Embeddings) -> Embeddings:
    """Divide rows by their norms, in place; zeros stay."""
    norms = np.sqrt(np.vecdot(rows, rows))[:, None]
    np.divide(rows, norms, out=rows, where=norms > 0)
    return rows
