"""Copies of a better hit stand under it, and k different pictures are found."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import likewise
from likewise.collection import Collection
from likewise.duplicates.folding import Folding
from likewise.show import page, terminal
from likewise.types import Hit
from photos import album, encoded, photo


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    place = tmp_path_factory.mktemp("gallery")
    return likewise.index(album(place / "album"), collection=place, model="classical")


def short(hit: Hit) -> str:
    return hit.key.removeprefix("album/")


def test_copies_fold_under_the_best_of_them(gallery: Collection) -> None:
    query = encoded(photo(1))
    plain = [short(hit) for hit in gallery.search(query, k=3)]
    assert set(plain) == {"01.png", "small/01.png", "small/01.jpg"}
    hits = gallery.search(query, k=3, fold=True)
    assert len(hits) == 3
    assert short(hits[0]) == plain[0]
    assert [short(hit) for hit in hits[0].folded] == plain[1:]
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert [hit.rank for hit in hits[0].folded] == [1, 1]
    assert not set(plain) & {short(hit) for hit in hits[1:]}


def test_nobody_who_does_not_ask_has_folded_hits(gallery: Collection) -> None:
    assert all(hit.folded == () for hit in gallery.search(encoded(photo(1)), k=28))


def test_more_is_asked_for_until_there_are_k_or_the_gallery_ends(gallery: Collection) -> None:
    for k in (1, 5, 23, 24, 50):
        hits = gallery.search(encoded(photo(1)), k=k, fold=True)
        assert len(hits) == min(k, 24)
    assert sum(1 + len(hit.folded) for hit in hits) == 28


def test_the_image_that_is_asked_about_is_left_out_and_its_copies_fold_among_themselves(gallery: Collection) -> None:
    hits = gallery.search("key:album/01.png", k=2, fold=True)
    assert {short(hits[0]), *map(short, hits[0].folded)} == {"small/01.png", "small/01.jpg"}


def test_folding_goes_together_with_re_ranking_and_metrics_and_significance(gallery: Collection) -> None:
    for how in ({"metric": "l2"}, {"rerank": "alpha-qe"}, {"significance": 1.0}):
        hits = gallery.search(encoded(photo(1)), k=3, fold=True, **how)  # type: ignore[arg-type]
        assert len(hits[0].folded) == 2
        assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].chance is not None


def test_many_queries_fold_each_for_itself(gallery: Collection) -> None:
    queries = [gallery.query(encoded(photo(i))) for i in (0, 1, 2, 3)]
    found = list(gallery.search_many(queries, k=4, fold=True))
    assert [len(hits[0].folded) for hits in found if not isinstance(hits, likewise.types.Skipped)] == [1, 2, 1, 0]


def test_equal_bytes_fold_even_where_the_files_are_gone(tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    gallery = likewise.index(folder, collection=tmp_path, model="classical")
    for path in folder.rglob("*.*"):
        path.unlink()
    assert [len(hit.folded) for hit in gallery.search(encoded(photo(0)), k=1, fold=True)] == [1]
    assert [len(hit.folded) for hit in gallery.search(encoded(photo(1)), k=1, fold=True)] == [0]


def test_a_hit_that_is_gone_since_it_was_found_stays_by_itself(tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    gallery = likewise.index(folder, collection=tmp_path, model="classical")
    hits = list(gallery.search(encoded(photo(1)), k=3))
    gallery.forget(folder / "small")
    assert [hit.folded for hit in Folding(gallery.store).by("cosine")(hits)] == [(), (), ()]


def test_folded_copies_are_shown_everywhere(gallery: Collection) -> None:
    hits = gallery.search(encoded(photo(1)), k=2, fold=True)
    assert "+2 copies" in repr(hits)
    assert "+2 copies" in hits._repr_html_()
    assert "+2 copies" in page.html([hits.answer()], title="x")
    told = json.loads(json.dumps(hits.to_json()))["hits"][0]["folded"]
    assert {each["key"] for each in told} < {"album/01.png", "album/small/01.png", "album/small/01.jpg"}
    assert set(told[0]) == {"key", "path", "score"}

    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(terminal.table(hits.bare()))
    lines = console.export_text().splitlines()
    assert "copies" in lines[1]
    assert "+2" in lines[2]
