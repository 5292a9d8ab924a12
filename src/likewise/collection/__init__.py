"""A gallery with its encoder, and how one is made and opened: what the command line, the service and a notebook talk to."""

from __future__ import annotations

from pathlib import Path

from likewise import encoders, fitting
from likewise.collection.collection import Collection
from likewise.collection.hits import Hits
from likewise.collection.places import FOLDER, find, home
from likewise.queries.reading import open_place
from likewise.stores.local import database

__all__ = ["DEFAULT_MODEL", "FOLDER", "Collection", "Hits", "find", "home", "index", "open"]

DEFAULT_MODEL = "compact"


def index(
    *places: str | Path,
    collection: str | Path = ".",
    model: str = DEFAULT_MODEL,
    recipe: str | None = None,
    weights: Path | None = None,
    whiten: int | fitting.Wanted | None = None,
) -> Collection:
    """Embed the images of some places and give back the collection, ready to search.

    Args:
        places: Folders, archives, lists, globs, images.
        collection: The folder that holds, or will hold, `.likewise`.
        model: As `likewise.encoders.names()` lists them.
        recipe: The model's default unless given.
        weights: A file instead of the published weights.
        whiten: To so many dimensions, fitted on pictures of the first place when the collection is made.

    Returns:
        The collection; `collection.store.skipped()` says what was left out and why.

    Raises:
        StoreMismatch: If the collection is there, and of another encoder or whitening.
    """
    wanted = fitting.Wanted(whiten) if isinstance(whiten, int) else whiten
    if wanted is None:
        made = Collection.create(collection, encoders.load(model, recipe=recipe, weights=weights))
    elif (home(collection) / database.FILE_NAME).exists():
        made = Collection.open(collection, weights=weights)
        made.demand_whitening(wanted, model, recipe)
    else:
        encoder = encoders.load(model, recipe=recipe, weights=weights)
        made = Collection.create_whitened(collection, encoder, open_place(str(places[0])), wanted)
    made.index(*places)
    made.bring_index_up_to_date()
    return made


def open(folder: str | Path | None = None) -> Collection:  # noqa: A001 - likewise.open, as gzip.open and wave.open
    """Open the collection of a folder; without one, of the current folder or the nearest above it."""
    return Collection.open(folder)
