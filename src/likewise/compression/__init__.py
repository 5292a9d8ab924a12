"""Seam: embeddings in, bytes out, and back: how a gallery is kept. What each codec costs is measured: docs/compression.md."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np

from likewise import seams
from likewise.compression.types import Arrays, Codec, Codes, Decoded, Numbers, part
from likewise.errors import BadArgument, StoreDamaged
from likewise.types import Embeddings

__all__ = [
    "Arrays",
    "Codebook",
    "Codec",
    "Codes",
    "Compression",
    "Decoded",
    "Fit",
    "Numbers",
    "compression",
    "file_name",
    "leftovers",
    "names",
    "part",
    "read",
]

_CODECS = {
    "float32": "likewise.compression.floats:Float32",
    "float16": "likewise.compression.floats:Float16",
    "int8": "likewise.compression.scalar:Int8",
    "pq": "likewise.compression.product:ProductQuantiser",
}
_SPELLED = re.compile(r"([a-z][\w-]*)(?::(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Fit:
    """What a codec was fitted on, and what it keeps.

    Attributes:
        pictures: How many embeddings were looked at; 0 where nothing had to be fitted.
        on: The set of pictures, in words.
        seed: Of what was drawn.
        neighbours: The share of the ten nearest others of a picture that stay the ten nearest; None where it was not measured.
        asked: It was measured with so many pictures, which the codec was not fitted on,
        among: and looked for them among so many.
    """

    pictures: int = 0
    on: str = ""
    seed: int = 0
    neighbours: float | None = None
    asked: int = 0
    among: int = 0

    def __str__(self) -> str:
        told = f"fitted on {self.on or f'{self.pictures:,} embeddings'}" if self.pictures else "nothing fitted"
        if self.neighbours is not None:
            told += f"; {10 * self.neighbours:.1f} of the 10 nearest stay ({self.asked:,} others among {self.among:,})"
        return told


@dataclass(frozen=True, slots=True)
class Codebook:
    """A codec for embeddings of one kind, with its name and what it was fitted on.

    Attributes:
        name: Such as `pq:64`.
        codec: Encodes and decodes.
        dim: Of the embeddings.
        unit: Whether they have unit norm.
        fit: What it was fitted on.
    """

    name: str
    codec: Codec
    dim: int
    unit: bool
    fit: Fit = Fit()

    @property
    def is_fitted(self) -> bool:
        """Whether it is lost without its file."""
        return bool(self.codec.arrays)

    def to_bytes(self) -> bytes:
        """A .npz archive; equal codebooks give equal bytes."""
        kept = io.BytesIO()
        told = {"name": self.name, "dim": self.dim, "unit": self.unit, "fit": asdict(self.fit)}
        arrays = {"codec": np.array(json.dumps(told, sort_keys=True)), **self.codec.arrays}
        np.savez(kept, allow_pickle=False, **arrays)
        return kept.getvalue()

    def write(self, folder: Path) -> str:
        """Keep it in a folder, in a file that is named after its content and appears whole or not at all.

        Returns:
            Its SHA-256, by which `read` finds it.
        """
        data = self.to_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        path = folder / file_name(sha256)
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return sha256


@dataclass(frozen=True, slots=True)
class Compression:
    """A way to keep embeddings, before it is known which.

    Attributes:
        name: As it can be asked for again, such as `pq:64`.
        family: Makes the codec.
        number: Behind the name; 0 if there is none.
    """

    name: str
    family: type[Codec]
    number: int

    @property
    def least(self) -> int:
        """Embeddings that it must be fitted on; 0 if nothing is fitted."""
        return self.family.LEAST

    @property
    def is_float(self) -> bool:
        """Whether embeddings stay the floating point that they are, so that there is no cost to measure."""
        return self.name in ("float32", "float16")

    def check(self, dim: int) -> None:
        """Refuse embeddings of a length that does not go with the number behind the name.

        Raises:
            BadArgument: If it does not.
        """
        self.family.check(self.number, dim)

    def made(self, dim: int, *, unit: bool) -> Codebook:
        """The codec where nothing is fitted.

        Raises:
            BadArgument: If something is.
        """
        if self.least:
            raise BadArgument(
                f"{self.name} is fitted on embeddings when a collection is made: make it by `likewise index PLACE --keep {self.name}`"
            )
        return self.fitted(np.zeros((0, dim), np.float32), unit=unit)

    def fitted(self, rows: Embeddings, *, unit: bool, on: str = "", seed: int = 0) -> Codebook:
        """The codec for embeddings like these.

        Args:
            rows: (n, dim), n at least `least`.
            unit: All embeddings have unit norm.
            on: What they are of, in words.
            seed: Of what is drawn.

        Raises:
            BadArgument: If there are too few, or they are too short for the number behind the name.
        """
        codec = self.family.fit(self.number, rows, unit=unit, seed=seed)
        fit = Fit(len(rows), on, seed) if self.least else Fit()
        return Codebook(self.name, codec, rows.shape[1], unit, fit)


def names() -> list[str]:
    """What embeddings can be kept as, as it is written: `float32`, …, `pq:N`."""
    return [f"{name}:N" if _family(name).NUMBER else name for name in seams.names("codec", _CODECS)]


def compression(name: str) -> Compression:
    """Find a codec by name.

    Args:
        name: One of `names()`, with a number for N.

    Raises:
        UnknownName: If there is none of that name.
        BadArgument: If a number is missing, or is none of its business.

    >>> compression("pq:064").name
    'pq:64'
    """
    found = _SPELLED.fullmatch(name.strip())
    if found is None:
        raise BadArgument(f"embeddings are kept as {', '.join(names())}; {name!r} is written otherwise")
    family, number = _family(found[1]), int(found[2] or 0)
    if bool(family.NUMBER) != bool(number):
        wanted = (
            f"say how many {family.NUMBER}, such as {found[1]}:64"
            if family.NUMBER
            else f"it takes no number: {found[1]}"
        )
        raise BadArgument(f"{name}: {wanted}")
    return Compression(f"{found[1]}:{number}" if number else found[1], family, number)


def file_name(sha256: str) -> str:
    """What the codebook of a collection is called; its content is in its name, so none replaces another.

    >>> file_name("0123456789abcdef" * 4)
    'codebook-0123456789abcdef.npz'
    """
    return f"codebook-{sha256[:16]}.npz"


def read(folder: Path, sha256: str) -> Codebook:
    """The codebook that `Codebook.write` kept in a folder.

    Raises:
        StoreDamaged: If it is not there, or another.
    """
    path = folder / file_name(sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreDamaged(f"{path}, without which no embedding can be read, is missing: {_REPAIR}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise StoreDamaged(
            f"{path} has SHA-256 {found[:16]}…, and the embeddings were kept with {sha256[:16]}…: {_REPAIR}"
        )
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            told = json.loads(str(kept["codec"]))
            arrays = {name: kept[name] for name in kept.files if name != "codec"}
        wanted = compression(told["name"])
        codec = wanted.family.restore(wanted.number, told["dim"], arrays, unit=told["unit"])
        return Codebook(wanted.name, codec, told["dim"], told["unit"], Fit(**told["fit"]))
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise StoreDamaged(f"{path} is no codebook ({type(error).__name__}): {_REPAIR}") from error


def leftovers(folder: Path, sha256: str) -> Iterator[Path]:
    """Codebooks in a collection's folder, whole or half written, that are not the collection's."""
    return (path for path in folder.glob("codebook-*.npz*") if path.name != file_name(sha256))


def _family(name: str) -> type[Codec]:
    return cast("type[Codec]", seams.resolve("codec", name, _CODECS))


_REPAIR = "put the file back from a backup, or delete the collection's folder and index again"
