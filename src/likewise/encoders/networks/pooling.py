"""From what a layer gives out to one vector: maps (n, channels, height, width) or tokens (n, places, dim) → (n, dim), not yet unit.

All are modules whose steps depend on shapes alone, never on values, so `torch.export` and ONNX take them at a fixed size of map.
Whitening, where a paper has one, is not done here but behind the pooling: `likewise.encoders.whitened`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.errors import BadArgument, UnknownName

MAPS = ("max", "mean", "spoc", "gem", "crow", "rmac")
"""What pools maps. `gem:P` and `rmac:L` have a number of their own: 3 for both unless given."""

TOKENS = ("cls", "patches")
"""What pools the tokens of a transformer."""

NAMES = MAPS + TOKENS

_NUMBERS = {"gem": 3.0, "rmac": 3.0}  # what the papers start from
_GEM_LEAST = 1e-6  # as in the authors' own experiments: a power of 1/p has no slope at 0
_OVERLAP = Fraction(2, 5)
_EPSILON = 1e-9  # CroW's ε, which the paper leaves open; 1e-6 would change the weight of a channel seen at one of 49 places by 5e-5


def make(name: str, *, prefix: int = 1) -> nn.Module:
    """The pooling of that name.

    Args:
        name: One of `NAMES`, `gem:P` or `rmac:L`.
        prefix: For tokens, how many stand before those of the patches: the class token first, then registers.

    Raises:
        UnknownName: If there is none of that name; the message has the nearest.
        BadArgument: If its number, or `prefix`, is out of range.
    """
    kind, number = _parsed(name)
    makers: Mapping[str, Callable[[], nn.Module]] = {
        "max": Max,
        "mean": Mean,
        "spoc": Spoc,
        "gem": lambda: Gem(number),
        "crow": Crow,
        "rmac": lambda: Rmac(_whole(name, number)),
        "cls": lambda: Cls(prefix),
        "patches": lambda: Patches(prefix),
    }
    return makers[kind]()


def canonical(name: str) -> str:
    """The one spelling of a name, for a card: the same pooling must not have two fingerprints.

    >>> canonical("gem:3"), canonical("gem:2.50"), canonical("rmac:03"), canonical("rmac:4")
    ('gem', 'gem:2.5', 'rmac', 'rmac:4')

    Raises:
        UnknownName: As `make`.
        BadArgument: As `make`.
    """
    kind, number = _parsed(name)
    make(name)
    return kind if number == _NUMBERS.get(kind, number) else f"{kind}:{number:g}"


class Max(nn.Module):
    """The maximum of each channel (MAC).

    Source: Tolias, Sicre and Jégou, Particular Object Retrieval with Integral Max-Pooling, ICLR 2016, arXiv:1511.05879.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        return _maps(maps, "max").amax(dim=(2, 3))


class Mean(nn.Module):
    """The mean of each channel: SPoC without its centre prior."""

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        return _maps(maps, "mean").mean(dim=(2, 3))


class Spoc(nn.Module):
    """The sum of each channel, with a Gaussian weight on the middle of the picture.

    σ is a third of the way from the middle to the nearest border. The paper's formula has the middle at (height / 2, width / 2); a
    place counts where its own middle lies (y + 1/2 for y from 0), so that a picture and its mirror image get the same.

    Source: Babenko and Lempitsky, Aggregating Deep Convolutional Features for Image Retrieval, ICCV 2015, arXiv:1510.07493.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        height, width = _maps(maps, "spoc").shape[2:]
        sigma = min(height, width) / 2 / 3
        down = _bell(height, sigma, maps)
        across = _bell(width, sigma, maps)
        return (maps * (down[:, None] * across[None, :])).sum(dim=(2, 3))


class Gem(nn.Module):
    """The generalized mean of each channel: p = 1 is the mean, a large p nearly the maximum.

    Values below 1e-6 count as 1e-6: the mean is defined for positive numbers.

    Args:
        p: From 1.

    Source: Radenović, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2018, arXiv:1711.02512.
    """

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        if not (math.isfinite(p) and p >= 1):
            raise BadArgument(f"gem:{p:g}: p is from 1, the mean, upwards; take `max` for its limit")
        self.p = p

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        maps = _maps(maps, "gem").clamp(min=_GEM_LEAST)
        if self.p == _NUMBERS["gem"]:  # bit by bit what collections hold already
            return maps.pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)
        largest = maps.amax(dim=(2, 3), keepdim=True)  # or a large power would leave what float32 can hold
        return largest[:, :, 0, 0] * (maps / largest).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


class Crow(nn.Module):
    """Cross-dimensional weighting: places count by how much happens there, channels by how seldom they do anything.

    A place's weight is the square root (b = 2) of the sum of its channels, divided by the Euclidean norm (a = 2) of these sums over all
    places. A channel's is log((K ε + ΣQ) / (ε + Q)), Q being the share of places where it is above 0, of K channels. Both are
    meant for values behind a ReLU: where a network has none, a place whose channels sum to less than 0 counts nothing.

    Source: Kalantidis, Mellina and Osindero, Cross-Dimensional Weighting for Aggregated Deep Convolutional Features, ECCV Workshops 2016,
        arXiv:1512.04065.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        places = _maps(maps, "crow").sum(dim=1, keepdim=True).clamp(min=0)
        places = functional.normalize(places.flatten(1)).reshape(places.shape).sqrt()
        seen = (maps > 0).to(maps.dtype).mean(dim=(2, 3))
        channels = torch.log((seen.shape[1] * _EPSILON + seen.sum(dim=1, keepdim=True)) / (_EPSILON + seen))
        return channels * (maps * places).sum(dim=(2, 3))


class Rmac(nn.Module):
    """The maxima of square regions of several sizes, each made unit, and summed.

    The regions are those of the paper: the first are as wide as the shorter side w of the map, so many along the longer side that
    neighbours overlap as nearly by 40 % as whole numbers allow, m of them; at level l there are l × (l + m − 1) of width
    2w / (l + 1). The paper is silent on borders and rounding. Here, as in the programs that its authors published: widths are
    rounded down, the first region begins at one border and the last ends at the other, those between are spaced evenly and rounded
    down (in whole numbers, where floating point might fall one short). A level whose regions would be narrower than one place has
    none. Not followed are programs that add the maximum of the whole map, which the paper does not, or that stop at m = 7. The paper
    whitens each region before the sum if there is a whitening; here that is left to the one behind the sum.

    Args:
        levels: L, from 1.

    Source: Tolias, Sicre and Jégou, Particular Object Retrieval with Integral Max-Pooling, ICLR 2016, arXiv:1511.05879.
    """

    def __init__(self, levels: int = 3) -> None:
        super().__init__()
        if levels < 1:
            raise BadArgument(f"rmac:{levels}: there is at least 1 level")
        self.levels = levels

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c)."""
        height, width = _maps(maps, "rmac").shape[2:]
        squares = [
            maps[:, :, top : top + side, left : left + side].amax(dim=(2, 3))
            for top, left, side in regions(height, width, self.levels)
        ]
        return functional.normalize(torch.stack(squares), dim=2).sum(dim=0)


class Cls(nn.Module):
    """The class token, which a transformer has first.

    Args:
        prefix: How many tokens stand before those of the patches.

    Source: Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, arXiv:2010.11929.
    """

    def __init__(self, prefix: int = 1) -> None:
        super().__init__()
        if prefix < 1:
            raise BadArgument("cls: this network has no class token: take `patches`")

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, t, d) → (n, d)."""
        return _tokens(tokens, "cls", 0)[:, 0]


class Patches(nn.Module):
    """The mean of the patches' tokens, without those that stand before them.

    Args:
        prefix: How many these are: 1 for a class token, more with registers, 0 for none.
    """

    def __init__(self, prefix: int = 1) -> None:
        super().__init__()
        if prefix < 0:
            raise BadArgument(f"patches: {prefix} tokens cannot stand before the patches: pass 0 or more")
        self.prefix = prefix

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, t, d) → (n, d)."""
        return _tokens(tokens, "patches", self.prefix)[:, self.prefix :].mean(dim=1)


def regions(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """(top, left, side) of R-MAC's regions, largest first.

    >>> regions(2, 2, 2), len(regions(7, 7, 3)), len(regions(7, 10, 3))
    ([(0, 0, 2), (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)], 14, 20)
    """
    shorter, longer = min(height, width), max(height, width)
    more = _along(shorter, longer) - 1
    found: list[tuple[int, int, int]] = []
    for level in range(1, levels + 1):
        side = 2 * shorter // (level + 1)
        if side:
            tops = _starts(height - side, level + (more if height > width else 0))
            lefts = _starts(width - side, level + (more if width > height else 0))
            found += [(top, left, side) for top in tops for left in lefts]
    return found


def _along(shorter: int, longer: int) -> int:
    """How many of the largest regions lie along the longer side; of two that are equally good, the smaller number."""
    if shorter == longer:
        return 1
    room = Fraction(longer - shorter, shorter)  # exact: where two are equally good, rounding must not choose
    enough = 2 + math.ceil(room / (1 - _OVERLAP))
    return min(range(2, enough + 1), key=lambda count: abs(1 - room / (count - 1) - _OVERLAP))


def _starts(room: int, count: int) -> list[int]:
    return [0] if count == 1 else [i * room // (count - 1) for i in range(count)]


def _bell(length: int, sigma: float, like: Tensor) -> Tensor:
    """(length,) of a Gaussian around the middle of a side."""
    from_middle = torch.arange(length, dtype=like.dtype, device=like.device) + (0.5 - length / 2)
    return torch.exp(-(from_middle**2) / (2 * sigma**2))


def _parsed(name: str) -> tuple[str, float]:
    """Kind and number; 0 where a kind has no number."""
    kind, colon, told = name.partition(":")
    if kind not in NAMES:
        near = difflib.get_close_matches(kind, NAMES, n=3, cutoff=0.5) or NAMES
        raise UnknownName(f"no pooling is called {kind!r}: did you mean {', '.join(near)}?")
    if not colon:
        return kind, _NUMBERS.get(kind, 0.0)
    if kind not in _NUMBERS:
        raise BadArgument(f"{name}: {kind} has no number: go without :{told}")
    try:
        return kind, float(told)
    except ValueError as error:
        raise BadArgument(f"{name}: {told!r} is no number: write {kind}:3") from error


def _whole(name: str, number: float) -> int:
    if not math.isfinite(number) or number != int(number):
        raise BadArgument(f"{name}: the number of levels is a whole one: write rmac:3")
    return int(number)


def _maps(maps: Tensor, name: str) -> Tensor:
    if maps.dim() != 4:
        raise BadArgument(
            f"{name} pools maps (n, channels, height, width), this layer gives {tuple(maps.shape)}: take {' or '.join(TOKENS)} for "
            "tokens, and none for vectors"
        )
    return maps


def _tokens(tokens: Tensor, name: str, prefix: int) -> Tensor:
    if tokens.dim() != 3:
        raise BadArgument(
            f"{name} pools tokens (n, places, dim), this layer gives {tuple(tokens.shape)}: take {', '.join(MAPS)} for "
            "maps, and none for vectors"
        )
    if tokens.shape[1] <= prefix:
        raise BadArgument(
            f"{name}: all of the {tokens.shape[1]} tokens would stand before the patches: pass a smaller prefix"
        )
    return tokens
