"""The training loop: steps, schedule, averaging, validation, log, and a checkpoint that a kill -9 cannot spoil."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from likewise.errors import BadArgument
from likewise.metrics import hit_rate_at_k, judged_by_label, map_at_r
from likewise.train.augment import Augmentation, augmented
from likewise.train.data import Labelled, batches
from likewise.train.muon import Muon
from likewise.types import Embeddings, Pixels, Recipe

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
_COLUMNS = ("epoch", "step", "seconds", "images_per_s", "side", "rate", "loss", "recall_at_1", "map_at_r")

Told: TypeAlias = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train; equal plans on equal data give equal weights, up to the rounding of the machine.

    Attributes:
        epochs: Passes over the pictures.
        batch: Pictures in a step.
        optimiser: `muon` orthogonalises the steps of convolutions and leaves the rest to AdamW; `adamw` does everything.
        filter_rate: Peak learning rate of Muon.
        rate: Peak learning rate of AdamW.
        weight_decay: Of AdamW.
        warm_up: Share of a cycle's steps in which the rate rises; then it falls linearly to zero.
        cycles: Epochs of each cycle, `epochs` in all; empty for one cycle. The peak of each is half that of the one before.
        sides: (share of a cycle's steps from which, side in pixels): small pictures first.
        per_class: Pictures of each class in a batch; 0 for no balancing.
        augmentation: Of the pictures.
        ema: Decay per step of the average of the weights; the average is what comes out.
        precision: `fp32`, `bf16`, or `auto`: bf16 where the machine has units for it.
        seed: Of everything random.
    """

    epochs: int = 20
    batch: int = 500
    optimiser: Literal["muon", "adamw"] = "muon"
    filter_rate: float = 0.1
    rate: float = 5e-3
    weight_decay: float = 0.01
    warm_up: float = 0.1
    cycles: tuple[int, ...] = ()
    sides: tuple[tuple[float, int], ...] = ((0.0, 32),)
    per_class: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    ema: float = 0.99
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0

    def to_json(self) -> str:
        """One line that tells two plans apart."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a run looks at.

    Attributes:
        training: What to train on.
        recipe: Made the pixels; its mean and standard deviation normalise them.
        judges: What to validate with; None or empty for nothing.
    """

    training: Labelled
    recipe: Recipe
    judges: Labelled | None = None


class Run:
    """One training, from its first step or from where an earlier process left it.

    Args:
        network: Normalised pixels (n, 3, side, side) → unit embeddings (n, dim).
        loss: (embeddings, labels) → scalar; its own weights are trained too.
        pictures: What to train on and to validate with.
        plan: How.
        folder: Where log and checkpoint lie; None keeps neither.

    Raises:
        BadArgument: If the cycles of the plan are not as long as the plan, or the folder holds the checkpoint of another plan, or of
            other pictures.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        pictures: Pictures,
        plan: Plan,
        folder: Path | None = None,
    ) -> None:
        self.network, self.loss, self.plan, self.recipe = network, loss, plan, pictures.recipe
        self._device = next(network.parameters()).device
        training, recipe = pictures.training, pictures.recipe
        self._training, self._judges, self._folder = training, pictures.judges, folder
        self._pixels = torch.from_numpy(training.pixels).permute(0, 3, 1, 2)
        self._labels = torch.from_numpy(training.labels)
        self._pictures = training.digest if folder is not None else ""
        self._mean = torch.tensor(recipe.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(recipe.std).view(1, 3, 1, 1)
        self.average = AveragedModel(network, avg_fn=_averaging(plan.ema), use_buffers=True)
        self._optimisers = _optimisers(network, loss, plan, in_bf16=_in_bf16(plan, self._device))
        self._peaks = [[group["lr"] for group in each.param_groups] for each in self._optimisers]
        self._steps_per_epoch = sum(1 for _ in self._epoch(0))
        self.steps = plan.epochs * self._steps_per_epoch
        if sum(plan.cycles or (plan.epochs,)) != plan.epochs:
            raise BadArgument(f"cycles of {plan.cycles} epochs are not {plan.epochs} in all: mend the plan")
        self.step = 0
        self.seconds = 0.0
        self._rows: list[dict[str, float]] = []
        self._resume()

    def train(self, told: Told = lambda _: None, *, save_every_s: float = 60.0) -> nn.Module:
        """Do all steps that are left.

        Args:
            told: Given a row of the log after every epoch.
            save_every_s: Seconds between two checkpoints; a killed run loses no more than that.

        Returns:
            The averaged network, in evaluation mode.

        Raises:
            KeyboardInterrupt: When interrupted; a checkpoint is written first.
        """
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        losses: list[float] = []
        epoch_started, epoch_step = time.monotonic(), self.step
        try:
            for rows in self._rows_left():
                losses.append(self._one_step(rows))
                self.seconds = time.monotonic() - started
                if self.step % self._steps_per_epoch == 0:
                    speed = (self.step - epoch_step) * len(rows) / (time.monotonic() - epoch_started)
                    self._note(float(np.mean(losses)), speed, told)
                    losses, epoch_step = [], self.step
                    epoch_started = time.monotonic()
                if time.monotonic() - saved > save_every_s:
                    self._save()
                    saved = time.monotonic()
        finally:
            self._save()
        return self.average.module.eval()

    def embed(self, pixels: Pixels) -> Embeddings:
        """Embeddings of the averaged network, (n, dim)."""
        return embedded(self.average.module, pixels, self.recipe, self._device)

    def _rows_left(self) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        first, skip = divmod(self.step, self._steps_per_epoch)
        for i, rows in enumerate(chain.from_iterable(map(self._epoch, range(first, self.plan.epochs)))):
            if i >= skip:
                yield rows

    def _place(self, step: int) -> tuple[int, float]:
        """The cycle that a step lies in, from 0, and the share of it that is done by then."""
        lengths = self._steps_per_epoch * np.array(self.plan.cycles or (self.plan.epochs,))
        ends = np.cumsum(lengths)
        turn = min(int(np.searchsorted(ends, step, side="right")), len(ends) - 1)
        return turn, float((step - ends[turn] + lengths[turn]) / lengths[turn])

    def _epoch(self, epoch: int) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        plan, training = self.plan, self._training
        sets = training.sets[training.labels] if len(training.sets) else None
        return batches(training.labels, plan.batch, plan.seed, epoch, plan.per_class, sets)

    def _one_step(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        self.network.train()
        turn, share = self._place(self.step)
        for optimiser, peaks in zip(self._optimisers, self._peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak / 2**turn * one_cycle(share, self.plan.warm_up)
        labels = self._labels[torch.from_numpy(rows)].to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=_in_bf16(self.plan, self._device)):
            embeddings = self.network(self._batch(rows, share))
        loss: Tensor = self.loss(embeddings.float(), labels)
        if not torch.isfinite(loss):
            raise BadArgument(f"the loss is {loss.item()} at step {self.step}: train with a smaller rate")
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.average.update_parameters(self.network)
        self.step += 1
        return loss.item()

    def _batch(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]], share: float) -> Tensor:
        """Normalised pixels of one step; its dice depend on seed and step alone, so a resumed run throws the same."""
        draw = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)
        pixels = self._pixels[torch.from_numpy(rows)].float() / 255
        side = next(side for start, side in reversed(self.plan.sides) if share >= start)
        if side != pixels.shape[-1]:
            pixels = functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True, align_corners=False)
        first = torch.from_numpy(np.random.default_rng([self.plan.seed, 7]).random(len(self._labels)) < 0.5)
        mirrored = first[torch.from_numpy(rows)] ^ bool((self.step // self._steps_per_epoch) % 2)
        pixels = augmented(pixels, self.plan.augmentation, mirrored, draw)
        normal = (pixels - self._mean) / self._std
        return normal.to(self._device, memory_format=torch.channels_last)

    def _note(self, loss: float, speed: float, told: Told) -> None:
        recall, precision = float("nan"), float("nan")
        if self._judges is not None and len(self._judges):
            recall, precision = retrieval(self.embed(self._judges.pixels), self._judges.labels)
        turn, share = self._place(max(0, self.step - 1))
        side = next(side for start, side in reversed(self.plan.sides) if share >= start)
        values = (self.step // self._steps_per_epoch, self.step, round(self.seconds, 1), round(speed, 1), side)
        more = (one_cycle(share, self.plan.warm_up) / 2**turn, loss, recall, precision)
        row = dict(zip(_COLUMNS, [*map(float, values), *(round(value, 5) for value in more)], strict=True))
        self._rows.append(row)
        if self._folder is not None:
            with _replacing(self._folder / LOG) as path, path.open("w", newline="") as file:
                writer = csv.DictWriter(file, _COLUMNS)
                writer.writeheader()
                writer.writerows(self._rows)
        told(row)

    def _save(self) -> None:
        if self._folder is None:
            return
        state = {
            "plan": self.plan.to_json(),
            "pictures": self._pictures,
            "step": self.step,
            "seconds": self.seconds,
            "rows": self._rows,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "loss": self.loss.state_dict(),
            "optimisers": [each.state_dict() for each in self._optimisers],
        }
        with _replacing(self._folder / CHECKPOINT) as path, path.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    def _resume(self) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        if state["plan"] != self.plan.to_json():
            raise BadArgument(f"{path} is of another plan: train in another folder, or delete it to begin anew")
        if state["pictures"] != self._pictures:
            raise BadArgument(f"{path} is of other pictures: train in another folder, or delete it to begin anew")
        self.step, self.seconds, self._rows = state["step"], state["seconds"], state["rows"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.loss.load_state_dict(state["loss"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)


def one_cycle(share: float, warm_up: float) -> float:
    """The learning rate's share of its peak: up linearly from a fifth, then down linearly to nothing.

    >>> [round(one_cycle(share, 0.2), 2) for share in (0.0, 0.1, 0.2, 0.6, 1.0)]
    [0.2, 0.6, 1.0, 0.5, 0.0]
    """
    if share < warm_up:
        return 0.2 + 0.8 * share / warm_up
    return (1 - share) / (1 - warm_up)


@torch.no_grad()
def embedded(network: nn.Module, pixels: Pixels, recipe: Recipe, device: torch.device, batch: int = 250) -> Embeddings:
    """Embeddings of pictures as they are, without augmentation: (n, dim) float32."""
    network.eval()
    mean, std = torch.tensor(recipe.mean).view(1, 3, 1, 1), torch.tensor(recipe.std).view(1, 3, 1, 1)
    parts = []
    for start in range(0, len(pixels), batch):
        some = torch.from_numpy(pixels[start : start + batch]).permute(0, 3, 1, 2).float() / 255
        normal = ((some - mean) / std).to(device, memory_format=torch.channels_last)
        parts.append(network(normal).float().cpu().numpy())
    found: Embeddings = np.concatenate(parts)
    return found


def retrieval(embeddings: Embeddings, labels: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[float, float]:
    """Mean R@1 and MAP@R of every picture as query among the others, itself left out by row."""
    scores = embeddings @ embeddings.T
    rows = np.argsort(-scores, axis=1, kind="stable").astype(np.int64)
    found = judged_by_label(rows, labels, labels, np.arange(len(labels)))
    return float(np.nanmean(hit_rate_at_k(found, 1))), float(np.nanmean(map_at_r(found)))


def _optimisers(network: nn.Module, loss: nn.Module, plan: Plan, *, in_bf16: bool) -> list[torch.optim.Optimizer]:
    trained = [each for each in network.parameters() if each.requires_grad]
    filters = [each for each in trained if each.ndim == 4] if plan.optimiser == "muon" else []
    chosen = {id(each) for each in filters}
    rest = [each for each in chain(trained, loss.parameters()) if id(each) not in chosen]
    dtype = torch.bfloat16 if in_bf16 else torch.float32
    made: list[torch.optim.Optimizer] = [Muon(filters, plan.filter_rate, dtype=dtype)] if filters else []
    if rest:
        made.append(torch.optim.AdamW(rest, plan.rate, weight_decay=plan.weight_decay))
    return made


def _averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential average that forgets its beginning: its decay grows from a tenth towards `decay`."""

    def average(old: Tensor, new: Tensor, seen: Tensor | int) -> Tensor:
        return old + (new - old) * (1 - min(decay, (1 + int(seen)) / (10 + int(seen))))

    return average


def _in_bf16(plan: Plan, device: torch.device) -> bool:
    if plan.precision != "auto":
        return plan.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    units = (getattr(torch.cpu, f"_is_{name}_supported", lambda: False) for name in ("amx_tile", "avx512_bf16"))
    return device.type == "cpu" and any(has() for has in units)


class _replacing:  # noqa: N801 - reads as a verb where it is used
    """A path to write to that takes its final name when all is written."""

    def __init__(self, final: Path) -> None:
        self._final, self._part = final, final.with_name(final.name + ".part")

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._part.replace(self._final)
        else:
            self._part.unlink(missing_ok=True)
