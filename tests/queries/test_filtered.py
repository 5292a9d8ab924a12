"""Searches among some images: exact, re-ranked, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import likewise
from fakes import MeanColour, RandomDirections, records, unit_rows
from likewise import images, rerank
from likewise.collection import Collection, Hits
from likewise.errors import BadArgument, UnknownName
from likewise.filters import Filter
from likewise.queries import ByText, Query, Term
from likewise.queries.reranking import reranked
from likewise.stores.local import LocalStore, filtering
from likewise.stores.local import store as stores
from likewise.types import Record
from rerankings import encoded, textured, turned

COUNT = 600
CARD = replace(MeanColour().card, dim=8)
CHAINS = ("aqe:3", "alpha-qe:3,3", "dba:4", "k-reciprocal", "diffusion:5", "superglobal", "dba:3+diffusion:4+aqe:2")
FILTERS = {"width < 0": 0, "width = 77": 1, "share < 6": 6, "share < 60": 60, "share < 300": 300}


def facts() -> list[Record]:
    order = np.random.default_rng(5).permutation(COUNT)
    return [
        replace(record, width=i, metadata={"share": int(order[i])})
        for i, record in enumerate(records(*map(str, range(COUNT))))
    ]


def holding(folder: Path, told: list[Record], rows: np.ndarray) -> LocalStore:
    store = LocalStore.create(folder, CARD)
    with store.write() as writer:
        writer.extend(told, rows)
    return store


@pytest.mark.parametrize("chain", CHAINS)
def test_filtered_and_reranked_is_indexed_alone_and_reranked(tmp_path: Path, chain: str) -> None:
    rows, points = unit_rows(COUNT, 8), unit_rows(3, 8, seed=1)
    whole = holding(tmp_path / "whole", facts(), rows)
    words = [Query((Term(ByText("words")),))] * 3

    def found(store: LocalStore, k: int, where: Filter | None) -> list[list[tuple[str, float]]]:
        steps = rerank.load(chain, depth=20)
        answers = reranked(store, steps, words, points, k, metric="cosine", limits=images.Limits(), where=where)
        return [[(hit.key, hit.score) for hit in hits] for hits in answers]

    for text, passing in FILTERS.items():
        where = Filter.parse(text)
        kept = np.array([where.matches(each) for each in facts()])
        assert kept.sum() == passing
        alone = holding(tmp_path / text, [each for each in facts() if where.matches(each)], rows[kept])
        for k in (7, 40, 1000):
            answer = found(whole, k, where)
            assert [len(hits) for hits in answer] == [min(k, passing)] * 3
            for one, other in zip(answer, found(alone, k, None), strict=True):
                assert [key for key, _ in one] == [key for key, _ in other]
                np.testing.assert_allclose([score for _, score in one], [score for _, score in other], atol=1e-6)


def test_a_filtered_search_is_not_answered_from_an_unfiltered_one_before(tmp_path: Path) -> None:
    store, points = holding(tmp_path / "s", facts(), unit_rows(COUNT, 8)), unit_rows(1, 8, seed=1)
    words, steps = [Query((Term(ByText("words")),))], rerank.load("dba:4+diffusion:5")
    seen = {}
    for text in (*FILTERS, None, *reversed(FILTERS)):
        where = None if text is None else Filter.parse(text)
        hits = reranked(store, steps, words, points, 9, metric="cosine", limits=images.Limits(), where=where)[0]
        assert seen.setdefault(text, hits) == hits
        assert all(where is None or where.matches(hit.record) for hit in hits)


def test_the_mask_of_a_filter_is_worked_out_once_until_something_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = holding(tmp_path / "s", facts(), unit_rows(COUNT, 8)), list[str]()
    original = filtering.mask_of

    def counted(connection: object, where: Filter, rows: int) -> np.ndarray:
        asked.append(str(where))
        return original(connection, where, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(filtering, "mask_of", counted)
    filters = [Filter.parse(f"width < {i}") for i in range(10)]
    for where in (*filters, *filters[2:], filters[0]):
        store.nearest(unit_rows(1, 8), 3, where=where)
    assert asked == [*map(str, filters), "width < 0"]  # eight are kept, and 0 was the ninth
    with store.write() as writer:
        writer.refresh([facts()[3]])
    store.nearest(unit_rows(1, 8), 3, where=filters[9])
    assert asked[-1] == "width < 9"
    assert len(asked) == 12


def test_a_filtered_search_that_meets_a_compaction_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = holding(tmp_path / "s", facts(), unit_rows(COUNT, 8))
    original, calls = stores.LocalStore._part_of, list[int]()

    def meddling(self: LocalStore, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            with store.write() as writer:
                writer.delete([str(i) for i in range(100)])
                writer.compact()
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(stores.LocalStore, "_part_of", meddling)
    (hits,) = store.search(unit_rows(1, 8), 999, where=Filter.parse("width < 105"))
    assert sorted(hit.key for hit in hits) == ["100", "101", "102", "103", "104"]
    assert len(calls) == 2


# A collection


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Twelve pictures in the folders even and odd, of widths 160 to 171."""
    monkeypatch.chdir(tmp_path)
    for i in range(12):
        path = tmp_path / ("odd" if i % 2 else "even") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(np.pad(textured(i), ((0, 0), (0, i), (0, 0)))))
    made = Collection.create(tmp_path, RandomDirections())
    made.index(tmp_path)
    return made


def names(hits: Hits) -> set[str]:
    return {Path(hit.key).stem for hit in hits}


def test_a_search_takes_a_filter_as_text_or_as_data(photos: Collection) -> None:
    for where in ("folder = 'odd' and width > 165", Filter.parse("folder = 'odd' and width > 165")):
        hits = photos.search("key:even/0.png", k=9, where=where)
        assert names(hits) == {"7", "9", "11"}
        assert [hit.rank for hit in hits] == [1, 2, 3]
    assert len(photos.search("key:even/0.png", where="width > 1000")) == 0
    assert len(photos.search("key:odd/1.png", k=5, where="folder = 'odd'")) == 5  # itself is left out, and still five


def test_every_query_of_a_batch_is_filtered(photos: Collection) -> None:
    queries = [photos.query(f"key:even/{i}.png") for i in (0, 2, 4)]
    for answer in photos.search_many(queries, k=3, where="folder = 'odd'"):
        assert isinstance(answer, Hits)
        assert {hit.key.split("/")[0] for hit in answer} == {"odd"}


def test_geometry_looks_at_nothing_but_what_passes(photos: Collection, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "photo.jpg").write_bytes(encoded(turned(np.pad(textured(4), ((0, 0), (0, 4), (0, 0))))))
    assert photos.search("photo.jpg", rerank="geometry", k=1)[0].key == "even/4.png"
    hits = photos.search("photo.jpg", rerank="geometry", k=12, where="folder = 'odd'")
    assert names(hits) == {"1", "3", "5", "7", "9", "11"}
    assert {hit.inliers for hit in hits} == {0}


def test_an_answer_says_what_was_searched(photos: Collection) -> None:
    hits = photos.search("key:even/0.png", where="folder  ='odd'")
    assert hits.to_json()["where"] == "folder = 'odd'"
    assert hits.note == "where folder = 'odd', itself left out"
    assert hits.bare().note == hits.note
    mixed = photos.search("key:even/0.png", plus=["key:even/2.png"], where="width > 3")
    assert mixed.note == "where width > 3, without the 2 images that it names"
    plain = photos.search("even/0.png")
    assert plain.to_json()["where"] == plain.note == ""


def test_a_field_that_no_image_has_is_refused_with_the_nearest_names(photos: Collection) -> None:
    with pytest.raises(UnknownName, match="has the field widht: did you mean width"):
        photos.search("key:even/0.png", where="widht > 3")
    with pytest.raises(UnknownName, match="the field Folder: did you mean folder"):
        photos.search("key:even/0.png", where="width > 3 or Folder = 'a'")
    with pytest.raises(UnknownName, match="has the field label: folder is the name of the folder"):
        photos.search("key:even/0.png", where="label = 'odd'")
    with pytest.raises(UnknownName, match="write 'qqqq' if it is a text"):
        photos.search("key:even/0.png", where="folder = qqqq")
    with pytest.raises(BadArgument, match="where, character 9"):
        photos.search("key:even/0.png", where="width > 'a'")
    assert len(photos.search("key:even/0.png", k=99, where="label is missing")) == 11


def test_a_field_that_some_image_has_is_known(photos: Collection) -> None:
    known = photos.store.known("odd/11.png")
    assert known is not None
    assert known.record is not None
    with photos.store.write() as writer:
        writer.refresh([replace(known.record, metadata={"seen": {"by": "Ada"}})])
    for _ in range(2):
        assert names(photos.search("key:even/0.png", where="seen.by = 'Ada'")) == {"11"}
    with pytest.raises(UnknownName, match=r"did you mean seen\.by"):
        photos.search("key:even/0.png", where="seen.bye = 'Ada'")


def test_an_empty_collection_knows_every_field(tmp_path: Path) -> None:
    made = Collection.create(tmp_path, MeanColour())
    assert list(made.records("anything = 3")) == []
    assert {each.missing for each in made.fields()} == {0}


def test_images_and_fields_can_be_listed(photos: Collection) -> None:
    assert [record.key for record in photos.records("width > 169")] == ["even/10.png", "odd/11.png"]
    assert len(list(photos.records())) == 12
    (folder,) = [each for each in photos.fields(where="width > 162") if each.name == "folder"]
    assert folder.top == (("odd", 5), ("even", 4))


def test_forgetting_by_a_filter_takes_out_what_passes_and_keeps_it_out(photos: Collection) -> None:
    assert photos.forget("odd", where="width > 168") == 2
    assert photos.forget(where="folder = 'even' and width < 163") == 2
    assert photos.forget("odd", where="folder = 'even'") == 0
    assert len(photos) == 8
    assert photos.index().forgotten == 4
    with pytest.raises(BadArgument, match="nothing to forget"):
        photos.forget()
    with pytest.raises(UnknownName):
        photos.forget(where="folderr = 'even'")
    assert len(photos) == 8


def test_the_library_reads_filters_without_a_model(photos: Collection, tmp_path: Path) -> None:
    with likewise.open(tmp_path) as opened:
        assert sum(1 for _ in opened.records("folder = 'odd'")) == 6
