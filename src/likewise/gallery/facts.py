"""What a gallery for everybody tells of its images: what a page filters by and shows, and no path of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.filters import folder_of
from likewise.roots import Roots
from likewise.types import Json, Metadata, Record

_MOST_VALUES = 1000  # of a facet; a field of more is no label
_MOST_FACETS = 8
_HOMELESS = ("", "/")


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with few values, to choose one from.

    Attributes:
        name: Of the field; `folder`, or one of the metadata.
        values: Each once, sorted.
        codes: (n,) 0 for an image without one, else 1 + the place of its value.
    """

    name: str
    values: list[str]
    codes: NDArray[np.uint16]


def facets(records: Sequence[Record], metadata: Sequence[Metadata]) -> list[Facet]:
    """The fields that images can be chosen by: their label, their folder, then others with few values.

    A field that says of every image what one before it says is left out, as labels do that come from folders.
    """
    folders = [folder_of(record.key) for record in records]
    names = sorted({name for each in metadata for name in each} - {"label", "folder"})
    columns = {"label": [_told(each.get("label")) for each in metadata], "folder": folders}
    columns |= {name: [_told(each.get(name)) for each in metadata] for name in names}
    found: list[Facet] = []
    for name, values in columns.items():
        facet = _facet(name, values)
        if facet is not None and not any(_same(facet, other) for other in found):
            found.append(facet)
    return found[:_MOST_FACETS]


def public(metadata: Metadata, roots: Roots) -> Metadata:
    """Metadata without values that name a folder of this machine which the collection lies in or was indexed from."""
    private = [place.rstrip("/") for place in (roots.base, *roots.named.values()) if place.rstrip("/") not in _HOMELESS]
    return {name: value for name, value in metadata.items() if not _names_any(value, private)}


def _names_any(value: Json, private: Iterable[str]) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    return any(place in text for place in private)


def _facet(name: str, values: Sequence[str | None]) -> Facet | None:
    """None where the field cannot narrow anything, or has too many values."""
    known = sorted({value for value in values if value is not None})
    if len(known) > _MOST_VALUES or not known or (len(known) == 1 and None not in values):
        return None
    if len(known) == len(values) and len(values) > 1:
        return None
    number = {value: i for i, value in enumerate(known, start=1)}
    return Facet(name, known, np.array([0 if value is None else number[value] for value in values], np.uint16))


def _same(one: Facet, other: Facet) -> bool:
    return one.values == other.values and bool(np.array_equal(one.codes, other.codes))


def _told(value: Json) -> str | None:
    """A value as people read it; None for what is no value, or a whole structure."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None  # measured, not named
    return str(value) if isinstance(value, str | int) and str(value).strip() else None
