"""Layers by path and by alias against plain hooks; several in one pass; an end as soon as the last is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from likewise import encoders, images
from likewise.encoders.networks import layers
from likewise.encoders.networks.layers import Taps
from likewise.encoders.networks.network import Tap
from likewise.errors import BadArgument, UnknownName
from small_networks import Small

CASES = [  # network, layer, module, what is taken of its output
    ("resnet18", "layer3", "layer3", "mean"),
    ("resnet18", "layer2.0.bn2|max", "layer2.0.bn2", "max"),
    ("resnet18", "avgpool", "avgpool", "mean"),
    ("resnet18", "fc", "fc", ""),
    ("mobilenet_v3_small", "features.4", "features.4", "mean"),
    ("timm/test_vit.r160_in1k", "block.2/cls", "blocks.2", "cls"),
    ("timm/test_vit.r160_in1k", "block.2", "blocks.2", "cls"),
    ("timm/test_vit.r160_in1k", "block.2/patches", "blocks.2", "patches"),
    ("timm/test_vit.r160_in1k", "block.3.mlp.fc1|patches", "blocks.3.mlp.fc1", "patches"),
    ("timm/test_vit.r160_in1k", "norm/cls", "norm", "cls"),
    ("timm/test_vit.r160_in1k", "block.1|max", "blocks.1", "patches max"),
    ("timm/test_convnext.r160_in1k", "stage.1", "stages.1", "mean"),
    ("open_clip/tiny/laion_none", "block.1/cls", "transformer.resblocks.1", "cls"),
    ("open_clip/tiny/laion_none", "norm", "ln_post", "cls"),
]


def batch(encoder: Any, count: int = 3) -> tuple[np.ndarray, Any]:
    side = encoder.card.recipe.side
    pixels = np.random.default_rng(1).integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    return pixels, torch.from_numpy(images.normalise(pixels, encoder.card.recipe))


def by_hand(network: Any, path: str, pixels: Any) -> np.ndarray:
    kept: list[Any] = []
    hook = network.get_submodule(path).register_forward_hook(lambda _m, _i, out: kept.append(out.clone()))
    with torch.no_grad():
        network(pixels)
    hook.remove()
    return kept[0].double().numpy()


def taken(out: np.ndarray, how: str) -> np.ndarray:
    rows = {
        "mean": lambda: out.mean(axis=(2, 3)),
        "max": lambda: out.max(axis=(2, 3)),
        "cls": lambda: out[:, 0],
        "patches": lambda: out[:, 1:].mean(axis=1),
        "patches max": lambda: out[:, 1:].max(axis=1),
        "": lambda: out,
    }[how]()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("name", "layer", "path", "how"), CASES)
def test_a_layer_is_what_a_hook_sees_there(
    small_networks: dict[str, Small], name: str, layer: str, path: str, how: str
) -> None:
    small = small_networks[name]
    encoder = encoders.load(f"{name}/{layer}", weights=small.file, device="cpu")
    pixels, normalised = batch(encoder)
    network = small.network.visual if name.startswith("open_clip") else small.network
    np.testing.assert_allclose(
        encoder.encode(pixels), taken(by_hand(network, path, normalised), how), rtol=0, atol=1e-5
    )
    assert encoder.card.layer == path


def test_layers_of_one_pass_are_those_of_the_single_encoders(small_networks: dict[str, Small]) -> None:
    for network, wanted in {
        "resnet18": ["layer2.0.bn2|max", "layer4|gem", "", "layer1+layer3|rmac*0.5", "layer2.0.bn2|max"],
        "timm/test_vit.r160_in1k": ["block.4/cls", "block.1|gem", "", "norm/patches"],
        "open_clip/tiny/laion_none": ["", "block.0/cls"],
    }.items():
        names = [f"{network}/{each}" if each else network for each in wanted]
        (shared,) = encoders.load_together(names, weights=small_networks[network].file, device="cpu")
        singles = [encoders.load(each, weights=small_networks[network].file, device="cpu") for each in names]
        pixels, _ = batch(singles[0])
        assert list(shared.cards) == [single.card for single in singles]
        for rows, single in zip(shared.encode(pixels), singles, strict=True):
            np.testing.assert_allclose(rows, single.encode(pixels), rtol=0, atol=1e-6)
        assert [rows.shape for rows in shared.encode(pixels[:0])] == [(0, card.dim) for card in shared.cards]


def test_names_with_other_options_or_networks_are_other_passes(small_networks: dict[str, Small]) -> None:
    names = ["resnet18/layer1", "resnet18/layer2", "resnet18/layer1@flip", "classical"]
    made = encoders.load_together(names, weights=small_networks["resnet18"].file, device="cpu")
    assert [[card.name.partition(":")[0] for card in each.cards] for each in made] == [
        ["resnet18", "resnet18"],
        ["resnet18"],
        ["classical"],
    ]


class Counting(nn.Module):
    """Adds one to what it is given, in place, and counts how often it was run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0

    def forward(self, given: Any) -> Any:
        self.runs += 1
        return given.add_(1)


def test_a_pass_ends_at_the_last_layer_that_is_wanted_and_nothing_later_changes_what_was_read() -> None:
    network = nn.Sequential(Counting(), Counting(), Counting())
    first, second = Taps(network, [Tap("0"), Tap("1")])(torch.zeros(2))
    assert (first.tolist(), second.tolist()) == ([1, 1], [2, 2])
    assert [each.runs for each in network] == [1, 1, 0]
    before, whole = Taps(network, [Tap("1", before=True), Tap()])(torch.zeros(1))
    assert (before.item(), whole.item()) == (1, 3)
    assert network[2].runs == 1
    network(torch.zeros(1))  # hooks of ours do nothing where nobody reads
    assert network[2].runs == 2


def test_places_that_have_no_part_in_it_or_give_no_tensor_are_refused() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.idle, self.odd = nn.Identity(), Odd()

        def forward(self, given: Any) -> Any:
            self.odd(given)
            return given

    class Odd(nn.Module):
        def forward(self, given: Any) -> Any:
            return {"out": given}

    with pytest.raises(BadArgument, match="idle has no part"):
        Taps(Idle(), [Tap("idle")])(torch.zeros(1))
    with pytest.raises(BadArgument, match="odd gives a dict"):
        Taps(Idle(), [Tap("odd")])(torch.zeros(1))
    with pytest.raises(BadArgument, match="the network gives a dict"):
        Taps(Odd(), [Tap()])(torch.zeros(1))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet18/layer3.5.conv2", "did you mean layer3.[01].conv2"),
        ("resnet18/layer9", "did you mean layer"),
        ("resnet18/xyzzy", "its modules are conv1, bn1"),
        ("resnet18/layer3/head", "behind a slash stands cls or patches"),
        ("timm/test_vit.r160_in1k/block.99/cls", "did you mean block"),
    ],
)
def test_a_layer_that_is_not_there_is_refused_with_the_nearest(
    small_networks: dict[str, Small], name: str, told: str
) -> None:
    file = next(each.file for network, each in small_networks.items() if name.startswith(network))
    with pytest.raises(UnknownName, match=told):
        encoders.load(name, weights=file, device="cpu")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet18/fc|gem", r"no map that could be pooled: go without \|gem"),
        ("resnet18/fc/cls", "no map that could be pooled: go without /cls"),
        ("resnet18/layer4/cls", "is a map and has no tokens"),
        ("timm/test_vit.r160_in1k/block.2/cls|gem", "one token, nothing to pool"),
        ("open_clip/tiny/laion_none@scales", "cannot take 48 × 48 pictures, or not at these layers and scales"),
    ],
)
def test_poolings_that_do_not_go_with_a_layer_are_refused(
    small_networks: dict[str, Small], name: str, told: str
) -> None:
    file = next(each.file for network, each in small_networks.items() if name.startswith(network))
    with pytest.raises(BadArgument, match=told):
        encoders.load(name, weights=file, device="cpu")


def test_names_of_vgg_follow_one_rule_in_all_its_sizes(torchvision: Any) -> None:
    from likewise.encoders.networks import vgg

    for name, last in {"vgg11": "conv5_2", "vgg13_bn": "conv5_2", "vgg16": "conv5_3", "vgg19_bn": "conv5_4"}.items():
        with torch.device("meta"):
            network = torchvision.models.get_model(name, weights=None)
        named = vgg.layers(network)
        assert isinstance(network.get_submodule(named[last]), nn.ReLU)
        assert isinstance(network.get_submodule(named["pool5"]), nn.MaxPool2d)
        assert int(named[last].rpartition(".")[2]) + 1 == int(named["pool5"].rpartition(".")[2])
        assert f"conv5_{int(last[-1]) + 1}" not in named
        assert network.get_submodule(named["fc1"]) is network.classifier[1]


def test_blocks_and_stages_are_counted_from_0(torchvision: Any) -> None:
    with torch.device("meta"):
        vit = torchvision.models.vit_b_32(weights=None)
    assert layers._alias("block.11", vit) == "encoder.layers.encoder_layer_11"
    assert layers._alias("block.11.mlp", vit) == "encoder.layers.encoder_layer_11.mlp"
    assert layers._alias("block.12", vit) == "block.12"
    assert layers._alias("norm", vit) == "encoder.ln"
