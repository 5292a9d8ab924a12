"""The collections that are served, by name; each is opened again when another one lies in its place."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from likewise.collection import Collection
from likewise.collection.places import place_of
from likewise.errors import LikewiseError, NoCollection
from likewise.service.problems import Refusal
from likewise.stores.home import Place, is_address
from likewise.stores.local import database


@dataclass(frozen=True, slots=True)
class Gallery:
    """A collection under its name.

    Attributes:
        name: In requests and answers.
        collection: Open; threads may share it. Whatever is written to it meanwhile, its searches see the state committed last.
    """

    name: str
    collection: Collection

    @property
    def is_folder(self) -> bool:
        """Whether it lies in a folder of this machine, where pictures can be put beside it."""
        return not is_address(self.collection.store.place)


class Galleries:
    """See above; threads may share it."""

    def __init__(self, folders: Sequence[Path | str]) -> None:
        """Open all.

        Raises:
            NoCollection: If one is none.
        """
        self._homes = dict(zip(names_of(folders), map(place_of, folders), strict=True))
        self._open = {
            name: (_stamp(place), Gallery(name, Collection.open(place))) for name, place in self._homes.items()
        }
        self._replaced: list[Gallery] = []  # of which requests may still hold something
        self._loaded: set[str] = set()
        self._guard = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Of all, the default first."""
        return list(self._homes)

    def get(self, name: str | None = None) -> Gallery:
        """A collection; the first one unless named.

        Raises:
            Refusal: If there is none of this name, or its files are gone.
        """
        wanted = self.names[0] if name is None else name
        if wanted not in self._homes:
            raise Refusal("no-such-collection", f"there is no collection {wanted!r}: there are {', '.join(self.names)}")
        with self._guard:
            stamp, gallery = self._open[wanted]
            found = _stamp(self._homes[wanted])
            if found != stamp:
                self._replaced.append(gallery)
                gallery = Gallery(wanted, Collection.open(self._homes[wanted]))
                self._open[wanted] = found, gallery
            return gallery

    def load(self) -> None:
        """Load the models, so that the first request does not wait for them; for a thread."""
        for name in self.names:
            collection = self.get(name).collection
            with suppress(LikewiseError):  # the requests that need it are told
                collection.encoder  # noqa: B018
            self._loaded.add(name)

    def not_ready(self) -> list[str]:
        """The collections whose model is still being loaded."""
        return [name for name in self.names if name not in self._loaded]

    def sizes(self) -> dict[str, int]:
        """How many images each has."""
        return {name: len(self.get(name).collection) for name in self.names}

    def close(self) -> None:
        """Let go of the files."""
        for gallery in [*self._replaced, *(gallery for _, gallery in self._open.values())]:
            gallery.collection.close()


def names_of(folders: Sequence[Path | str]) -> list[str]:
    """A name for each: that of the folder, or the last part of an address, with a number behind it where two have the same."""
    names: list[str] = []
    for folder in folders:
        place = place_of(folder)
        stem = (place.resolve().parent.name if isinstance(place, Path) else place.rpartition("/")[2]) or "collection"
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names


def _stamp(place: Place) -> tuple[int, int]:
    """Which file the database is: another one means another collection, not a change of this one. On Milvus one name is one collection."""
    if isinstance(place, str):
        return 0, 0
    try:
        facts = (place / database.FILE_NAME).stat()
    except OSError as error:
        raise NoCollection(f"no collection in {place}: make one with `likewise index FOLDER`") from error
    return facts.st_dev, facts.st_ino
