"""Which fields some images have, and with which values: what a filter can ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from likewise.errors import BadArgument
from likewise.filters.expressions import FACTS, Fact, Field, Kind, Meta
from likewise.filters.matching import told_value, value_of
from likewise.filters.writing import field_text
from likewise.types import Json, Record

Plain: TypeAlias = str | int | float | bool

_MOST_COUNTED = 10_000  # values of one field that are told apart; a field of more is no label
_MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field over some images.

    Attributes:
        name: As a filter names it.
        kinds: Kind of value → images that have one; `other` stands for lists and objects, which cannot be compared.
        missing: Images without any.
        least: The smallest number or the earliest date, in ISO 8601; None where there is none.
        most: The largest, the latest.
        distinct: Different texts, numbers and truths; None where they are more than 10,000.
        top: The most frequent ones and how many images have them, most first; empty where all differ.
    """

    name: str
    kinds: Mapping[str, int]
    missing: int
    least: Plain | None
    most: Plain | None
    distinct: int | None
    top: tuple[tuple[Plain, int], ...]


def summarised(records: Iterable[Record], top: int = 5) -> list[FieldSummary]:
    """Every field of some images: facts first, then metadata by name.

    Args:
        records: Looked at once, in turn.
        top: How many frequent values are told.
    """
    told: dict[Field, _Told] = {Fact(name): _Told() for name in FACTS}
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 - how many there were
        for name in FACTS:
            found = value_of(Fact(name), record)
            if found is not None:
                told[Fact(name)].take(*found)
        for path, value in _leaves(record.metadata):
            met = _named(path)
            if met is not None and (met in told or len(told) < _MOST_FIELDS):
                told.setdefault(met, _Told()).take(*(told_value(value) or ("other", "")))
    named = sorted((field for field in told if isinstance(field, Meta)), key=lambda field: field.path)
    order: list[Field] = [*(Fact(name) for name in FACTS), *named]
    return [told[each].summary(each, count, top) for each in order]


@dataclass(slots=True)
class _Told:
    """What was met in one field so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, Plain]] | None = field(default_factory=Counter)
    least: int | float | None = None
    most: int | float | None = None
    ordered: str = ""  # the kind that least and most are of

    def take(self, kind: Kind | str, value: Plain) -> None:
        self.kinds[kind] += 1
        if kind in ("number", "date") and isinstance(value, int | float):
            self.ordered = kind
            self.least = value if self.least is None else min(self.least, value)
            self.most = value if self.most is None else max(self.most, value)
        if self.counts is not None and kind not in ("other", "date"):
            self.counts[kind, value] += 1
            if len(self.counts) > _MOST_COUNTED:
                self.counts = None

    def summary(self, named: Field, images: int, top: int) -> FieldSummary:
        counts = self.counts
        frequent = [] if counts is None or len(counts) == sum(counts.values()) > top else counts.most_common(top)
        return FieldSummary(
            field_text(named),
            dict(self.kinds.most_common()),
            images - self.kinds.total(),
            self._shown(self.least),
            self._shown(self.most),
            None if counts is None else len(counts),
            tuple((value, count) for (_, value), count in frequent),
        )

    def _shown(self, value: int | float | None) -> Plain | None:
        return value if value is None or self.ordered != "date" else _moment(int(value))


def _leaves(metadata: Mapping[str, Json], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Names from the outside in, and what is there; objects are gone into, null is nothing."""
    for name, value in metadata.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        elif value is not None:
            yield (*above, name), value


def _named(path: tuple[str, ...]) -> Meta | None:
    try:
        return Meta(path)
    except BadArgument:
        return None  # no filter can name it


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
