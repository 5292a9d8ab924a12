"""Networks to start from: the built-in one, files that training wrote, and the layers of torchvision's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise import encoders
from likewise.encoders import naming
from likewise.encoders.networks.encoder import TorchEncoder
from likewise.encoders.networks.exporting import state_of
from likewise.encoders.runtimes import Runtime
from likewise.errors import BadArgument, WeightsError
from likewise.train.network import Compact
from likewise.types import Card


class Unit(nn.Module):
    """A network, its rows made unit."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) → (n, dim) of unit norm."""
        return functional.normalize(cast(Tensor, self.network(pixels)))


def network_of(name: str, *, recipe: str | None = None, weights: Path | None = None) -> tuple[nn.Module, Card]:
    """A network that can be trained on, and the card of the encoder that it is.

    Args:
        name: `compact`, a FILE.onnx that training of `compact` wrote, or any network of torch, such as `vgg19/LAYER`.
        recipe: Where there is a choice.
        weights: A file instead of the published one.

    Raises:
        BadArgument: If the model has no network that can be trained.
        WeightsError: If a file holds another network.
    """
    # a network of torch is trained by torch, also where it was compiled
    runtime: Runtime = "auto" if naming.parse(name) is None else "torch"
    encoder = encoders.load(name, recipe=recipe, weights=weights, device="cpu", runtime=runtime)
    if isinstance(encoder, TorchEncoder):
        return Unit(encoder.module), encoder.card
    if name == "compact":
        return _compact(Path(str(files("likewise.encoders") / "compact.onnx"))), encoder.card
    if name.endswith(".onnx"):
        return _compact(Path(name)), encoder.card
    raise BadArgument(
        f"{name} cannot be trained on: start from compact, a network of torch, or a FILE.onnx that training wrote"
    )


def _compact(path: Path) -> Compact:
    state = state_of(path)
    try:
        network = _of_the_shape(state)
        wanted = network.state_dict()
        counts = {key: torch.zeros_like(value) for key, value in wanted.items() if key.endswith("num_batches_tracked")}
        network.load_state_dict({**{key: state[key] for key in wanted if key not in counts}, **counts}, strict=True)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{path} is another network than compact, whose layers are not known: {error}") from error
    network.stem.requires_grad_(False)
    return network


def _of_the_shape(state: Mapping[str, Tensor]) -> Compact:
    """A network whose groups are as many, as wide and as deep as those of a state."""
    firsts = sorted(key for key in state if re.fullmatch(r"groups\.\d+\.first\.weight", key))
    depths = [
        1 + sum(key.startswith(f"groups.{i}.rest.") and key.endswith("convolution.weight") for key in state)
        for i in range(len(firsts))
    ]
    stem = state["stem.weight"].shape
    return Compact(state["project.weight"].shape[0], [len(state[key]) for key in firsts], depths, stem[0], stem[2])
