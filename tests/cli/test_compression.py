"""`--keep`, `--compress`, and what the commands say of how embeddings are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakes import colours
from likewise import cli
from likewise.errors import BadArgument, StoreMismatch, UnknownName

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colours")
    for key, data in colours(360).items():
        (folder / "abc"[int(key[:5]) % 3]).mkdir(exist_ok=True)
        (folder / "abc"[int(key[:5]) % 3] / key).write_bytes(data)
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("likewise.weights.cache_folder", lambda: tmp_path / "cache")

    def call(*words: str | Path) -> Result:
        arguments = ["-c", str(tmp_path / "own"), *map(str, words)]
        result = CliRunner().invoke(cli.likewise, arguments, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return call


def test_index_says_what_a_way_to_keep_embeddings_costs(run: Run, pictures: Path) -> None:
    words = ("index", pictures, "--model", "pixels", "--whiten", 8, "--keep", "pq:4")
    told = run(*words).output
    wanted = r"kept as pq:4: 4 bytes a row instead of 32; fitted on 288 of 360 pictures of colours\d*, seed 0; "
    assert re.search(wanted + r"\d+\.\d of the 10 nearest stay \(72 others among 360\)", told)
    assert "likewise evaluate BENCHMARK --compress pq:4" in told
    assert "360 new" in told
    assert "kept as" not in run(*words).output
    assert "360 unchanged" in run("index", "--keep", "pq:4").output
    facts = json.loads(run("info", "--json").output)
    assert facts["kept as"].startswith("pq:4, 4 bytes a row, fitted on 288 of 360 pictures")
    assert "all is well" in run("verify", "--deep").output
    first = run("search", pictures / "a" / "00003.png").output.splitlines()[0]
    assert "00003.png" in first


def test_int8_is_measured_when_it_is_chosen(run: Run, pictures: Path) -> None:
    told = run("index", pictures / "a", "--model", "pixels", "--keep", "int8").output
    assert re.search(r"kept as int8: 3,076 bytes a row instead of 12,288; nothing fitted; \d+\.\d of the 10", told)
    assert json.loads(run("info", "--json").output)["kept as"] == "int8, 3,076 bytes a row"


def test_dtype_is_the_former_name_of_the_option(run: Run, pictures: Path) -> None:
    told = run("index", pictures / "a", "--model", "pixels", "--dtype", "float16").output
    assert "120 new" in told
    assert "kept as" not in told
    with pytest.raises(StoreMismatch, match="keeps float16: go without --keep int8"):
        run("index", "--keep", "int8")


def test_a_way_that_is_none_is_refused_before_anything_is_read(run: Run, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no codec is called 'int16'"):
        run("index", pictures, "--model", "pixels", "--keep", "int16")
    with pytest.raises(BadArgument, match="such as pq:64"):
        run("index", pictures, "--model", "pixels", "--keep", "pq")
    assert not (tmp_path / "own").exists()


def test_info_says_why_a_collection_cannot_be_read(run: Run, pictures: Path, tmp_path: Path) -> None:
    run("index", pictures, "--model", "pixels", "--whiten", 8, "--keep", "pq:4")
    (book,) = (tmp_path / "own" / ".likewise").glob("codebook-*.npz")
    book.unlink()
    facts = json.loads(run("info", "--json").output)
    assert facts["images"] == 360
    assert "is missing: put the file back" in facts["kept as"]


def test_evaluate_prints_what_each_way_costs_and_writes_it_down(run: Run, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("evaluate", "folder", pictures, "--model", "pixels", "--metric", "mAP", "--metric", "R@1", "--out", out)
    told = run(*words, "--compress", "int8, float16").output
    assert re.search(r"mAP\W+float32\W+12,288\W+0\.\d{4}", told)
    assert re.search(r"mAP\W+int8\W+3,076\W+[01]\.\d{3}\W+0\.\d{4}\W+[+-]0\.\d{4}\W+[+-]0\.\d{4} … [+-]0\.\d{4}", told)
    assert "note: the gallery is kept as int8, 3,076 bytes a row; queries are float32" in told
    whole = json.loads((out / "folder-pixels-compressed.json").read_text("utf-8"))
    assert [(cost["kept_as"], cost["row_bytes"]) for cost in whole["costs"]] == [("int8", 3076), ("float16", 6144)]
    assert [figure["metric"] for figure in whole["costs"][0]["figures"]] == ["mAP", "R@1"]
    plain, coded = (json.loads(next(out.glob(f"*-pixels{end}.json")).read_text("utf-8")) for end in ("", "-int8"))
    figure = whole["costs"][0]["figures"][0]
    assert figure["float32"] == plain["estimates"][0]["mean"]
    assert figure["difference"] == pytest.approx(coded["estimates"][0]["mean"] - plain["estimates"][0]["mean"])
    compared = run("compare", next(out.glob("*-pixels.json")), next(out.glob("*-int8.json"))).output
    assert "kept as int8" in compared


def test_verify_sees_another_embedding_behind_codes(run: Run, pictures: Path, tmp_path: Path) -> None:
    """The codes of one picture in the place of another's: what rounding costs is no excuse."""
    run("index", pictures / "a", "--model", "pixels", "--keep", "int8")
    path = tmp_path / "own" / ".likewise" / "embeddings-000000.codes"
    data = path.read_bytes()
    path.write_bytes(data[3076:6152] + data[3076:])
    result = CliRunner().invoke(cli.likewise, ["-c", str(tmp_path / "own"), "verify", "--deep"], standalone_mode=False)
    assert result.return_value == 1
    assert "1 drifted" in result.output
