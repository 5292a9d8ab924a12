"""Each family against its library: the same weights, the same picture, the library's own preprocessing and forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likewise import encoders, images, weights
from likewise.encoders import TextEncoder, naming
from likewise.encoders.networks import from_open_clip, from_timm, from_torchvision, hub
from likewise.encoders.networks.network import RECIPES, recipe_of
from likewise.errors import BadArgument, DownloadError, MissingExtra, UnknownName, WeightsError
from likewise.types import Recipe
from small_networks import Small, picture

NAMES = (
    "resnet18",
    "mobilenet_v3_small",
    "timm/test_vit.r160_in1k",
    "timm/test_resnet.r160_in1k",
    "timm/test_convnext.r160_in1k",
    "open_clip/tiny/laion_none",
)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(301, 200), (90, 170)])
def test_a_picture_gets_the_embedding_that_the_library_gives_it(
    small_networks: dict[str, Small], name: str, size: tuple[int, int]
) -> None:
    small = small_networks[name]
    encoder = encoders.load(name, weights=small.file, device="cpu")
    data, picture_of_pillow = picture(5, *size)
    ours = encoder.encode(images.prepare(data, encoder.card.recipe).pixels[None])
    wanted = unit(small.theirs(picture_of_pillow))
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=2e-6)  # of unit rows
    others = unit(small.theirs(picture(6, *size)[1]))
    assert np.abs(ours - others).max() > 1e-3  # or the comparison above would say nothing


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_whose_it_is(small_networks: dict[str, Small], name: str) -> None:
    card = encoders.load(name, weights=small_networks[name].file, device="cpu").card
    assert card.weights_sha256 == weights.sha256_of(small_networks[name].file)
    assert card.licence
    assert card.paper.startswith("arXiv:")
    assert card.size_bytes == small_networks[name].file.stat().st_size
    assert card.recipe.name == "published"
    again = encoders.load_as(card, device="cpu")
    assert again.card.fingerprint == card.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_lacks_adds_or_reshapes_something_is_refused_by_name(
    small_networks: dict[str, Small], tmp_path: Path, name: str
) -> None:
    state = dict(small_networks[name].network.state_dict())
    first, last = list(state)[0], list(state)[-1]  # noqa: RUF015 - both ends
    wrong = {
        f"{last} is missing": {key: value for key, value in state.items() if key != last},
        "surplus.weight is not of this network": {**state, "surplus.weight": torch.zeros(1)},
        f"{first} is \\(7, 7\\), wanted": {**state, first: torch.zeros(7, 7)},
    }
    for told, table in wrong.items():
        torch.save(table, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=told):
            encoders.load(name, weights=tmp_path / "w.pth", device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_connection_the_file_its_size_and_the_way_are_named(
    small_networks: dict[str, Small], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DownloadError, match=r"no network here.*--weights.*it has \d+ MB"):
        encoders.load(name, device="cpu")


def test_texts_lie_where_open_clip_puts_them(small_networks: dict[str, Small]) -> None:
    import open_clip

    small = small_networks["open_clip/tiny/laion_none"]
    encoder = encoders.load(small.name, weights=small.file, device="cpu")
    assert isinstance(encoder, TextEncoder)
    texts = ["two parrots on a branch", "a red door"]
    rows = encoder.encode_texts(texts)
    with torch.no_grad():
        wanted = small.network.encode_text(open_clip.get_tokenizer("ViT-B-32")(texts)).numpy()
    np.testing.assert_allclose(rows, unit(wanted), rtol=0, atol=2e-6)
    np.testing.assert_allclose(encoder.encode_texts(texts[1:]), rows[1:], rtol=0, atol=2e-6)
    assert encoder.encode_texts([]).shape == (0, encoder.card.dim)


def test_a_layer_of_a_clip_has_no_texts(small_networks: dict[str, Small]) -> None:
    small = small_networks["open_clip/tiny/laion_none"]
    encoder = encoders.load(f"{small.name}/block.1/cls", weights=small.file, device="cpu")
    assert not isinstance(encoder, TextEncoder)


def test_a_clip_whose_tokenizer_another_library_fetches_has_no_texts() -> None:
    pytest.importorskip("open_clip")
    config = {"text_cfg": {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP"}}
    assert from_open_clip._texts(None, torch.nn.Identity(), "ViT-B-16-SigLIP", config) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("torchvision/resnet51", "did you mean resnet50"),
        ("torchvision/raft_small", "no classification network"),
        ("resnet18:IMAGENET1K_V9", "take IMAGENET1K_V1"),
        ("resnet18:DEFAULT", "take IMAGENET1K_V1"),
        ("timm/vit_small_patch14_dino", "did you mean vit_small_patch1"),
        ("timm/test_vit.x", "take r160_in1k"),
        ("timm/vit_base_patch18_224", "no weights|no network"),
        ("open_clip/ViT-B-33/openai", "did you mean ViT-B-32"),
        ("open_clip/ViT-B-32", "open_clip/ViT-B-32/TAG: openai"),
        ("open_clip/ViT-B-32/block.9", "open_clip/ViT-B-32/TAG: openai"),
    ],
)
def test_unknown_networks_and_weights_are_refused_with_near_ones(torchvision: Any, name: str, told: str) -> None:
    pytest.importorskip("timm")
    pytest.importorskip("open_clip")
    with pytest.raises(UnknownName, match=told):
        encoders.load(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("open_clip/roberta-ViT-B-32/laion2b_s12b_b32k", "transformers library would fetch"),
        ("timm/vit_base_patch16_sapiens2.fb", "768 × 1024 pictures"),
        ("timm/gcvit_tiny.in1k", "cannot fetch|no network"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(
    torchvision: Any, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    pytest.importorskip("timm")
    pytest.importorskip("open_clip")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises((BadArgument, DownloadError), match=told):
        encoders.load(name)


@pytest.mark.parametrize("missing", ["timm", "open_clip", "torchvision.models"])
def test_without_a_library_the_extra_is_named(torchvision: Any, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    name = {"timm": "timm/resnet50", "open_clip": "open_clip/ViT-B-32/openai"}.get(missing, "resnet18")
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[torch\]'"):
        encoders.load(name)


def test_every_recipe_of_torchvision_can_be_said(torchvision: Any) -> None:
    models = torchvision.models
    for network in models.list_models(module=models):
        for entry in models.get_model_weights(network):
            recipe, theirs = from_torchvision._recipe(entry, network), entry.transforms()
            assert (recipe.side, recipe.shorter) == (theirs.crop_size[0], theirs.resize_size[0])
            assert recipe.resample == theirs.interpolation.value
            assert list(recipe.mean) == theirs.mean
            assert from_torchvision._published(entry, network).digest.startswith("sha256:")


def test_nearly_every_recipe_of_timm_can_be_said_and_the_others_are_refused(torchvision: Any) -> None:
    timm = pytest.importorskip("timm")
    refused = []
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name)
        try:
            recipe = from_timm._recipe(config, naming.Name("timm", name))
        except BadArgument:
            refused.append(name)
            continue
        assert recipe.side == config.input_size[1]
        assert max(recipe.shorter, recipe.side) == int(recipe.side / config.crop_pct)
    assert 0 < len(refused) < 40  # of 1,800: with borders, not square, or larger than the picture


def test_a_squashed_recipe_may_cut_the_middle_as_timm_does(torchvision: Any) -> None:
    pytest.importorskip("timm")
    from timm.data import create_transform

    data, image = picture(3, 150, 97)
    theirs = create_transform(
        (3, 64, 64), interpolation="bicubic", crop_pct=0.9, crop_mode="squash", mean=(0,) * 3, std=(1,) * 3
    )
    ours = images.prepare(data, Recipe("x", 64, "squash", shorter=71, resample="bicubic")).pixels
    assert np.array_equal(ours, (theirs(image).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def test_every_weights_of_open_clip_say_a_square_recipe(torchvision: Any) -> None:
    open_clip = pytest.importorskip("open_clip")
    for network, tag in open_clip.list_pretrained():
        told = open_clip.get_pretrained_cfg(network, tag)
        recipe = from_open_clip._recipe(told, 224, naming.Name("open_clip", network, tag))
        assert (recipe.resize, recipe.side) == ({"shortest": "crop", "squash": "squash"}[told["resize_mode"]], 224)
    with pytest.raises(BadArgument, match="224 × 256 pictures by shortest"):
        from_open_clip._recipe(told | {"resize_mode": "shortest"}, (256, 224), naming.Name("open_clip", "x"))


def test_files_of_pickles_come_after_safetensors() -> None:
    files = [each.file_name for each in hub.on_hub("laion/x/", "open_clip_pytorch_model.bin", 0, "MIT")]
    assert files == [
        "laion--x--open_clip_model.safetensors",
        "laion--x--open_clip_pytorch_model.safetensors",
        "laion--x--open_clip_pytorch_model.bin",
    ]


def test_another_size_of_picture_can_be_asked_for(small_networks: dict[str, Small]) -> None:
    for name, side in (("timm/test_vit.r160_in1k", 96), ("resnet18", 96)):
        encoder = encoders.load(name, weights=small_networks[name].file, recipe=f"crop-{side}", device="cpu")
        assert encoder.card.recipe.side == side
        assert encoder.encode(np.zeros((1, side, side, 3), np.uint8)).shape == (1, encoder.card.dim)
    clip = small_networks["open_clip/tiny/laion_none"]
    with pytest.raises(BadArgument, match="cannot take 64 × 64 pictures.*go without --recipe"):
        encoders.load(clip.name, weights=clip.file, recipe="squash-64", device="cpu")
    assert recipe_of("squash-64", RECIPES["imagenet"]).shorter == 0
    with pytest.raises(UnknownName, match="crop-N or squash-N"):
        recipe_of("crop-0", RECIPES["imagenet"])


def test_the_layout_of_the_first_authors_is_converted_and_wrong_shapes_are_not_stretched(torchvision: Any) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=0)
    theirs = {f"backbone.{key}" if 0 else key: value for key, value in network.state_dict().items()}
    theirs["mask_token"] = torch.zeros(1, 192)  # as DINO's authors have it; timm's own function drops it
    assert from_timm._converted(network, theirs, Path("w"), "x").keys() == network.state_dict().keys()
    with pytest.raises(WeightsError, match="pos_embed is \\(1, 50, 192\\), wanted \\(1, 5, 192\\)"):
        from_timm._converted(network, theirs | {"pos_embed": torch.zeros(1, 50, 192)}, Path("w"), "x")


def test_a_background_class_is_cut_off(torchvision: Any) -> None:
    timm = pytest.importorskip("timm")
    config = timm.get_pretrained_cfg("test_vit.r160_in1k")
    config.label_offset = 1
    state = {"head.weight": torch.zeros(1001, 4), "norm.weight": torch.zeros(3)}
    cut = from_timm._without_background(state, config)
    assert [tuple(value.shape) for value in cut.values()] == [(1000, 4), (3,)]


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet50", "my.nets:build", "torchscript/x"])
def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in ("encoder", "from_file"):
        monkeypatch.setitem(__import__("sys").modules, f"likewise.encoders.networks.{module}", None)
    with pytest.raises(MissingExtra, match=r"needs torch .*pip install 'likewise\[torch\]'"):
        encoders.load(name)


def test_weights_whose_publisher_tells_no_digest_are_not_fetched(torchvision: Any) -> None:
    timm = pytest.importorskip("timm")
    config = timm.get_pretrained_cfg("vit_huge_patch14_gap_224.in1k_ijepa")
    with pytest.raises(BadArgument, match="tells no SHA-256"):
        from_timm._published(config, 0)

    class Entry:
        url = "https://download.pytorch.org/models/resnet18.pth"
        meta = {"_file_size": 1.0}

    with pytest.raises(BadArgument, match="tells no SHA-256 of resnet18.pth"):
        from_torchvision._published(Entry(), "resnet18")


def test_a_network_of_one_size_refuses_others(torchvision: Any, small_networks: dict[str, Small]) -> None:
    timm = pytest.importorskip("timm")
    config = timm.get_pretrained_cfg("test_resnet.r160_in1k")
    config.fixed_input_size = True
    published = RECIPES["imagenet"]
    with pytest.raises(BadArgument, match="takes 224 × 224 pictures only"):
        from_timm._empty(timm, config, RECIPES["cifar"], published)
