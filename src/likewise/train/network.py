"""The network of `compact`: nine convolutions, small enough to be trained and run on a processor.

The order of the parts (a convolution that whitens patches, then groups of convolutions with the pooling inside the
first) follows Jordan, 94% on CIFAR-10 in 3.29 Seconds, 2024, arXiv:2404.00498.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Compact(nn.Module):
    """Normalised pixels of any size from 16 × 16 on (18 × 18 with patches of 4 × 4) → unit embeddings.

    Three groups halve the map three times; what is left of it is averaged and its maximum taken, so every size of input gives one
    vector. The size trained at is the size it knows best. With patches of 4 × 4 the first convolution steps by two pixels: what
    a picture of 64 × 64 shows is then seen at the price of one of 32 × 32.

    Args:
        dim: Length of the embedding.
        widths: Channels of the three groups.
        depths: Convolutions of each group.
        stem: Channels of the first convolution: the strongest patterns of patches, and their negatives; patches of 2 × 2 have twelve.
        patch: Side of its filters, an even number of pixels; they overlap by half.
    """

    def __init__(
        self,
        dim: int = 256,
        widths: Sequence[int] = (64, 128, 256),
        depths: Sequence[int] = (2, 3, 3),
        stem: int = 24,
        patch: int = 2,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, stem, patch, patch // 2)
        groups, channels = [], stem
        for width, depth in zip(widths, depths, strict=True):
            groups.append(Group(channels, width, depth))
            channels = width
        self.groups = nn.Sequential(*groups)
        self.project = nn.Linear(2 * channels, dim, bias=False)
        self.balance = nn.BatchNorm1d(dim, affine=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) → (n, dim) of unit norm."""
        maps = self.groups(functional.relu(self.stem(pixels)))
        pooled = torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
        return functional.normalize(self.balance(self.project(pooled)))

    @torch.no_grad()
    def whiten(self, pixels: Tensor) -> None:
        """Set the first convolution to the principal patterns of its patches, each with its negative; it is not trained.

        Args:
            pixels: (n, 3, height, width), normalised; a few thousand pictures are enough.
        """
        shape = self.stem.weight.shape[1:]
        size, length, stride = (shape[1], shape[2]), shape.numel(), self.stem.stride[0]
        patches = functional.unfold(pixels, size, stride=stride).transpose(1, 2).reshape(-1, length)
        patches = patches - patches.mean(dim=0)
        values, vectors = torch.linalg.eigh(patches.T.double() @ patches.double() / len(patches))
        filters = (vectors / torch.sqrt(values + 1e-2)).T.flip(0).float().reshape(length, *shape)
        strongest = filters[: -(-self.stem.out_channels // 2)]
        signed = torch.cat([strongest, -strongest])
        repeats = -(-self.stem.out_channels // len(signed))
        self.stem.weight.copy_(signed.repeat(repeats, 1, 1, 1)[: self.stem.out_channels])
        nn.init.zeros_(self.stem.bias if self.stem.bias is not None else torch.zeros(0))
        self.stem.requires_grad_(False)


class Group(nn.Module):
    """Convolutions of one width; the first halves the map, and those after the second are added to their input."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.rest = nn.ModuleList(Unit(width) for _ in range(depth - 1))

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, height, width) → (n, width, height // 2, width // 2)."""
        maps = functional.relu(self.norm(functional.max_pool2d(self.first(maps), 2)))
        for i, unit in enumerate(self.rest):
            maps = maps + unit(maps) if i else unit(maps)
        return maps


class Unit(nn.Module):
    """A 3 × 3 convolution, batch normalisation, and what is above zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, maps: Tensor) -> Tensor:
        """As `Group.forward`, with the size kept."""
        return functional.relu(self.norm(self.convolution(maps)))
