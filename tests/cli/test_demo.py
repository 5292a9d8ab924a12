"""The demo in small: drawn, on the user's pictures, and as the blog post has it."""

from __future__ import annotations

import pickle
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fakes import colours
from likewise import cli
from likewise.benchmarks import rendered
from likewise.cli import demo

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str | Path) -> str:
        arguments = ["demo", "--out", str(tmp_path / "out"), *map(str, words)]
        result = CliRunner().invoke(cli.likewise, arguments, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for seed, split in enumerate(("train", "test")):
        data = np.random.default_rng(seed).integers(0, 256, (12, 3072)).astype(np.uint8)
        names = [f"{split}{i}.png".encode() for i in range(12)]
        content = {b"data": data, b"fine_labels": [i % 3 for i in range(12)], b"filenames": names}
        (folder / split).write_bytes(pickle.dumps(content, 2))
    (folder / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"apple", b"bear", b"cup"]}, 2))
    return folder


def test_the_drawn_demo_says_how_good_the_neighbours_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "KINDS", ("mug", "car", "tree"))
    scenes = rendered.scenes
    monkeypatch.setattr(rendered, "scenes", lambda *a, **k: scenes(*a, **{**k, "kinds": ("mug", "car", "tree")}))
    monkeypatch.setattr(demo.os, "cpu_count", lambda: 1)
    told = run("--instances", "3")
    assert "18 pictures of 3 kinds; queries: 15 unseen objects" in told
    for name in ("chance", "pixels", "classical", "compact"):
        assert name in told
    assert len(list((tmp_path / "out" / "pictures").glob("*.png"))) == 12
    assert "<img" in (tmp_path / "out" / "neighbours.html").read_text("utf-8")
    assert "18 unchanged" in run("--instances", "3")
    assert "6 new" in run("--instances", "1", "--seed", "5")
    assert (tmp_path / "out" / "seed-5" / "neighbours.html").exists()


def test_the_demo_takes_the_users_own_pictures(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for key, data in colours(9).items():
        (folder / key).write_bytes(data)
    told = run("--images", folder, "--query", folder / "00003.png")
    assert "9 new" in told
    assert (tmp_path / "out" / "pictures" / "00003.png").exists()
    assert "9 pictures in" in run("--images", folder)
    assert "9 pictures in" in run("--images", folder, "--query", folder)


def test_the_posts_demo_runs_whole_on_local_files(run: Run, tmp_path: Path, cifar: Path, vgg19_weights: Path) -> None:
    told = run("--cifar100", "--cifar", cifar, "--weights", vgg19_weights)
    assert "12 new" in told
    assert "model vgg19/fc1" in told
    assert "over 12 queries" in told
    assert len(list((tmp_path / "out" / "pictures").glob("*.png"))) == 12


def test_the_example_does_the_same(
    tmp_path: Path,
    cifar: Path,
    vgg19_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    queries = tmp_path / "queries"
    queries.mkdir()
    (queries / "one.png").write_bytes(colours(1)["00000.png"])
    (queries / "torn.png").write_bytes(b"torn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["blog_post.py", str(queries), str(cifar), str(vgg19_weights)])
    example = Path(__file__).parents[2] / "examples" / "blog_post.py"
    runpy.run_path(str(example), run_name="__main__")
    assert len(example.read_text().splitlines()) < 30
    assert (tmp_path / "one.png").exists()
    printed = capsys.readouterr().out
    assert "one.png" in printed
    assert "torn.png: is not an image" in printed


def test_without_a_network_one_line_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.errors import DownloadError
    from likewise.sources import cifar

    monkeypatch.setattr(cifar, "_HOME", "http://127.0.0.1:9/")
    with pytest.raises(DownloadError, match="--cifar for CIFAR"):
        run("--cifar100")
