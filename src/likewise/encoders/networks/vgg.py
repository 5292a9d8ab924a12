"""VGG of torchvision: names of its layers, and the fold of fc1 for small pictures. `vgg19/fc1` is what this project began with.

Source: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556; the average of a map: Babenko and Lempitsky, ICCV 2015, arXiv:1510.07493.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

import torch
from torch import nn

from likewise import weights

PUBLISHED = weights.Published(
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    file_name="vgg19-dcbb9e9d.pth",
    digest="sha256:dcbb9e9d",  # torch.hub publishes eight digits, in the name of the file
    size_bytes=574_673_361,
    licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms are for non-commercial research",
    source="torchvision, VGG19_Weights.IMAGENET1K_V1",
)

_FULLY_CONNECTED = {"fc1": "classifier.1", "fc2": "classifier.4", "logits": "classifier.6"}


def layers(network: nn.Module) -> dict[str, str]:
    """Name → module whose output it means: the ReLU behind a convolution or a fully connected layer, the pooling of a block.

    The modules of `features` and `classifier` are named too, and nothing else is: `avgpool` copies a map of one place 49 times.
    """
    features = list(cast("nn.Sequential", network.get_submodule("features")))
    named = dict(_features(features)) | _FULLY_CONNECTED
    named |= {f"features.{i}": f"features.{i}" for i in range(len(features))}
    classifier = cast("nn.Sequential", network.get_submodule("classifier"))
    return named | {f"classifier.{i}": f"classifier.{i}" for i in range(len(classifier))}


def _features(modules: list[nn.Module]) -> Iterator[tuple[str, str]]:
    block, convolution = 1, 0
    for i, module in enumerate(modules):
        if isinstance(module, nn.Conv2d):
            convolution += 1
        elif isinstance(module, nn.ReLU):
            yield f"conv{block}_{convolution}", f"features.{i}"
        elif isinstance(module, nn.MaxPool2d):
            yield f"pool{block}", f"features.{i}"
            block, convolution = block + 1, 0


def is_one(name: str) -> bool:
    """Whether a network of torchvision is a VGG."""
    return re.fullmatch(r"vgg\d+(_bn)?", name) is not None


def fold(network: nn.Module) -> None:
    """For pictures whose last map is 1 × 1: leave out the adaptive pooling, with fc1 `folded`."""
    classifier = cast("nn.Sequential", network.get_submodule("classifier"))
    classifier[0] = folded(cast("nn.Linear", classifier[0]))
    network.avgpool = nn.Identity()


def folded(first: nn.Linear) -> nn.Linear:
    """fc1 for a 1 × 1 map: the adaptive pooling would make 49 equal copies of it, so the weights of the 49 places are summed.

    Args:
        first: (4096, 512 * 49); the places of a channel lie side by side.

    Returns:
        (4096, 512) with the same bias: the same function up to rounding, with 1/49 of the products.
    """
    places = 7 * 7  # what the network pools every last map to, whatever the input
    channels = first.in_features // places
    with torch.no_grad():
        some_rows = torch.split(first.weight, 256)  # in float64 all rows at once would take 800 MB
        summed = torch.cat([rows.double().reshape(-1, channels, places).sum(dim=2) for rows in some_rows])
        small = nn.Linear(summed.shape[1], first.out_features)
        small.weight.copy_(summed)
        small.bias.copy_(first.bias)
    return small
