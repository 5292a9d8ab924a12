"""What a family hands over: a network with its weights, and all that a card says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from likewise.encoders.naming import Name
from likewise.errors import UnknownName
from likewise.types import Recipe

RECIPES = {
    "imagenet": Recipe("imagenet", 224, "crop", shorter=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "cifar": Recipe("cifar", 32, "squash", mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)),
}
"""What can be asked for by name of any network."""

PUBLISHED = "published"
"""Name of the recipe that came with a network's weights."""

_SIDED = re.compile(r"(crop|squash)-(\d{1,5})")

TextTower = Callable[[Sequence[str]], Tensor]
"""Texts → (n, dim), in the space of the network's own embeddings."""


@dataclass(frozen=True, slots=True)
class Tap:
    """Where in a network something is read: what a module gives out, or is given; an empty path is the whole network."""

    path: str = ""
    before: bool = False

    def __str__(self) -> str:
        return f"before {self.path}" if self.before else self.path


@dataclass(frozen=True, slots=True)
class Network:
    """A network of torch, filled and in eval mode.

    Attributes:
        name: With its weights told, without layers.
        module: (n, 3, side, side) normalised → anything; read at its taps.
        recipe: Of its input.
        own: What is its own embedding, where no layer is named.
        weights_sha256: Of the file, or of the tensors where there is none.
        layers: Names of layers that the family knows beside modules' paths → their paths.
        closed: Whether these names are all that there are.
        raw: Whether a vector that stands alone keeps its length, to be compared by L2.
        licence: Of the weights.
        source: Of the weights.
        paper: What to cite.
        size_bytes: Of the file of weights.
        channels_last: Whether convolutions run with the channels of a place side by side.
        text: What embeds texts, if anything does.
    """

    name: Name
    module: nn.Module
    recipe: Recipe
    own: Tap
    weights_sha256: str
    layers: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    raw: bool = False
    licence: str = ""
    source: str = ""
    paper: str = ""
    size_bytes: int = 0
    channels_last: bool = True
    text: TextTower | None = None


def recipe_of(wished: str | None, published: Recipe) -> Recipe:
    """The recipe of that name, for a network whose weights came with one.

    `crop-N` and `squash-N` keep mean, deviation and interpolation, and make the picture N × N: cut like the published one, or
    squashed whole.

    >>> recipe_of("crop-448", RECIPES["imagenet"]).shorter
    512

    Raises:
        UnknownName: If there is none of that name.
    """
    if wished in (None, published.name):
        return published
    if wished in RECIPES:
        return RECIPES[wished]
    found = _SIDED.fullmatch(wished or "")
    if found is None or int(found[2]) < 1:
        known = ", ".join(dict.fromkeys([published.name, *RECIPES]))
        raise UnknownName(f"there is no recipe {wished!r}: take {known}, crop-N or squash-N for N × N pixels")
    side = int(found[2])
    if found[1] == "squash":
        return replace(published, name=f"squash-{side}", side=side, resize="squash", shorter=0)
    part = published.shorter / published.side if published.resize == "crop" else 1.0
    return replace(published, name=f"crop-{side}", side=side, resize="crop", shorter=max(side, round(side * part)))


def without_changes_in_place(module: nn.Module) -> nn.Module:
    """A ReLU that overwrites its input would overwrite what a tap has read."""
    for each in module.modules():
        if getattr(each, "inplace", False) is True:
            setattr(each, "inplace", False)  # noqa: B010 - no tensor, though nn.Module says so
    return module.eval()


def built(build: Callable[[], nn.Module]) -> nn.Module:
    """A network of random weights, which are replaced; the caller's random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]):
        return build()
