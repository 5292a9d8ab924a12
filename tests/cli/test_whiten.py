"""`likewise whiten` and `likewise index --whiten` as a user meets them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

from likewise import cli
from likewise.encoders.whitening import read
from likewise.errors import BadArgument, StoreMismatch

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folders of twelve pictures: stripes of four widths, in any colours, starting anywhere, with noise."""
    folder = tmp_path_factory.mktemp("stripes")
    draw = np.random.default_rng(0)
    for width in (2, 3, 5, 8):
        (folder / f"w{width}").mkdir()
        for number in range(12):
            start = int(draw.integers(0, 2 * width))
            stripes = ((np.arange(32) + start) // width % 2)[:, None, None] * draw.integers(60, 200, 3)
            noisy = (stripes + draw.integers(0, 50, (32, 32, 3))).astype(np.uint8)
            Picture.fromarray(noisy).save(folder / f"w{width}/{number}.png")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str | Path, data: bytes | None = None) -> Result:
        arguments = ["-c", str(tmp_path / "own"), *map(str, words)]
        result = CliRunner().invoke(cli.likewise, arguments, input=data, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return call


def test_a_fitted_file_is_a_model(run: Run, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "stripes.npz"
    told = run("whiten", pictures, "--model", "pixels", "--dim", 6, "--out", out).output
    assert "PCA-whitening, fitted on 48 of 48 pictures of stripes" in told
    assert "pixels, 3072-d → 6-d" in told
    assert f"likewise index PLACE --model '{out}'" in told
    assert "48 images in" in run("index", pictures, "--model", out).output
    assert "48 unchanged" in run("index", pictures, "--model", out).output  # the same command again goes on
    facts = json.loads(run("info", "--json").output)
    assert facts["model"] == "whitened/stripes"
    assert facts["whitening"].startswith("PCA-whitening, fitted on 48 of 48 pictures of stripes")
    assert len(run("search", pictures / "w5" / "3.png", "-k", 3).output.splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "told", "power"),
    [
        (("--method", "pca"), "PCA, fitted", 0),
        (("--power", "0.5"), "PCA-whitening to the power 0.5, fitted", 0.5),
        (("--sample", "20", "--seed", "3"), "fitted on 20 of 48 pictures of stripes", 1),
    ],
)
def test_options_are_stated(run: Run, pictures: Path, tmp_path: Path, options, told: str, power: float) -> None:
    out = tmp_path / "x.npz"
    assert told in run("whiten", pictures, "--model", "pixels", "--dim", 4, "--out", out, *options).output
    assert read(out).fit.power == power


def test_learned_whitening_is_judged_like_any_model(run: Run, pictures: Path, tmp_path: Path) -> None:
    """pixels → pca → learned: of 3072-d pixels nothing can be learned from 48 pictures, of eight dimensions it can."""
    short, out = tmp_path / "short.npz", tmp_path / "learned.npz"
    run("whiten", pictures, "--model", "pixels", "--method", "pca", "--dim", 8, "--out", short)
    with pytest.raises(BadArgument, match="takes two classes and 3,076 pictures, and there are 48 in 4"):
        run("whiten", pictures, "--model", "pixels", "--method", "learned", "--dim", 4, "--out", out)
    told = run("whiten", pictures, "--model", short, "--method", "learned", "--dim", 3, "--out", out).output
    assert "learned whitening, fitted on 48 of 48 pictures of stripes" in told
    assert "(264 pairs of one class)" in told
    judged = {}
    for model in (short, out):
        run("evaluate", "folder", pictures, "--model", model, "--metric", "mAP", "--out", tmp_path / model.stem)
        (result,) = (tmp_path / model.stem).glob("*.json")
        judged[model.stem] = json.loads(result.read_text())
    assert [judged[name]["card"]["dim"] for name in ("short", "learned")] == [8, 3]
    mean = {name: judged[name]["estimates"][0]["mean"] for name in judged}
    assert mean["learned"] > mean["short"]  # it was fitted on the very pictures that judge it here


def test_a_wrong_ending_is_refused_before_anything_is_embedded(run: Run, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"pass --out .*x\.npz"):
        run("whiten", pictures, "--dim", 4, "--out", tmp_path / "x.bin")
    with pytest.raises(click.UsageError, match="dim"):
        run("whiten", pictures, "--out", tmp_path / "x.npz")


def test_index_fits_on_its_own_pictures_and_the_same_command_goes_on(run: Run, pictures: Path) -> None:
    words = ("index", pictures, "--model", "pixels", "--whiten", 6)
    told = run(*words).output
    assert "PCA-whitening, fitted on 48 of 48 pictures of stripes" in told
    assert "48 new" in told
    assert "model whitened/pixels" in told
    assert "48 unchanged" in run(*words).output
    assert "48 unchanged" in run("index").output
    assert "48 unchanged" in run("index", pictures, "--model", "whitened/pixels").output
    assert "48 unchanged" in run("index", pictures, "--model", "whitened/pixels", "--recipe", "pixels").output
    assert "all is well" in run("verify", "--deep").output


def test_another_whitening_dtype_or_model_is_refused(run: Run, pictures: Path) -> None:
    run("index", pictures, "--model", "pixels", "--whiten", 6, "--whiten-method", "pca", "--whiten-sample", 30)
    with pytest.raises(StoreMismatch, match="6 dimensions after PCA, fitted on 30 of 48"):
        run("index", pictures, "--model", "pixels", "--whiten", 6)
    with pytest.raises(StoreMismatch, match="holds whitened/pixels embeddings, not pixels"):
        run("index", pictures, "--model", "pixels")
    with pytest.raises(StoreMismatch, match="keeps float32"):
        run("index", pictures, "--whiten", 6, "--whiten-method", "pca", "--dtype", "float16")


def test_options_without_a_length_are_refused(run: Run, pictures: Path) -> None:
    with pytest.raises(click.UsageError, match="--whiten DIM"):
        run("index", pictures, "--model", "pixels", "--whiten-method", "pca")


def test_a_list_on_standard_input_is_read_once(run: Run, pictures: Path) -> None:
    lines = "\n".join(map(str, sorted(pictures.rglob("*.png")))).encode()
    told = run("index", "-", "--model", "pixels", "--whiten", 6, "--dtype", "float16", data=lines).output
    assert "48 new" in told
    assert len(io.StringIO(run("search", pictures / "w5" / "3.png").output).readlines()) == 7
