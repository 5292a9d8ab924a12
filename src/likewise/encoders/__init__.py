"""Seam: pixels in, embeddings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from likewise import seams
from likewise.encoders import naming
from likewise.encoders.naming import Name
from likewise.encoders.runtimes import Precision, Running, Runtime, is_installed, machine, running
from likewise.errors import BadArgument, MissingExtra, WeightsError
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
        runtime: `auto`, `torch`, `onnx`, `openvino`.
        precision: `auto`, `fp32`, `bf16`, `int8`.
        quantised: SHA-256 of the int8 network that is wanted; empty for any.
        threads: Of the arithmetic; 0 for all processors that this process may use.
        of_card: Whether a collection's card asks, and no user who typed the name.
    """

    layer: str = ""
    recipe: str | None = None
    weights: Path | None = None
    sha256: str | None = None
    device: str = "auto"
    progress: Callable[[int, int], None] | None = None
    runtime: Runtime = "auto"
    precision: Precision = "auto"
    quantised: str = ""
    threads: int = 0
    of_card: bool = False


_NO_MEMORY = ("out of memory", "allocate memory", "bad allocation", "bad_alloc")

_FAMILIES = {
    "compact": "likewise.encoders.onnx:compact",
    "classical": "likewise.encoders.plain:classical",
    "pixels": "likewise.encoders.plain:pixels",
    "onnx": "likewise.encoders.onnx:onnx",
    "whitened": "likewise.encoders.whitened:whitened",
    "torchscript": "likewise.encoders.networks.from_file:torchscript",
    "exported": "likewise.encoders.networks.from_file:exported",
}
_FILES = {  # ending of a file → the family that reads it
    ".onnx": "onnx",
    ".npz": "whitened",
    ".pt": "torchscript",
    ".ts": "torchscript",
    ".pt2": "exported",
}
_NETWORKS = {
    "one": "likewise.encoders.networks.encoder:load",
    "several": "likewise.encoders.networks.encoder:together",
}
_LAYERS = {"vgg19": ("fc1", "fc2", "pool5", "conv5_4")}
_PATTERNS = ("timm/NAME", "open_clip/NAME/WEIGHTS", "MODULE:FACTORY")


def names() -> list[str]:
    """What can be asked for; networks have any number of layers, and a few of VGG-19's are listed: docs/encoders.md."""
    families = [name for name in seams.names("encoder", _FAMILIES) if name not in _FILES.values()]
    networks = [name for network in naming.TORCHVISION for name in _named(network)]
    return [*families, *networks, *_PATTERNS, *(f"FILE{ending}" for ending in _FILES)]


def is_file(name: str) -> bool:
    """Whether a name is that of a file, which goes by another name on the card."""
    return name.endswith(tuple(_FILES))


def load(  # noqa: PLR0913 - one for each field of a wish
    name: str,
    *,
    recipe: str | None = None,
    weights: Path | None = None,
    sha256: str | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    quantised: str = "",
    threads: int = 0,
) -> Encoder:
    """Load an encoder.

    Args:
        name: A family, such as `compact`, a network and its layers, such as `vgg19/fc1`, or a FILE.onnx or FILE.npz: docs/encoders.md.
        recipe: How its input is made, where there is a choice; the family's default unless given.
        weights: A file of weights instead of the published one.
        sha256: Of the weights that are wanted, when no file is given; taken from the cache.
        device: `auto` takes a GPU when there is one.
        progress: Told (bytes done, bytes in all) of a download.
        runtime: What does the arithmetic; `auto` takes a network that `likewise compile` made before torch, unless there is a GPU.
        precision: `auto` is fp32, or bf16 where a check has found it within its bound; int8 is another identity.
        quantised: SHA-256 of the int8 network that is wanted, as a card says.
        threads: Of the arithmetic; all processors that this process may use unless given. Networks of torch have torch's own.

    Raises:
        UnknownName: If there is no such family, layer or recipe.
        MissingExtra: If the family or the runtime needs an extra that is not installed.
        WeightsError: If the weights are absent or are not this network's.
        DownloadError: If they must be fetched and cannot be.
        BadArgument: If this network cannot be run that way.
    """
    return _loaded(
        name, Wish("", recipe, weights, sha256 or None, device, progress, runtime, precision, quantised, threads)
    )


def _loaded(name: str, wish: Wish) -> Encoder:
    for ending, files in _FILES.items():
        if name.endswith(ending) and not wish.of_card:
            path = Path(name).expanduser()
            name, wish = f"{files}/{path.stem}", replace(wish, weights=path if wish.weights is None else wish.weights)
            break
    network = naming.parse(name)
    family, _, layer = name.partition("/")
    wish = replace(wish, layer=layer)
    compiled = _compiled(name, family, wish)
    if compiled is not None:
        return compiled
    if network is not None or _FAMILIES.get(family, "").startswith("likewise.encoders.networks."):
        _refuse_uncompiled(name, wish)
    if network is not None:
        encoder = cast("Callable[[Name, Wish], Encoder]", _networks("one", name))(network, wish)
    else:
        encoder = cast("Callable[[Wish], Encoder]", _resolved(family))(wish)
    found = running(encoder)
    if wish.runtime not in ("auto", found.runtime) or wish.precision not in ("auto", found.precision):
        raise BadArgument(f"{name} is computed by {found.short}: go without --runtime and --precision")
    return encoder


def load_as(
    card: Card,
    *,
    weights: Path | None = None,
    device: str = "auto",
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> Encoder:
    """Load the encoder that a card describes; whoever needs it to be the same compares the fingerprints.

    Code of the user's own (`module:factory`) is run only if its name was typed on this machine before: a card may come from elsewhere.

    Args:
        card: Of a collection, or of what was fitted on its embeddings.
        weights: A file, when the one it was made with is not cached.
        device: As for `load`.
        runtime: As for `load`.
        precision: As for `load`; a card of int8 is loaded as such if this is `auto`.
        threads: As for `load`.

    Raises:
        As `load`.
    """
    wish = Wish(
        recipe=card.recipe.name,
        weights=weights,
        sha256=card.weights_sha256 or None,
        device=device,
        runtime=runtime,
        precision=precision,
        quantised=card.quantised if precision in ("auto", "int8") else "",
        threads=threads,
        of_card=True,
    )
    return _loaded(card.name, wish)


def plan(card: Card, runtime: Runtime = "auto", precision: Precision = "auto") -> Running:
    """What `load_as` would take to compute a card's embeddings; no network is loaded.

    Raises:
        As `load`, for what can be told without loading it.
    """
    from likewise.encoders.compiled import of_card
    from likewise.encoders.runtimes import choose

    family, known = card.name.partition("/")[0], of_card(card)
    if family == "whitened":
        from likewise.encoders.whitened import base_of

        return plan(base_of(card), runtime, precision)
    if known is None and card.quantised:
        raise WeightsError(f"the int8 network of {card.name} is not here: pass its file with --weights FILE.onnx")
    if (known is not None and known.sha256 and not _wants_torch(Wish(runtime=runtime))) or family in (
        "compact",
        "onnx",
    ):
        bits = known.origin.bits if known is not None else 0
        return choose(runtime, precision, quantised_bits=bits, bf16_holds=known is not None and known.bf16_holds)
    if family in ("classical", "pixels"):
        return Running("numpy", "fp32", why="no network")
    return Running("torch", "fp32", why=f"not compiled: `likewise compile {card.name}` makes it run without torch")


def _compiled(name: str, family: str, wish: Wish) -> Encoder | None:
    """The network that `likewise compile` made, if that is what is wished for."""
    if family in ("classical", "pixels", "whitened"):
        return None
    file = wish.weights is not None and wish.weights.suffix == ".onnx" and family != "onnx"
    int8 = bool(wish.quantised) or wish.precision == "int8"
    if not file and not int8 and (_wants_torch(wish) or family in ("compact", "onnx")):
        return None
    from likewise.encoders.compiled import of_wish
    from likewise.encoders.onnx import compiled

    found = of_wish(name, wish)
    if found is not None:
        encoder = compiled(found, wish)
        return _WithTexts(encoder, name, wish) if found.origin.texts else encoder
    if wish.quantised:
        raise WeightsError(
            f"the int8 network of {name} that made these embeddings is not here: pass its file with --weights FILE.onnx"
        )
    if int8:
        raise BadArgument(
            f"there is no int8 network of {name} here: `likewise compile {name} --precision int8 --check PLACE` makes one"
        )
    return None


class _WithTexts:
    """A compiled network of a model that has texts: these are embedded by torch, loaded when the first one comes."""

    def __init__(self, encoder: Encoder, name: str, wish: Wish) -> None:
        self._encoder, self._name, self._wish = encoder, name, wish
        self._source: TextEncoder | None = None

    @property
    def card(self) -> Card:
        return self._encoder.card

    @property
    def running(self) -> Running:
        return running(self._encoder)

    def encode(self, pixels: Pixels) -> Embeddings:
        return self._encoder.encode(pixels)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if self._source is None:
            wish = self._wish
            is_network = wish.weights is not None and wish.weights.suffix == ".onnx"
            source = load(
                self._name,
                recipe=wish.recipe,
                weights=None if is_network else wish.weights,
                sha256=self.card.weights_sha256 if is_network else wish.sha256,
                device=wish.device,
                runtime="torch",
            )
            self._source = cast("TextEncoder", source)
        return self._source.encode_texts(texts)


def _wants_torch(wish: Wish) -> bool:
    """Whether a network of torch is to be run by torch even if it was compiled."""
    if wish.runtime != "auto" or wish.device == "cpu":
        return wish.runtime == "torch"
    return wish.device != "auto" or (machine.shows_gpu() and is_installed("torch"))


def _refuse_uncompiled(name: str, wish: Wish) -> None:
    """Before a large network is loaded for nothing."""
    if wish.runtime in ("onnx", "openvino"):
        raise BadArgument(f"{name} is not compiled: run `likewise compile {name}` first, or go without --runtime")
    if wish.precision == "bf16":
        raise BadArgument(f"{name} has bf16 once it is compiled: run `likewise compile {name} --precision bf16` first")


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
    """Load several encoders, those of one network as one.

    Args:
        names: As for `load`.
        recipe: Of the networks of torch, which have a choice.
        weights: A file for the networks of torch instead of their published weights.
        device: As for `load`.

    Raises:
        As `load`.
    """
    grouped: dict[object, list[tuple[str, Name | None]]] = {}
    for name in names:
        network = naming.parse(name) if not name.endswith(tuple(_FILES)) else None
        key = name if network is None else (network.trunk, network.flip, network.scales)
        grouped.setdefault(key, []).append((name, network))
    made: list[Together] = []
    for group in grouped.values():
        networks = [network for _, network in group if network is not None]
        if networks:
            factory = cast("Callable[[Sequence[Name], Wish], Together]", _networks("several", group[0][0]))
            made.append(factory(networks, Wish("", recipe, weights, None, device)))
        else:
            made.append(_Alone(load(group[0][0], device=device)))
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


def _named(network: str) -> list[str]:
    return [f"{network}/{layer}" for layer in _LAYERS.get(network, ())] or [network]


def _networks(what: str, name: str) -> object:
    try:
        return seams.resolve("way to load a network", what, _NETWORKS)
    except ImportError as error:
        raise MissingExtra(f"{name} needs torch ({error}): pip install 'likewise[torch]'") from error


def _resolved(family: str) -> object:
    try:
        return seams.resolve("encoder", family, _FAMILIES | dict.fromkeys(naming.TORCHVISION, _NETWORKS["one"]))
    except ImportError as error:
        raise MissingExtra(f"{family} needs torch ({error}): pip install 'likewise[torch]'") from error
