"""Mixes of layers, weighed anew: the scores are those of the sum written out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fakes
from likewise.collection import Collection
from likewise.errors import BadArgument, UnknownName
from likewise.layers import Layered, Weighing, parts_of
from likewise.layers.scoring import first
from likewise.stores.local import LocalStore
from likewise.types import Card, Recipe

DIMS, WEIGHTS = (5, 9, 4), (1.0, 2.0, 0.5)
CARD = Card("vgg19/conv1_1|gem+conv3_1|gem*2+fc1*0.5", sum(DIMS), Recipe("tiny", fakes.SIDE))
NAMES = ["conv1_1|gem", "conv3_1|gem", "fc1"]


def mixed(count: int, seed: int = 0) -> np.ndarray:
    """Rows as networks make them: each part made unit and weighed, the whole made unit; some numbers are zero."""
    draw = np.random.default_rng(seed)
    parts = [np.maximum(draw.normal(size=(count, dim)), 0) + 0.01 for dim in DIMS]
    rows = np.concatenate(
        [w * p / np.linalg.norm(p, axis=1, keepdims=True) for w, p in zip(WEIGHTS, parts, strict=True)], 1
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def store_of(folder: Path, rows: np.ndarray, card: Card = CARD, keep: str | None = None) -> LocalStore:
    made = LocalStore.create(folder / ".likewise", card, keep)
    with made.write() as writer:
        writer.extend(fakes.records(*(f"{'ab'[i % 2]}{i:03}" for i in range(len(rows)))), rows)
    return made


def cosines(query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    ends = np.cumsum((0, *DIMS))
    found = []
    for start, stop in itertools.pairwise(ends):
        q, r = query[start:stop].astype(float), rows[:, start:stop].astype(float)
        found.append(r @ q / np.linalg.norm(q) / np.linalg.norm(r, axis=1))
    return np.stack(found, axis=1)


def test_the_ends_of_the_parts_show_in_the_embeddings(tmp_path):
    with store_of(tmp_path, mixed(200)) as store:
        found = parts_of(store.card, store.snapshot())
    assert [(part.name, part.start, part.stop) for part in found] == [
        (NAMES[0], 0, 5),
        (NAMES[1], 5, 14),
        (NAMES[2], 14, 18),
    ]
    np.testing.assert_allclose([part.weight for part in found], np.array([1, 4, 0.25]) / 5.25)


def test_halves_are_precise_enough_to_find_them(tmp_path):
    with store_of(tmp_path, mixed(200), keep="float16") as store:
        assert [part.stop for part in parts_of(store.card, store.snapshot(), kept_as="float16")] == [5, 14, 18]


@pytest.mark.parametrize(
    "weights", [{"fc1": 1.0}, {"conv1_1|gem": 0.3, "fc1": 0.7}, {"conv3_1|gem": 2.0, "conv1_1|gem": 1.0}]
)
def test_scores_are_the_weighted_sum_of_the_cosines(tmp_path, weights):
    rows, query = mixed(300), mixed(1, seed=9)[0]
    with store_of(tmp_path, rows) as store:
        (hits,) = Layered(store).search(query[None], 20, Weighing(weights))
    each = cosines(query, rows)
    wanted = each @ np.array([weights.get(name, 0.0) for name in NAMES])
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(wanted)[::-1][:20], atol=2e-6)
    for hit in hits:
        assert [name for name, _ in hit.layers] == NAMES
        np.testing.assert_allclose([value for _, value in hit.layers], each[hit.row], atol=2e-6)


def test_the_models_own_shares_give_the_models_own_ranking(tmp_path):
    rows, query = mixed(300), mixed(1, seed=9)
    with store_of(tmp_path, rows) as store:
        layered = Layered(store)
        own = Weighing({part.name: part.weight for part in layered.parts()})
        (hits,) = layered.search(query, 30, own)
        (plain,) = store.search(query, 30)
    assert [hit.key for hit in hits] == [hit.key for hit in plain]
    np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in plain], atol=2e-6)


def test_a_filter_leaves_the_scores_of_the_others(tmp_path):
    from likewise.filters import Filter

    rows, query = mixed(100), mixed(1, seed=9)
    with store_of(tmp_path, rows) as store:
        layered, weighing = Layered(store), Weighing({"fc1": 1.0})
        (every,), (some,) = (
            layered.search(query, 100, weighing),
            layered.search(query, 100, weighing, Filter.parse("label = 'a'")),
        )
    assert [(hit.key, hit.score) for hit in some] == [(hit.key, hit.score) for hit in every if hit.key.startswith("a")]


def test_what_is_written_meanwhile_is_found(tmp_path):
    with store_of(tmp_path, mixed(50)) as store:
        layered, query = Layered(store), mixed(1, seed=9)
        layered.search(query, 1, Weighing({"fc1": 1.0}))
        with store.write() as writer:
            writer.extend(fakes.records("new"), query)
        ((hit,),) = layered.search(query, 1, Weighing({"fc1": 1.0}))
    assert hit.key == "new"


def test_only_the_last_few_queries_are_remembered(tmp_path):
    with store_of(tmp_path, mixed(20)) as store:
        layered = Layered(store)
        layered.search(mixed(12, seed=2), 1, Weighing({"fc1": 1.0}))
        assert len(layered._kept) == 8


def test_equal_scores_keep_gallery_order():
    scores = np.array([1, 3, 3, 2, 3], np.float32)
    assert first(scores, 2).tolist() == [1, 2]
    assert first(scores, 9).tolist() == [1, 2, 4, 3, 0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("whitened/mine", "every number of its embeddings is a sum over all layers"),
        ("vgg19/fc1", "no mix of layers"),
        ("classical", "no mix"),
    ],
)
def test_what_is_no_mix_is_refused_and_says_why(tmp_path, name, told):
    with store_of(tmp_path, mixed(20), replace(CARD, name=name)) as store, pytest.raises(BadArgument, match=told):
        Layered(store).parts()


def test_where_views_are_averaged_only_the_note_tells(tmp_path):
    with store_of(tmp_path, mixed(20), replace(CARD, name=f"{CARD.name}@flip")) as store:
        with pytest.raises(BadArgument, match="did not note"):
            parts_of(store.card, store.snapshot())
        assert [part.stop for part in parts_of(store.card, store.snapshot(), DIMS)] == [5, 14, 18]
        with store.write() as writer:
            writer.note_layer_dims(DIMS)
        assert store.layer_dims == list(DIMS)


def test_rows_that_are_no_mix_show_no_ends(tmp_path):
    with store_of(tmp_path, fakes.unit_rows(50, sum(DIMS))) as store, pytest.raises(BadArgument, match="does not show"):
        Layered(store).parts()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fc1", "gives no layer a weight"),
        ("fc1=x", "gives no"),
        ("=1", "gives no"),
        ("fc1=-1", "0 or more"),
        ("fc1=0", "no layer has"),
    ],
)
def test_weights_that_mean_nothing_are_refused(text, told):
    with pytest.raises(BadArgument, match=told):
        Weighing.parse(text)


def test_a_layer_that_there_is_not_is_refused_with_those_that_there_are(tmp_path):
    with store_of(tmp_path, mixed(50)) as store, pytest.raises(UnknownName, match="conv1_1|gem"):
        Layered(store).search(mixed(1), 3, Weighing({"fc9": 1}))


class Mixed(fakes.MeanColour):
    """Two layers: the colours, and the first of them alone; says how long they are."""

    layer_dims = (4, 2)

    def __init__(self) -> None:
        super().__init__()
        self._card = replace(self._card, name="vgg19/conv1_1|gem+fc1", dim=6)

    def encode(self, pixels):
        rows = super().encode(pixels)
        return (
            np.concatenate([rows, rows[:, ::3] / np.linalg.norm(rows[:, ::3], axis=1, keepdims=True)], 1) / np.sqrt(2)
        ).astype(np.float32)


def test_a_collection_notes_how_long_the_layers_are_and_weighs_them(tmp_path):
    for name, data in fakes.colours(9).items():
        (tmp_path / name).write_bytes(data)
    with Collection.create(tmp_path, Mixed()) as made:
        made.index(tmp_path)
        assert made.store.layer_dims == [4, 2]
        assert [part.name for part in made.layers()] == ["conv1_1|gem", "fc1"]
        hits = made.search("key:00000.png", k=3, layers={"fc1": 1.0})
        assert hits[0].score == pytest.approx(dict(hits[0].layers)["fc1"])
        assert set(hits.to_json()["hits"][0]["layers"]) == {"conv1_1|gem", "fc1"}
        for others in ({"rerank": "aqe"}, {"significance": 1.0}, {"metric": "l2"}):
            with pytest.raises(BadArgument, match="scores of their own"):
                made.search("key:00000.png", layers={"fc1": 1.0}, **others)
