"""`likewise copy`, and a collection on Milvus from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fakes import png
from likewise.cli import likewise


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i in range(6):
        place = tmp_path / "pictures" / f"{'ab'[i % 2]}/{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png((40 * i, 250 - 40 * i, 90)))
    return tmp_path / "pictures"


def run(*told: str | Path) -> str:
    result = CliRunner().invoke(likewise, [str(each) for each in told], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_collection_on_milvus_is_used_like_any_other(pictures: Path, milvus_lite_address: str) -> None:
    at = ("-c", milvus_lite_address)
    assert f"6 images in {milvus_lite_address}" in run(*at, "index", pictures, "--model", "classical")
    first = run(*at, "search", pictures / "a" / "0.png", "-k", "3").splitlines()
    assert first[0].split("\t")[2].endswith("a/0.png")
    assert len(first) == 3
    among = run(*at, "search", pictures / "a" / "0.png", "--where", "folder = 'b'")
    assert among.count("/b/") == 3
    assert run(*at, "list").split() == [f"pictures://{'ab'[i % 2]}/{i}.png" for i in (0, 2, 4, 1, 3, 5)]
    assert "6 of 6 originals read" in run(*at, "verify")
    told = run(*at, "info")
    assert "consistency" in told
    assert "strong" in told
    assert "1 image forgotten, 5 left" in run(*at, "forget", pictures / "a" / "0.png")
    assert "1 row dropped" in run(*at, "compact")
    (pictures / "b" / "1.png").unlink()
    assert "1 vanished" in run(*at, "index")
    assert "1 new" in run(*at, "index", "--include-forgotten")


def test_a_gallery_goes_from_a_folder_to_milvus_to_parquet_and_back(
    pictures: Path, milvus_lite_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("-c", tmp_path, "index", pictures, "--model", "classical")
    found = run("-c", tmp_path, "search", pictures / "a" / "0.png")
    assert "6 images in" in run("copy", tmp_path, milvus_lite_address)
    assert "6 images in" in run("copy", milvus_lite_address, tmp_path / "all.parquet")
    back = run("copy", tmp_path / "all.parquet", tmp_path / "back")
    assert "neighbours of 6 images are the same" in back
    assert f"originals lay below {tmp_path}: here" in back
    assert "6 of them before" in run("copy", tmp_path, tmp_path / "back")
    assert [
        line.split("\t")[1] for line in run("-c", milvus_lite_address, "search", pictures / "a" / "0.png").splitlines()
    ] == [line.split("\t")[1] for line in found.splitlines()]
    assert run("-c", milvus_lite_address, "search", pictures / "a" / "0.png") == found
    refused = CliRunner().invoke(likewise, ["copy", str(tmp_path), str(tmp_path)])
    assert refused.exit_code == 2


def test_a_whitened_collection_takes_its_whitening_along(
    pictures: Path, milvus_lite_address: str, tmp_path: Path
) -> None:
    more = [png((7 * i % 256, 11 * i % 256, 5 * i % 256)) for i in range(30)]
    for i, data in enumerate(more):
        (pictures / "a" / f"x{i}.png").write_bytes(data)
    run("-c", milvus_lite_address, "index", pictures, "--model", "pixels", "--whiten", "4")
    query = pictures / "a" / "0.png"
    found = run("-c", milvus_lite_address, "search", query)
    run("copy", milvus_lite_address, tmp_path / "back")
    assert list((tmp_path / "back" / ".likewise").glob("whitening-*.npz"))
    assert run("-c", tmp_path / "back", "search", query) == found
