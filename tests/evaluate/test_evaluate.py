"""The run itself: keeps what it embedded, reports what it could not read, and ranks as exact search does."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, distinct, meaningless, no_self, rows, separate
from fakes import MeanColour, Memory, RandomDirections, png
from likewise.benchmarks import Classes, Lists
from likewise.errors import BadArgument, StoreMismatch, UnknownName
from likewise.evaluate import METRICS, evaluate, ranking, running
from likewise.indexes.exact import Exact

EVERY = tuple(name.replace("@k", "@3") for name in METRICS)


def test_a_second_run_embeds_nothing_and_finds_the_same(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    encoder = MeanColour()
    first = evaluate(made, encoder, folder=tmp_path)
    assert encoder.calls == 18
    second = evaluate(made, encoder, folder=tmp_path)
    assert encoder.calls == 18
    assert second.estimates[0].values.tolist() == first.estimates[0].values.tolist()
    assert second.answers == first.answers


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    gallery, classes = meaningless(300)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    encoder = RandomDirections()

    def kill(what: str, done: int, total: int) -> None:
        if what == "gallery" and done >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(made, encoder, folder=tmp_path, watch=kill)
    before = encoder.calls
    resumed = evaluate(made, encoder, folder=tmp_path)
    assert 0 < before < 300
    assert encoder.calls - before < 300
    whole = evaluate(made, encoder, folder=tmp_path / "elsewhere")
    assert resumed.estimates[0].values.tolist() == whole.estimates[0].values.tolist()


def test_an_unreadable_gallery_image_is_reported_and_counts_as_not_found(tmp_path: Path) -> None:
    red = png((250, 10, 10))
    gallery = Memory({"a.png": red, "b.png": None, "c.png": png((10, 10, 250)), "d.png": b"torn"}, "/gallery")
    queries = Memory({"q.png": png((240, 10, 10))}, "/queries")
    truths = {"classes": Classes(rows(0), rows(0, 0, 1, 1), rows(-1)), "lists": Lists((rows(0, 1),), (rows(),))}
    result = evaluate(benchmark(gallery, queries, truths, ("recall@4", "mAP")), MeanColour(), folder=tmp_path)
    assert [skip.key for skip in result.gallery.skipped] == ["b.png", "d.png"]
    assert result.gallery.listed == 4
    for setup in truths:
        assert result.estimate("recall@4", setup).values.tolist() == [0.5]
        assert result.estimate("mAP", setup).values.tolist() == [0.5]
    assert [hit.key for hit in result.answers[0].hits] == ["a.png", "c.png"]
    assert [hit.verdicts["lists"] for hit in result.answers[0].hits] == ["right", "wrong"]


def test_an_unreadable_query_is_left_out_and_reported(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    queries = Memory({"a.png": png((250, 10, 10)), "b.png": b"torn", "c.png": png((10, 10, 250))}, "/queries")
    truth = Classes(rows(0, 1, 2), classes, no_self(3))
    result = evaluate(benchmark(gallery, queries, truth, ("P@2",)), MeanColour(), folder=tmp_path)
    assert [answer.key for answer in result.answers] == ["a.png", "c.png"]
    assert [skip.key for skip in result.queries.skipped] == ["b.png"]
    assert result.estimate("P@2").values.tolist() == [1, 1]
    assert result.estimate("P@2").interval.n == 2


def test_a_query_without_positives_is_counted_and_not_averaged(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    queries = Memory({"a.png": png((250, 10, 10)), "b.png": png((1, 2, 3))}, "/queries")
    truth = Classes(rows(0, 99), classes, no_self(2))
    result = evaluate(benchmark(gallery, queries, truth, EVERY), MeanColour(), folder=tmp_path)
    for estimate in result.estimates:
        defined_anyway = estimate.metric in ("kNN@3", "muAP")
        assert estimate.undefined == (0 if defined_anyway else 1), estimate.metric
        assert estimate.interval.n == (2 if defined_anyway else 1)
    assert result.estimate("kNN@3").values.tolist() == [1, 0]


def test_gallery_and_queries_of_one_place_are_told_apart_by_key(tmp_path: Path) -> None:
    files = distinct(40)
    whole = Memory(files, "/place")
    names = sorted(files)
    some = Memory({name: files[name] for name in names[5::7]}, "/place")
    own = np.arange(40)[5::7]
    classes = np.arange(40) % 4
    truth = Classes(classes[own], classes, no_self(len(own)))
    result = evaluate(benchmark(whole, some, truth), RandomDirections(), folder=tmp_path)
    assert [answer.key for answer in result.answers] == names[5::7]
    assert [answer.hits[0].key for answer in result.answers] == names[5::7]  # each finds itself first


def test_images_of_an_earlier_gallery_are_in_no_ranking(tmp_path: Path) -> None:
    encoder = RandomDirections()
    for count, location in ((50, "/before"), (20, "/after")):
        gallery = Memory(distinct(count), location)
        truth = classes_of(np.arange(count) % 2, without_self=False)
        result = evaluate(benchmark(gallery, gallery, truth), encoder, folder=tmp_path)
    assert {hit.key for answer in result.answers for hit in answer.hits} <= set(gallery.files)
    assert len(result.answers) == 20


def test_a_moved_gallery_keeps_its_figures(tmp_path: Path) -> None:
    values = []
    for location in ("/here", "/there/deeper"):
        gallery = Memory(distinct(30), location)
        made = benchmark(gallery, gallery, classes_of(np.arange(30) % 3, without_self=True))
        result = evaluate(made, RandomDirections(), folder=tmp_path)
        values.append(result.estimate("mAP").values.tolist())
    assert values[0] == values[1]


@pytest.mark.parametrize("unit", [True, False])
def test_rankings_are_those_of_exact_search_to_the_last_bit(monkeypatch: pytest.MonkeyPatch, unit: bool) -> None:
    monkeypatch.setattr(ranking, "_TILE_BYTES", 4 * 4 * 7)
    draw = np.random.default_rng(3)
    gallery = draw.normal(size=(50, 4)).astype(np.float32)
    gallery[30:] = gallery[:20]  # exact copies score equal
    queries = draw.normal(size=(9, 4)).astype(np.float32)
    card = MeanColour(unit=unit).card
    if unit:
        gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    scores, found = ranking.ranked(queries, lambda start, stop: gallery[start:stop], 50, card)
    wanted_scores, wanted = Exact(gallery, card.metric, unit=unit).search(queries, 50)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(scores, wanted_scores)


def test_falling_order_is_that_of_a_stable_sort() -> None:
    draw = np.random.default_rng(0)
    scores = draw.integers(-3, 4, (20, 200)).astype(np.float32) / 4
    scores[:, ::11] *= -0.0
    scores[:, 5], scores[:, 7], scores[:, 8] = np.inf, -np.inf, np.float32(1e-45)
    np.testing.assert_array_equal(ranking.falling(scores), np.argsort(-scores, axis=1, kind="stable"))


def test_blocks_and_rows_that_are_read_again_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, classes = meaningless(90)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), EVERY)
    whole = evaluate(made, RandomDirections(), folder=tmp_path)
    monkeypatch.setattr(ranking, "_PAIRS_AT_ONCE", 90 * 7)
    monkeypatch.setattr("likewise.evaluate.embedding._HELD_BYTES", 0)
    parts = evaluate(made, RandomDirections(), folder=tmp_path)
    assert parts.answers == whole.answers
    for mine, theirs in zip(parts.estimates, whole.estimates, strict=True):
        np.testing.assert_array_equal(mine.values, theirs.values, mine.metric)


def test_an_interrupted_ranking_leaves_no_thread_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_PAIRS_AT_ONCE", 1)
    gallery, classes = meaningless(60)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))

    def stop(what: str, done: int, total: int) -> None:
        if what == "ranking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(made, RandomDirections(), folder=tmp_path, watch=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("likewise-rank")]


def test_every_step_is_told(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    queries, asked = separate(1, "/queries")
    told: dict[str, tuple[int, int]] = {}
    made = benchmark(gallery, queries, Classes(asked, classes, no_self(6)))
    evaluate(made, MeanColour(), folder=tmp_path, watch=lambda what, *counts: told.update({what: counts}))
    assert told == {"gallery": (12, 12), "queries": (6, 6), "ranking": (6, 6)}


def test_another_encoder_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    evaluate(made, MeanColour(), folder=tmp_path)
    with pytest.raises(StoreMismatch):
        evaluate(made, RandomDirections(), folder=tmp_path)


def test_each_encoder_has_a_folder_of_its_own_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.weights.cache_folder", lambda: tmp_path)
    gallery, classes = separate(2)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    for encoder in (MeanColour(), RandomDirections()):
        evaluate(made, encoder)
        folder = running.cache_folder(made, encoder)
        assert folder == tmp_path / "evaluate" / f"squares-{encoder.card.fingerprint}"
        assert (folder / "gallery" / "collection.sqlite").exists()


def test_a_truth_of_another_size_is_refused(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    with pytest.raises(BadArgument, match="about 11 queries and 11 gallery images, and there are 12 and 12"):
        evaluate(benchmark(gallery, gallery, classes_of(classes[1:], without_self=True)), MeanColour(), folder=tmp_path)
    with pytest.raises(BadArgument, match="about 1 queries and 12"):
        evaluate(benchmark(gallery, gallery, Lists((rows(1),), (rows(),))), MeanColour(), folder=tmp_path)


def test_a_benchmark_of_which_nothing_can_be_read_says_why(tmp_path: Path) -> None:
    torn = Memory({"a.png": b"torn"}, "/gallery")
    with pytest.raises(BadArgument, match=r"none of its 1 gallery could be read: a\.png: "):
        evaluate(benchmark(torn, torn, classes_of(rows(0), without_self=False)), MeanColour(), folder=tmp_path)


def test_unknown_metrics_name_their_neighbours(tmp_path: Path) -> None:
    gallery, classes = separate(2)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    for wrong, near in (("map", "mAP"), ("P@", "P@10"), ("precision", "R-precision"), ("knn@20", "kNN@20")):
        with pytest.raises(UnknownName, match=near):
            evaluate(made, MeanColour(), folder=tmp_path, metrics=[wrong])
    with pytest.raises(BadArgument, match="at least 1"):
        evaluate(made, MeanColour(), folder=tmp_path, metrics=["P@0"])


def test_votes_need_classes(tmp_path: Path) -> None:
    gallery, _ = separate(1)
    lists = Lists(tuple(rows(i) for i in range(6)), tuple(rows() for _ in range(6)))
    with pytest.raises(BadArgument, match="lists positives"):
        evaluate(benchmark(gallery, gallery, lists, ("kNN@3",)), MeanColour(), folder=tmp_path)
