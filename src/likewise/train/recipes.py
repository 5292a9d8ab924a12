"""Trainings with a name: what is trained, by which loss, how long, and where the method is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from likewise.train.augment import Augmentation
from likewise.train.loop import Plan

_OWN = Augmentation(shift=4)
_FINE = Augmentation(shift=2, zoom=0.15, colour=0.1)


class Shape(TypedDict, total=False):
    """See `likewise.train.network.Compact`."""

    widths: Sequence[int]
    stem: int
    patch: int


@dataclass(frozen=True, slots=True)
class Method:
    """One documented way to train.

    Attributes:
        about: What it does, in a sentence.
        paper: Where it is from.
        loss: Its name in `likewise.train.losses`.
        loss_options: For the loss.
        plan: The schedule.
        shape: Of a network from nothing, for `Compact`; empty for that of `compact`.
        whitened_to: Length of the embedding after PCA, fitted on the training pictures; 0 leaves it.
    """

    about: str
    paper: str
    loss: str
    plan: Plan
    loss_options: Mapping[str, float] = field(default_factory=dict)
    shape: Shape = field(default_factory=Shape)
    whitened_to: int = 0


METHODS: Mapping[str, Method] = {
    "compact": Method(
        "train the built-in network from nothing: cosines to class directions, small pictures first",
        "arXiv:1811.12649; schedule and optimiser after arXiv:2404.00498",
        "normalised-softmax",
        Plan(epochs=20, batch=250, filter_rate=0.1, sides=((0.0, 24), (0.5, 32)), augmentation=_OWN),
        {"scale": 16.0, "smoothing": 0.1},
    ),
    "compact-64": Method(
        "train a wider network from nothing, for photographs: it sees 64 × 64 pixels",
        "arXiv:1811.12649; schedule and optimiser after arXiv:2404.00498",
        "normalised-softmax",
        Plan(epochs=10, batch=500, filter_rate=0.1, cycles=(6, 4), sides=((0.0, 48), (0.65, 64)), augmentation=_OWN),
        {"scale": 16.0, "smoothing": 0.1},
        Shape(widths=(64, 160, 320), stem=32, patch=4),
    ),
    "neural-codes": Method(
        "fine-tune a trained network by classification, then shorten its embeddings by PCA",
        "Babenko et al., Neural Codes for Image Retrieval, ECCV 2014, arXiv:1404.1777",
        "softmax",
        Plan(epochs=5, batch=100, optimiser="adamw", rate=3e-4, augmentation=_FINE),
        whitened_to=128,
    ),
    "siamese": Method(
        "fine-tune a trained network on pairs: like ones together, unlike ones apart",
        "Hadsell et al., CVPR 2006; Radenović et al., TPAMI 2018, arXiv:1711.02512",
        "contrastive",
        Plan(epochs=5, batch=100, optimiser="adamw", rate=1e-4, per_class=4, augmentation=_FINE),
    ),
    "proxies": Method(
        "fine-tune a trained network with one trained proxy for each class",
        "Kim et al., Proxy Anchor Loss, CVPR 2020, arXiv:2003.13911",
        "proxy-anchor",
        Plan(epochs=5, batch=100, optimiser="adamw", rate=3e-4, per_class=4, augmentation=_FINE),
    ),
}
