"""VGG-19 against torchvision's own forward pass, and files that are not VGG-19."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likewise import encoders, weights
from likewise.encoders.naming import Name
from likewise.encoders.networks import layers, loading, vgg
from likewise.encoders.networks.network import RECIPES, Network, Tap
from likewise.errors import BadArgument, MissingExtra, UnknownName, WeightsError

MEAN = {"imagenet": (0.485, 0.456, 0.406), "cifar": (0.4914, 0.4822, 0.4465)}
STD = {"imagenet": (0.229, 0.224, 0.225), "cifar": (0.2023, 0.1994, 0.2010)}


def pictures(count: int, side: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def by_hand(network, pixels: np.ndarray, recipe: str, path: str) -> np.ndarray:
    """The whole network runs on normalised pixels, and a hook keeps what one module gives out."""
    kept: list[object] = []
    hook = network.get_submodule(path).register_forward_hook(lambda _m, _i, out: kept.append(out.clone()))
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    batch = (batch - torch.tensor(MEAN[recipe])[:, None, None]) / torch.tensor(STD[recipe])[:, None, None]
    with torch.no_grad():
        network(batch)
    hook.remove()
    return kept[0].numpy()


def near(ours: np.ndarray, theirs: np.ndarray, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize(("recipe", "side"), [("cifar", 32), ("imagenet", 224)])
@pytest.mark.parametrize("layer", ["fc1", "fc2", "logits"])
def test_vectors_are_those_of_torchvision(
    vgg19_network, vgg19_weights: Path, recipe: str, side: int, layer: str
) -> None:
    encoder = encoders.load(f"vgg19/{layer}", recipe=recipe, weights=vgg19_weights, device="cpu")
    pixels = pictures(3, side)
    near(encoder.encode(pixels), by_hand(vgg19_network, pixels, recipe, vgg.layers(vgg19_network)[layer]))
    assert encoder.card.dim == (1000 if layer == "logits" else 4096)
    assert not encoder.card.unit


@pytest.mark.parametrize("layer", ["conv1_1", "conv5_4", "pool5", "features.28"])
def test_maps_are_averaged_and_made_unit(vgg19_network, vgg19_weights: Path, layer: str) -> None:
    encoder = encoders.load(f"vgg19/{layer}", recipe="cifar", weights=vgg19_weights, device="cpu")
    pixels = pictures(3, 32)
    wanted = by_hand(vgg19_network, pixels, "cifar", vgg.layers(vgg19_network)[layer]).mean(axis=(2, 3))
    near(encoder.encode(pixels), wanted / np.linalg.norm(wanted, axis=1, keepdims=True))
    assert (encoder.card.pooling, encoder.card.metric) == ("mean", "cosine")


def test_folded_fc1_equals_unfolded(vgg19_network) -> None:
    first = vgg19_network.classifier[0]
    small = vgg.folded(first)
    assert tuple(small.weight.shape) == (4096, 512)
    maps = torch.rand(8, 512, 1, 1)
    with torch.no_grad():
        copies = vgg19_network.avgpool(maps)
        assert torch.equal(copies, maps.expand(-1, -1, 7, 7))
        near(small(maps.flatten(1)).numpy(), first(copies.flatten(1)).numpy())


def test_fc1_is_after_relu_and_each_recipe_is_an_identity(vgg19_weights: Path) -> None:
    one = encoders.load("vgg19", weights=vgg19_weights, device="cpu")
    assert (one.card.name, one.card.recipe.name, one.card.layer) == ("vgg19/fc1", "imagenet", "classifier.1")
    assert one.encode(pictures(2, 224)).min() == 0
    other = encoders.load("vgg19/fc1", recipe="cifar", weights=vgg19_weights, device="cpu")
    assert one.card.fingerprint != other.card.fingerprint


def test_the_card_names_the_file_and_the_file_is_found_again(vgg19_weights: Path) -> None:
    one = encoders.load("vgg19/pool5", recipe="cifar", weights=vgg19_weights, device="cpu")
    assert one.card.weights_sha256 == weights.sha256_of(vgg19_weights)
    again = encoders.load("vgg19/pool5", recipe="cifar", sha256=one.card.weights_sha256, device="cpu")
    assert again.card.fingerprint == one.card.fingerprint
    with pytest.raises(WeightsError, match="pass --weights PATH"):
        encoders.load("vgg19/pool5", sha256="00" * 32)


def test_a_file_that_lacks_or_adds_something_is_refused(vgg19_network, tmp_path: Path) -> None:
    whole = {name: value.flatten()[:0].clone() for name, value in vgg19_network.state_dict().items()}
    torch.save(whole, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"classifier\.0\.bias is \(0,\), wanted \(4096,\).*and \d+ more"):
        encoders.load("vgg19/fc1", weights=tmp_path / "w.pth")
    whole.pop("classifier.0.bias")
    whole["head.weight"] = torch.zeros(1)
    torch.save(whole, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"classifier\.0\.bias is missing; head\.weight is not of this network"):
        encoders.load("vgg19/fc1", weights=tmp_path / "w.pth")


class Evil:
    def __reduce__(self) -> object:
        return (print, ("this was run",))


@pytest.mark.parametrize("content", [b"", b"no weights at all", pickle.dumps({"x": 1}), pickle.dumps(Evil())])
def test_what_is_no_file_of_weights_is_refused_and_never_run(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.pth"):
        encoders.load("vgg19/fc1", weights=tmp_path / "w.pth")
    assert "this was run" not in capsys.readouterr().out


def test_the_older_format_of_files_is_read_too(vgg19_network, tmp_path: Path) -> None:
    state = {name: value[:1].clone() for name, value in vgg19_network.state_dict().items()}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=False)  # as the published file of 2017
    read = loading.state_of(tmp_path / "w.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_a_table_of_other_things_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="state_dict"):
        encoders.load("vgg19/fc1", weights=tmp_path / "w.pth")


@pytest.mark.parametrize(
    "layer", ["fc3", "conv6_1", "conv1_3", "conv3_5", "pool6", "features.37", "classifier.7", "avgpool", "x", "fc1/cls"]
)
def test_layers_that_are_not_there_are_refused(vgg19_network, layer: str) -> None:
    network = Network(
        Name("torchvision", "vgg19"),
        vgg19_network,
        RECIPES["cifar"],
        Tap(),
        "",
        layers=vgg.layers(vgg19_network),
        closed=True,
    )
    with pytest.raises(UnknownName, match="conv1_1 to conv5_4|no layer 'fc1/cls'"):
        layers.find(network, layer)


def test_every_named_layer_is_the_activation_behind_its_module(vgg19_network) -> None:
    names = [f"conv{b}_{i}" for b, count in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, count + 1)]
    kinds = [type(vgg19_network.get_submodule(vgg.layers(vgg19_network)[name])) for name in [*names, "fc1", "fc2"]]
    assert set(kinds) == {torch.nn.ReLU}
    pools = [vgg19_network.get_submodule(vgg.layers(vgg19_network)[f"pool{b}"]) for b in range(1, 6)]
    assert {type(pool) for pool in pools} == {torch.nn.MaxPool2d}


def test_layers_of_one_pass_are_those_of_the_single_encoders(vgg19_weights: Path) -> None:
    names = ["vgg19/conv3_1|max", "vgg19/fc1", "vgg19/conv3_1|gem", "vgg19/pool5", "vgg19/conv3_1"]
    (shared,) = encoders.load_together(names, recipe="cifar", weights=vgg19_weights, device="cpu")
    pixels = pictures(3, 32)
    assert [card.pooling for card in shared.cards] == ["max", "", "gem", "mean", "mean"]
    for name, card, rows in zip(names, shared.cards, shared.encode(pixels), strict=True):
        alone = encoders.load(name, recipe="cifar", weights=vgg19_weights, device="cpu")
        assert card == alone.card
        near(rows, alone.encode(pixels))
    assert [rows.shape for rows in shared.encode(pixels[:0])] == [(0, card.dim) for card in shared.cards]


def test_vectors_of_vgg_are_made_unit_too_where_they_are_one_part_of_several(vgg19_weights: Path) -> None:
    pixels = pictures(2, 32)
    names = ["vgg19/fc1+conv5_4|gem", "vgg19/fc1", "vgg19/conv5_4|gem"]
    (shared,) = encoders.load_together(names, recipe="cifar", weights=vgg19_weights, device="cpu")
    whole, first, second = shared.encode(pixels)
    both = np.concatenate([first / np.linalg.norm(first, axis=1, keepdims=True), second], axis=1)
    np.testing.assert_allclose(whole, both / np.linalg.norm(both, axis=1, keepdims=True), rtol=0, atol=1e-6)
    assert [card.metric for card in shared.cards] == ["cosine", "l2", "cosine"]


def test_raw_vectors_stay_raw_when_they_are_averaged(vgg19_weights: Path) -> None:
    names = ["vgg19/fc1", "vgg19/fc1@flip"]
    plain, flipped = (encoders.load(each, recipe="cifar", weights=vgg19_weights, device="cpu") for each in names)
    pixels = pictures(2, 32)
    wanted = (plain.encode(pixels) + plain.encode(np.ascontiguousarray(pixels[:, :, ::-1]))) / 2
    np.testing.assert_allclose(flipped.encode(pixels), wanted, rtol=0, atol=1e-5 * wanted.max())
    assert not flipped.card.unit


def test_poolings_by_hand(vgg19_network, vgg19_weights: Path) -> None:
    maps = by_hand(vgg19_network, pictures(2, 32), "cifar", vgg.layers(vgg19_network)["conv2_2"]).astype(np.float64)
    wanted = {
        "max": maps.max(axis=(2, 3)),
        "gem": np.cbrt((np.maximum(maps, 1e-6) ** 3).mean(axis=(2, 3))),
        "mean": maps.mean(axis=(2, 3)),
    }
    for pooling, rows in wanted.items():
        encoder = encoders.load(f"vgg19/conv2_2|{pooling}", recipe="cifar", weights=vgg19_weights, device="cpu")
        near(encoder.encode(pictures(2, 32)), rows / np.linalg.norm(rows, axis=1, keepdims=True))
        assert encoder.card.pooling == pooling


def test_poolings_that_are_not_there_are_refused(vgg19_weights: Path) -> None:
    with pytest.raises(UnknownName, match="'median': did you mean mean"):
        encoders.load("vgg19/conv2_2|median", weights=vgg19_weights)
    with pytest.raises(BadArgument, match=r"no map .* without \|max"):
        encoders.load("vgg19/fc1|max", weights=vgg19_weights)


def test_wrong_wishes_are_refused(vgg19_weights: Path) -> None:
    with pytest.raises(UnknownName, match="take imagenet, cifar, crop-N"):
        encoders.load("vgg19/fc1", recipe="mnist", weights=vgg19_weights)
    with pytest.raises(BadArgument, match="--device cpu"):
        encoders.load("vgg19/pool1", recipe="cifar", weights=vgg19_weights, device="cuda:77")
    with pytest.raises(BadArgument, match="neither layers nor weights"):
        encoders.load("classical/fc1")
    with pytest.raises(BadArgument, match="one recipe, pixels"):
        encoders.load("pixels", recipe="cifar")
    with pytest.raises(UnknownName, match="did you mean classical"):
        encoders.load("classic")


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchvision.models", None)
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[torch\]'"):
        encoders.load("vgg19/fc1")


def test_all_names_are_listed() -> None:
    assert {"compact", "classical", "pixels", "vgg19/fc1", "vgg19/conv5_4", "FILE.onnx", "FILE.npz"} <= set(
        encoders.names()
    )
    assert "onnx" not in encoders.names()
