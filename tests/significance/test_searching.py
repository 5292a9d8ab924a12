"""Searches that say what chance does, and that may answer with nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

import likewise
from fakes import Memory, NamedColours, RandomDirections, colours, png
from likewise import cli
from likewise import search as searching
from likewise.collection import Collection
from likewise.errors import BadArgument, BadImage
from likewise.queries import Query
from likewise.rerank import Chain, Shortlists
from likewise.types import Skipped

GALLERY = colours(300)
KNOWN = GALLERY["00007.png"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = Collection.create(tmp_path_factory.mktemp("gallery"), RandomDirections())
    made.index_sources([Memory(GALLERY)])
    return made


def stranger(number: int) -> bytes:
    return list(colours(300 + number, seed=1).values())[-1]


def test_nobody_who_does_not_ask_is_told_of_chance(gallery: Collection) -> None:
    hits = gallery.search(KNOWN, k=3)
    assert [hit.chance for hit in hits] == [None] * 3
    assert (hits.significance, list(hits.by_chance), hits.note) == (None, [], "")


def test_a_match_is_no_chance_and_what_stands_behind_it_is(gallery: Collection) -> None:
    hits = gallery.search(KNOWN, k=5, significance=0.001)
    assert [hit.key.rsplit("/", 1)[1] for hit in hits] == ["00007.png"]
    assert hits[0].chance == pytest.approx(gallery.null().finest(300))
    assert [hit.rank for hit in hits.by_chance] == [2, 3, 4, 5]
    assert all((hit.chance or 0) > 0.001 for hit in hits.by_chance)
    assert hits.note == "4 more left out that chance explains"


def test_a_picture_that_resembles_none_has_no_good_match(gallery: Collection) -> None:
    hits = gallery.search(stranger(3), k=5, significance=0.001)
    assert list(hits) == []
    assert len(hits.by_chance) == 5
    assert hits.note.startswith("no good match: the best has 0.")
    assert hits.note.endswith(" by chance")
    assert "no good match" in repr(hits)


def test_as_many_strangers_have_a_match_as_stated(gallery: Collection) -> None:
    strangers = [Query.image(str(i), data) for i, data in enumerate(list(colours(1500, seed=1).values())[300:])]
    found = list(gallery.search_many(strangers, 1, significance=0.1))
    assert 0.05 < np.mean([bool(answer) for answer in found]) < 0.2


def test_with_significance_one_all_are_shown_with_their_chance(gallery: Collection) -> None:
    plain, told = gallery.search(KNOWN, k=9), gallery.search(KNOWN, k=9, significance=1)
    assert [hit.key for hit in told] == [hit.key for hit in plain]
    assert [hit.score for hit in told] == [hit.score for hit in plain]
    chances = [hit.chance or 0 for hit in told]
    assert chances == sorted(chances)
    assert chances[-1] > 0.5


def test_chance_goes_with_the_metric_that_is_asked_for(gallery: Collection) -> None:
    by_angle = gallery.search(KNOWN, k=5, significance=1)
    by_distance = gallery.search(KNOWN, k=5, significance=1, metric="l2")
    assert [hit.key for hit in by_angle] == [hit.key for hit in by_distance]
    for one, other in zip(by_angle, by_distance, strict=True):
        assert one.chance == pytest.approx(other.chance, rel=0.02)


def test_chance_is_that_of_so_many_images_as_pass_a_filter(gallery: Collection) -> None:
    all_of_them = {hit.key: hit.chance or 1 for hit in gallery.search(stranger(2), k=300, significance=1)}
    few = gallery.search(stranger(2), k=5, significance=1, where="label = '0' and path like '%7.png'")
    assert len(few) == 5
    for hit in few:
        assert (hit.chance or 1) < all_of_them[hit.key]
    none = gallery.search(KNOWN, k=5, significance=0.01, where="width > 100000")
    assert (list(none), list(none.by_chance)) == ([], [])


class Backwards:
    """Turns rankings round, and claims inliers of the last when it may."""

    SETTINGS = ()
    needs_pictures = False

    def __init__(self, verified: int = 0) -> None:
        self._verified = verified

    def rerank(self, found: Shortlists) -> Shortlists:
        turned = found.reordered(-found.scores)
        inliers = [{int(rows[0]): self._verified} for rows in turned.rows]
        return Shortlists(turned.gallery, turned.asked, turned.points, turned.scores, turned.rows, inliers)


def test_after_reranking_chance_is_that_of_the_embedding(gallery: Collection) -> None:
    plain = {hit.key: hit.chance for hit in gallery.search(KNOWN, k=4, significance=1)}
    turned = gallery.search(KNOWN, k=4, significance=1, rerank=Chain("backwards", (Backwards(),), 4))
    assert [hit.key for hit in turned] == list(plain)[::-1]
    for hit in turned:
        assert hit.chance == pytest.approx(plain[hit.key], rel=1e-3)
    left = gallery.search(KNOWN, k=4, significance=0.001, rerank=Chain("backwards", (Backwards(),), 4))
    assert [(hit.rank, hit.key) for hit in left] == [(1, next(iter(plain)))]


def test_what_geometry_has_verified_is_a_hit_whatever_its_chance(gallery: Collection) -> None:
    found = gallery.search(stranger(3), k=4, significance=0.001, rerank=Chain("backwards", (Backwards(12),), 4))
    (hit,) = found
    assert (hit.rank, hit.inliers) == (1, 12)
    assert (hit.chance or 0) > 0.001
    assert found.note == "3 more left out that chance explains"


def test_an_image_that_went_meanwhile_is_chance(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(gallery.store), "embedding", lambda *_: None)
    found = gallery.search(KNOWN, k=2, significance=0.01, rerank=Chain("backwards", (Backwards(),), 2))
    assert len(found.by_chance) == 2


def test_of_words_and_mixes_nothing_is_claimed(tmp_path: Path) -> None:
    named = Collection.create(tmp_path, NamedColours())
    named.index_sources([Memory(GALLERY)])
    with pytest.raises(BadImage, match="known of pictures, not of words: go without --significance"):
        named.search("text:red", significance=0.01)
    with pytest.raises(BadImage, match="known of single pictures, not of mixes"):
        named.search(KNOWN, plus=[stranger(1)], significance=0.01)
    bad = [Skipped("gone", "why"), Query.image("torn", b"torn")]
    answers = list(searching.search(named.store, named.encoder, bad, 1, significance=0.01))
    assert answers[0] == bad[0]
    assert isinstance(answers[1], Skipped)


def test_what_a_gallery_cannot_tell_is_refused(gallery: Collection, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="more than 300 pictures of this gallery can tell: ask for 3e-05 or more"):
        gallery.search(KNOWN, significance=1e-7)
    small = Collection.create(tmp_path / "small", RandomDirections())
    small.index_sources([Memory(colours(19))])
    with pytest.raises(BadArgument, match="too few to say what chance does"):
        small.search(KNOWN, significance=0.1)


def test_it_is_refitted_when_images_come_or_go_and_kept_with_a_large_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.collection import collection as module
    from likewise.stores.local import snapshot

    monkeypatch.setattr(snapshot, "_WORTH_A_FILE", 100)
    monkeypatch.setattr(module, "_WORTH_FITTING", 100)
    made = Collection.create(tmp_path, RandomDirections())
    source = Memory({key: GALLERY[key] for key in list(GALLERY)[:150]})
    made.index_sources([source])
    (first,) = (tmp_path / ".likewise" / "derived").iterdir()
    assert first.name.startswith("chance-cosine.")
    made.index_sources([source])
    assert [first] == list((tmp_path / ".likewise" / "derived").iterdir())
    source.files["new.png"] = stranger(5)
    made.index_sources([source])
    (second,) = (tmp_path / ".likewise" / "derived").iterdir()
    assert second != first
    assert len(made.null().best) == 151
    with Collection.open(tmp_path) as again:
        monkeypatch.setattr("likewise.significance.sampling._worked_out", None)  # it is on the disk
        assert np.array_equal(again.null().best, made.null().best)


def test_hits_that_are_none_can_be_saved_in_three_ways(gallery: Collection, tmp_path: Path) -> None:
    none = gallery.search(stranger(3), k=2, significance=0.001)
    with Picture.open(none.save(tmp_path / "a.png")) as picture:
        assert picture.width > 2 * 224  # the query, and a square that says so
    assert "no good match" in none.save(tmp_path / "a.html").read_text("utf-8")
    assert "no good match" in none._repr_html_()
    told = json.loads(none.save(tmp_path / "a.json").read_text("utf-8"))
    assert (told["significance"], told["hits"]) == (0.001, [])
    assert [set(hit) for hit in told["by_chance"]] == [{"key", "score", "chance"}] * 2
    shown = gallery.search(KNOWN, significance=0.001).to_json()
    assert shown["hits"][0]["chance"] < 0.001


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line over 60 pictures of one colour each, and two to look for."""
    for folder, data in (("gallery", colours(60)), ("known", colours(1)), ("none", {"far.png": png((128, 128, 128))})):
        (tmp_path / folder).mkdir()
        for name, content in data.items():
            (tmp_path / folder / name).write_bytes(content)

    def call(*words: str | Path) -> Result:
        arguments = ["-c", str(tmp_path), *map(str, words)]
        return CliRunner().invoke(cli.likewise, arguments, standalone_mode=False)

    likewise.index(tmp_path / "gallery", collection=tmp_path, model="pixels")
    return call


def test_the_command_tells_chance_between_score_and_path(run: Run, tmp_path: Path) -> None:
    told = run("search", tmp_path / "known" / "00000.png", "--significance", "0.01")
    (line,) = told.stdout.splitlines()
    rank, score, chance, path = line.split("\t")
    assert (rank, score, path) == ("1", "0", str(tmp_path / "gallery" / "00000.png"))
    assert 0 < float(chance) < 0.01
    assert told.stderr == ""


def test_no_good_match_is_an_answer_and_no_error(run: Run, tmp_path: Path) -> None:
    none = tmp_path / "none" / "far.png"
    told = run("search", none, "--significance", "0.001")
    assert (told.exception, told.return_value, told.stdout) == (None, 0, "")
    assert told.stderr.startswith(f"likewise: {none}: no good match: the best has -")
    data = run("search", none, "--significance", "0.001", "--json")
    assert json.loads(data.stdout)["hits"] == []
    assert data.return_value == 0


def test_the_table_has_a_column_for_chance_or_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.cli import search

    monkeypatch.setattr(search, "on_terminal", lambda: True)
    known = run("search", tmp_path / "known" / "00000.png", "--significance", "0.01").output
    assert "by chance" in known
    assert "1 in " in known
    none = run("search", tmp_path / "none" / "far.png", "--significance", "0.001").output
    assert "no good match" in none
    assert "rank" not in none


def test_pages_and_grids_are_written_also_when_nothing_matches(run: Run, tmp_path: Path) -> None:
    queries = [tmp_path / "known", tmp_path / "none"]
    out = run("search", *queries, "--significance", "0.01", "--grid", tmp_path / "g", "--html", tmp_path / "p.html")
    assert out.exception is None
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["00000.png", "far.png"]
    assert "no good match" in (tmp_path / "p.html").read_text("utf-8")


@pytest.mark.parametrize("nonsense", ["0", "2", "few"])
def test_no_probability_is_wrong_usage(run: Run, tmp_path: Path, nonsense: str) -> None:
    wrong = run("search", tmp_path / "known", "--significance", nonsense).exception
    assert isinstance(wrong, click.BadParameter)
    assert "range" in wrong.message
