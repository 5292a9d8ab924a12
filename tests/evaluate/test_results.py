"""What is written is what is read, and it holds all that is needed to repeat the run."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, meaningless, no_self, rows, separate
from fakes import MeanColour, Memory, RandomDirections, png
from likewise.benchmarks import Classes
from likewise.errors import BadArgument
from likewise.evaluate import Result, evaluate, intervals, machine


@pytest.fixture
def result(tmp_path: Path) -> Result:
    gallery, classes = separate(5)
    files = {"a.png": png((250, 10, 10)), "b.png": b"torn", "c.png": png((9, 9, 9))}
    queries = Memory(files, "/queries")
    truth = Classes(rows(0, 1, 99), classes, no_self(3))
    return evaluate(benchmark(gallery, queries, truth, ("P@5", "mAP")), MeanColour(), folder=tmp_path, seed=7)


def test_what_is_written_is_read_again(result: Result) -> None:
    text = result.to_json()
    again = Result.from_json(text)
    assert again.to_json() == text
    assert again.card == result.card
    assert again.queries == result.queries
    np.testing.assert_array_equal(again.estimate("mAP").values, result.estimate("mAP").values)
    assert again.answers[0].hits == result.answers[0].hits[:10]


def test_the_file_says_everything_that_is_needed_to_repeat_it(result: Result) -> None:
    told = json.loads(result.to_json())
    assert told["benchmark"] == "squares"
    assert told["facts"]["licence"] == "CC0"
    assert told["notes"] == ["made by a test"]
    assert told["fingerprint"] == MeanColour().card.fingerprint
    assert told["card"]["recipe"]["side"] == 8
    assert told["seed"] == 7
    assert told["resamples"] == 2000
    assert {"likewise", "python", "numpy", "pillow"} <= set(told["versions"])
    assert told["machine"]["processor"]
    assert told["machine"]["cores"] >= 1
    assert told["gallery"]["listed"] == 30
    assert [skip["key"] for skip in told["queries"]["skipped"]] == ["b.png"]
    assert [answer["key"] for answer in told["answers"]] == ["a.png", "c.png"]
    assert len(told["answers"][0]["hits"]) == 10
    first = told["estimates"][0]
    assert (first["metric"], first["n"], first["undefined"], first["values"]) == ("P@5", 1, 1, [1.0, None])


def test_a_metric_that_no_query_defines_is_null_and_not_zero(tmp_path: Path) -> None:
    gallery, classes = separate(1)
    truth = Classes(np.full(6, 99), classes, no_self(6))
    result = evaluate(benchmark(gallery, gallery, truth), MeanColour(), folder=tmp_path)
    told = json.loads(result.to_json())["estimates"][0]
    assert (told["mean"], told["low"], told["high"], told["n"], told["undefined"]) == (None, None, None, 0, 6)
    assert np.isnan(Result.from_json(result.to_json()).estimate("mAP").interval.mean)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        Result.from_json(text)


def test_a_figure_that_was_not_computed_is_refused_with_those_that_were(result: Result) -> None:
    with pytest.raises(BadArgument, match=r"hard N-S was not computed: there are P@5, mAP"):
        result.estimate("N-S", "hard")


def test_the_truth_is_part_of_what_identifies_a_benchmark(tmp_path: Path) -> None:
    gallery, classes = meaningless(30)
    digests = {
        evaluate(benchmark(gallery, gallery, truth), RandomDirections(), folder=tmp_path).benchmark_sha256
        for truth in (
            classes_of(classes, without_self=True),
            classes_of(classes, without_self=False),
            classes_of(np.roll(classes, 1), without_self=True),
            classes_of(classes, without_self=True),
        )
    }
    assert len(digests) == 3


def test_the_interval_is_the_normal_one_for_many_queries() -> None:
    values = np.random.default_rng(1).beta(2, 5, 3000)
    found = intervals.interval(values, 0)
    half = 1.96 * values.std() / np.sqrt(3000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=half / 10)
    assert found.high == pytest.approx(values.mean() + half, abs=half / 10)


def test_the_interval_holds_the_true_mean_about_19_times_of_20() -> None:
    draw = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        found = intervals.interval((draw.random(80) < 0.3).astype(float), seed)
        held += found.low <= 0.3 <= found.high
    assert 180 <= held <= 199


def test_the_same_seed_gives_the_same_interval_and_what_is_not_defined_stays_out() -> None:
    values = np.array([0.1, np.nan, 0.9, 0.4, np.nan])
    assert intervals.interval(values, 3) == intervals.interval(values[[0, 2, 3]], 3)
    assert intervals.interval(values, 3).n == 3
    assert intervals.interval(np.arange(50) / 50, 3) != intervals.interval(np.arange(50) / 50, 4)


def test_drawing_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(101)
    whole = intervals.resampled_means(values, 9)
    monkeypatch.setattr(intervals, "_DRAWN_AT_ONCE", 1000)
    np.testing.assert_array_equal(intervals.resampled_means(values, 9), whole)


def test_the_machine_is_named_where_linux_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(metadata, "version", absent)
    assert machine.machine()["processor"]
    assert list(machine.versions()) == ["python"]
