"""`likewise train` from end to end: read the pictures, hold some out, train, export, and say what was gained."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from likewise.encoders.networks.exporting import Kept, export
from likewise.errors import BadArgument, WeightsError
from likewise.sources import Source
from likewise.train import losses, scratch
from likewise.train.backbones import network_of
from likewise.train.data import Labelled, gathered, held_out, together
from likewise.train.loop import LOG, Pictures, Run, Told, embedded, retrieval
from likewise.train.mining import mined_labels
from likewise.train.recipes import Method
from likewise.train.shifted import Shifted
from likewise.types import Card, Embeddings, Pixels, Recipe

MODEL = "model.onnx"
CURVES = "curves.png"
_CHECKED = 64  # pictures whose embeddings are compared after export
_CLASSES_FOR_TWO = 6  # so many leave four to train on
_JUDGED = 5000  # held-out pictures that are compared with each other, at the most


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to train.

    Attributes:
        method: Loss and schedule.
        start: Name of the model to start from; empty trains the built-in network from nothing.
        recipe: Of the model, where there is a choice.
        weights: A file instead of its published one.
        hold_out_classes: Share of the classes, the last by name, that judge and are not trained on. One class alone cannot judge: two do
            instead, or, of fewer than six classes, a fifth of all images, two of each class at the least.
        hold_out_images: Images of the other classes that judge and are not trained on.
        without: Keys of pictures that are not trained on, whichever source they are in.
        mined: Do without labels: pairs are mined by the starting model.
        kept: How weights lie in the file; None for the smallest way that does not change the embeddings.
        licence: Of what comes out, for the card.
    """

    method: Method
    start: str = ""
    recipe: str | None = None
    weights: Path | None = None
    hold_out_classes: float = 0.0
    hold_out_images: int = 0
    without: frozenset[str] = frozenset()
    mined: bool = False
    kept: Kept | None = None
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    Attributes:
        model: The ONNX file.
        card: Its card, without the SHA-256 of the file.
        agreement: Smallest cosine between the network and the file.
        before: R@1 and MAP@R on what was held out, before training; NaN for a network from nothing, or without judges.
        after: The same, after it.
        trained_on: How many pictures.
        judged_on: How many.
    """

    model: Path
    card: Card
    agreement: float
    before: tuple[float, float]
    after: tuple[float, float]
    trained_on: int
    judged_on: int


def train(
    sources: Sequence[Source],
    wanted: Wanted,
    folder: Path,
    *,
    reading: Callable[[int, int], None] = lambda _done, _all: None,
    told: Told = lambda _: None,
) -> Outcome:
    """Train and export into a folder; a run that was ended at any moment goes on from its last checkpoint.

    Args:
        sources: Labelled pictures: one folder for each class, or CIFAR. Each is a set of its own, whose classes may overlap with
            those of another.
        wanted: What to do.
        folder: Gets `model.onnx`, `log.csv`, `curves.png` and the checkpoint.
        reading: Told (pictures read, pictures in all).
        told: Given a row of the log after every epoch.

    Raises:
        BadArgument: If there are too few classes, or the folder holds another training.
    """
    network, card = (
        network_of(wanted.start, recipe=wanted.recipe, weights=wanted.weights) if wanted.start else (None, None)
    )
    recipe = card.recipe if card is not None else scratch.recipe_of(wanted.method)
    whole = _gathered(sources, recipe, wanted, reading)
    if wanted.mined:
        if network is None:
            raise BadArgument("pairs are mined by a model that can see already: start from one, such as compact")
        labels = mined_labels(embedded(network, whole.pixels, recipe, torch.device("cpu")))
        names = tuple(str(i) for i in range(int(labels.max()) + 1))
        whole = replace(whole, labels=labels, names=names, sets=np.zeros(0, np.int64))
    training, judges = _split(whole, wanted)
    before = (float("nan"), float("nan"))
    if network is not None and len(judges):
        before = retrieval(embedded(network, judges.pixels, recipe, torch.device("cpu")), judges.labels)
    run = _run(network, card, training, judges, wanted, folder)
    trained = run.train(told)
    draw_curves(folder / LOG, folder / CURVES)
    trained = trained.to("cpu")
    if wanted.method.whitened_to:
        order = np.random.default_rng(wanted.method.plan.seed).permutation(len(training))  # pictures lie class by class
        sample = training.pixels[np.sort(order[: 50 * wanted.method.whitened_to])]
        trained = shortened(trained, embedded(trained, sample, recipe, torch.device("cpu")), wanted.method.whitened_to)
    after = (float("nan"), float("nan"))
    if len(judges):
        after = retrieval(embedded(trained, judges.pixels, recipe, torch.device("cpu")), judges.labels)
    made = _card(trained, card, training, wanted, recipe.side)
    agreement = _exported(trained, made, folder / MODEL, whole.pixels[:_CHECKED], wanted.kept)
    return Outcome(folder / MODEL, made, agreement, before, after, len(training), len(judges))


def _gathered(
    sources: Sequence[Source], recipe: Recipe, wanted: Wanted, reading: Callable[[int, int], None]
) -> Labelled:
    unknown = wanted.without.difference(item.key for source in sources for item in source.items())
    if unknown:
        raise BadArgument(f"no picture has the key {min(unknown)}, which was to be left out: check the list")
    return together(
        [
            gathered(
                source,
                recipe,
                progress=reading,
                labelled=not wanted.mined,
                without=wanted.without,
            )
            for source in sources
        ]
    )


def _exported(network: nn.Module, card: Card, path: Path, check: Pixels, kept: Kept | None) -> float:
    """Write the file as asked; if nothing was asked, as small as it can be without changing the embeddings."""
    if kept is not None:
        return export(network, card, path, check, kept)
    smaller: tuple[Kept, ...] = ("int8", "float16")
    for each in smaller:
        with contextlib.suppress(WeightsError):
            return export(network, card, path, check, each)
    return export(network, card, path, check, "float32")


def shortened(network: nn.Module, embeddings: Embeddings, dim: int) -> Shifted:
    """The network with a PCA behind it, fitted on these embeddings.

    Args:
        network: Whose embeddings they are.
        embeddings: (n, D), of training pictures.
        dim: At most D and n.

    Source: Babenko et al., ECCV 2014, arXiv:1404.1777, section 4.
    """
    if dim > min(embeddings.shape):
        raise BadArgument(f"{dim} dimensions out of {embeddings.shape}: train on more pictures, or keep fewer")
    mean = embeddings.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(embeddings - mean, full_matrices=False)
    return Shifted(network, mean.astype(np.float32), np.ascontiguousarray(axes[:dim], np.float32))


def draw_curves(log: Path, picture: Path) -> None:
    """Loss and held-out R@1 over the epochs, as a PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [float(row["epoch"]) for row in rows]
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6.4, 3.2), dpi=120, layout="constrained")
        left = figure.add_subplot()
        left.plot(epochs, [float(row["loss"]) for row in rows], color="#0a66c2", label="loss")
        left.set(xlabel="epoch", ylabel="loss")
        right = left.twinx()
        right.plot(
            epochs, [float(row["recall_at_1"]) for row in rows], color="#b3261e", linestyle="--", label="R@1, held out"
        )
        right.plot(
            epochs, [float(row["map_at_r"]) for row in rows], color="#7a5c00", linestyle=":", label="MAP@R, held out"
        )
        right.set(ylabel="R@1, MAP@R", ylim=(0, 1))
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        figure.savefig(picture)


def _split(whole: Labelled, wanted: Wanted) -> tuple[Labelled, Labelled]:
    count, images = round(wanted.hold_out_classes * len(whole.names)), wanted.hold_out_images
    if count == 1:  # each of its pictures would have none but right neighbours
        count, images = (
            (2, images)
            if len(whole.names) >= _CLASSES_FOR_TWO
            else (0, images or max(2 * len(whole.names), len(whole) // 5))
        )
    last = sorted(whole.names)[len(whole.names) - count :]
    training, judges = held_out(whole, classes=last, images=images, seed=wanted.method.plan.seed)
    if len(training.names) < 2:
        raise BadArgument(f"{len(training.names)} classes would be left to train on: hold out fewer")
    some = np.random.default_rng(wanted.method.plan.seed).permutation(len(judges))[:_JUDGED]
    return training, judges.only(np.sort(some)) if len(judges) > _JUDGED else judges


def _run(
    network: nn.Module | None, card: Card | None, training: Labelled, judges: Labelled, wanted: Wanted, folder: Path
) -> Run:
    method = wanted.method
    if network is None or card is None:
        return scratch.run(training, method, folder, judges)
    torch.manual_seed(method.plan.seed)
    loss = losses.make(method.loss, len(training.names), card.dim, sets=training.sets, **method.loss_options)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Run(network.to(device), loss.to(device), Pictures(training, card.recipe, judges), method.plan, folder)


def _card(network: nn.Module, start: Card | None, training: Labelled, wanted: Wanted, side: int) -> Card:
    with torch.no_grad():
        dim = int(network(torch.zeros(1, 3, side, side)).shape[1])
    if start is None:
        return Card(
            "compact",
            dim,
            scratch.recipe_of(wanted.method),
            licence=wanted.licence,
            source="likewise",
            paper=wanted.method.paper,
        )
    digest = hashlib.sha256("\n".join(training.keys).encode()).hexdigest()[:8]
    source = f"{start.name}, trained on {len(training):,} pictures of {len(training.names)} classes ({digest})"
    licence = wanted.licence or start.licence
    return replace(start, dim=dim, metric="cosine", unit=True, weights_sha256="", licence=licence, source=source)
