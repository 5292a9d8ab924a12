"""The nouns and the way of names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from likewise import seams
from likewise.errors import UnknownName
from likewise.types import Card, Recipe

CARD = Card("vgg19/fc1", 4096, Recipe("cifar", 32, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)), "l2", False, "fc1")


def test_a_card_survives_json() -> None:
    assert Card.from_json(CARD.to_json()) == CARD


@pytest.mark.parametrize(
    "other",
    [
        replace(CARD, name="vgg16/fc1"),
        replace(CARD, dim=4095),
        replace(CARD, recipe=replace(CARD.recipe, side=33)),
        replace(CARD, recipe=replace(CARD.recipe, mean=(0.1, 0.2, 0.4))),
        replace(CARD, layer="fc2"),
        replace(CARD, pooling="max"),
        replace(CARD, version=2),
        replace(CARD, weights_sha256="ab"),
        replace(CARD, unit=True),
    ],
)
def test_what_changes_an_embedding_changes_the_fingerprint(other: Card) -> None:
    assert other.fingerprint != CARD.fingerprint


def test_what_is_only_told_does_not_change_the_fingerprint() -> None:
    assert replace(CARD, licence="MIT", source="a shelf", paper="arXiv:1409.1556").fingerprint == CARD.fingerprint


def test_a_fingerprint_is_the_same_everywhere() -> None:
    assert Card("x", 2, Recipe("y", 4)).fingerprint == "2bdb6a267d9f093e"


TABLE = {"fraction": "fractions:Fraction", "decimal": "decimal:Decimal"}


def test_a_name_of_the_table_is_loaded() -> None:
    import fractions

    assert seams.resolve("thing", "fraction", TABLE) is fractions.Fraction


def test_a_name_of_an_entry_point_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "theirs"

        def load(self) -> object:
            return "their implementation"

    def entry_points(*, group: str, name: str = "theirs") -> list[Point]:
        return [Point()] if (group, name) == ("likewise.thing", "theirs") else []

    monkeypatch.setattr(seams, "entry_points", entry_points)
    assert seams.resolve("thing", "theirs", TABLE) == "their implementation"
    assert seams.names("thing", TABLE) == ["fraction", "decimal", "theirs"]


@pytest.mark.parametrize(("wrong", "near"), [("fractoin", "did you mean fraction"), ("zzz", "fraction, decimal")])
def test_an_unknown_name_lists_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        seams.resolve("thing", wrong, TABLE)
