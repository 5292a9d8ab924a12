"""The networks of the comparisons, as their own libraries build them, with seeded random weights.

Speed does not depend on the weights, and there need not be any to be downloaded. The files have the layout that is published, so
that ours takes them as it takes the published ones.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

CLIP_224 = "open_clip/ViT-B-32/datacomp_xl_s13b_b90k"
CLIP_256 = "open_clip/ViT-B-32-256/datacomp_s34b_b86k"
DINO = "timm/vit_small_patch14_dinov2.lvd142m"


@dataclass(frozen=True, slots=True)
class Network:
    """One network.

    Attributes:
        title: For people.
        model: Its name with us.
        recipe: Of its pixels with us; the published one if None.
        side: Of its pixels.
        build: The whole network of its library, with random weights.
        cut: Of that, or of its weights, what gives the embedding.
    """

    title: str
    model: str
    side: int
    build: Callable[[], Any]
    cut: Callable[[Any], Any]
    recipe: str | None = None

    def seeded(self) -> Any:
        """The whole network in eval mode; the same weights every time."""
        import torch

        torch.manual_seed(0)
        return self.build().eval()

    def weights_path(self, folder: Path) -> Path:
        """Where its weights are kept."""
        return folder / "weights" / ("".join(each if each.isalnum() else "-" for each in self.model) + ".pth")

    def weights(self, folder: Path) -> Path:
        """Its weights in a file: those that `learning.py` left there, or random ones."""
        import torch

        path = self.weights_path(folder)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".part")
            torch.save(self.seeded().state_dict(), draft)
            draft.replace(path)
        return path

    def told_of_weights(self, folder: Path) -> str:
        """What its weights are, in words."""
        note = self.weights_path(folder).with_suffix(".json")
        if not note.is_file():
            return "random weights"
        told = json.loads(note.read_text())
        learnt = f"learnt from {told['shown']:,} views of {told['photos']:,} photographs"
        return f"{learnt}, and told {told['right']:.0%} of the last ones right"


def torchvision() -> ModuleType:
    """The package, also beside a torch that its compiled operators do not fit; the networks need none of them."""
    import torch

    for operator in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # a matching pair has declared it already
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _kept_alive.append(library)
    import torchvision

    return torchvision


_kept_alive: list[object] = []


def _from_torchvision(name: str) -> Callable[[], Any]:
    return lambda: torchvision().models.get_model(name, weights=None)


def _clip(name: str) -> Callable[[], Any]:
    def build() -> Any:
        torchvision()
        import open_clip

        return open_clip.create_model(name, load_weights=False, pretrained_text=False)

    return build


def _dino() -> Any:
    torchvision()
    import timm

    # blocks begin at a scale of 1e-5 in training, at which every picture has the same embedding
    return timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=False, init_values=1.0)


def _fc1(network: Any) -> Any:
    """As the blog post cuts it: behind the first fully connected layer and its ReLU."""
    from torch import nn

    return nn.Sequential(network.features, network.avgpool, nn.Flatten(), *network.classifier[:2])


def _without_classes(layer: str) -> Callable[[Any], Any]:
    def cut(network: Any) -> Any:
        from torch import nn

        network.set_submodule(layer, nn.Identity())
        return network

    return cut


def _dino_at_224(network: Any) -> Any:
    """The positions fitted to 224 once, by timm's own function for weights that are loaded, not in every pass."""
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    small = timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=False, img_size=224, num_classes=0)
    small.load_state_dict(checkpoint_filter_fn(network.state_dict(), small))
    return small


NETWORKS = {
    "vgg19-32": Network("VGG-19 at 32", "vgg19/fc1", 32, _from_torchvision("vgg19"), _fc1, "cifar"),
    "vgg19": Network("VGG-19 at 224", "vgg19/fc1", 224, _from_torchvision("vgg19"), _fc1, "imagenet"),
    "resnet50": Network("ResNet-50", "resnet50", 224, _from_torchvision("resnet50"), _without_classes("fc")),
    "mobilenet": Network(
        *("MobileNetV3-L", "mobilenet_v3_large", 224, _from_torchvision("mobilenet_v3_large")),
        _without_classes("classifier.3"),
    ),
    "vit-b-32": Network("ViT-B/32", CLIP_224, 224, _clip("ViT-B-32"), lambda network: network.visual),
    "vit-s-14": Network("ViT-S/14", DINO, 224, _dino, _dino_at_224, "crop-224"),
    "vit-b-32-256": Network("ViT-B/32 at 256", CLIP_256, 256, _clip("ViT-B-32-256"), lambda network: network.visual),
}
