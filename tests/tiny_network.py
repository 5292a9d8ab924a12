"""A network of torch of a few hundred weights, as an encoder of a family `tiny`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from likewise import images
from likewise.encoders import Wish
from likewise.errors import UnknownName
from likewise.types import Card, Embeddings, Pixels, Recipe

SIDE = 16
RECIPES = {
    name: Recipe(name, SIDE, mean=(mean,) * 3, std=(0.25,) * 3) for name, mean in (("plain", 0.5), ("dark", 0.2))
}


class Unit(nn.Module):
    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(maps, dim=1)


class Tiny:
    """An encoder by torch, with the module that can be exported."""

    def __init__(self, module: nn.Module, card: Card) -> None:
        self.module, self.card, self.calls = module, card, 0

    def encode(self, pixels: Pixels) -> Embeddings:
        self.calls += len(pixels)
        if not len(pixels):
            return np.zeros((0, self.card.dim), np.float32)
        with torch.inference_mode():
            return self.module(torch.from_numpy(images.normalise(pixels, self.card.recipe))).numpy()


class TinyWithTexts(Tiny):
    """The same with texts, which all mean one direction."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return np.eye(1, self.card.dim, dtype=np.float32).repeat(len(texts), axis=0)


def network() -> nn.Module:
    """Normalised pixels → 12-d; its normalisation has seen pictures, so that folding it changes the filters."""
    torch.manual_seed(5)
    layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU()]
    made = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(96, 12), Unit())
    made.train()
    with torch.no_grad():
        for _ in range(10):
            made(2 * torch.randn(16, 3, SIDE, SIDE) + 0.5)
    return made.eval()


def tiny(wish: Wish) -> Tiny:
    recipe = RECIPES.get(wish.recipe or "plain")
    if recipe is None:
        raise UnknownName(f"tiny has no recipe {wish.recipe}")
    card = Card("tiny/out", 12, recipe, weights_sha256="7" * 64, licence="CC0-1.0", source="a test", paper="none")
    return (TinyWithTexts if wish.layer == "texts" else Tiny)(network(), card)
