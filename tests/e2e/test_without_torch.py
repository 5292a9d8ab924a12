"""A collection of a network of torch, searched where torch cannot be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("onnx")

from likewise import encoders
from likewise.collection import Collection
from likewise.compiling import Wanted, compile_model
from likewise.sources import open_source

WITHOUT = """
import sys
for name in ("torch", "torchvision", "onnx", "onnxscript"):
    sys.modules[name] = None  # an import of it fails, as if it were not installed
from likewise.cli import main
main()
"""


def test_a_collection_of_vgg19_is_searched_and_grows_without_torch(vgg19_weights: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(16):
        coarse = draw.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((40, 40), Image.Resampling.BICUBIC).save(folder / f"{i:02d}.png")
    asked = {"recipe": "cifar", "weights": vgg19_weights}
    with Collection.create(tmp_path, encoders.load("vgg19/fc1", device="cpu", **asked)) as made:
        made.index(folder)
        keys = [hit.key for hit in made.search(folder / "03.png", 7)]

    def without(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, "-c", tmp_path, *words]
        return subprocess.run(
            list(map(str, command)), check=False, capture_output=True, text=True, env=os.environ.copy()
        )

    before = without("search", folder / "03.png", "--json")
    assert before.returncode == 1
    assert "pip install 'likewise[torch]'" in before.stderr

    compile_model(Wanted("vgg19/fc1", precision="fp32", **asked), open_source(str(folder)))
    found = without("search", folder / "03.png", "-k", "7")
    assert found.returncode == 0, found.stderr
    assert [line.split("\t")[2].split("/")[-1] for line in found.stdout.splitlines()] == [
        key.split("/")[-1] for key in keys
    ]
    Image.new("RGB", (50, 50), "red").save(folder / "red.png")
    grown = without("index", folder)
    assert "1 new, 16 unchanged" in grown.stdout, grown.stderr
    assert "computed by " in grown.stdout
    assert "torch fp32" not in grown.stdout
    checked = without("verify")
    assert "0 drifted" in checked.stdout, checked.stdout + checked.stderr
    assert "torch fp32, " in without("info").stdout
