"""What makes embeddings of one class alike: classification and metric losses, one function each.

All take unit embeddings (n, dim) and labels (n,) and return a scalar to be minimised. Losses with a weight for each class are
modules, because those weights are trained too. Those that pytorch-metric-learning has right are taken from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from likewise import seams
from likewise.errors import BadArgument, MissingExtra

NAMES = {
    "softmax": "likewise.train.losses:Softmax",
    "normalised-softmax": "likewise.train.losses:NormalisedSoftmax",
    "supcon": "likewise.train.losses:supcon",
    "triplet": "likewise.train.losses:triplet",
    "contrastive": "likewise.train.losses:contrastive",
    "multi-similarity": "likewise.train.losses:multi_similarity",
    "proxy-anchor": "likewise.train.losses:proxy_anchor",
    "smooth-ap": "likewise.train.losses:smooth_ap",
}


class Softmax(nn.Module):
    """Plain classification on top of the embedding: cross entropy of a linear layer with bias.

    Source: Babenko et al., Neural Codes for Image Retrieval, ECCV 2014, arXiv:1404.1777 (fine-tuning by classification).
    """

    def __init__(self, classes: int, dim: int, *, smoothing: float = 0.0, scale: float = 16.0) -> None:
        super().__init__()
        self.classify = nn.Linear(dim, classes)
        self._smoothing, self._scale = smoothing, scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Unit embeddings are scaled by √dim-like `scale`, or their logits would be too small to become sure."""
        logits = self.classify(embeddings * self._scale)
        return functional.cross_entropy(logits, labels, label_smoothing=self._smoothing)


class NormalisedSoftmax(nn.Module):
    """Cross entropy of scaled cosines to one direction for each class; `margin` is taken from the cosine to the right one.

    Args:
        classes: How many there are.
        dim: Of the embeddings.
        scale: The inverse temperature.
        margin: 0 is NormFace; above it, CosFace.
        smoothing: Share of the target that is spread over all classes.
        sets: (classes,) which set each class is of; a picture is told apart from the classes of its own set only, so sets whose
            classes overlap can be trained on together. None for one set.

    Source: Zhai and Wu, BMVC 2019, arXiv:1811.12649; Wang et al., CosFace, CVPR 2018, arXiv:1801.09414.
    """

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        scale: float = 16.0,
        margin: float = 0.0,
        smoothing: float = 0.0,
        sets: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__()
        if classes < 2 or scale <= 0 or margin < 0:
            raise BadArgument(
                f"{classes} classes, scale {scale}, margin {margin}: two classes, positive scale, margin ≥ 0"
            )
        self.proxies = nn.Parameter(torch.randn(classes, dim) / math.sqrt(dim))
        self._scale, self._margin, self._smoothing = scale, margin, smoothing
        of = torch.zeros(classes, dtype=torch.int64) if sets is None else torch.from_numpy(sets)
        self.register_buffer("sets", of, persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        cosines = embeddings @ functional.normalize(self.proxies).T
        if self._margin:
            cosines = cosines - self._margin * functional.one_hot(labels, len(self.proxies))
        sets = self.get_buffer("sets")
        others = sets[labels][:, None] != sets
        log_shares = functional.log_softmax((self._scale * cosines).masked_fill(others, -math.inf), dim=1)
        right = -log_shares.gather(1, labels[:, None]).squeeze(1)
        spread = -log_shares.masked_fill(others, 0.0).sum(dim=1) / (~others).sum(dim=1)
        return ((1 - self._smoothing) * right + self._smoothing * spread).mean()


def supcon(classes: int, dim: int) -> nn.Module:  # noqa: ARG001 - one signature for all losses
    """Supervised contrastive loss at temperature 0.1. Source: Khosla et al., NeurIPS 2020, arXiv:2004.11362."""
    return cast("nn.Module", _library("losses").SupConLoss(temperature=0.1))


def triplet(classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    """Triplets of margin 0.1 with semi-hard negatives, mined in the batch. Source: Schroff et al., CVPR 2015, arXiv:1503.03832."""
    distance = _library("distances").LpDistance(normalize_embeddings=True, power=2)
    miner = _library("miners").TripletMarginMiner(margin=0.1, type_of_triplets="semihard", distance=distance)
    return Mined(_library("losses").TripletMarginLoss(margin=0.1, distance=distance), miner)


def contrastive(classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    """Siamese pairs: like ones are pulled together, others pushed apart up to distance 0.7. Source: Hadsell et al., CVPR 2006."""
    return cast("nn.Module", _library("losses").ContrastiveLoss(pos_margin=0.0, neg_margin=0.7))


def multi_similarity(classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    """Multi-similarity loss with its own mining. Source: Wang et al., CVPR 2019, arXiv:1904.06627."""
    loss = _library("losses").MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    return Mined(loss, _library("miners").MultiSimilarityMiner(0.1))


def proxy_anchor(classes: int, dim: int) -> nn.Module:
    """Proxies as anchors, margin 0.1, scale 32. Source: Kim et al., CVPR 2020, arXiv:2003.13911."""
    return cast("nn.Module", _library("losses").ProxyAnchorLoss(classes, dim, margin=0.1, alpha=32))


def smooth_ap(classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    """AP made smooth by sigmoids of temperature 0.01; wants as many images of each class.

    Source: Brown et al., Smooth-AP, ECCV 2020, arXiv:2007.12163.
    """
    return cast("nn.Module", _library("losses").SmoothAPLoss(temperature=0.01))


class Mined(nn.Module):
    """A loss of pytorch-metric-learning on the pairs or triplets that a miner chooses."""

    def __init__(self, loss: nn.Module, miner: nn.Module) -> None:
        super().__init__()
        self.loss, self._miner = loss, miner

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        return cast(Tensor, self.loss(embeddings, labels, self._miner(embeddings, labels)))


def make(name: str, classes: int, dim: int, *, sets: NDArray[np.int64] | None = None, **options: float) -> nn.Module:
    """The loss of that name, ready for so many classes and dimensions.

    Args:
        name: In `NAMES`.
        classes: How many there are.
        dim: Of the embeddings.
        sets: (classes,) which set each class is of, as `NormalisedSoftmax` takes it.
        options: Of the loss.

    Raises:
        BadArgument: If there are several sets, and the loss knows nothing of sets.
        UnknownName: If there is none.
        MissingExtra: If it needs pytorch-metric-learning and that is not installed.
    """
    factory = cast("Callable[..., nn.Module]", seams.resolve("loss", name, NAMES))
    if sets is None or len(np.unique(sets)) < 2:
        return factory(classes, dim, **options)
    if name != "normalised-softmax":
        raise BadArgument(
            f"{name} would push like things of different sets apart: train on one place, or with normalised-softmax"
        )
    return factory(classes, dim, sets=sets, **options)


def _library(part: str) -> ModuleType:
    try:
        return import_module(f"pytorch_metric_learning.{part}")
    except ImportError as error:
        raise MissingExtra("this loss needs pytorch-metric-learning: pip install 'likewise[torch]'") from error
