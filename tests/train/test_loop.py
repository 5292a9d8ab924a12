from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likewise.errors import BadArgument
from likewise.train.augment import Augmentation
from likewise.train.data import Labelled, held_out
from likewise.train.loop import CHECKPOINT, LOG, Pictures, Plan, Run, retrieval
from likewise.train.losses import NormalisedSoftmax
from likewise.train.network import Compact
from likewise.types import Recipe

RECIPE = Recipe("small", 16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
PLAN = Plan(
    epochs=3,
    batch=12,
    filter_rate=0.05,
    sides=((0.0, 16),),
    augmentation=Augmentation(shift=4),
    precision="fp32",
    seed=5,
)


def coloured(per_class: int = 12, classes: int = 4) -> Labelled:
    """Noisy pictures whose class is the place of a bright stripe."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), per_class)
    pixels = draw.integers(0, 120, (len(labels), 16, 16, 3)).astype(np.uint8)
    for row, label in zip(pixels, labels, strict=True):
        row[:, 4 * label : 4 * label + 4] += 100
    return Labelled(pixels, labels, tuple("abcd"[:classes]), tuple(str(i) for i in range(len(labels))))


def made(folder: Path | None, plan: Plan = PLAN) -> Run:
    torch.manual_seed(plan.seed)
    network = Compact(16, (8, 8, 16), (1, 2, 2), stem=24, patch=2)
    training, judges = held_out(coloured(), images=8)
    network.whiten(torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    return Run(network, NormalisedSoftmax(4, 16), Pictures(training, RECIPE, judges), plan, folder)


def weights(run: Run) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in run.average.state_dict().items()}


def test_training_separates_what_is_held_out(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        Plan(epochs=15, batch=12, filter_rate=0.05, sides=((0.0, 16),), augmentation=Augmentation(0, mirror=False)),
    )
    rows: list[dict[str, float]] = []
    run.train(rows.append)
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert rows[-1]["recall_at_1"] >= 0.75
    assert run.embed(coloured().pixels).shape == (48, 16)
    with (tmp_path / LOG).open() as file:
        logged = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in logged] == list(range(1, 16))
    assert [float(row["loss"]) for row in logged] == [row["loss"] for row in rows]


def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole")
    whole.train()

    def stop(_row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path / "parts").train(stop)
    last = made(tmp_path / "parts")
    assert last.step == 2 * whole.steps // 3
    last.train()
    for name, values in weights(whole).items():
        np.testing.assert_array_equal(values, weights(last)[name], err_msg=name)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path[:0] = sys.argv[2:]; import torch; torch.set_num_threads(1)\n"
        "import test_loop; from pathlib import Path\n"
        "run = test_loop.made(Path(sys.argv[1])); step = run._one_step\n"
        "run._one_step = lambda rows: (time.sleep(0.02), step(rows))[1]\n"
        "run.train(save_every_s=0)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "killed"), str(Path(__file__).parent)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / CHECKPOINT).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = made(tmp_path / "killed")
    assert left.step > 0
    left.train()
    whole = made(tmp_path / "whole")
    whole.train()
    assert left.step == whole.step
    for name, values in weights(whole).items():  # another number of threads adds in another order
        np.testing.assert_allclose(values, weights(left)[name], rtol=1e-3, atol=1e-3, err_msg=name)


def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path) -> None:
    made(tmp_path).train()
    with pytest.raises(BadArgument, match="another plan"):
        made(tmp_path, Plan(epochs=4))


def test_a_checkpoint_of_other_pictures_is_refused(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.train()
    training = run._training
    pixels = training.pixels.copy()
    pixels[0, 0, 0, 0] ^= 1
    others = Pictures(replace(training, pixels=pixels), RECIPE)
    with pytest.raises(BadArgument, match="other pictures"):
        Run(made(None).network, NormalisedSoftmax(4, 16), others, PLAN, tmp_path)


def test_half_precision_and_changing_sides_train_too() -> None:
    run = made(None, Plan(epochs=2, batch=12, sides=((0.0, 16), (0.5, 20)), precision="bf16", optimiser="adamw"))
    rows: list[dict[str, float]] = []
    run.train(rows.append)
    assert [row["side"] for row in rows] == [16, 20]
    assert all(np.isfinite(row["loss"]) for row in rows)


def test_every_cycle_begins_anew_with_small_pictures_and_half_the_rate() -> None:
    plan = Plan(epochs=6, batch=12, cycles=(4, 2), sides=((0.0, 16), (0.5, 20)), warm_up=0.0, precision="fp32")
    rows: list[dict[str, float]] = []
    made(None, plan).train(rows.append)
    assert [row["side"] for row in rows] == [16, 16, 20, 20, 16, 20]
    steps = made(None, plan)._steps_per_epoch
    last = 1 - (2 * steps - 1) / (2 * steps)  # what is left of a cycle of two epochs at its last step
    assert rows[-1]["rate"] == pytest.approx(0.5 * last, abs=1e-5)
    assert rows[4]["rate"] == pytest.approx(0.5 * (1 - (steps - 1) / (2 * steps)), abs=1e-5)
    with pytest.raises(BadArgument, match="not 6 in all"):
        made(None, Plan(epochs=6, cycles=(4, 1)))


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    run = made(None)
    run.loss.proxies.data[:] = float("nan")
    with pytest.raises(BadArgument, match="smaller rate"):
        run.train()


def test_retrieval_leaves_each_picture_itself_out_by_row() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert retrieval(rows, np.array([0, 0, 1, 1])) == (1.0, 1.0)
    assert retrieval(rows, np.array([0, 1, 0, 1])) == (0.0, 0.0)
