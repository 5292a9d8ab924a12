"""Parts put together, mirror images and scales, by hand; and the module that others export."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likewise import encoders, images
from likewise.encoders.networks import pooling
from likewise.encoders.networks.pooled import Arranged
from likewise.errors import BadArgument
from small_networks import Small

RECIPE = "crop-64"


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def load(small_networks: dict[str, Small]) -> Any:
    return lambda name: encoders.load(name, weights=small_networks["resnet18"].file, recipe=RECIPE, device="cpu")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)


def test_parts_are_made_unit_weighted_put_side_by_side_and_made_unit(load: Any, pixels: np.ndarray) -> None:
    first, second = load("resnet18/layer2|max"), load("resnet18/layer4|gem")
    whole = load("resnet18/layer2|max*0.5+layer4|gem*2")
    wanted = unit(np.concatenate([0.5 * first.encode(pixels), 2 * second.encode(pixels)], axis=1))
    np.testing.assert_allclose(whole.encode(pixels), wanted, rtol=0, atol=1e-6)
    assert whole.card.dim == first.card.dim + second.card.dim
    assert (whole.card.layer, whole.card.pooling) == ("layer2+layer4", "max+gem")


def test_flipping_averages_a_picture_and_its_mirror_image(load: Any, pixels: np.ndarray) -> None:
    plain, flipped = load("resnet18/layer4|gem"), load("resnet18/layer4|gem@flip")
    wanted = unit(plain.encode(pixels) + plain.encode(np.ascontiguousarray(pixels[:, :, ::-1])))
    np.testing.assert_allclose(flipped.encode(pixels), wanted, rtol=0, atol=2e-6)
    np.testing.assert_allclose(
        flipped.encode(pixels), flipped.encode(np.ascontiguousarray(pixels[:, :, ::-1])), rtol=0, atol=2e-6
    )
    assert plain.card.fingerprint != flipped.card.fingerprint


def test_scales_sum_the_embeddings_of_the_resized_picture(load: Any, pixels: np.ndarray) -> None:
    plain, scaled = load("resnet18/layer4|gem"), load("resnet18/layer4|gem@scales=1,0.5")
    batch = torch.from_numpy(images.normalise(pixels, plain.card.recipe))
    half = torch.stack([batch[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)]).mean(dim=0)  # bilinear at one half
    with torch.no_grad():
        wanted = plain.module(batch) + plain.module(half)
    np.testing.assert_allclose(scaled.encode(pixels), unit(wanted.numpy()), rtol=0, atol=2e-6)
    assert scaled.card.name.endswith("@scales=1,0.5")


@pytest.mark.parametrize(
    "name",
    [
        "resnet18/layer3.0.bn2|rmac*0.5+layer4|gem@flip",
        "resnet18/layer4|spoc@scales=1,0.5",
        "resnet18",
        "timm/test_vit.r160_in1k/block.2|gem+norm/cls",
        "open_clip/tiny/laion_none",
    ],
)
def test_the_module_is_all_that_encode_computes_and_can_be_exported(
    small_networks: dict[str, Small], name: str
) -> None:
    file = next(each.file for network, each in small_networks.items() if name.startswith(network))
    recipe = RECIPE if name.startswith("resnet18") else None
    encoder = encoders.load(name, weights=file, recipe=recipe, device="cpu")
    side = encoder.card.recipe.side
    pixels = np.random.default_rng(2).integers(0, 256, (3, side, side, 3)).astype(np.uint8)
    batch = torch.from_numpy(images.normalise(pixels, encoder.card.recipe))
    program = torch.export.export(encoder.module, (batch[:2],), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    with torch.no_grad():
        found = program.module()(batch).numpy()
    np.testing.assert_allclose(found, encoder.encode(pixels), rtol=0, atol=1e-5)


def test_maps_with_channels_behind_and_patches_become_maps() -> None:
    maps = torch.rand(2, 6, 5, 5)
    assert torch.equal(Arranged(channels_last=True)(maps.permute(0, 2, 3, 1)), maps)
    tokens = torch.cat([torch.rand(2, 1, 6), maps.flatten(2).transpose(1, 2)], dim=1)
    assert torch.equal(Arranged(grid=1)(tokens), maps)


def test_maps_of_swin_have_their_channels_behind(torchvision: Any, tmp_path: Any) -> None:
    torch.manual_seed(0)
    network = torchvision.models.swin_t(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = encoders.load("swin_t/features.1|max", weights=tmp_path / "w.pth", device="cpu")
    pixels = np.random.default_rng(2).integers(0, 256, (1, 224, 224, 3)).astype(np.uint8)
    with torch.no_grad():
        out = network.features[:2](torch.from_numpy(images.normalise(pixels, encoder.card.recipe)))
    assert out.shape == (1, 56, 56, 96)
    np.testing.assert_allclose(encoder.encode(pixels), unit(out.amax(dim=(1, 2)).numpy()), rtol=0, atol=1e-5)


def test_patches_that_make_no_square_have_no_regions(torchvision: Any, tmp_path: Any) -> None:
    class Row(torch.nn.Module):
        num_prefix_tokens = 1

        def forward(self, pixels: Any) -> Any:
            return pixels.flatten(2)[:, :, :7].transpose(1, 2)

    from likewise.encoders.naming import Part
    from likewise.encoders.networks.network import RECIPES, Network, Tap
    from likewise.encoders.networks.pooled import _pooling

    network = Network(encoders.naming.Name("factory", "a:b"), Row(), RECIPES["cifar"], Tap(), "")
    with pytest.raises(BadArgument, match="6 patches make no square map"):
        _pooling(network, Part("x", "rmac"), "", torch.Size((1, 7, 3)))
    with pytest.raises(BadArgument, match="no vector, map or row of tokens"):
        _pooling(network, Part("x"), "", torch.Size((1, 7, 3, 2, 2)))
    assert pooling.canonical("gem:3") == "gem"


def test_a_collection_is_made_and_opened_with_a_combination(small_networks: dict[str, Small], tmp_path: Any) -> None:
    from likewise import Collection
    from small_networks import picture

    (tmp_path / "gallery").mkdir()
    for seed in range(4):
        (tmp_path / "gallery" / f"{seed}.png").write_bytes(picture(seed)[0])
    encoder = encoders.load(
        "resnet18/layer3|rmac*0.5+layer4|gem", weights=small_networks["resnet18"].file, recipe=RECIPE, device="cpu"
    )
    with Collection.create(tmp_path, encoder) as made:
        made.index(tmp_path / "gallery")
    with Collection.open(tmp_path) as again:
        hits = again.search(tmp_path / "gallery" / "2.png", k=2)
        assert hits[0].key.endswith("2.png")
        assert again.encoder.card.fingerprint == encoder.card.fingerprint
