"""How a name becomes an implementation: one literal table per seam, then entry points, loaded when chosen."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points

from likewise.errors import UnknownName


def resolve(seam: str, name: str, table: Mapping[str, str]) -> object:
    """Find what `name` stands for.

    Args:
        seam: What is being named, singular, such as `encoder`; other packages add to it in the entry point group
            `likewise.encoder`.
        name: The name, exactly as listed.
        table: Name → `module:attribute` of what this package brings.

    Returns:
        The attribute; its module is imported now and not before.

    Raises:
        UnknownName: If neither the table nor an entry point has it; the message lists the nearest names.
    """
    if name in table:
        module, attribute = table[name].split(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=f"likewise.{seam}", name=name):
        return point.load()
    known = names(seam, table)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known
    raise UnknownName(f"no {seam} is called {name!r}: did you mean {', '.join(near)}?")


def names(seam: str, table: Mapping[str, str]) -> list[str]:
    """All names of a seam, ours first, each once."""
    return list(dict.fromkeys([*table, *sorted(point.name for point in entry_points(group=f"likewise.{seam}"))]))
