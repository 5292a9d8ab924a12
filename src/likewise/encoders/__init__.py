"""Seam: pixels in, embeddings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from likewise import seams
from likewise.errors import BadArgument
from likewise.types import Card, Embeddings, Pixels


class Encoder(Protocol):
    """A function from pixels to embeddings, and the card that says which.

    Contract: shape (n, card.dim) and float32; a batch equals its images one by one; the same pixels give the same
    embedding every time; rows have unit norm if the card says so.
    """

    @property
    def card(self) -> Card:
        """The identity of what `encode` computes."""
        ...

    def encode(self, pixels: Pixels) -> Embeddings:
        """Embed (n, side, side, 3) uint8 pixels that `card.recipe` made; n may be zero.

        Raises:
            MemoryError: Or an error of the runtime that `lacks_memory` knows, if there is not enough for so many at once.
        """
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """What an encoder can do beside `encode` if it puts words into the space of its pictures.

    Contract: shape (n, card.dim) and float32, unit rows that can be compared with those of pictures; a batch equals its texts
    one by one. An encoder without text has no such method.
    """

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed n texts; n may be zero."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for beside the family's name; a family refuses what it cannot do.

    Attributes:
        layer: The part of the name behind the slash; empty for the family's default.
        recipe: Name of a recipe; None for the family's default.
        weights: A file instead of the published one.
        sha256: Of the weights that are wanted, 64 hexadecimal digits; they are looked for in the cache.
        device: `auto`, `cpu`, `cuda`, `mps`.
        progress: Told (bytes done, bytes in all) of a download.
    """

    layer: str = ""
    recipe: str | None = None
    weights: Path | None = None
    sha256: str | None = None
    device: str = "auto"
    progress: Callable[[int, int], None] | None = None


_NO_MEMORY = ("out of memory", "allocate memory", "bad allocation", "bad_alloc")

_FAMILIES = {
    "compact": "likewise.encoders.onnx:compact",
    "classical": "likewise.encoders.plain:classical",
    "pixels": "likewise.encoders.plain:pixels",
    "vgg19": "likewise.encoders.networks.vgg:vgg19",
    "onnx": "likewise.encoders.onnx:onnx",
    "whitened": "likewise.encoders.whitened:whitened",
}
_FILES = {".onnx": "onnx", ".npz": "whitened"}  # ending of a file → the family that reads it
_TOGETHER = {"vgg19": "likewise.encoders.networks.vgg:together"}
_LAYERS = {"vgg19": ("fc1", "fc2", "pool5", "conv5_4")}


def names() -> list[str]:
    """What can be asked for; a network has more layers than its most used ones, which are listed: docs/encoders.md."""
    families = seams.names("encoder", _FAMILIES)
    return [name for family in families if family not in _FILES.values() for name in _named(family)] + [
        f"FILE{ending}" for ending in _FILES
    ]


def is_file(name: str) -> bool:
    """Whether a name is that of a file, which goes by another name on the card."""
    return name.endswith(tuple(_FILES))


def load(
    name: str,
    *,
    recipe: str | None = None,
    weights: Path | None = None,
    sha256: str | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Encoder:
    """Load an encoder.

    Args:
        name: A family, such as `compact`, a family and a layer, such as `vgg19/fc1`, or a FILE.onnx or FILE.npz.
        recipe: How its input is made, where there is a choice; the family's default unless given.
        weights: A file of weights instead of the published one.
        sha256: Of the weights that are wanted, when no file is given; taken from the cache.
        device: `auto` takes a GPU when there is one.
        progress: Told (bytes done, bytes in all) of a download.

    Raises:
        UnknownName: If there is no such family, layer or recipe.
        MissingExtra: If the family needs an extra that is not installed.
        WeightsError: If the weights are absent or are not this network's.
        DownloadError: If they must be fetched and cannot be.
    """
    for ending, files in _FILES.items():
        if name.endswith(ending):
            path = Path(name).expanduser()
            name, weights = f"{files}/{path.stem}", path if weights is None else weights
    family, _, layer = name.partition("/")
    factory = cast("Callable[[Wish], Encoder]", seams.resolve("encoder", family, _FAMILIES))
    return factory(Wish(layer, recipe, weights, sha256 or None, device, progress))


def lacks_memory(error: Exception) -> bool:
    """Whether this is how Python, torch, ONNX Runtime or OpenVINO say that memory does not suffice.

    >>> lacks_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"))
    True
    """
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(each in words for each in _NO_MEMORY)


class Together(Protocol):
    """Several embeddings of the same pixels at the price of one pass, where a family can do that."""

    @property
    def cards(self) -> tuple[Card, ...]:
        """One for each embedding; all of one recipe."""
        ...

    def encode(self, pixels: Pixels) -> list[Embeddings]:
        """(n, dim) for each card."""
        ...


class _Alone:
    """One encoder, seen as several."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def cards(self) -> tuple[Card, ...]:
        return (self._encoder.card,)

    def encode(self, pixels: Pixels) -> list[Embeddings]:
        return [self._encoder.encode(pixels)]


def load_together(
    names: Sequence[str], *, recipe: str | None = None, weights: Path | None = None, device: str = "auto"
) -> list[Together]:
    """Load several encoders, the layers of one network as one.

    Args:
        names: As for `load`.
        recipe: Of the families that have a choice.
        weights: A file for the families that have published weights.
        device: As for `load`.

    Raises:
        As `load`.
    """
    grouped: dict[str, list[str]] = {}
    for name in names:
        family, slash, layer = name.partition("/")
        shared = family in _TOGETHER and slash
        grouped.setdefault(family if shared else name, []).append(layer if shared else "")
    made: list[Together] = []
    for name, layers in grouped.items():
        if name in _TOGETHER and layers != [""]:
            factory = cast("Callable[[Wish, Sequence[str]], Together]", seams.resolve("encoder", name, _TOGETHER))
            made.append(factory(Wish("", recipe, weights, None, device), layers))
        else:
            takes = name.partition("/")[0] in _TOGETHER
            made.append(_Alone(load(name, recipe=recipe if takes else None, weights=weights if takes else None)))
    return made


def refuse_wishes(family: str, wish: Wish, recipe: str) -> None:
    """For a family without layers and weights: complain about any that were asked for.

    Raises:
        BadArgument: Naming what there is none of.
    """
    if wish.layer or wish.weights is not None:
        raise BadArgument(f"{family} has neither layers nor weights: ask for plain {family}")
    if wish.recipe not in (None, recipe):
        raise BadArgument(f"{family} has one recipe, {recipe}: go without --recipe {wish.recipe}")


def _named(family: str) -> list[str]:
    return [f"{family}/{layer}" for layer in _LAYERS.get(family, ())] or [family]
