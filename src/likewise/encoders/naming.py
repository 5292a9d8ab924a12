"""What the name of a network says, read without torch: `FAMILY/NETWORK:WEIGHTS/LAYER|POOLING*WEIGHT+…@flip@scales`; docs/encoders.md."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast, get_args

from likewise.errors import BadArgument

Family: TypeAlias = Literal["torchvision", "timm", "open_clip", "factory"]

SCALES = (1.0, 0.7071, 0.5)
"""What `@scales` means without numbers: an octave in three steps, as Gordo et al. and Radenović et al. take."""

TORCHVISION = (
    *("alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *(f"efficientnet_{size}" for size in ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "v2_l", "v2_m", "v2_s")),
    *("googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *(f"regnet_x_{size}" for size in ("16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *(f"regnet_y_{size}" for size in ("128gf", "16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *("resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
    *("squeezenet1_0", "squeezenet1_1", "swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
    *("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32", "wide_resnet101_2", "wide_resnet50_2"),
)
"""Networks that need no `torchvision/` before them; a newer torchvision has more, which do."""

ALIASES = {"vit": "vit_b_16"}

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of several: where, how it becomes a vector (empty: by the kind of layer), and how much it counts."""

    layer: str = ""
    pooling: str = ""
    weight: float = 1.0

    def __str__(self) -> str:
        pooling = f"|{self.pooling}" if self.pooling else ""
        return f"{self.layer}{pooling}" + (f"*{self.weight:g}" if self.weight != 1 else "")


@dataclass(frozen=True, slots=True)
class Name:
    """A network and what is taken of it.

    Attributes:
        family: Whose network it is.
        network: Its name there; for a factory, `module:callable`.
        tag: Which of its published weights; empty for the default ones.
        parts: What is put together; none for the network's own embedding.
        flip: Whether the mirrored picture is embedded too, and the two are averaged.
        scales: Of the picture, whose embeddings are averaged; (1.0,) for the picture as it is.
    """

    family: Family
    network: str
    tag: str = ""
    parts: tuple[Part, ...] = ()
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    @property
    def trunk(self) -> Name:
        """The same network, without saying what is taken of it."""
        return replace(self, parts=(), flip=False, scales=(1.0,))

    def __str__(self) -> str:
        tag = (
            f"/{self.tag}"
            if self.family == "open_clip"
            else f".{self.tag}"
            if self.family == "timm"
            else f":{self.tag}"
        )
        known = self.family == "factory" or (self.family == "torchvision" and self.network in TORCHVISION)
        family = "" if known else f"{self.family}/"
        parts = "/" + "+".join(map(str, self.parts)) if self.parts else ""
        scales = "@scales=" + ",".join(f"{scale:g}" for scale in self.scales) if self.scales != (1.0,) else ""
        return family + self.network + (tag if self.tag else "") + parts + ("@flip" if self.flip else "") + scales


def parse(text: str) -> Name | None:
    """What a name says; None if it is not the name of a network of torch.

    >>> str(parse("torchvision/resnet50/layer3|rmac*0.5+layer4|gem@flip"))
    'resnet50/layer3|rmac*0.5+layer4|gem@flip'
    >>> parse("timm/vit_small_patch14_dinov2.lvd142m/block.9/cls").parts
    (Part(layer='block.9/cls', pooling='', weight=1.0),)
    >>> parse("classical") is None
    True

    Raises:
        BadArgument: If it begins like one, and goes on as none can.
    """
    plain, *options = text.split("@")
    first, _, rest = plain.partition("/")
    if first in get_args(Family) and first != "factory":
        name, rest = _of_family(first, rest, text)
    elif _torchvision(first) is not None:
        name = cast("Name", _torchvision(first))
    elif _FACTORY.fullmatch(first):
        name = Name("factory", first)
    else:
        return None
    parts = tuple(_part(each, text) for each in rest.split("+")) if rest else ()
    if len(parts) == 1 and parts[0].weight != 1:
        raise BadArgument(
            f"{text}: a weight says how much a part counts beside another: go without *{parts[0].weight:g}"
        )
    flip, scales = _options(options, text)
    return replace(name, parts=parts, flip=flip, scales=scales)


def same(asked: str, card: str) -> bool:
    """Whether a name that was typed means the encoder that a card names; what it leaves open, the card may say.

    >>> same("torchvision/resnet50/layer3", "resnet50:IMAGENET1K_V2/layer3"), same("vgg16", "vgg19")
    (True, False)
    """
    if asked == card:
        return True
    ours, theirs = parse(asked), parse(card)
    if ours is None or theirs is None:
        return False
    return ours == theirs or (not ours.tag and ours == replace(theirs, tag=""))


def _torchvision(text: str) -> Name | None:
    network, _, tag = text.partition(":")
    network = ALIASES.get(network, network)
    return Name("torchvision", network, tag) if network in TORCHVISION else None


def _of_family(family: str, rest: str, text: str) -> tuple[Name, str]:
    """The network, and what is left of the name."""
    network, _, rest = rest.partition("/")
    if not network:
        raise BadArgument(f"{text}: which network of {family}? See docs/encoders.md")
    if family == "timm":
        network, _, tag = network.partition(".")
        return Name("timm", network, tag), rest
    if family == "open_clip":
        tag, _, rest = rest.partition("/")
        return Name("open_clip", network, tag), rest
    network, _, tag = network.partition(":")
    return Name("torchvision", ALIASES.get(network, network), tag), rest


def _part(text: str, whole: str) -> Part:
    told, star, weight = text.partition("*")
    layer, bar, pooling = told.partition("|")
    if not layer or (bar and not pooling):
        raise BadArgument(f"{whole}: {text!r} is no part: write LAYER, LAYER|POOLING or LAYER|POOLING*WEIGHT")
    return Part(layer, pooling, _positive(weight, whole) if star else 1.0)


def _options(options: list[str], text: str) -> tuple[bool, tuple[float, ...]]:
    flip = False
    scales: tuple[float, ...] = (1.0,)
    for option in options:
        kind, _, told = option.partition("=")
        if option == "flip":
            flip = True
        elif kind == "scales":
            scales = tuple(_positive(each, text) for each in told.split(",")) if told else SCALES
        else:
            raise BadArgument(f"{text}: there is no option @{option}: take @flip, @scales or @scales=1,0.7,0.5")
    return flip, scales


def _positive(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise BadArgument(f"{whole}: {text!r} should be a number above zero")
    return number
