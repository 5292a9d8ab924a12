"""Names of networks are read, written back in one form, and refused where they say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise import encoders
from likewise.encoders import naming
from likewise.encoders.naming import Name, Part, parse
from likewise.errors import BadArgument, UnknownName

LAYERS = st.sampled_from(["layer3", "layer3.5.conv2", "block.9/cls", "block.9/patches", "conv5_4", "features.28"])
PARTS = st.builds(Part, LAYERS, st.sampled_from(["", "gem", "gem:2.5", "rmac"]), st.sampled_from([1.0, 0.5, 2.0]))
NETWORKS = st.sampled_from(
    [
        ("torchvision", "resnet50", "IMAGENET1K_V1"),
        ("torchvision", "not_known_here", ""),
        ("timm", "vit_small_patch14_dinov2", "lvd142m"),
        ("open_clip", "ViT-B-32", "openai"),
        ("factory", "my.nets:build", ""),
    ]
)


@given(NETWORKS, st.lists(PARTS, max_size=3), st.booleans(), st.sampled_from([(1.0,), naming.SCALES, (1.0, 0.25)]))
def test_what_is_written_is_read_back(network, parts: list[Part], flip: bool, scales: tuple[float, ...]) -> None:
    if len(parts) == 1:
        parts = [Part(parts[0].layer, parts[0].pooling)]
    name = Name(*network, tuple(parts), flip, scales)
    assert parse(str(name)) == name


@pytest.mark.parametrize(
    ("typed", "card"),
    [
        ("torchvision/resnet50/layer3", "resnet50/layer3"),
        ("torchvision/resnet50:IMAGENET1K_V1", "resnet50:IMAGENET1K_V1"),
        ("vit/block.9/cls", "vit_b_16/block.9/cls"),
        ("vgg19/fc1*1+conv5_4|gem*0.50", "vgg19/fc1+conv5_4|gem*0.5"),
        ("resnet50@scales@flip", "resnet50@flip@scales=1,0.7071,0.5"),
        ("timm/resnet50.a1_in1k/layer4", "timm/resnet50.a1_in1k/layer4"),
        ("open_clip/ViT-B-32/openai/block.9/cls", "open_clip/ViT-B-32/openai/block.9/cls"),
    ],
)
def test_every_spelling_becomes_one(typed: str, card: str) -> None:
    assert str(parse(typed)) == card


@pytest.mark.parametrize(
    "other", ["compact", "classical", "onnx/birds", "whitened/x", "torchscript/n", "resnet51", "a:b:c"]
)
def test_other_names_are_none_of_a_network(other: str) -> None:
    assert parse(other) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("timm/", "which network of timm"),
        ("resnet50/layer3+", "'' is no part"),
        ("resnet50/layer3|", "LAYER|POOLING"),
        ("resnet50/layer3*0.5", "go without \\*0.5"),
        ("resnet50/layer3*x+layer4", "'x' should be a number above zero"),
        ("resnet50/layer3*-1+layer4", "above zero"),
        ("resnet50@turn", "no option @turn"),
        ("resnet50@scales=1,0", "'0' should be a number"),
    ],
)
def test_what_says_nothing_is_refused(wrong: str, told: str) -> None:
    with pytest.raises(BadArgument, match=told.replace("|", r"\|")):
        parse(wrong)


def test_a_name_that_leaves_the_weights_open_means_those_of_the_card() -> None:
    assert naming.same("resnet50/layer3", "resnet50:IMAGENET1K_V2/layer3")
    assert naming.same("compact", "compact")
    assert not naming.same("resnet50:IMAGENET1K_V1/layer3", "resnet50:IMAGENET1K_V2/layer3")
    assert not naming.same("resnet50", "resnet50:IMAGENET1K_V2/layer3")
    assert not naming.same("compact", "classical")


def test_the_networks_that_need_no_family_are_those_of_torchvision(torchvision) -> None:
    assert set(naming.TORCHVISION) == set(torchvision.models.list_models(module=torchvision.models))


def test_networks_are_listed_and_a_wrong_name_has_near_ones() -> None:
    assert {"resnet50", "vit_b_16", "timm/NAME", "open_clip/NAME/WEIGHTS", "FILE.pt2"} <= set(encoders.names())
    with pytest.raises(UnknownName, match="did you mean resnet50"):
        encoders.load("resnet51")
