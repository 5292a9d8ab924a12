"""A run with re-ranking: whole rankings, in place, told in the result, and compared with one without."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluate.examples import benchmark, classes_of, meaningless, no_self, separate
from fakes import MeanColour, Memory, RandomDirections
from likewise import rerank
from likewise.benchmarks import Classes
from likewise.errors import BadArgument
from likewise.evaluate import Result, compare, evaluate
from likewise.stores.local import LocalStore
from rerankings import encoded, textured, turned


def test_a_reranked_run_is_the_chain_on_every_query(tmp_path: Path) -> None:
    gallery, classes = meaningless(150)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=False), ("mAP", "R@1"))
    plain = evaluate(made, RandomDirections(), folder=tmp_path)
    chain = rerank.load("alpha-qe:4,3+k-reciprocal:8,3,0.3", depth=15)
    better = evaluate(made, RandomDirections(), folder=tmp_path, rerank=chain)
    assert better.rerank == chain.name
    assert better.depth == 15
    assert (plain.rerank, plain.depth) == ("", 0)
    with LocalStore.create(tmp_path / "gallery", RandomDirections().card) as store:
        rows = store.embeddings(np.arange(150))
    found = chain.run(rerank_gallery(rows), [rerank.Asked()] * 150, rows)
    keys = sorted(gallery.files)
    ranked = found.best(20)[1]
    for answer, line in zip(better.answers, ranked, strict=True):
        assert [hit.key for hit in answer.hits] == [keys[row] for row in line]
        scores = [hit.score for hit in answer.hits]
        assert scores == sorted(scores, reverse=True)


def rerank_gallery(rows: np.ndarray) -> rerank.Gallery:
    from likewise.rerank.held import Held

    return Held(rows, "cosine", unit=True)


@pytest.mark.parametrize("name", ["dba:3", "dba:3+diffusion:5", "aqe:2", "superglobal:3"])
def test_whole_rankings_hold_every_image_once(tmp_path: Path, name: str) -> None:
    gallery, classes = meaningless(90)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True), ("recall@90", "MAP@R"))
    result = evaluate(made, RandomDirections(), folder=tmp_path, rerank=rerank.load(name, 10))
    assert result.estimate("recall@90").values.tolist() == [1.0] * 90


def test_images_that_could_not_be_read_are_in_no_reranked_list(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    gallery.files["1-1.png"] = None
    made = benchmark(gallery, gallery, classes_of(classes, without_self=False), ("recall@18",))
    result = evaluate(made, MeanColour(), folder=tmp_path, rerank=rerank.load("k-reciprocal", 6))
    assert len(result.answers) == 17
    assert all(hit.key != "1-1.png" for answer in result.answers for hit in answer.hits)


def test_geometry_finds_what_embeddings_do_not(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pictures = {f"{i}.png": textured(i) for i in range(5)}
    gallery = Memory({key: encoded(picture) for key, picture in pictures.items()}, "/gallery")
    queries = Memory({key: encoded(turned(picture)) for key, picture in pictures.items()}, "/queries")
    made = benchmark(gallery, queries, Classes(np.arange(5), np.arange(5), no_self(5)), ("R@1",))
    plain = evaluate(made, RandomDirections(), folder=tmp_path)
    better = evaluate(made, RandomDirections(), folder=tmp_path, rerank=rerank.load("geometry"))
    assert plain.estimate("R@1").interval.mean < 1
    assert better.estimate("R@1").interval.mean == 1
    (difference,) = compare(plain, better).differences
    assert difference.mean == 1 - plain.estimate("R@1").interval.mean
    assert difference.losses == 0


def test_a_result_says_how_it_was_reranked_and_older_files_are_still_read(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    result = evaluate(made, MeanColour(), folder=tmp_path, rerank=rerank.load("dba:2", 7))
    told = json.loads(result.to_json())
    assert (told["rerank"], told["depth"]) == ("dba:2", 7)
    again = Result.from_json(result.to_json())
    assert (again.rerank, again.depth) == ("dba:2", 7)
    del told["rerank"], told["depth"]
    older = Result.from_json(json.dumps(told))
    assert (older.rerank, older.depth) == ("", 0)


def test_a_reranker_that_does_not_go_with_the_model_is_refused(tmp_path: Path) -> None:
    gallery, classes = separate(3)
    made = benchmark(gallery, gallery, classes_of(classes, without_self=True))
    with pytest.raises(BadArgument, match="superglobal goes by angles"):
        evaluate(made, MeanColour(unit=False), folder=tmp_path, rerank=rerank.load("superglobal"))
