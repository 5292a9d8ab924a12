"""Where a collection lies."""

from __future__ import annotations

from pathlib import Path

from likewise.errors import NoCollection
from likewise.stores.home import Place, is_address

FOLDER = ".likewise"


def home(folder: str | Path) -> Path:
    """Where a folder's collection lies: `folder/.likewise`, or `folder` itself if that is its name."""
    place = Path(folder).expanduser().absolute()
    return place if place.name == FOLDER else place / FOLDER


def place_of(folder: str | Path) -> Place:
    """Where a collection is kept: `home` of a folder, or an address as it is."""
    return folder if isinstance(folder, str) and is_address(folder) else home(folder)


def find(start: Path) -> Path:
    """The nearest `.likewise` in a folder or above it, as git finds its repository.

    Raises:
        NoCollection: If there is none up to the root.
    """
    for folder in (start, *start.parents):
        if (folder / FOLDER / "collection.sqlite").exists():
            return folder / FOLDER
    raise NoCollection(f"no collection in {start} or above it: make one with `likewise index FOLDER`, or pass -c DIR")
