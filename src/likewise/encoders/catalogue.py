"""Well-known models, told without loading any: what they are, what they need, what a download costs.

A list to choose from, not a limit: whole families are named in `FAMILIES`, and `likewise.encoders.load` takes all of them.
What is not known is left out, never guessed.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from likewise import seams, weights
from likewise.errors import UnknownName
from likewise.types import Metric

EXTRA = "pip install 'likewise[torch]'"
_IMAGENET = "trained on ImageNet, whose terms are for non-commercial research"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model.

    Attributes:
        name: The word that loads it.
        about: In a line.
        dim: Length of an embedding.
        side: Its input is side × side pixels.
        licence: Of the weights, with what they were trained on where that matters.
        paper: What to cite.
        source: Who publishes the weights.
        files: The names under which the weights may be cached; none where they are in the package, or there are none.
        size_bytes: Of the download: as published, or of the parameters in float32 (`about_size`); 0 where there is none.
        about_size: Whether the size is that of the parameters, and the file a little larger.
        needs: Packages beyond the plain install.
        text: Whether words can be searched for.
        metric: How its embeddings are compared.
    """

    name: str
    about: str
    dim: int
    side: int
    licence: str
    paper: str = ""
    source: str = "likewise"
    files: tuple[str, ...] = ()
    size_bytes: int = 0
    about_size: bool = False
    needs: tuple[str, ...] = ()
    text: bool = False
    metric: Metric = "cosine"

    @property
    def lacks(self) -> tuple[str, ...]:
        """Which of the packages that it needs are not installed."""
        return _absent(self.needs)

    def cached(self, cache: Path | None = None) -> bool:
        """Whether nothing would be downloaded: its weights are in the cache, or it has no file of its own."""
        folder = (cache or weights.cache_folder()) / "weights"
        return not self.files or any((folder / name).is_file() for name in self.files)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are loaded by a pattern rather than from the list."""

    pattern: str
    about: str
    needs: tuple[str, ...] = ()

    @property
    def lacks(self) -> tuple[str, ...]:
        """Which of the packages that they need are not installed."""
        return _absent(self.needs)


def _torchvision(name: str, dim: int, file: str, size_bytes: int, paper: str, side: int = 224) -> Entry:
    layer = name.partition("/")[2]
    return Entry(
        name=name,
        about=f"classification on ImageNet: {'the first of its fully connected layers' if layer else 'what its last layer is given'}",
        dim=dim,
        side=side,
        licence=f"BSD-3-Clause (torchvision); {_IMAGENET}",
        paper=paper,
        source="torchvision",
        files=(file,),
        size_bytes=size_bytes,
        needs=("torch", "torchvision"),
        metric="l2" if layer else "cosine",
    )


def _timm(name: str, about: str, dim: int, side: int, size_bytes: int, licence: str, paper: str) -> Entry:  # noqa: PLR0913, PLR0917
    return Entry(
        name=f"timm/{name}",
        about=about,
        dim=dim,
        side=side,
        licence=licence,
        paper=paper,
        source="timm",
        files=(f"timm--{name}--model.safetensors",),
        size_bytes=size_bytes,
        about_size=True,
        needs=("torch", "timm"),
    )


def _open_clip(name: str, repository: str, trained: str, dim: int, size_bytes: int, paper: str) -> Entry:
    endings = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
    return Entry(
        name=f"open_clip/{name}",
        about=f"pictures and words in one space, trained on {trained}",
        dim=dim,
        side=224,
        licence="MIT",
        paper=paper,
        source="open_clip",
        files=tuple(f"{repository.replace('/', '--')}--{ending}" for ending in endings),
        size_bytes=size_bytes,
        about_size=True,
        needs=("torch", "open_clip"),
        text=True,
    )


_CLIP, _LAION, _DATACOMP = "arXiv:2103.00020", "arXiv:2210.08402", "arXiv:2304.14108"
_DINOV2, _REGISTERS, _DINOV3 = "arXiv:2304.07193", "arXiv:2304.07193, arXiv:2309.16588", "arXiv:2508.10104"
_SELF_TAUGHT = "taught itself without labels: resemblance of things and scenes"
_RESNET, _VIT = "arXiv:1512.03385", "arXiv:2010.11929"

_VIT_B_32, _VIT_B_16, _VIT_L_14, _VIT_H_14 = (
    4 * count for count in (151_277_313, 149_620_737, 427_616_513, 986_109_441)
)

ENTRIES = (
    Entry(
        "compact",
        "a small network of our own, in the package; the default",
        256,
        32,
        "Apache-2.0; trained on CIFAR-100",
        "arXiv:1811.12649; schedule and optimiser after arXiv:2404.00498",
    ),
    Entry(
        "classical",
        "colour, gradient and layout statistics; no network",
        928,
        64,
        "Apache-2.0 (no weights)",
        "Dalal and Triggs, CVPR 2005, and others: docs/encoders.md",
    ),
    Entry("pixels", "raw pixels, the floor of any comparison", 3072, 32, "Apache-2.0 (no weights)", metric="l2"),
    _torchvision("vgg19/fc1", 4096, "vgg19-dcbb9e9d.pth", 574_673_361, "arXiv:1409.1556"),
    _torchvision("resnet18", 512, "resnet18-f37072fd.pth", 46_830_453, _RESNET),
    _torchvision("resnet50", 2048, "resnet50-11ad3fa6.pth", 102_540_247, _RESNET),
    _torchvision("resnet101", 2048, "resnet101-cd907fc2.pth", 178_813_665, _RESNET),
    _torchvision("mobilenet_v3_small", 1024, "mobilenet_v3_small-047dcff4.pth", 10_306_454, "arXiv:1905.02244"),
    _torchvision("mobilenet_v3_large", 1280, "mobilenet_v3_large-5c1a4163.pth", 22_132_294, "arXiv:1905.02244"),
    _torchvision("efficientnet_b0", 1280, "efficientnet_b0_rwightman-7f5810bc.pth", 21_444_428, "arXiv:1905.11946"),
    _torchvision("efficientnet_v2_s", 1280, "efficientnet_v2_s-dd5fe13b.pth", 86_721_430, "arXiv:2104.00298", 384),
    _torchvision("convnext_tiny", 768, "convnext_tiny-983f1562.pth", 114_419_565, "arXiv:2201.03545"),
    _torchvision("convnext_base", 1024, "convnext_base-6075fbad.pth", 354_485_797, "arXiv:2201.03545"),
    _torchvision("swin_t", 768, "swin_t-704ceda3.pth", 113_445_437, "arXiv:2103.14030"),
    _torchvision("swin_v2_t", 768, "swin_v2_t-b137f0e2.pth", 113_902_617, "arXiv:2111.09883", 256),
    _torchvision("vit_b_32", 768, "vit_b_32-d86f8d99.pth", 352_954_876, _VIT),
    _torchvision("vit_b_16", 768, "vit_b_16-c867db91.pth", 346_328_924, _VIT),
    _timm("vit_small_patch14_dinov2.lvd142m", _SELF_TAUGHT, 384, 518, 88_224_768, "apache-2.0", _DINOV2),
    _timm("vit_base_patch14_dinov2.lvd142m", _SELF_TAUGHT, 768, 518, 346_318_848, "apache-2.0", _DINOV2),
    _timm("vit_large_patch14_dinov2.lvd142m", _SELF_TAUGHT, 1024, 518, 1_217_470_464, "apache-2.0", _DINOV2),
    _timm("vit_small_patch14_reg4_dinov2.lvd142m", _SELF_TAUGHT, 384, 518, 88_229_376, "apache-2.0", _REGISTERS),
    _timm("vit_base_patch14_reg4_dinov2.lvd142m", _SELF_TAUGHT, 768, 518, 346_328_064, "apache-2.0", _REGISTERS),
    _timm("vit_small_patch16_dinov3.lvd1689m", _SELF_TAUGHT, 384, 256, 86_347_776, "dinov3-license", _DINOV3),
    _timm("vit_base_patch16_dinov3.lvd1689m", _SELF_TAUGHT, 768, 256, 342_564_864, "dinov3-license", _DINOV3),
    _timm(
        "resnet50.a1_in1k",
        "ResNet-50 trained longer, classification on ImageNet",
        2048,
        224,
        102_441_032,
        "apache-2.0",
        "arXiv:2110.00476",
    ),
    _open_clip(
        "ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai", "400 million captions", 512, _VIT_B_32, _CLIP
    ),
    _open_clip(
        "ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "LAION-2B", 512, _VIT_B_32, _LAION
    ),
    _open_clip(
        "ViT-B-32/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        "DataComp-1B",
        512,
        _VIT_B_32,
        _DATACOMP,
    ),
    _open_clip(
        "ViT-B-16/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        "DataComp-1B",
        512,
        _VIT_B_16,
        _DATACOMP,
    ),
    _open_clip(
        "ViT-L-14/openai", "timm/vit_large_patch14_clip_224.openai", "400 million captions", 768, _VIT_L_14, _CLIP
    ),
    _open_clip(
        "ViT-L-14/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        "DataComp-1B",
        768,
        _VIT_L_14,
        _DATACOMP,
    ),
    _open_clip(
        "ViT-H-14/laion2b_s32b_b79k", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "LAION-2B", 1024, _VIT_H_14, _LAION
    ),
)

FAMILIES = (
    Family("NETWORK[:WEIGHTS]", "any of torchvision's 80 classification networks", ("torch", "torchvision")),
    Family(
        "timm/NETWORK[.TAG]", "any of timm's networks with published weights, over 1,800 in timm 1.0", ("torch", "timm")
    ),
    Family(
        "open_clip/NETWORK/TAG",
        "any of open_clip's networks with published weights, nearly 200 in open_clip 3.3; most have text",
        ("torch", "open_clip"),
    ),
    Family("FILE.onnx", "any ONNX file, with its card inside or in a TOML beside it"),
    Family("FILE.pt .ts .pt2", "a network of TorchScript or torch.export, with a TOML beside it", ("torch",)),
    Family("MODULE:FACTORY", "a network that a function of yours makes", ("torch",)),
    Family("FILE.npz", "any of these with a whitening behind it, as `likewise whiten` and `likewise tune` keep it"),
)


def families() -> list[Family]:
    """Our own, and encoders that other installed packages bring."""
    return [*FAMILIES, *(Family(name, "of another package") for name in seams.names("encoder", {}))]


def _absent(packages: Sequence[str]) -> tuple[str, ...]:
    """What is not installed; nothing is imported to find out."""
    return tuple(name for name in packages if find_spec(name) is None)


def find(name: str) -> Entry:
    """The entry of a name; a network without its layer will do.

    Raises:
        UnknownName: If it is not on the list; the message says which are near, or that a family has it none the less.
    """
    for entry in ENTRIES:
        if name == entry.name or (
            not entry.name.startswith(("timm/", "open_clip/")) and name == entry.name.split("/")[0]
        ):
            return entry
    near = difflib.get_close_matches(name, [entry.name for entry in ENTRIES], n=3, cutoff=0.5)
    also = f": did you mean {', '.join(near)}?" if near else ""
    raise UnknownName(
        f"{name} is not on the list of well-known models{also} Others load by family (likewise models), and `likewise info` "
        "tells their card once something is indexed"
    )
