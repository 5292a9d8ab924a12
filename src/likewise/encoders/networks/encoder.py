"""A network of torch as an encoder: found by name, read at its layers, several at once in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from likewise import images
from likewise.encoders import Wish
from likewise.encoders.naming import Name
from likewise.encoders.networks.layers import Taps
from likewise.encoders.networks.network import Network, TextTower, without_changes_in_place
from likewise.encoders.networks.pooled import Asked, Made, Several, Whole, asked_of, several_of
from likewise.errors import BadArgument, LikewiseError, WeightsError
from likewise.types import Card, Embeddings, Pixels

_FAMILIES = {
    "torchvision": "likewise.encoders.networks.from_torchvision",
    "timm": "likewise.encoders.networks.from_timm",
    "open_clip": "likewise.encoders.networks.from_open_clip",
    "factory": "likewise.encoders.networks.from_factory",
}


class TorchEncoder:
    """A network run by torch.

    Attributes:
        module: Normalised pixels (n, 3, side, side) float32 → embeddings (n, dim): all that `encode` computes behind
            `images.normalise`. `torch.export` takes it.
        layer_dims: How many numbers of an embedding come from each part of a mix, in order; empty where there is one part.
    """

    layer_dims: tuple[int, ...] = ()

    def __init__(self, module: Whole, card: Card, device: torch.device, *, channels_last: bool = False) -> None:
        self.module = module.eval()
        self._card = card
        self._device = device
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return self._card

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`; a batch and single images differ by rounding, about 1e-6 of the norm."""
        if not len(pixels):
            return np.zeros((0, self._card.dim), np.float32)
        rows = _run(self.module, _batch(pixels, self._card, self._device, self._format))
        return _array(cast("Tensor", rows))

    def try_out(self) -> None:
        """Embed one black picture.

        Raises:
            WeightsError: If the network cannot take pixels of its card's recipe, or gives another dim.
        """
        side = self._card.recipe.side
        try:
            shape = self.encode(np.zeros((1, side, side, 3), np.uint8)).shape
        except LikewiseError:
            raise
        except Exception as error:  # whatever a foreign network raises
            raise WeightsError(
                f"{self._card.name} cannot take (1, 3, {side}, {side}), as its card says ({_line(error)}): mend the card"
            ) from error
        if shape != (1, self._card.dim):
            raise WeightsError(f"{self._card.name} gave {shape}, its card says {self._card.dim}-d: mend the card")


class ImageTextEncoder(TorchEncoder):
    """A network that embeds texts in the space of its images: CLIP and its like. See `likewise.encoders.TextEncoder`."""

    def __init__(
        self, module: Whole, card: Card, device: torch.device, *, channels_last: bool = False, text: TextTower
    ) -> None:
        super().__init__(module, card, device, channels_last=channels_last)
        self._text = text

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """See `TextEncoder.encode_texts`."""
        if not texts:
            return np.zeros((0, self._card.dim), np.float32)
        return _array(self._text(texts))


class Layers:
    """Several embeddings of one network in one pass, each as its own encoder gives it up to rounding."""

    def __init__(self, module: Several, cards: Sequence[Card], device: torch.device, channels_last: bool) -> None:
        self.module = module.eval()
        self.cards = tuple(cards)
        self._device = device
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def encode(self, pixels: Pixels) -> list[Embeddings]:
        """(n, dim) for each card, in their order; pixels are those of the cards' one recipe."""
        if not len(pixels):
            return [np.zeros((0, card.dim), np.float32) for card in self.cards]
        found = _run(self.module, _batch(pixels, self.cards[0], self._device, self._format))
        return [_array(rows) for rows in cast("list[Tensor]", found)]


def load(name: Name, wish: Wish) -> TorchEncoder:
    """The encoder of a name.

    Raises:
        MissingExtra: If a library is not installed.
        UnknownName: If there is no such network, layer, pooling or recipe.
        BadArgument: If the parts of the name do not go together.
        WeightsError: If the weights are absent or are another network's.
        DownloadError: If they must be fetched and cannot be.
    """
    network, device, several, (made,), (dim,) = _read(name.trunk, [name], wish)
    card = _card(network, name, made, dim)
    module = Whole(several)
    if network.text is not None and not name.parts:
        return ImageTextEncoder(module, card, device, channels_last=network.channels_last, text=network.text)
    encoder = TorchEncoder(module, card, device, channels_last=network.channels_last)
    if len(name.parts) > 1:
        encoder.layer_dims = _layer_dims(several, network)
    return encoder


def together(names: Sequence[Name], wish: Wish) -> Layers:
    """Several embeddings of one network, which all names have in common, with their `@` options.

    Raises:
        As `load`.
    """
    network, device, several, made, dims = _read(names[0].trunk, names, wish)
    cards = [_card(network, name, each, dim) for name, each, dim in zip(names, made, dims, strict=True)]
    return Layers(several, cards, device, network.channels_last)


def device_of(name: str) -> torch.device:
    """The device of that name; `auto` takes a GPU when there is one.

    Raises:
        BadArgument: If there is none.
    """
    if name == "auto":
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(found)
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise BadArgument(f"there is no device {name!r} here: take --device cpu, or auto") from error


def _read(
    trunk: Name, names: Sequence[Name], wish: Wish
) -> tuple[Network, torch.device, Several, list[Made], list[int]]:
    """The network, and a module that makes all the embeddings of it; tried out on one black picture for their dims."""
    device = device_of(wish.device)
    loaded = cast("Callable[..., Network]", import_module(_FAMILIES[trunk.family]).load)
    network = loaded(trunk, wish, scaled=names[0].scales != (1.0,))
    module = without_changes_in_place(network.module).to(device)
    if network.channels_last:
        module = cast("nn.Module", cast("Any", module).to(memory_format=torch.channels_last))
    asked = [asked_of(network, name) for name in names]
    taps = Taps(module, [tap for each in asked for tap in each.taps]).eval()
    black = torch.zeros(1, 3, network.recipe.side, network.recipe.side, device=device)
    shapes = [out.shape for out in cast("list[Tensor]", _tried(taps, black, network))]
    made = several_of(network, asked, taps, shapes)
    several = Several(taps, [each.head for each in made], names[0].flip, names[0].scales).eval()
    dims = [int(rows.shape[1]) for rows in cast("list[Tensor]", _tried(several, black, network))]
    return network, device, several, made, dims


def _layer_dims(several: Several, network: Network) -> tuple[int, ...]:
    """How long the parts of the one embedding are, tried out on one black picture."""
    black = torch.zeros(1, 3, network.recipe.side, network.recipe.side, device=next(several.parameters()).device)
    read = _tried(several.taps, black, network)
    (head,) = several.heads
    with torch.inference_mode():
        return tuple(int(reader(read).shape[1]) for reader in cast("Any", head).readers)


def _tried(module: nn.Module, black: Tensor, network: Network) -> object:
    try:
        with torch.inference_mode():
            return module(black)
    except LikewiseError:
        raise
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
        side = network.recipe.side
        raise BadArgument(
            f"{network.name} cannot take {side} × {side} pictures, or not at these layers and scales ({_line(error)}): "
            "go without --recipe and @scales"
        ) from error


def _card(network: Network, name: Name, made: Made, dim: int) -> Card:
    own = Name(network.name.family, network.name.network, network.name.tag, name.parts, name.flip, name.scales)
    told = str(own)
    if told == "vgg19":  # as it was called before a name without a layer kept its form
        told = "vgg19/fc1"
    return Card(
        name=told,
        dim=dim,
        recipe=network.recipe,
        metric="cosine" if made.unit else "l2",
        unit=made.unit,
        layer=made.layer,
        pooling=made.pooling,
        weights_sha256=network.weights_sha256,
        licence=network.licence,
        source=network.source,
        paper=network.paper,
        size_bytes=network.size_bytes,
    )


def _batch(pixels: Pixels, card: Card, device: torch.device, memory: torch.memory_format) -> Tensor:
    return torch.from_numpy(images.normalise(pixels, card.recipe)).to(device).contiguous(memory_format=memory)


def _run(module: nn.Module, batch: Tensor) -> object:
    with torch.inference_mode():
        return module(batch)


def _array(rows: Tensor) -> Embeddings:
    return cast("Embeddings", rows.float().cpu().numpy())


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__


__all__ = ["Asked", "ImageTextEncoder", "Layers", "TorchEncoder", "device_of", "load", "together"]
