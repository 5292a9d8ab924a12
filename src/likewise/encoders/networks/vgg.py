"""VGG-19 of torchvision, read at any layer: `vgg19/fc1` is 4096-d after ReLU, the embedding that this project began with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from likewise import images, weights
from likewise.encoders import Wish
from likewise.errors import BadArgument, MissingExtra, UnknownName, WeightsError
from likewise.types import Card, Embeddings, Pixels, Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PUBLISHED = weights.Published(
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    file_name="vgg19-dcbb9e9d.pth",
    digest="sha256:dcbb9e9d",  # torch.hub publishes eight digits, in the name of the file
    size_bytes=574_673_361,
    licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms are for non-commercial research",
    source="torchvision, VGG19_Weights.IMAGENET1K_V1",
)

RECIPES = {
    "imagenet": Recipe("imagenet", 224, "crop", shorter=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "cifar": Recipe("cifar", 32, "squash", mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)),
}

_BLOCKS = (2, 2, 4, 4, 4)  # convolutions in each block of configuration E
_FULLY_CONNECTED = {"fc1": "classifier.1", "fc2": "classifier.4", "logits": "classifier.6"}
POOLINGS = ("mean", "max", "gem")
_GEM_P = 3.0  # where Radenović et al. start from, arXiv:1711.02512
_GEM_LEAST = 1e-6
_MAP_SIDE = 7  # what the network pools every last map to, whatever the input


class Vgg19:
    """One layer of VGG-19; maps are pooled over their places and made unit, vectors stay raw.

    Source: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556; the average of a map: Babenko and Lempitsky, ICCV 2015, arXiv:1510.07493.
    """

    def __init__(self, stages: nn.Sequential, card: Card, device: torch.device) -> None:
        self.stages = stages
        self._card = card
        self._device = device

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return self._card

    @property
    def module(self) -> nn.Module:
        """Normalised pixels (n, 3, side, side) → embeddings (n, dim)."""
        from torch import nn

        from likewise.encoders.networks.pooling import make

        class Unit(nn.Module):
            def forward(self, rows: torch.Tensor) -> torch.Tensor:
                return nn.functional.normalize(rows, dim=1)

        pooling = [make(self._card.pooling)] if self._card.pooling else []
        return nn.Sequential(self.stages, *pooling, *([Unit()] if self._card.unit else [])).eval()

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`; a batch and single images differ by rounding, about 1e-6 of the norm."""
        import torch

        if not len(pixels):
            return np.zeros((0, self._card.dim), np.float32)
        batch = torch.from_numpy(images.normalise(pixels, self._card.recipe)).to(self._device)
        with torch.inference_mode():
            return _pooled(cast("Tensor", self.stages(batch)), self._card)


class Layers:
    """Several layers of VGG-19 in one pass through the network, each as `Vgg19` gives it up to rounding."""

    def __init__(self, network: nn.Module, cards: Sequence[Card], device: torch.device) -> None:
        self.cards = tuple(cards)
        self._network, self._device = network, device

    def encode(self, pixels: Pixels) -> list[Embeddings]:
        """(n, dim) for each card, in their order; pixels are those of the cards' one recipe."""
        import torch

        if not len(pixels):
            return [np.zeros((0, card.dim), np.float32) for card in self.cards]
        out = torch.from_numpy(images.normalise(pixels, self.cards[0].recipe)).to(self._device)
        wanted = {card.layer for card in self.cards}
        seen: dict[str, Tensor] = {}
        with torch.inference_mode():
            for name, module in _steps(self._network):
                out = module(out)
                if name in wanted:
                    seen[name] = out
                if len(seen) == len(wanted):
                    break
            return [_pooled(seen[card.layer], card) for card in self.cards]


def together(wish: Wish, layers: Sequence[str]) -> Layers:
    """Several layers for one pass.

    Raises:
        As `vgg19`.
    """
    import torch

    recipe, network, file = _whole(wish)
    device = _device(wish.device)
    network = network.eval().to(device)
    dims: dict[str, int] = {}
    with torch.inference_mode():
        out = torch.zeros(1, 3, recipe.side, recipe.side, device=device)
        for name, module in _steps(network):
            out = module(out)
            dims[name] = int(out.shape[1])
    cards = []
    for layer in layers:
        path, pooling = _layer(layer)
        cards.append(_card(wish, layer, file, (path, pooling, recipe, dims[path])))
    return Layers(network, cards, device)


def vgg19(wish: Wish) -> Vgg19:
    """Load the network, cut behind the layer that is wished for.

    Raises:
        MissingExtra: If torch and torchvision are not installed, or do not fit together.
        UnknownName: If there is no such layer or recipe.
        WeightsError: If the file is not one of VGG-19.
    """
    path, pooling = _layer(wish.layer or "fc1")
    recipe, network, file = _whole(wish)
    device = _device(wish.device)
    stages = _cut(network, path, recipe).eval().to(device)
    dim = _dim(stages, recipe, device)
    return Vgg19(stages, _card(wish, wish.layer or "fc1", file, (path, pooling, recipe, dim)), device)


def _layer(layer: str) -> tuple[str, str]:
    """Module and pooling that a layer's name means; no pooling where the output is no map.

    >>> _layer("conv5_4|gem"), _layer("pool5"), _layer("fc1")
    (('features.35', 'gem'), ('features.36', 'mean'), ('classifier.1', ''))
    """
    name, bar, pooling = layer.partition("|")
    path = module_path(name)
    if not path.startswith("features"):
        if bar:
            raise BadArgument(f"vgg19/{name} is no map that could be pooled: go without |{pooling}")
        return path, ""
    if bar and pooling not in POOLINGS:
        raise UnknownName(f"no pooling is called {pooling!r}: take {', '.join(POOLINGS)}")
    return path, pooling or "mean"


def _whole(wish: Wish) -> tuple[Recipe, nn.Module, weights.Weights]:
    recipe = RECIPES.get(wish.recipe or "imagenet")
    if recipe is None:
        raise UnknownName(f"vgg19 has no recipe {wish.recipe!r}: take {' or '.join(RECIPES)}")
    network = _empty_network()
    file = _file(wish)
    _fill(network, file.path)
    return recipe, network, file


def _card(wish: Wish, layer: str, file: weights.Weights, told: tuple[str, str, Recipe, int]) -> Card:
    path, pooling, recipe, dim = told
    return Card(
        name=f"vgg19/{layer}",
        dim=dim,
        recipe=recipe,
        metric="cosine" if pooling else "l2",
        unit=bool(pooling),
        layer=path,
        pooling=pooling,
        weights_sha256=file.sha256,
        licence=PUBLISHED.licence,
        source=PUBLISHED.source if wish.weights is None else str(wish.weights.name),
        paper="arXiv:1409.1556",
    )


def _pooled(out: Tensor, card: Card) -> Embeddings:
    """Maps (n, channels, height, width) pooled over their places; unit if the card says so."""
    import torch

    if card.pooling == "max":
        out = out.amax(dim=(2, 3))
    elif card.pooling == "gem":
        out = out.clamp(min=_GEM_LEAST).pow(_GEM_P).mean(dim=(2, 3)).pow(1 / _GEM_P)
    elif card.pooling:
        out = out.mean(dim=(2, 3))
    if card.unit:
        out = torch.nn.functional.normalize(out, dim=1)
    return out.float().cpu().numpy()


def _steps(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module in the order of the forward pass, by its name in the whole network."""
    from torch import nn

    for i, module in enumerate(cast("nn.Sequential", network.get_submodule("features"))):
        yield f"features.{i}", module
    yield "avgpool", network.get_submodule("avgpool")
    yield "flatten", nn.Flatten()
    for i, module in enumerate(cast("nn.Sequential", network.get_submodule("classifier"))):
        yield f"classifier.{i}", module


def module_path(layer: str) -> str:
    """The module whose output a layer's name means: the ReLU behind a convolution or a fully connected layer.

    >>> module_path("fc1"), module_path("pool5"), module_path("conv5_4"), module_path("features.28")
    ('classifier.1', 'features.36', 'features.35', 'features.28')

    Raises:
        UnknownName: If VGG-19 has no such layer.
    """
    if layer in _FULLY_CONNECTED:
        return _FULLY_CONNECTED[layer]
    found = re.fullmatch(r"pool([1-5])", layer)
    if found:
        return f"features.{_block_start(int(found[1]) + 1) - 1}"
    found = re.fullmatch(r"conv([1-5])_([1-4])", layer)
    if found and int(found[2]) <= _BLOCKS[int(found[1]) - 1]:
        return f"features.{_block_start(int(found[1])) + 2 * int(found[2]) - 1}"
    found = re.fullmatch(r"(features|classifier)\.(\d+)", layer)
    if found and int(found[2]) < (37 if found[1] == "features" else 7):
        return layer
    raise UnknownName(
        f"vgg19 has no layer {layer!r}: take fc1, fc2, logits, pool1 to pool5, conv1_1 to conv5_4, or a module such as features.28"
    )


def _block_start(block: int) -> int:
    """The number of the first module of a block: a convolution and a ReLU each, and a pooling at the end."""
    return sum(2 * count + 1 for count in _BLOCKS[: block - 1])


def _empty_network() -> nn.Module:
    try:
        import torch
        from torchvision.models import vgg19 as build
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(
            f"vgg19 needs torch and torchvision in versions that fit together ({error}): pip install 'likewise[torch]'"
        ) from error
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        return cast("nn.Module", build(weights=None))


def _file(wish: Wish) -> weights.Weights:
    if wish.weights is None and wish.sha256 is not None:
        path = weights.by_sha256(wish.sha256)
        if path is None:
            raise WeightsError(
                f"the weights with SHA-256 {wish.sha256[:16]}…, which made this collection, are not cached: pass --weights PATH"
            )
        return weights.Weights(path, wish.sha256)
    return weights.obtain(PUBLISHED, wish.weights, wish.progress)


def _fill(network: nn.Module, path: Path) -> None:
    import torch

    state = state_of(path)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    wrong = [
        *(f"{name} is missing" for name in sorted(wanted.keys() - found.keys())),
        *(f"{name} is not of this network" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"{name} is {found[name]}, wanted {wanted[name]}"
            for name in sorted(wanted.keys() & found.keys())
            if found[name] != wanted[name]
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsError(f"{path} is not a torchvision vgg19: {'; '.join(wrong[:3])}{more}")
    with torch.no_grad():  # files of 2017 hold parameters that want gradients
        tensors = {name: value.float() for name, value in state.items()}
    network.load_state_dict(tensors, strict=True, assign=True)


def state_of(path: Path) -> dict[str, Tensor]:
    """Read a table of tensors, name → tensor; no code in the file is run.

    Both formats of `torch.save` are read. The published file is of 2017 and in the older one, which cannot be mapped into
    memory; nor should the newer one be, for who overwrites a mapped file changes the network that runs.

    Raises:
        WeightsError: If the file is damaged, or holds anything but tensors.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # ten kinds came out of 3,000 random damages; torch's own words advise to run the file
        raise WeightsError(
            f"{path} cannot be read as a table of tensors ({type(error).__name__}), and nothing in it was run: it is damaged "
            "or holds something else; pass the file that torchvision publishes, or the state_dict of a torchvision vgg19"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no table of tensors: pass the state_dict of a torchvision vgg19")
    return state


def _cut(network: nn.Module, path: str, recipe: Recipe) -> nn.Sequential:
    """The modules up to a layer."""
    from torch import nn

    part, _, number = path.partition(".")
    features = cast("nn.Sequential", network.get_submodule("features"))
    if part == "features":
        return nn.Sequential(*list(features)[: int(number) + 1])
    classifier = list(cast("nn.Sequential", network.get_submodule("classifier")))[: int(number) + 1]
    classifier = [module for module in classifier if not isinstance(module, nn.Dropout)]  # idle after training
    if recipe.side // 2**5 == 1:
        classifier[0] = folded(cast("nn.Linear", classifier[0]))
        return nn.Sequential(features, nn.Flatten(), *classifier)
    return nn.Sequential(features, network.get_submodule("avgpool"), nn.Flatten(), *classifier)


def folded(first: nn.Linear) -> nn.Linear:
    """fc1 for a 1 × 1 map: the adaptive pooling would make 49 equal copies of it, so the weights of the 49 places are summed.

    Args:
        first: (4096, 512 * 49); the places of a channel lie side by side.

    Returns:
        (4096, 512) with the same bias: the same function up to rounding, with 1/49 of the products.
    """
    import torch
    from torch import nn

    places = _MAP_SIDE * _MAP_SIDE
    channels = first.in_features // places
    with torch.no_grad():
        some_rows = torch.split(first.weight, 256)  # in float64 all rows at once would take 800 MB
        summed = torch.cat([rows.double().reshape(-1, channels, places).sum(dim=2) for rows in some_rows])
        small = nn.Linear(summed.shape[1], first.out_features)
        small.weight.copy_(summed)
        small.bias.copy_(first.bias)
    return small


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(found)
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise BadArgument(f"there is no device {name!r} here: take --device cpu, or auto") from error


def _dim(stages: nn.Sequential, recipe: Recipe, device: torch.device) -> int:
    import torch

    with torch.inference_mode():
        return int(stages(torch.zeros(1, 3, recipe.side, recipe.side, device=device)).shape[1])
