"""Searching by picture, region, words, key and mixes, as a program does it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import likewise
from fakes import MeanColour, NamedColours, png
from likewise import images
from likewise.collection import Collection
from likewise.errors import BadArgument, BadImage, SourceError
from likewise.queries import MOST_PARTS, ByImage, ByKey, ByText, Query, Term, reading
from likewise.types import Skipped

COLOURS = {**NamedColours.COLOURS, "yellow": (250, 250, 10), "purple": (250, 10, 250)}


def two_halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """20 × 10 pixels, the left half of one colour and the right half of another."""
    sheet = Picture.new("RGB", (20, 10), right)
    sheet.paste(left, (0, 0, 10, 10))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(png(colour))
    (folder / "halves.png").write_bytes(two_halves(COLOURS["red"], COLOURS["blue"]))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def photos(tmp_path: Path, pictures: Path) -> Collection:
    """A collection whose model has text."""
    made = Collection.create(tmp_path / "with-text", NamedColours())
    made.index(pictures)
    return made


@pytest.fixture
def mute(tmp_path: Path, pictures: Path) -> Collection:
    """A collection whose model has none."""
    made = Collection.create(tmp_path, MeanColour())
    made.index(pictures)
    return made


def best(hits: likewise.Hits) -> str:
    return Path(hits[0].key).stem


def test_words_are_searched_for_where_the_model_has_text(photos: Collection) -> None:
    assert best(photos.search("something green")) == "green"
    assert best(photos.search("text:blue")) == "blue"
    assert photos.search("something green").query.name == "something green"


def test_a_file_of_that_name_comes_before_words(photos: Collection, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "red").write_bytes((pictures / "blue.png").read_bytes())
    assert best(photos.search("red")) == "blue"
    assert best(photos.search("text:red")) == "red"
    assert best(photos.search("image:red")) == "blue"
    assert best(photos.search("file:red")) == "blue"


def test_words_may_look_like_a_pattern(photos: Collection, pictures: Path) -> None:
    assert best(photos.search("green or what?")) == "green"
    assert len(photos.query("pictures/*.png").terms) == 7


def test_words_for_a_model_without_text_name_both_ways_out(mute: Collection) -> None:
    with pytest.raises(SourceError, match=r"no such file, and no key: check the path.*mean-colour has no text.*models"):
        mute.search("two parrots")
    with pytest.raises(BadArgument, match="mean-colour has no text"):
        mute.search("text:two parrots")
    (skip,) = mute.search_many([Query((Term(ByText("two parrots")),))])
    assert isinstance(skip, Skipped)
    assert "no text" in skip.reason


def test_a_mistyped_picture_is_not_taken_for_words(photos: Collection) -> None:
    with pytest.raises(SourceError, match="write text:gren.png if these are words"):
        photos.search("gren.png")
    assert len(photos.search("text:gren.png")) == 7
    with pytest.raises(SourceError, match="check the path"):
        photos.search("image:green")


def test_a_key_is_searched_by_its_kept_embedding_and_leaves_itself_out(photos: Collection, pictures: Path) -> None:
    key = photos.search(pictures / "red.png", k=1)[0].key
    encoder = photos.encoder
    assert isinstance(encoder, MeanColour)
    calls = encoder.calls
    (pictures / "red.png").unlink()  # nothing is read
    hits = photos.search(f"key:{key}", k=3)
    assert encoder.calls == calls
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert key not in [hit.key for hit in hits]
    assert hits.note == "itself left out"
    assert photos.search(key, k=1).query == hits.query  # the prefix is needed only where something else has the name
    kept = photos.search(f"key:{key}", k=3, with_self=True)
    assert (kept[0].key, kept.note) == (key, "")
    assert [hit.key for hit in kept][1:] == [hit.key for hit in hits][:2]


def test_copies_of_a_key_stay_since_it_is_left_out_by_row(mute: Collection, pictures: Path) -> None:
    (pictures / "copy.png").write_bytes((pictures / "red.png").read_bytes())
    mute.index(pictures)
    hits = mute.search("key:pictures/red.png", k=99)
    assert hits[0].key == "pictures/copy.png"
    assert len(hits) == len(mute) - 1


def test_a_key_that_is_not_there_is_named(mute: Collection, pictures: Path) -> None:
    with pytest.raises(SourceError, match="no image of the collection has the key pictures/pink.png"):
        mute.search("key:pictures/pink.png")
    (pictures / "red.png").unlink()
    mute.index(pictures)
    with pytest.raises(SourceError, match="no image of the collection"):
        mute.search("key:pictures/red.png")
    (skip,) = mute.search_many([Query((Term(ByKey("pictures/red.png")),))])
    assert isinstance(skip, Skipped)


def test_parts_are_added_and_taken_away(photos: Collection, pictures: Path) -> None:
    assert best(photos.search("red", plus=["green"])) == "yellow"
    assert best(photos.search(pictures / "red.png", plus=["text:blue"])) in ("purple", "halves")
    assert best(photos.search("key:" + photos.search("red green", k=1)[0].key, minus=["text:green"])) == "red"
    assert photos.search("white", minus=["red=0.5"]).query.name == "white − 0.5 × red"


def test_weights_decide_between_parts(photos: Collection) -> None:
    assert best(photos.search("red", plus=["green=0.1"])) == "red"
    assert best(photos.search("red=0.1", plus=["green"])) == "green"
    assert photos.query("red", plus=[("green", 0.25)]) == photos.query("red", plus=["green=0.25"])


def test_the_point_of_a_mix_is_that_of_the_formula(photos: Collection, pictures: Path) -> None:
    encoder = photos.encoder
    assert isinstance(encoder, NamedColours)
    red, green = encoder.encode_texts(["red", "green"]).astype(np.float64)
    wanted = red + 0.5 * green
    wanted /= np.linalg.norm(wanted)
    hits = photos.search("text:red", plus=["text:green=0.5"], k=99)
    scores = {hit.key: hit.score for hit in hits}
    for row, record in photos.store.records():
        kept = photos.store.embeddings(np.array([row]))[0]
        assert scores[record.key] == pytest.approx(float(kept @ wanted), abs=1e-6)


def test_a_folder_in_a_mix_counts_as_one_part(photos: Collection, pictures: Path, tmp_path: Path) -> None:
    warm = tmp_path / "warm"
    warm.mkdir()
    for name in ("red", "yellow"):
        (warm / f"{name}.png").write_bytes((pictures / f"{name}.png").read_bytes())
    mixed = photos.query("text:blue", plus=["warm"])
    assert [term.weight for term in mixed.terms] == [1, 0.5, 0.5]
    assert [term.weight for term in photos.query("warm=3").terms] == [1.5, 1.5]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no pictures"):
        photos.query("text:blue", plus=["empty"])
    (warm / "torn.lst").write_text("gone.png\n")
    with pytest.raises(SourceError, match=r"gone\.png"):
        photos.query("warm/torn.lst")


def test_a_query_of_too_many_parts_is_refused(photos: Collection, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for i in range(MOST_PARTS + 1):
            archive.writestr(f"{i}.png", png((1, 2, 3)))
    with pytest.raises(BadArgument, match="more than 256 pictures"):
        photos.query("many.zip")
    with pytest.raises(BadArgument, match="257 parts"):
        photos.query(*["red"] * 257)


def test_two_metrics_agree_on_a_mix_of_unit_embeddings(photos: Collection) -> None:
    asked = photos.query("red", plus=["green"], minus=["blue=0.3"])
    by_angle, by_distance = (photos.search(asked, k=7, metric=metric) for metric in ("cosine", "l2"))
    assert [hit.key for hit in by_angle] == [hit.key for hit in by_distance]


def test_raw_embeddings_are_not_subtracted_by_distance(tmp_path: Path, pictures: Path) -> None:
    raw = Collection.create(tmp_path, MeanColour("raw", unit=False))
    raw.index(pictures)
    assert best(raw.search("pictures/red.png", plus=["pictures/green.png"])) in ("yellow", "red", "green")
    with pytest.raises(BadImage, match="--metric cosine"):
        raw.search("pictures/yellow.png", minus=["pictures/green.png"])
    assert best(raw.search("pictures/yellow.png", minus=["pictures/green.png"], metric="cosine")) == "red"


def test_parts_that_cancel_cost_their_query_only(photos: Collection) -> None:
    queries = [photos.query("red", minus=["red"]), photos.query("green", minus=["red"])]
    first, second = photos.search_many(queries)
    assert isinstance(first, Skipped)
    assert "cancel" in first.reason
    assert not isinstance(second, Skipped)
    assert best(second) == "green"


def test_a_region_is_searched_for_as_a_picture_of_its_own(mute: Collection, pictures: Path) -> None:
    for region, wanted in (("0,0,10,10", "red"), ("10,0,10,10", "blue"), ("50%,0%,50%,100%", "blue")):
        hits = mute.search(f"pictures/halves.png@{region}", k=7)
        assert best(hits) == wanted
        cut = images.cut((pictures / "halves.png").read_bytes(), (10 if wanted == "blue" else 0, 0, 10, 10))
        assert list(hits) == list(mute.search(cut))
    assert best(mute.search("pictures/halves.png", region=(10, 0, 10, 10))) == "blue"
    assert best(mute.search(pictures / "halves.png", region="0%,0%,50%,100%")) == "red"
    assert best(mute.search((pictures / "halves.png").read_bytes(), region=(0, 0, 10, 10))) == "red"
    assert best(mute.search("key:pictures/halves.png", region=(0, 0, 10, 10))) == "red"


def test_a_region_counts_from_the_upright_picture(mute: Collection, pictures: Path) -> None:
    with Picture.open(pictures / "halves.png") as lying:
        facts = lying.getexif()
        facts[274] = 6  # turned to the right when shown: red is above, 10 × 20
        lying.save("turned.png", exif=facts)
    assert best(mute.search("turned.png@0,10,10,10")) == "blue"
    with pytest.raises(BadArgument, match="10 × 20 pixels when upright"):
        mute.search("turned.png@10,0,10,10")


def test_names_with_an_at_sign_or_an_equals_sign_still_work(mute: Collection, pictures: Path) -> None:
    for name in ("me@home.png", "a@1,2,3,4", "a=2", "a@0,0,2,2=2"):
        (pictures.parent / name).write_bytes((pictures / "green.png").read_bytes())
        hits = mute.search(name, k=1)
        assert (best(hits), hits.query.name) == ("green", name)
    (part,) = (term.part for term in mute.query("a@1,2,3,4@0,0,5,5").terms)
    assert isinstance(part, ByImage)
    assert part.region == (0, 0, 5, 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pictures/red.png@0,0,100,100", "pictures/red.png: .*12 × 12"),
        ("pictures/red.png@1,2,3", "pictures/red.png is there, but @1,2,3 is no region"),
        ("pictures@0,0,1,1", "a region is of one picture"),
        ("torn.png@0,0,1,1", "torn.png: "),
        ("pictures/red.png=0", "above zero"),
        ("pictures/red.png=-2", "belongs to minus"),
    ],
)
def test_a_wrong_part_says_what_is_wrong(mute: Collection, text: str, told: str) -> None:
    Path("torn.png").write_bytes(b"torn")
    with pytest.raises(likewise.LikewiseError, match=told):
        mute.search(text)


def test_a_file_that_may_not_be_looked_at_is_not_taken_for_words(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(SourceError, match="locked: Permission denied: check the path"):
        photos.search("locked")


def test_words_and_made_queries_take_no_region(photos: Collection) -> None:
    with pytest.raises(BadArgument, match="words have no region"):
        photos.search("red", region=(0, 0, 1, 1))
    with pytest.raises(BadArgument, match="when the query is made"):
        photos.search(photos.query("red"), region=(0, 0, 1, 1))
    with pytest.raises(BadArgument, match="nothing to look for"):
        photos.query()


def test_a_query_can_be_kept_and_added_to(photos: Collection) -> None:
    once = photos.query("red", with_self=True)
    assert photos.search(once, plus=["green"]).query == photos.query("red", plus=["green"], with_self=True)
    assert photos.query((once, 2)).terms[0].weight == 2


@pytest.mark.parametrize("weight", [0.0, float("nan"), float("inf")])
def test_a_weight_that_weighs_nothing_is_refused(weight: float) -> None:
    with pytest.raises(BadArgument, match="weight"):
        Query((Term(ByText("red"), weight),))


def test_a_path_that_hits_tell_is_a_query_also_inside_an_archive(tmp_path: Path, pictures: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.write(pictures / "red.png", "in/red.png")
        archive.write(pictures / "blue.png", "in/blue.png")
    packed = Collection.create(tmp_path / "other", MeanColour())
    packed.index("packed.zip")
    hit = packed.search(pictures / "red.png", k=1)[0]
    assert packed.search(hit.path, k=1)[0] == hit
    with pytest.raises(SourceError, match=r"none\.png: no such file"):
        packed.search("packed.zip/in/none.png")


def test_an_address_may_carry_a_region(mute: Collection, monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return (pictures / "halves.png").read_bytes()

    monkeypatch.setattr(reading.web, "fetch", fetch)
    assert best(mute.search("https://example.org/cat?size=1@10,0,10,10")) == "blue"
    assert asked == ["https://example.org/cat?size=1"]


def test_a_part_that_queries_share_is_embedded_once(photos: Collection) -> None:
    encoder = photos.encoder
    assert isinstance(encoder, NamedColours)
    encoder.texts.clear()
    queries = list(photos.reader().each("pictures", photos.query("text:red").terms))
    assert len([*photos.search_many(queries, k=1)]) == 7
    assert encoder.texts == ["red"]


def test_more_pictures_than_a_batch_are_embedded_in_order(mute: Collection, tmp_path: Path) -> None:
    asked = [Query.image(f"{i}", png((i, 255 - i, 7))) for i in range(130)]
    together = list(mute.search_many(asked, k=2))
    for query, answer in zip(asked, together, strict=True):
        assert not isinstance(answer, Skipped)
        assert answer.query is query
        assert list(answer) == list(mute.search(query, k=2))


def test_data_names_every_part(photos: Collection, tmp_path: Path) -> None:
    asked = photos.query("pictures/halves.png@0,0,10,10", plus=["at night=0.5"], minus=["pictures/red.png"])
    told = photos.search(asked, k=1).to_json()
    assert told["query"] == "pictures/halves.png@0,0,10,10 + 0.5 × at night − pictures/red.png"
    assert told["parts"] == [
        {"kind": "image", "name": "pictures/halves.png@0,0,10,10", "weight": 1.0, "region": [0, 0, 10, 10]},
        {"kind": "text", "name": "at night", "weight": 0.5},
        {"kind": "image", "name": "pictures/red.png", "weight": -1.0},
    ]
    key = photos.search("red", k=1)[0].key
    assert json.loads(json.dumps(photos.search(f"key:{key}").to_json()))["left_out"] == [key]
    two = photos.search("key:" + photos.search("blue", k=1)[0].key, plus=[f"key:{key}"])
    assert two.note == "without the 2 images that it names"
    assert photos.search("red", plus=[f"key:{key}"]).note == "without the image that it names"


def test_an_answer_shows_every_part(photos: Collection, pictures: Path) -> None:
    key = photos.search("blue", k=1)[0].key
    asked = photos.query(
        "pictures/halves.png@0,0,10,10", plus=["at night=0.5", f"key:{key}"], minus=["pictures/red.png"]
    )
    first, words, kept, away = photos.search(asked, k=1).answer().parts
    assert [part.title for part in (first, words, kept, away)] == ["query", "+ 0.5", "+", "−"]
    assert [part.away for part in (first, words, kept, away)] == [False, False, False, True]
    assert (words.words, words.picture) == ("at night", None)
    assert first.picture is not None
    assert first.picture[5, 3].tolist() == list(COLOURS["red"])  # the region as it is
    assert first.picture[5, 18].min() > 150  # and the rest pale
    assert kept.picture is not None
    (pictures / "blue.png").unlink()
    assert photos.search(asked, k=1).answer().parts[2].picture is None


def test_an_answer_of_many_parts_shows_the_first_and_counts_the_rest(photos: Collection) -> None:
    hits = photos.search("red", plus=["blue"] * 20)
    parts = hits.answer().parts
    assert len(parts) == 8
    assert parts[-1].words == "14 more"
    assert hits.query.name.endswith("+ 13 more")
