"""Find the pictures that look like yours.

Five lines::

    import likewise

    photos = likewise.index("Pictures")          # a folder, an archive, a list, a glob …
    hits = photos.search("cat.jpg", k=7)         # in a notebook, `hits` shows the pictures
    hits.save("like-cat.png")                    # or .html, or .json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.errors import LikewiseError

if TYPE_CHECKING:
    from likewise.client import Client
    from likewise.collection import Collection, Hits, index, open  # noqa: A004
    from likewise.encoders import load
    from likewise.queries import Query
    from likewise.types import Card, Hit, Skipped

__version__ = "0.1.0"

__all__ = ["Card", "Client", "Collection", "Hit", "Hits", "LikewiseError", "Query", "Skipped", "index", "load", "open"]

_LATER = {
    "Card": "likewise.types",
    "Hit": "likewise.types",
    "Skipped": "likewise.types",
    "Query": "likewise.queries",
    "Client": "likewise.client",
    "Collection": "likewise.collection",
    "Hits": "likewise.collection",
    "index": "likewise.collection",
    "open": "likewise.collection",
    "load": "likewise.encoders",
}


def __getattr__(name: str) -> object:
    """Import the heavier names when they are first asked for, so that `import likewise` stays quick."""
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module 'likewise' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
