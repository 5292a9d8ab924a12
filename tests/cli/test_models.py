"""`likewise models` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from likewise import cli, weights
from likewise.encoders import catalogue


def told(*words: str) -> str:
    result = CliRunner().invoke(cli.likewise, ["models", *words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def line_of(output: str, name: str) -> list[str]:
    (line,) = (line for line in output.splitlines() if line.startswith(f"{name} "))
    return line.split()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path)
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture(autouse=True)
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: object())


def test_the_list_says_size_text_and_cost_of_each_and_names_the_families(cache: Path) -> None:
    output = told()
    assert line_of(output, "compact")[1:6] == ["256", "32", "none", "in", "the"]
    assert line_of(output, "resnet50") == [
        "resnet50",
        "2048",
        "224",
        "102.5",
        "MB",
        "no",
        "BSD-3-Clause",
        "(torchvision)",
        "…",
    ]
    assert line_of(output, "open_clip/ViT-B-32/openai")[1:7] == ["512", "224", "yes", "≈", "605.1", "MB"]
    assert "timm/NETWORK[.TAG]" in output
    (cache / "resnet50-11ad3fa6.pth").touch()
    assert "cached" in line_of(told(), "resnet50")


def test_only_models_with_text_are_listed_when_asked_for() -> None:
    assert {each["name"].partition("/")[0] for each in json.loads(told("--text", "--json"))} == {"open_clip"}


def test_data_has_numbers(cache: Path) -> None:
    entries = {each["name"]: each for each in json.loads(told("--json"))}
    assert entries["compact"]["download_bytes"] == 0
    assert entries["compact"]["cached"]
    vgg = entries["vgg19/fc1"]
    assert (vgg["download_bytes"], vgg["cached"], vgg["needs"]) == (574_673_361, False, ["torch", "torchvision"])
    assert entries["pixels"]["paper"] is None


def test_one_model_is_told_in_full(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = told("vgg19")
    for part in ("vgg19/fc1", "4096-d, compared by l2", "arXiv:1409.1556", "574.7 MB into", "--model vgg19/fc1"):
        assert part in output
    assert "pip install" not in output
    assert json.loads(told("vgg19", "--json"))["dim"] == 4096
    assert "none to fetch" in told("pixels")
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    assert "missing here: torch, torchvision: pip install 'likewise[torch]'" in told("vgg19")
    assert "no, needs torch, timm" in told()
    assert "(needs torch, open_clip)" in told()


def test_an_unknown_size_is_not_guessed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    unknown = replace(catalogue.find("resnet18"), size_bytes=0)
    monkeypatch.setattr(catalogue, "ENTRIES", (unknown,))
    assert line_of(told(), "resnet18")[3:5] == ["?", "no"]
