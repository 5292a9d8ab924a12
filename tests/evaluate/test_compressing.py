"""A gallery kept as codes, judged beside the same in float32."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, meaningless, no_self, separate
from fakes import MeanColour, RandomDirections, unit_rows
from likewise import rerank
from likewise.benchmarks import Classes
from likewise.compression import compression
from likewise.errors import BadArgument
from likewise.evaluate import Result, compare, costs, evaluate, evaluate_kept
from likewise.evaluate.compressing import neighbours_kept
from likewise.stores.local import LocalStore


def ways(*names: str) -> list:
    return [compression(name) for name in names]


def test_every_way_is_judged_on_the_same_embeddings(tmp_path: Path) -> None:
    gallery, classes = meaningless(400)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("mAP", "P@3"))
    encoder = RandomDirections()
    told: list[str] = []
    plain, exact, small = evaluate_kept(
        made, encoder, ways("float32", "pq:4"), folder=tmp_path, watch=lambda what, *_: told.append(what)
    )
    assert encoder.calls == 400
    assert {"gallery", "ranking", "ranking float32", "ranking pq:4"} == set(told)
    alone = evaluate(made, encoder, folder=tmp_path)
    assert [each.values.tolist() for each in alone.estimates] == [each.values.tolist() for each in plain.estimates]
    assert exact.answers == plain.answers
    assert [(each.kept_as, each.row_bytes) for each in (plain, exact, small)] == [
        ("float32", 64),
        ("float32", 64),
        ("pq:4", 4),
    ]
    assert small.answers != plain.answers
    assert small.notes[-1] == (
        "the gallery is kept as pq:4, 4 bytes a row, fitted on 400 of the gallery's 400 embeddings, seed 0; queries are float32"
    )


def test_a_query_is_compared_as_it_is_with_what_is_kept(tmp_path: Path) -> None:
    gallery, classes = meaningless(60)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=False), ("mAP",))
    _, coded = evaluate_kept(made, RandomDirections(), ways("int8"), folder=tmp_path)
    with LocalStore.create(tmp_path / "gallery", RandomDirections().card) as store:
        rows = store.embeddings(np.arange(60))
    codec = compression("int8").made(16, unit=True).codec
    scores = rows @ codec.decode(codec.encode(rows)).T
    for answer, line in zip(coded.answers, scores, strict=True):
        np.testing.assert_allclose([hit.score for hit in answer.hits], np.sort(line)[::-1][:20], atol=1e-6)


def test_what_it_costs_is_paired_and_counts_the_nearest_that_stay(tmp_path: Path) -> None:
    gallery, classes = meaningless(300)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("mAP", "P@3"))
    plain, *others = evaluate_kept(made, RandomDirections(), ways("int8", "pq:2"), folder=tmp_path)
    fine, coarse = costs(plain, others)
    assert (fine.kept_as, fine.row_bytes, coarse.row_bytes) == ("int8", 16, 2)
    assert 0 < coarse.neighbours < fine.neighbours <= 1
    for cost, other in zip((fine, coarse), others, strict=True):
        assert [each.metric for each in cost.differences] == ["mAP", "P@3"]
        assert [each.mean for each in cost.differences] == [each.mean for each in compare(plain, other).differences]
    wanted = []
    for before, after in zip(plain.answers, others[1].answers, strict=True):
        nearest = [hit.key for hit in before.hits if hit.key != before.key][:10]
        found = [hit.key for hit in after.hits if hit.key != before.key][:10]
        wanted.append(sum(key in found for key in nearest) / 10)
    assert coarse.neighbours == pytest.approx(np.mean(wanted))


def test_a_key_of_another_place_is_not_the_query_itself(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    queries, _ = separate(2, "/queries")
    made = benchmark(gallery, queries, Classes(classes, classes, no_self(12)), ("R@1",))
    plain, *others = evaluate_kept(made, MeanColour(), ways("float16"), folder=tmp_path)
    (cost,) = costs(plain, others)
    assert cost.neighbours == 1
    assert cost.differences[0].mean == 0


def test_a_gallery_that_is_too_small_for_a_codec_is_told(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    with pytest.raises(BadArgument, match="pq:2 is fitted on 256 embeddings at least, and this gallery has 18"):
        evaluate_kept(made, MeanColour(), ways("pq:2"), folder=tmp_path)


def test_a_codec_that_does_not_go_with_the_length_is_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made, encoder = benchmark(gallery, gallery, classes_of(classes, without_self=True)), MeanColour()
    with pytest.raises(BadArgument, match="pq:5 makes 5 bytes of 4 components"):
        evaluate_kept(made, encoder, ways("int8", "pq:5"), folder=tmp_path)
    assert encoder.calls == 0


def test_rerankers_see_what_is_kept(tmp_path: Path) -> None:
    gallery, classes = meaningless(300)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("mAP",))
    chain = rerank.load("dba:2", 10)
    plain, coded = evaluate_kept(made, RandomDirections(), ways("pq:2"), folder=tmp_path, rerank=chain)
    assert plain.rerank == coded.rerank == "dba:2"
    assert plain.answers[0].hits[0].score != coded.answers[0].hits[0].score


def test_a_result_says_how_it_was_kept_and_older_files_are_still_read(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    _, result = evaluate_kept(made, MeanColour(), ways("int8"), folder=tmp_path)
    told = json.loads(result.to_json())
    assert (told["kept_as"], told["row_bytes"]) == ("int8", 4)
    again = Result.from_json(result.to_json())
    assert (again.kept_as, again.row_bytes) == ("int8", 4)
    del told["kept_as"], told["row_bytes"]
    older = Result.from_json(json.dumps(told))
    assert (older.kept_as, older.row_bytes) == ("float32", 16)


def test_neighbours_are_counted_without_the_query_itself() -> None:
    rows = unit_rows(30, 8)
    exact = compression("float32").made(8, unit=True)
    every = np.arange(30)
    assert neighbours_kept(exact, rows, every, "cosine") == 1
    coarse = compression("pq:1").fitted(unit_rows(300, 8, seed=1), unit=True)
    codec = coarse.codec
    before, after = rows @ rows.T, rows @ codec.decode(codec.encode(rows)).T
    shares = []
    for i in range(30):
        lines = [np.argsort(-np.where(np.arange(30) == i, -9, each[i]), kind="stable")[:10] for each in (before, after)]
        shares.append(len(set(lines[0]) & set(lines[1])) / 10)
    assert neighbours_kept(coarse, rows, every, "cosine") == pytest.approx(np.mean(shares))
    assert neighbours_kept(coarse, rows, every[7:9], "cosine") == pytest.approx(np.mean(shares[7:9]))
    assert neighbours_kept(exact, rows[:1], every[:1], "cosine") is None
