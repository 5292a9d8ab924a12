"""`likewise evaluate`, `benchmarks` and `compare` as a user meets them, on a small benchmark in a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluate.examples import FACTS, SEPARATE, classes_of
from fakes import png
from likewise import cli
from likewise.benchmarks import Benchmark, Classes
from likewise.errors import BadArgument, UnknownName
from likewise.sources import open_source

Run = Callable[..., Result]

PER_CLASS = 3


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "squares"
    folder.mkdir()
    for c, (red, green, blue) in enumerate(SEPARATE):
        for i in range(PER_CLASS):
            (folder / f"{c}-{i}.png").write_bytes(png((red - i, green - i, blue - i), 20))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, object]]:
    """The options that each opening of a benchmark was called with."""
    calls: list[dict[str, object]] = []

    def opened(name: str, path: Path | None, **options: object) -> Benchmark:
        calls.append(options)
        if name != "squares":
            raise UnknownName(f"no benchmark is called {name!r}: did you mean squares?")
        source = open_source(str(path))
        items = [item.key for item in source.items()]
        import numpy as np

        truth: Classes = classes_of(np.array([int(key[0]) for key in items]), without_self=True)
        return Benchmark("squares", FACTS, source, source, {"": truth}, ("mAP", "P@2"), ("one colour each",))

    monkeypatch.setattr("likewise.benchmarks.open_benchmark", opened, raising=False)
    monkeypatch.setattr("likewise.benchmarks.names", lambda: ["squares", "round"], raising=False)
    monkeypatch.setattr("likewise.benchmarks.about", lambda name: f"{name} among themselves", raising=False)
    monkeypatch.setattr("likewise.weights.cache_folder", lambda: tmp_path / "cache")
    return calls


@pytest.fixture
def run(asked: object, tmp_path: Path) -> Run:
    """`run("compare", …)` gives the result; anything but a clean end fails the test unless `fails` says so."""

    def call(*words: str | Path, fails: bool = False) -> Result:
        result = CliRunner().invoke(cli.likewise, list(map(str, words)), standalone_mode=False)
        if not fails and result.exception is not None:
            raise result.exception
        return result

    return call


@pytest.fixture
def two(run: Run, place: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The results of raw pixels, and of the same with the values of three queries taken down."""
    run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out")
    good, bad = tmp_path / "out" / "squares-pixels.json", tmp_path / "bad.json"
    told = json.loads(good.read_text("utf-8"))
    for i in (2, 5, 7):
        told["estimates"][0]["values"][i] = 0.0
    bad.write_text(json.dumps(told), "utf-8")
    return good, bad


def test_evaluate_prints_figures_with_their_interval_and_where_the_images_are_from(
    run: Run, place: Path, tmp_path: Path
) -> None:
    told = run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out").output
    assert "squares: Squares among squares." in told
    assert "18 queries, 18 gallery images; model pixels" in told
    assert re.search(r"mAP\W+1\.0000\W+1\.0000 … 1\.0000\W+18\W+0", told)
    assert re.search(r"P@2\W+1\.0000", told)
    assert "note: one colour each" in told
    assert "images: CC0; cite: A. Painter" in told


def test_evaluate_writes_all_values_and_the_worst_queries_as_pictures(run: Run, place: Path, tmp_path: Path) -> None:
    (place / "3-9.png").write_bytes(png((10, 10, 249), 20))  # of class 3, and looks like class 2
    run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "squares-pixels.json").read_text("utf-8"))
    assert len(written["estimates"][0]["values"]) == 19
    page = (tmp_path / "out" / "squares-pixels-worst.html").read_text("utf-8")
    sections = page.split("<section")[1:]
    assert len(sections) == 19
    assert "3-9.png" in sections[0]
    assert '<li class="junk">' in sections[0]  # itself
    assert "✗ wrong" in sections[0]
    assert "✓ right" in sections[-1]
    assert "cannot be shown" not in page
    assert "0 × 0" not in page


def test_evaluate_computes_the_metrics_asked_for(run: Run, place: Path, tmp_path: Path) -> None:
    run("evaluate", "squares", place, "--model", "pixels", "--metric", "R@1", "--metric", "MRR", "--out", tmp_path)
    written = json.loads((tmp_path / "squares-pixels.json").read_text("utf-8"))
    assert [each["metric"] for each in written["estimates"]] == ["R@1", "MRR"]
    wrong = run("evaluate", "squares", place, "--model", "pixels", "--metric", "map", fails=True)
    assert "did you mean mAP" in str(wrong.exception)


def test_evaluate_says_what_was_skipped_and_what_that_means(run: Run, place: Path, tmp_path: Path) -> None:
    for i in range(7):
        (place / f"1-torn{i}.png").write_bytes(b"torn")
    told = run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out").output
    assert "query skipped and left out: 1-torn0.png: " in told
    assert "gallery image skipped and counted as not found: 1-torn0.png: " in told
    assert "… and 2 more, listed in the result" in told
    assert "mAP" in told


def test_evaluate_passes_distractors_on_only_if_there_are_any(
    run: Run, place: Path, tmp_path: Path, asked: list[dict[str, object]]
) -> None:
    run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out")
    run("evaluate", "squares", place, "--model", "pixels", "--out", tmp_path / "out", "--distractors", tmp_path)
    assert asked == [{}, {"distractors": tmp_path}]


def test_an_unknown_benchmark_names_the_nearest(run: Run, place: Path) -> None:
    assert "did you mean squares" in str(run("evaluate", "sqares", place, fails=True).exception)


def test_benchmarks_are_listed_with_a_line_each(run: Run) -> None:
    assert run("benchmarks").output.splitlines() == [
        "squares  squares among themselves",
        "round    round among themselves",
    ]


def test_compare_prints_the_difference_with_wins_and_losses(run: Run, two: tuple[Path, Path]) -> None:
    good, bad = two
    result = run("compare", bad, good)
    assert re.search(
        r"mAP\W+0\.8333\W+1\.0000\W+\+0\.1667\W+\+0\.\d{4} … \+0\.\d{4}\W+0\.\d{3}\W+3\W+0\W+15", result.output
    )
    assert result.return_value == 0
    assert "P@2" not in run("compare", bad, good, "--metric", "mAP").output


@pytest.mark.parametrize(("drop", "code"), [("0", 1), ("0.1", 1), ("0.16", 1), ("0.17", 0), ("1", 0)])
def test_compare_leaves_with_1_when_b_fell_by_more_than_is_allowed(
    run: Run, two: tuple[Path, Path], drop: str, code: int
) -> None:
    good, bad = two
    result = run("compare", good, bad, "--fail-below", drop)
    assert result.return_value == code
    assert ("mAP fell by 0.1667" in result.output) == bool(code)
    assert run("compare", bad, good, "--fail-below", drop).return_value == 0
    assert run("compare", good, bad, "--fail-below", drop, "--metric", "P@2").return_value == 0
    assert run("compare", good, bad).return_value == 0


def test_compare_shows_losses_and_wins_as_pictures(run: Run, two: tuple[Path, Path], tmp_path: Path) -> None:
    good, bad = two
    run("compare", good, bad, "--html", tmp_path / "pages" / "changes.html")
    page = (tmp_path / "pages" / "changes.html").read_text("utf-8")
    assert page.count("<section") == 6  # three queries, as A and as B found them
    assert "loss, A: mAP 1.000" in page
    assert "loss, B: mAP 0.000" in page
    assert "data:image/png" in page
    assert "win, " not in page
    run("compare", bad, good, "--html", tmp_path / "changes.html")
    assert "win, B: mAP 1.000" in (tmp_path / "changes.html").read_text("utf-8")


def test_compare_does_without_originals_that_are_gone(
    run: Run, two: tuple[Path, Path], place: Path, tmp_path: Path
) -> None:
    for path in place.iterdir():
        path.unlink()
    run("compare", *two, "--html", tmp_path / "changes.html")
    page = (tmp_path / "changes.html").read_text("utf-8")
    assert "cannot be shown" in page
    assert "<img" not in page


def test_compare_names_the_file_that_is_no_result(run: Run, two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "picture.json").write_bytes(png((1, 2, 3)))
    for name in ("other.json", "picture.json"):
        failed = run("compare", two[0], tmp_path / name, fails=True)
        assert isinstance(failed.exception, BadArgument)
        assert name in str(failed.exception)


def test_a_reranked_run_has_a_file_of_its_own_and_is_compared_with_the_plain_one(
    run: Run, place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("evaluate", "squares", place, "--model", "pixels", "--out", out)
    words = ("--rerank", "aqe:2+k-reciprocal:3,2,0.3", "--depth", "9")
    told = run("evaluate", "squares", place, "--model", "pixels", *words, "--out", out).output
    assert "re-ranked: aqe:2+k-reciprocal:3,2,0.3, the first 9 hits" in told
    plain, better = out / "squares-pixels.json", out / "squares-pixels-aqe-2-k-reciprocal-3-2-0.3.json"
    assert json.loads(better.read_text("utf-8"))["depth"] == 9
    assert "re-ranked" in (out / "squares-pixels-aqe-2-k-reciprocal-3-2-0.3-worst.html").read_text("utf-8")
    compared = run("compare", plain, better).output
    assert "re-ranked by aqe:2+k-reciprocal:3,2,0.3, the first 9 hits" in compared
    assert compared.count("re-ranked") == 1
    assert "B − A" in compared
    wrong = run("evaluate", "squares", place, "--depth", "9", fails=True)
    assert "give both, or neither" in str(wrong.exception)
