"""Classification networks of torchvision, with the weights and the preprocessing of its `WeightsEnum`."""

from __future__ import annotations

import re
from typing import Any, cast

import torch
from torch import nn

from likewise import weights
from likewise.encoders import Wish
from likewise.encoders.naming import Name
from likewise.encoders.networks import vgg
from likewise.encoders.networks.loading import file_of, fill, state_of
from likewise.encoders.networks.network import PUBLISHED, RECIPES, Network, Tap, built, recipe_of
from likewise.encoders.networks.papers import paper_of
from likewise.errors import BadArgument, MissingExtra, UnknownName
from likewise.types import Recipe

_SWAG = "CC-BY-NC-4.0 (SWAG)"


def load(name: Name, wish: Wish, *, scaled: bool = False) -> Network:
    """A network by name.

    Args:
        name: What is wanted; its tag is one of the network's weights, such as `IMAGENET1K_V1`.
        wish: The rest of it.
        scaled: Whether pictures of several sizes will come.

    Raises:
        MissingExtra: If torchvision is not installed, or does not fit torch.
        UnknownName: If there is no such network, or none of its weights is called so.
        WeightsError: If the file holds another network.
    """
    models = _models(name.network)
    entry = _entry(models, name)
    published = _published(entry, name.network)
    recipe = recipe_of(wish.recipe, _recipe(entry, name.network))
    file = file_of(wish, [published])
    is_vgg = vgg.is_one(name.network)
    module = _empty(models, name.network)
    fill(module, state_of(file.path), file.path, f"torchvision {name.network}")
    layers = vgg.layers(module) if is_vgg else {}
    if is_vgg and recipe.side // 2**5 == 1 and not scaled:
        vgg.fold(module)
    return Network(
        name=Name("torchvision", name.network, "" if name.network == "vgg19" else entry.name),
        module=module,
        recipe=recipe,
        own=Tap(layers["fc1"]) if is_vgg else _before_classes(module),
        weights_sha256=file.sha256,
        layers=layers,
        closed=is_vgg,
        raw=is_vgg,
        licence=published.licence,
        source=published.source if wish.weights is None else wish.weights.name,
        paper=paper_of(name.network),
        size_bytes=file.path.stat().st_size,
        channels_last=not is_vgg,  # nothing is won on a processor, and other kernels round otherwise
    )


def _models(network: str) -> Any:
    try:
        import torchvision.models as models  # noqa: PLR0402 - finds it absent also where the package was imported before
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(
            f"{network} needs torch and torchvision in versions that fit together ({error}): pip install 'likewise[torch]'"
        ) from error
    return models


def _entry(models: Any, name: Name) -> Any:
    known = models.list_models(module=models)
    if name.network not in known:
        import difflib

        near = difflib.get_close_matches(name.network, known, n=3) or ["resnet50", "vit_b_16", "convnext_tiny"]
        raise UnknownName(
            f"torchvision has no classification network {name.network!r}: did you mean {', '.join(near)}?"
        )
    entries = models.get_model_weights(name.network)
    if not name.tag:
        return entries.DEFAULT
    if name.tag not in entries.__members__ or name.tag == "DEFAULT":
        raise UnknownName(
            f"{name.network} has no weights {name.tag!r}: take {', '.join(each.name for each in entries)}"
        )
    return entries[name.tag]


def _published(entry: Any, network: str) -> weights.Published:
    if network == "vgg19" and entry.url == vgg.PUBLISHED.url:
        return vgg.PUBLISHED
    file_name = entry.url.rsplit("/", 1)[-1]
    digits = re.search(r"-([0-9a-f]{8,64})\.pth$", file_name)
    if digits is None:
        raise BadArgument(f"torchvision tells no SHA-256 of {file_name}: fetch it and pass its path with --weights")
    licence = "" if entry.meta.get("license") is None else _SWAG
    return weights.Published(
        url=entry.url,
        file_name=file_name,
        digest=f"sha256:{digits[1]}",
        size_bytes=round(entry.meta["_file_size"] * 2**20),
        licence=licence or vgg.PUBLISHED.licence,
        source=f"torchvision, {entry}",
    )


def _recipe(entry: Any, network: str) -> Recipe:
    """The `ImageClassification` of torchvision in our words."""
    if network == "vgg19":
        return RECIPES["imagenet"]
    told = entry.transforms()
    return Recipe(
        PUBLISHED,
        told.crop_size[0],
        "crop",
        shorter=told.resize_size[0],
        resample=told.interpolation.value,
        mean=tuple(told.mean),
        std=tuple(told.std),
    )


def _empty(models: Any, network: str) -> nn.Module:
    build = getattr(models, network)
    if vgg.is_one(network):
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
            return cast("nn.Module", build(weights=None))
    wanted = {"init_weights": False} if network in ("googlenet", "inception_v3") else {}  # theirs takes half a minute
    return built(lambda: cast("nn.Module", build(weights=None, **wanted)))


def _before_classes(module: nn.Module) -> Tap:
    """What the last linear layer, which has the classes, is given; SqueezeNet has none, and its last map is taken."""
    linear = [path for path, each in module.named_modules() if isinstance(each, nn.Linear) and "AuxLogits" not in path]
    linear = [path for path in linear if not path.startswith("aux")]
    return Tap(linear[-1], before=True) if linear else Tap("features")
