"""JSON of the server → the library's own values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from likewise.filters.summary import FieldSummary
from likewise.queries import Query
from likewise.search import Found
from likewise.types import Card, Hit, Recipe, Record

_NS = 10**9


def record(told: Mapping[str, Any]) -> Record:
    """An image; the server tells dates to the second, and no checksum."""
    return Record(
        key=told["key"],
        content_sha256="",
        size_bytes=told["size_bytes"],
        modified_ns=_moment(told["modified"]),
        width=told["width"],
        height=told["height"],
        metadata=told["metadata"],
    )


def found(query: Query, told: Mapping[str, Any]) -> Found:
    """The answer to a query."""
    return Found(query, tuple(_hit(each) for each in told["hits"]), tuple(_hit(each) for each in told["by_chance"]))


def field(told: Mapping[str, Any]) -> FieldSummary:
    """A field that a filter can ask for."""
    top = tuple((each["value"], each["images"]) for each in told["top"])
    return FieldSummary(**{**told, "top": top})


def card(told: Mapping[str, Any]) -> Card:
    """A model, as far as the server tells; its fingerprint is the server's to say, not this card's."""
    return Card(
        told["name"],
        told["dim"],
        Recipe(told["recipe"], told["input"]),
        metric=told["metric"],
        layer=told["layer"],
        pooling=told["pooling"],
        licence=told["licence"],
        source=told["source"],
        paper=told["paper"],
    )


def _hit(told: Mapping[str, Any]) -> Hit:
    return Hit(
        rank=told["rank"],
        score=told["score"],
        record=record(told),
        row=-1,
        inliers=told.get("inliers"),
        chance=told["chance"],
        folded=tuple(Hit(told["rank"], each["score"], record(each), -1) for each in told.get("folded", ())),
    )


def _moment(text: str | None) -> int:
    return 0 if text is None else int(datetime.fromisoformat(text).timestamp()) * _NS
