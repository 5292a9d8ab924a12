"""A network with a linear map behind it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from likewise.types import Embeddings


class Shifted(nn.Module):
    """A network with a linear map behind it, such as a PCA: rows are unit again afterwards."""

    def __init__(self, network: nn.Module, mean: Embeddings, axes: Embeddings) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("centre", torch.from_numpy(mean))
        self.register_buffer("axes", torch.from_numpy(axes))

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) → (n, d)."""
        return nn.functional.normalize((self.network(pixels) - self.get_buffer("centre")) @ self.get_buffer("axes").T)
