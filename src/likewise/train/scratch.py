"""The built-in network's training, from labelled pictures of any kind: what `--method compact` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from likewise import images
from likewise.train import losses
from likewise.train.data import Labelled
from likewise.train.loop import Pictures, Run
from likewise.train.network import Compact
from likewise.train.recipes import Method
from likewise.types import Recipe

RECIPE = Recipe("compact", 32, "squash", mean=(0.5071, 0.4866, 0.4409), std=(0.2673, 0.2564, 0.2762))
"""Mean and standard deviation are those of CIFAR-100's train images."""

DIM = 256
_WHITENED_BY = 2000  # pictures whose patches set the first convolution


def recipe_of(method: Method) -> Recipe:
    """`RECIPE`, at the side of the method's last pictures."""
    return replace(RECIPE, side=max(side for _, side in method.plan.sides)) if method.shape else RECIPE


def run(training: Labelled, method: Method, folder: Path | None, judges: Labelled | None = None) -> Run:
    """A training of `Compact` that is ready to start, or to go on.

    Args:
        training: Pixels made by `recipe_of` the method.
        method: Loss and schedule.
        folder: Of the log and the checkpoint.
        judges: To validate with.
    """
    torch.manual_seed(method.plan.seed)
    recipe = recipe_of(method)
    network = Compact(DIM, **method.shape)
    some = np.random.default_rng(method.plan.seed).permutation(len(training))[:_WHITENED_BY]
    network.whiten(torch.from_numpy(images.normalise(training.pixels[some], recipe)))
    loss = losses.make(method.loss, len(training.names), DIM, sets=training.sets, **method.loss_options)
    return Run(network, loss, Pictures(training, recipe, judges), method.plan, folder)
