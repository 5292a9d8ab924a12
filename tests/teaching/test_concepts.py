"""Concepts: kept by key and content, learnt anew at every search, never lost by another process or a moved file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import fakes
from likewise.cli import likewise as command
from likewise.collection import Collection
from likewise.collection.concepts import FILE_NAME
from likewise.errors import BadArgument, LikewiseError, StoreDamaged, UnknownName
from likewise.teaching import Marks


@pytest.fixture
def photos(tmp_path: Path):
    for name, data in fakes.colours(24).items():
        (tmp_path / name).write_bytes(data)
    with Collection.create(tmp_path, fakes.MeanColour()) as made:
        made.index(tmp_path)
        yield made


def keys(photos: Collection) -> list[str]:
    return [record.key for record in photos.records()]


def test_a_concept_is_searched_like_its_marks(photos):
    first, second, third, *_ = keys(photos)
    photos.concepts.save("warm ones", Marks((first, second), (third,)))
    by_name = photos.search("concept:warm ones", k=4)
    assert [hit.key for hit in by_name] == [
        hit.key for hit in photos.search(liked=[first, second], disliked=[third], k=4)
    ]
    assert by_name.query.name == "concept:warm ones"
    assert third not in [hit.key for hit in by_name]


def test_a_concept_is_a_part_of_a_mix_and_can_be_led_away_from(photos):
    first, second, *_ = keys(photos)
    photos.concepts.save("it", Marks((first,)))
    away, plain = photos.search(f"key:{second}", minus=["concept:it=0.5"], k=24), photos.search(f"key:{second}", k=24)
    assert [part["kind"] for part in away.to_json()["parts"]] == ["key", "marks"]
    ranks = [next(hit.rank for hit in hits if hit.key == first) for hits in (plain, away)]
    assert ranks[0] < ranks[1] or ranks[1] == len(away)


def test_a_moved_file_stays_in_its_concept_and_one_that_is_gone_is_told(photos, tmp_path):
    first, second, third, *_ = keys(photos)
    photos.concepts.save("it", Marks((first, second, third)))
    (tmp_path / first).rename(tmp_path / "moved.png")
    (tmp_path / second).unlink()
    photos.index(tmp_path)
    found = photos.concepts["it"]
    assert set(found.marks.liked) == {"moved.png", third}
    assert found.missing == (second,)
    hits = photos.search("concept:it", k=3)
    assert hits.missing == [second]
    assert "without 1 marked image that is gone" in hits.note


def test_another_picture_under_a_marked_key_is_not_the_marked_picture(photos, tmp_path):
    first, *_ = keys(photos)
    photos.concepts.save("it", Marks((first,)))
    (tmp_path / first).write_bytes(fakes.png((1, 2, 3), side=20))
    photos.index(tmp_path)
    assert photos.concepts["it"].missing == (first,)
    with pytest.raises(BadArgument, match="all 1 marked images are gone"):
        photos.search("concept:it")


def test_a_name_that_there_is_not_is_refused_with_the_nearest(photos):
    with pytest.raises(UnknownName, match="there are none yet"):
        photos.search("concept:tigers")
    photos.concepts.save("tiger", Marks((keys(photos)[0],)))
    with pytest.raises(UnknownName, match="did you mean tiger"):
        photos.search("concept:tigers")
    with pytest.raises(UnknownName):
        photos.concepts.remove("tigers")


@pytest.mark.parametrize("name", ["", " it", "a/b", "x" * 65, "a\n", "../it"])
def test_what_cannot_be_a_name_is_refused(photos, name):
    with pytest.raises(BadArgument, match="cannot name a concept"):
        photos.concepts.save(name, Marks((keys(photos)[0],)))


def test_marks_of_images_that_are_not_there_are_refused(photos):
    with pytest.raises(BadArgument, match=r"nothere\.png: no image"):
        photos.concepts.save("it", Marks(("nothere.png",)))
    assert not photos.concepts


def test_two_who_hold_the_collection_see_each_others_concepts(photos, tmp_path):
    with Collection.open(tmp_path) as other:
        photos.concepts.save("one", Marks((keys(photos)[0],)))
        other.concepts.save("two", Marks((keys(photos)[1],)))
        assert list(photos.concepts) == list(other.concepts) == ["one", "two"]


def test_a_concept_can_be_saved_while_another_process_writes(photos):
    with photos.store.write():
        photos.concepts.save("it", Marks((keys(photos)[0],)))
    assert list(photos.concepts) == ["it"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1, "concepts": {"it": {"liked": [{"key": 1}]}}}'])
def test_a_damaged_file_is_told_and_not_written_over(photos, text):
    path = photos.store.folder / FILE_NAME
    path.write_text(text)
    with pytest.raises(StoreDamaged, match="concepts.json"):
        photos.concepts.save("it", Marks((keys(photos)[0],)))
    assert path.read_text() == text


def test_a_file_of_a_newer_program_is_refused(photos):
    (photos.store.folder / FILE_NAME).write_text(json.dumps({"format": 2, "concepts": {}}))
    with pytest.raises(LikewiseError, match="install a newer likewise"):
        len(photos.concepts)


def test_marks_go_with_angles_only(tmp_path):
    (tmp_path / "a.png").write_bytes(fakes.png((1, 2, 3)))
    with Collection.create(tmp_path, fakes.MeanColour(unit=False)) as raw:
        raw.index(tmp_path)
        with pytest.raises(LikewiseError, match="--metric cosine"):
            raw.search(liked=["a.png"])
        assert len(raw.search(liked=["a.png"], metric="cosine")) == 1


def test_marks_are_refused_with_significance(photos):
    with pytest.raises(LikewiseError, match="mixes and marks"):
        photos.search(f"key:{keys(photos)[0]}", liked=[keys(photos)[1]], significance=1)


def run(photos: Collection, *arguments: str):
    return CliRunner().invoke(command, ["-c", str(photos.store.folder.parent), *arguments], catch_exceptions=False)


def test_the_command_adds_lists_and_removes(photos, monkeypatch):
    monkeypatch.setattr("likewise.collection.collection.encoders.load_as", lambda *_a, **_k: fakes.MeanColour())
    first, second, third, *_ = keys(photos)
    assert "2 liked, 1 disliked" in run(photos, "concepts", "add", "it", first, second, "--not", third).output
    assert run(photos, "concepts").output == "it\t2 liked, 1 disliked\n"
    assert json.loads(run(photos, "concepts", "--json").output)["marks"]["liked"] == [first, second]
    assert run(photos, "concepts", "add", "it", first, "--method", "rocchio").exit_code == 0
    assert photos.concepts["it"].marks.method == "rocchio"
    assert run(photos, "concepts", "remove", "it").exit_code == 0
    assert run(photos, "concepts").output == ""


def test_concepts_taught_with_another_model_say_so(photos):
    photos.concepts.save("it", Marks((keys(photos)[0],)))
    path = photos.store.folder / FILE_NAME
    told = json.loads(path.read_text())
    told["concepts"]["it"]["fingerprint"] = "0" * 16
    path.write_text(json.dumps(told))
    assert "taught with another model" in run(photos, "concepts").output
