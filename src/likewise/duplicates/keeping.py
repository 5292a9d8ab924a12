"""Which image of a group is kept, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from likewise.duplicates.types import Keep
from likewise.types import Record


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is better: the smaller `number`; `words` and `told` say so."""

    words: str
    number: Callable[[Record], float]
    told: Callable[[Record], str]


def _size(record: Record) -> str:
    return f"{record.width} × {record.height}"


def _bytes(record: Record) -> str:
    return f"{record.size_bytes:,} bytes"


def _date(record: Record) -> str:
    if not record.modified_ns:
        return "no date"
    return datetime.fromtimestamp(record.modified_ns / 1e9, UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def _age(record: Record) -> float:
    return record.modified_ns or float("inf")  # a date that nobody knows is no old one


_MOST_PIXELS = _Rule("most pixels", lambda record: -record.width * record.height, _size)
_MOST_BYTES = _Rule("most bytes", lambda record: -record.size_bytes, _bytes)
_OLDEST = _Rule("oldest", _age, _date)

_ORDERS: dict[Keep, tuple[_Rule, ...]] = {
    "largest": (_MOST_PIXELS, _MOST_BYTES, _OLDEST),
    "smallest": (
        _Rule("fewest bytes", lambda record: record.size_bytes, _bytes),
        _Rule("fewest pixels", lambda record: record.width * record.height, _size),
        _OLDEST,
    ),
    "oldest": (_OLDEST, _MOST_PIXELS, _MOST_BYTES),
    "newest": (_Rule("newest", lambda record: -record.modified_ns, _date), _MOST_PIXELS, _MOST_BYTES),
}


def order(record: Record, keep: Keep) -> tuple[object, ...]:
    """What images are sorted by, the one to keep first; in the end the shorter and then the earlier key, so that it is always the same."""
    return (*(rule.number(record) for rule in _ORDERS[keep]), len(record.key), record.key)


def why(kept: Record, next_best: Record, keep: Keep) -> str:
    """In what the kept image is better.

    >>> small, large = (Record(key, "", 9, 0, side, side) for key, side in (("small.png", 10), ("large.png", 20)))
    >>> why(large, small, "largest")
    'most pixels: 20 × 20, the next has 10 × 10'
    """
    for rule in _ORDERS[keep]:
        if rule.number(kept) != rule.number(next_best):
            mine, other = rule.told(kept), rule.told(next_best)
            return f"{rule.words}: {mine}, the next has {other if other != mine else 'the same to the second'}"
    return "shorter path" if len(kept.key) < len(next_best.key) else "first by name"
