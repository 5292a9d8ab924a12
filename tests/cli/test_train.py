from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

from likewise import cli

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str | Path, fails: bool = False) -> Result:
        result = CliRunner().invoke(cli.likewise, [str(word) for word in words], standalone_mode=False)
        if not fails and result.exception is not None:
            raise result.exception
        return result

    return call


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Three classes of five noisy pictures of one colour each."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for i in range(5):
            pixels = draw.integers(0, 90, (24, 24, 3)).astype(np.uint8)
            pixels[..., number] += 150
            Picture.fromarray(pixels).save(tmp_path / "classes" / name / f"{i}.png")
    return tmp_path / "classes"


def test_training_without_torch_names_the_extra(run: Run, classes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("likewise.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("train", classes, "--out", classes.parent / "m", fails=True)
    assert "pip install 'likewise[torch]'" in str(result.exception)


def test_a_model_is_trained_and_used(run: Run, classes: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("pytorch_metric_learning")
    out = tmp_path / "model"
    options = ("--epochs", 1, "--batch", 6, "--hold-out", 0.34, "--kept", "float32", "--loss", "supcon")
    told = run("train", classes, "--out", out, *options).output
    assert "epoch 1/1: loss" in told
    assert "before" in told
    assert "after" in told
    assert f"likewise index PLACE --model {out / 'model.onnx'}" in told.replace("\n", "")
    assert "15 new" in run("-c", tmp_path / "home", "index", classes, "--model", out / "model.onnx").output


def test_classes_cannot_be_held_out_of_mined_pairs(run: Run, classes: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    result = run("train", classes, "--mined", "--hold-out", "0.3", "--out", tmp_path / "out", fails=True)
    assert "likewise evaluate" in str(result.exception)
