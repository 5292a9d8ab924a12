"""`likewise compile`, `--runtime` and `--precision` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("onnx")

from likewise import cli, weights
from likewise.benchmarks import open_benchmark
from likewise.collection import Collection
from likewise.encoders import Encoder
from likewise.encoders.runtimes import Running
from likewise.errors import BadArgument, StoreMismatch
from likewise.evaluate.running import cache_folder

Run = Callable[..., Result]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw = np.random.default_rng(1)
    folder = tmp_path / "pictures"
    for i in range(40):
        place = folder / f"class-{i % 4}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = draw.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((40, 40), Image.Resampling.BICUBIC).save(place / f"{i:02d}.png")
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("info")` is `likewise -c TMP info`, with a cache of its own."""
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")

    def call(*words: str | Path) -> Result:
        result = CliRunner().invoke(cli.likewise, ["-c", str(tmp_path), *map(str, words)], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return call


def test_compile_says_what_it_found_and_where_the_network_is(run: Run, pictures: Path, tmp_path: Path) -> None:
    told = run("compile", "compact", "--check", pictures, "--runtime", "onnx", "--out", tmp_path / "a.onnx").output
    assert "compact, compact, 256-d, checked on 40 pictures" in told
    assert "onnx fp32: cosine 1.00000 at least" in told
    assert "within its bound (cosine 0.9999, 98% of the nearest 7)" in told
    assert f"for another machine: {tmp_path / 'a.onnx'}" in told
    assert "use it: likewise index PLACE --model 'compact'" in told
    assert (tmp_path / "a.onnx").is_file()


def test_index_and_info_say_what_computes(run: Run, pictures: Path) -> None:
    told = run("index", pictures, "--runtime", "onnx").output
    assert "computed by onnx fp32, " in told
    assert "(asked for)" in told
    facts = json.loads(run("info", "--json").output)
    assert facts["computed by"] == ["onnx fp32"]
    assert " fp32, " in facts["now by"]
    assert facts["int8 network"] == "none"
    assert "computed by" not in run("index", pictures).output
    assert len(run("search", pictures / "class-0" / "00.png", "--runtime", "onnx", "-k", "3").output.splitlines()) == 3


def test_int8_is_fitted_on_what_is_indexed_and_never_mixed_with_others(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    told = run("index", pictures, "--precision", "int8").output
    assert "there is no int8 network of compact yet: fitting one" in told
    assert "int8: cosine" in told
    assert "40 new" in told
    facts = json.loads(run("info", "--json").output)
    assert len(facts["int8 network"]) == 64
    assert "int8" in facts["computed by"][0]
    assert "40 unchanged" in run("index", pictures).output
    assert "40 unchanged" in run("index", pictures, "--model", "compact").output
    found = run("search", pictures / "class-0" / "00.png", "-k", "1").output
    assert "class-0/00.png" in found
    for command in (("index", pictures), ("search", pictures / "class-0" / "00.png")):
        with pytest.raises(StoreMismatch, match="embeddings in int8, which cannot be compared with fp32"):
            run(*command, "--precision", "fp32")
    (tmp_path / "other").mkdir()
    run("-c", tmp_path / "other", "index", pictures)
    with pytest.raises(StoreMismatch, match="in floating point, which cannot be compared with int8"):
        run("-c", tmp_path / "other", "index", pictures, "--precision", "int8")
    for path in (tmp_path / "cache" / "compiled").iterdir():
        path.unlink()
    assert "pass its file with --weights FILE.onnx" in json.loads(run("info", "--json").output)["now by"]
    with pytest.raises(StoreMismatch, match="int8"), Collection.open(tmp_path) as held:
        held.store.demand(Collection.open(tmp_path / "other").store.card)


def test_the_advice_repeats_what_the_network_is_found_by(
    run: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise import compiling, encoders
    from likewise.encoders.compiled import Compiled, Origin

    card = encoders.load("compact", runtime="onnx").card
    made = Compiled(card, Origin("tiny", default_recipe=False, published=False))
    monkeypatch.setattr(compiling, "compile_model", lambda *_: made)
    told = run("compile", "tiny", "--recipe", "compact", "--weights", tmp_path / "w.pth", "--check", pictures).output
    assert f"--model 'tiny' --recipe compact --weights {tmp_path / 'w.pth'}" in told


def test_too_few_pictures_for_int8_are_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    Image.new("RGB", (20, 20), "red").save(folder / "a.png")
    with pytest.raises(BadArgument, match="name a place with more"):
        run("index", folder, "--precision", "int8")


class Lowered:
    """An encoder whose arithmetic was in bf16: a little off."""

    def __init__(self, encoder: Encoder, off: float = 0.01) -> None:
        self._encoder, self._off = encoder, off
        self.card = encoder.card
        self.running = Running("openvino", "bf16")

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        rows = self._encoder.encode(pixels)
        rows = rows + self._off * np.roll(rows, 1, axis=1)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_bf16_is_no_drift_but_more_than_its_bound_is(run: Run, pictures: Path, tmp_path: Path) -> None:
    from likewise import encoders

    plain = encoders.load("compact", runtime="onnx")
    for name, off, drifted in (("near", 0.01, 0), ("far", 0.3, 40)):
        with Collection.create(tmp_path / name, Lowered(plain, off)) as made:
            made.index(pictures)
        with Collection.open(tmp_path / name, runtime="onnx") as held:
            assert held.store.computed_by == ["openvino bf16"]
            assert len(held.verify().drifted) == drifted


def test_bf16_is_judged_on_embeddings_of_its_own(run: Run, pictures: Path) -> None:
    from likewise import encoders

    benchmark, plain = open_benchmark("folder", pictures), encoders.load("compact", runtime="onnx")
    assert cache_folder(benchmark, plain) != cache_folder(benchmark, Lowered(plain))


def test_evaluate_writes_what_computed(run: Run, pictures: Path, tmp_path: Path) -> None:
    run("evaluate", "folder", pictures, "--runtime", "onnx", "--out", tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("*.json")
    told = json.loads(file.read_text())["running"]
    assert (told["runtime"], told["precision"]) == ("onnx", "fp32")
    assert told["threads"] >= 1
