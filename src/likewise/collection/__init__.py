"""A gallery with its encoder, and how one is made and opened: what the command line, the service and a notebook talk to."""

from __future__ import annotations

from pathlib import Path

from likewise import compression, encoders, fitting
from likewise.collection.collection import Collection
from likewise.collection.hits import Hits
from likewise.collection.places import FOLDER, find, home, place_of
from likewise.queries.reading import open_place
from likewise.stores.home import is_there

__all__ = ["DEFAULT_MODEL", "FOLDER", "Collection", "Hits", "find", "home", "index", "open", "place_of"]

DEFAULT_MODEL = "compact"


def index(
    *places: str | Path,
    collection: str | Path = ".",
    model: str = DEFAULT_MODEL,
    recipe: str | None = None,
    weights: Path | None = None,
    whiten: int | fitting.Wanted | None = None,
    keep: str | None = None,
) -> Collection:
    """Embed the images of some places and give back the collection, ready to search.

    Args:
        places: Folders, archives, lists, globs, images.
        collection: The folder that holds, or will hold, `.likewise`, or an address of Milvus: docs/milvus.md.
        model: As `likewise.encoders.names()` lists them.
        recipe: The model's default unless given.
        weights: A file instead of the published weights.
        whiten: To so many dimensions, fitted on pictures of the first place when the collection is made.
        keep: How embeddings are kept: `float32` unless given, `float16`, `int8`, `pq:64`, …; fitted likewise, if it needs to be.

    Returns:
        The collection; `collection.store.skipped()` says what was left out and why.

    Raises:
        StoreMismatch: If the collection is there, and of another encoder or whitening, or keeps embeddings otherwise.
    """
    wanted = fitting.Wanted(whiten) if isinstance(whiten, int) else whiten
    kept = None if keep is None else compression.compression(keep)
    there = is_there(place_of(collection))
    if there and wanted is not None:
        made = Collection.open(collection, weights=weights)
        made.demand_whitening(wanted, model, recipe)
        made.store.demand_kept_as(keep or made.store.kept_as)
    else:
        encoder = encoders.load(model, recipe=recipe, weights=weights)
        if there or (wanted is None and (kept is None or kept.is_float)):
            made = Collection.create(collection, encoder, keep=keep)
        else:
            first = open_place(str(places[0]))
            made = Collection.create_fitted(collection, encoder, first, wanted, keep=keep or "float32")
    made.index(*places)
    made.bring_index_up_to_date()
    return made


def open(folder: str | Path | None = None) -> Collection:  # noqa: A001 - likewise.open, as gzip.open and wave.open
    """Open the collection of a folder; without one, of the current folder or the nearest above it."""
    return Collection.open(folder)
