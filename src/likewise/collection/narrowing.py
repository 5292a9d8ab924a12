"""Which images of a collection a person means: by a filter, or by where they lie."""

from __future__ import annotations

import difflib
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from likewise.errors import BadArgument, SourceError, UnknownName
from likewise.filters import Field, Filter, Meta, Missing, Not, field_text
from likewise.filters.summary import summarised
from likewise.sources import is_address
from likewise.stores import Store

Where: TypeAlias = str | Filter
"""A filter, or its text: docs/filters.md."""

_LOOKED_AT = 20_000  # images, for the names that an error lists


def chosen(store: Store, where: Where | None, met: set[Field]) -> Filter | None:
    """The filter, after a look whether some image has each field that it compares.

    Args:
        store: Whose images.
        where: None asks for all.
        met: Fields that some image is known to have; grows.

    Raises:
        BadArgument: If it is not written as a filter is.
        UnknownName: If no image has a field of that name; the message lists the nearest ones.
    """
    if where is None:
        return None
    wanted = Filter.parse(where) if isinstance(where, str) else where
    for field in wanted.asked_of:
        if isinstance(field, Meta) and field not in met:
            if len(store) and next(store.records(where=Filter(Not(Missing(field)))), None) is None:
                raise UnknownName(_unknown(store, field))
            met.add(field)
    return wanted


def keys_at(store: Store, place: str) -> list[str]:
    """The image at a path or of a key, or all below a folder or an archive.

    Raises:
        BadArgument: If there is none.
    """
    if store.known(place) is not None:
        return [place]
    roots = store.roots
    path = place if is_address(place) else Path(place).expanduser().absolute().as_posix()
    try:
        key = roots.key(path)
    except SourceError:
        key = None
    if key and store.known(key) is not None:
        return [key]
    prefixes = [roots.prefix(path)] if key is not None else []
    below = [record.key for prefix in [*prefixes, f"{place.rstrip('/')}/"] for _, record in store.records(prefix)]
    if not below:
        raise BadArgument(f"{place}: no image of the collection has this path or key, or lies below it")
    return below


def _unknown(store: Store, field: Meta) -> str:
    name = field_text(field)
    known = [each.name for each in summarised(record for _, record in islice(store.records(), _LOOKED_AT))]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    told = f"where: no image here has the field {name}: "
    if near:
        return f"{told}did you mean {', '.join(near)}? Texts stand in single quotes; `likewise info --fields` lists fields and values"
    if name == "label":
        return f"{told}folder is the name of the folder that an image lies in; there are {', '.join(known)}"
    return f"{told}write '{name}' if it is a text and no field; there are {', '.join(known)}"
