"""From what layers give to one embedding, as a module: pooled, weighted, put together, averaged over mirror images and scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.encoders.naming import Name, Part
from likewise.encoders.networks import pooling
from likewise.encoders.networks.layers import Taps, find
from likewise.encoders.networks.network import Network, Tap
from likewise.errors import BadArgument

_LEAST_NORM = 1e-12


class Arranged(nn.Module):
    """What one layer gives, as the pooling behind it takes it.

    Args:
        channels_last: Maps have their channels behind (Swin).
        grid: Tokens of patches become a map; how many stand before them. -1 for what is left as it is.
    """

    def __init__(self, *, channels_last: bool = False, grid: int = -1) -> None:
        super().__init__()
        self._channels_last, self._grid = channels_last, grid

    def forward(self, out: Tensor) -> Tensor:
        """The same numbers."""
        if self._channels_last:
            return out.permute(0, 3, 1, 2)
        if self._grid < 0:
            return out
        patches = out[:, self._grid :].transpose(1, 2)
        side = math.isqrt(patches.shape[2])
        return patches.reshape(-1, patches.shape[1], side, side)


class Several(nn.Module):
    """One or more embeddings of one pass through a network.

    Args:
        taps: The network, and where it is read.
        heads: For each embedding, what makes it of what was read.
        flip: Whether the mirrored picture counts as much.
        scales: Of the picture, that count alike: bilinear, as the authors' programs do it.

    Source of scales: Gordo, Almazán, Revaud and Larlus, End-to-end Learning of Deep Visual Representations for Image Retrieval,
        IJCV 2017, arXiv:1610.07940; Radenović, Tolias and Chum, TPAMI 2018, arXiv:1711.02512, whose three scales are the default.
    """

    def __init__(self, taps: nn.Module, heads: Sequence[nn.Module], flip: bool, scales: Sequence[float]) -> None:
        super().__init__()
        self.taps = taps
        self.heads = nn.ModuleList(heads)
        self.flip, self.scales = flip, tuple(scales)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """(n, 3, side, side) normalised → (n, dim) for each embedding."""
        views = [_scaled(pixels, scale) for scale in self.scales]
        views += [view.flip(3) for view in views] if self.flip else []
        if len(views) == 1:
            return self._seen(views[0])
        found = [self._seen(view) for view in views]
        means = [torch.stack(rows).mean(dim=0) for rows in zip(*found, strict=True)]
        return [_unit(row) if getattr(head, "unit", True) else row for row, head in zip(means, self.heads, strict=True)]

    def _seen(self, pixels: Tensor) -> list[Tensor]:
        read = self.taps(pixels)
        return [head(read) for head in self.heads]


class Whole(nn.Module):
    """One embedding: normalised pixels (n, 3, side, side) → (n, dim). It can be exported."""

    def __init__(self, several: Several) -> None:
        super().__init__()
        self.several = several

    @classmethod
    def of_module(cls, module: nn.Module, *, unit: bool) -> Whole:
        """Of a network whose output is the embedding already."""
        head = Head([Reader(0, Arranged(), nn.Identity())], [1.0], unit=unit)
        return cls(Several(_Listed(module), [head], False, (1.0,)))

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        return cast("list[Tensor]", self.several(pixels))[0]


class Reader(nn.Module):
    """One part of an embedding: which of the places that were read, and how it becomes a vector."""

    def __init__(self, place: int, arranged: nn.Module, pool: nn.Module) -> None:
        super().__init__()
        self._place = place
        self.arranged, self.pool = arranged, pool

    def forward(self, read: list[Tensor]) -> Tensor:
        """(n, dim) of this part."""
        return cast("Tensor", self.pool(self.arranged(read[self._place])))


class Head(nn.Module):
    """Parts put together: each made unit and multiplied by its weight; the whole made unit."""

    def __init__(self, readers: Sequence[nn.Module], weights: Sequence[float], *, unit: bool) -> None:
        super().__init__()
        self.readers = nn.ModuleList(readers)
        self._weights = tuple(weights)
        self.unit = unit

    def forward(self, read: list[Tensor]) -> Tensor:
        """(n, dim)."""
        parts = [cast("Tensor", reader(read)).float() for reader in self.readers]
        if len(parts) == 1:
            return _unit(parts[0]) if self.unit else parts[0]
        return _unit(
            torch.cat([weight * _unit(part) for weight, part in zip(self._weights, parts, strict=True)], dim=1)
        )


class _Listed(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def train(self, mode: bool = True) -> Self:
        """A program that was exported is what it is, and torch refuses to be asked."""
        self.training = mode
        return self

    def forward(self, pixels: Tensor) -> list[Tensor]:
        out = self.module(pixels)
        if isinstance(out, tuple | list) and out:
            out = out[0]
        if not isinstance(out, Tensor) or out.dim() != 2:
            told = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise BadArgument(f"the network gives {told}, wanted (n, dim): pool inside it before it is saved")
        return [out]


@dataclass(frozen=True, slots=True)
class Asked:
    """One embedding that is asked of a network, once its layers are found.

    Attributes:
        name: Of the encoder.
        taps: Where each part is read.
        ends: Which tokens each part means, where it says so in its layer's name.
        parts: As the name tells them; one empty part for the network's own embedding.
    """

    name: Name
    taps: tuple[Tap, ...]
    ends: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """An embedding's head, and what its card says of it."""

    head: Head
    layer: str
    pooling: str
    unit: bool


def asked_of(network: Network, name: Name) -> Asked:
    """Find the layers of a name in its network.

    Raises:
        UnknownName: If there is no such layer.
    """
    parts = name.parts or (Part(),)
    found = [find(network, part.layer) if part.layer else (network.own, "") for part in parts]
    return Asked(name, tuple(tap for tap, _ in found), tuple(end for _, end in found), parts)


def several_of(network: Network, asked: Sequence[Asked], seen: Taps, shapes: Sequence[torch.Size]) -> list[Made]:
    """A head for each embedding.

    Args:
        network: Read at `seen`.
        asked: What is wanted.
        seen: Its taps.
        shapes: What each of them gives for one picture.

    Raises:
        BadArgument: If a layer cannot be pooled as its name says.
    """
    return [_made(network, each, [seen.taps.index(tap) for tap in each.taps], shapes) for each in asked]


def _made(network: Network, asked: Asked, places: Sequence[int], shapes: Sequence[torch.Size]) -> Made:
    readers, poolings = [], []
    for part, end, place in zip(asked.parts, asked.ends, places, strict=True):
        arranged, name, prefix = _pooling(network, part, end, shapes[place])
        pool = pooling.make(name, prefix=prefix) if name else nn.Identity()
        readers.append(Reader(place, arranged, pool))
        poolings.append(pooling.canonical(name) if name else "")
    is_vector = len(asked.parts) == 1 and len(shapes[places[0]]) == 2
    unit = not (network.raw and is_vector)
    head = Head(readers, [part.weight for part in asked.parts], unit=unit)
    return Made(head, "+".join(map(str, asked.taps)), "+".join(poolings), unit)


def _pooling(network: Network, part: Part, end: str, shape: torch.Size) -> tuple[Arranged, str, int]:
    """How a part is arranged, the pooling behind that (empty for none), and how many tokens stand before the patches."""
    layer = part.layer or "its own embedding"
    if len(shape) == 2:
        if part.pooling or end:
            raise BadArgument(
                f"{network.name}/{layer} is no map that could be pooled: go without {f'|{part.pooling}' if part.pooling else f'/{end}'}"
            )
        return Arranged(), "", 0
    if len(shape) == 4:
        if end:
            raise BadArgument(f"{network.name}/{layer} is a map and has no tokens: go without /{end}")
        return Arranged(channels_last=shape[1] == shape[2] != shape[3]), part.pooling or "mean", 0
    if len(shape) != 3:
        raise BadArgument(f"{network.name}/{layer} gives {tuple(shape)}, which is no vector, map or row of tokens")
    prefix = _prefix(network.module, shape[1])
    kind = end or (part.pooling if part.pooling in pooling.TOKENS else "")
    if not part.pooling or part.pooling in pooling.TOKENS:
        return Arranged(), kind or ("cls" if prefix else "patches"), prefix
    if kind == "cls":
        raise BadArgument(f"{network.name}/{layer} is one token, nothing to pool: go without |{part.pooling}")
    side = math.isqrt(shape[1] - prefix)
    if side * side != shape[1] - prefix:
        raise BadArgument(
            f"{network.name}/{layer}: {shape[1] - prefix} patches make no square map: take cls or patches"
        )
    return Arranged(grid=prefix), part.pooling, 0


def _prefix(module: nn.Module, tokens: int) -> int:
    """How many tokens stand before those of the patches: as the network says, or what is left beside the largest square."""
    for place in (module, getattr(module, "trunk", None)):
        told = getattr(place, "num_prefix_tokens", None)
        if isinstance(told, int):
            return told
    return tokens - math.isqrt(tokens) ** 2


def _scaled(pixels: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return pixels
    return functional.interpolate(pixels, scale_factor=scale, mode="bilinear", align_corners=False)


def _unit(rows: Tensor) -> Tensor:
    return functional.normalize(rows, dim=1, eps=_LEAST_NORM)
