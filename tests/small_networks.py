"""Small networks of each library with seeded random weights, as files in the layout that is published, and the library's own answers."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TINY_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 48, "layers": 3, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TINY_TAG = {
    "url": "",
    "hf_hub": "laion/tiny/",
    "mean": (0.48, 0.45, 0.4),
    "std": (0.26, 0.26, 0.27),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


@dataclass(frozen=True)
class Small:
    """A file of weights, and what the library itself makes of a picture with them."""

    name: str
    file: Path
    network: Any
    theirs: Callable[[Image.Image], np.ndarray]
    """One picture → its embedding, by the library's own preprocessing and forward pass; not yet unit."""


def picture(seed: int = 0, width: int = 301, height: int = 200) -> tuple[bytes, Image.Image]:
    """A smooth picture with edges, as PNG and as Pillow has it."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (9, 13, 3)).astype(np.uint8)).resize((width, height), Image.BICUBIC)
    pixels = np.array(coarse)
    pixels[height // 3 : height // 2, width // 4 : width // 3] = draw.integers(0, 256, 3)
    found = Image.fromarray(pixels)
    file = io.BytesIO()
    found.save(file, "PNG")
    return file.getvalue(), found


def alive(network: Any, seed: int = 3) -> Any:
    """Seeded weights whose activations neither vanish nor explode, and batch norms that have seen something."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                module.weight.normal_(0, (2 / module.weight[0].numel()) ** 0.5)
                if module.bias is not None:
                    module.bias.uniform_(-0.05, 0.05)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def of_torchvision(name: str, folder: Path, before: str) -> Small:
    """A network whose own embedding is what its module `before` is given."""
    import torch
    from torchvision import models

    network = alive(models.get_model(name, weights=None))
    torch.save(network.state_dict(), folder / f"{name}.pth")
    transform = models.get_model_weights(name).DEFAULT.transforms()

    def theirs(image: Image.Image) -> np.ndarray:
        kept: list[Any] = []
        hook = network.get_submodule(before).register_forward_pre_hook(lambda _m, given: kept.append(given[0].clone()))
        with torch.no_grad():
            network(transform(image)[None])
        hook.remove()
        return kept[0].numpy()

    return Small(name, folder / f"{name}.pth", network, theirs)


def of_timm(name: str, folder: Path) -> Small:
    """A network as timm publishes it: safetensors."""
    import timm
    import torch
    from safetensors.torch import save_file

    network = alive(timm.create_model(name, pretrained=False))
    save_file(network.state_dict(), folder / f"{name}.safetensors")
    config = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**config, is_training=False)

    def theirs(image: Image.Image) -> np.ndarray:
        with torch.no_grad():
            return network.forward_head(network.forward_features(transform(image)[None]), pre_logits=True).numpy()

    return Small(f"timm/{name}", folder / f"{name}.safetensors", network, theirs)


def of_open_clip(folder: Path) -> Small:
    """A tiny CLIP, which `register_clip` has made known."""
    import open_clip
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    network = alive(open_clip.create_model("tiny", load_weights=False))
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, folder / "clip.pt")
    told = {key: TINY_TAG[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    transform = image_transform_v2(PreprocessCfg(size=48, **told), is_train=False)

    def theirs(image: Image.Image) -> np.ndarray:
        with torch.no_grad():
            return network.encode_image(transform(image)[None]).numpy()

    return Small("open_clip/tiny/laion_none", folder / "clip.pt", network, theirs)


def register_clip(patch: Any) -> None:
    """Make the tiny CLIP known to open_clip, as one of its own with published weights."""
    from open_clip import factory, pretrained

    patch.setitem(factory._MODEL_CONFIGS, "tiny", TINY_CLIP)
    patch.setitem(pretrained._PRETRAINED, "tiny", {"laion_none": TINY_TAG})
