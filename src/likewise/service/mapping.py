"""Maps of the galleries: the one that is there, held while it is true, and the one that is being made."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likewise.errors import LikewiseError
from likewise.maps import Map, Method, keeping
from likewise.service.galleries import Gallery
from likewise.types import Record

_log = logging.getLogger("likewise.service")

By = Literal["label", "folder"]
MOST_NAMES = 254


class _Stopped(Exception):
    """Somebody asked that the work ends."""


@dataclass
class Making:
    """A map that is being made.

    Attributes:
        what: What is done at the moment.
        done: How much of it.
        of: Of how much.
        error: Why it came to nothing; empty while it goes on.
    """

    what: str = ""
    done: int = 0
    of: int = 0
    error: str = ""
    running: bool = True
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, what: str, done: int, of: int) -> None:
        """Note how far it is."""
        if self.stop.is_set():
            raise _Stopped
        self.what, self.done, self.of = what, done, of


@dataclass(frozen=True, slots=True)
class Colours:
    """Which of a few names each point has: 0 for none, or for one that is rare."""

    names: Sequence[str]
    codes: NDArray[np.uint8]


class Maps:
    """See above; threads may share it."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[object, ...], Map | None]] = {}
        self._colours: dict[tuple[str, By], tuple[str, Colours]] = {}
        self._making: dict[str, tuple[Making, threading.Thread]] = {}
        self._guard = threading.RLock()

    def get(self, gallery: Gallery) -> Map | None:
        """The map of the gallery as it is now; None if there is none. Costs a second or more after a change of a large gallery."""
        store = gallery.collection.store
        with self._guard:
            stamp = (id(gallery.collection), store.snapshot().state, _stamp(gallery))
            known = self._held.get(gallery.name)
            if known is None or known[0] != stamp:
                known = self._held[gallery.name] = (stamp, gallery.collection.map())
            return known[1]

    def making(self, gallery: Gallery) -> Making | None:
        """The work on a map that began last."""
        with self._guard:
            found = self._making.get(gallery.name)
        return None if found is None else found[0]

    def make(self, gallery: Gallery, method: Method | None) -> Making:
        """Begin to make a map, unless one is being made."""
        with self._guard:
            found = self._making.get(gallery.name)
            if found is not None and found[0].running:
                return found[0]
            begun = Making()
            thread = threading.Thread(target=self._made, args=(gallery, method, begun), name="map", daemon=True)
            self._making[gallery.name] = begun, thread
            thread.start()
            return begun

    def stop(self, gallery: Gallery) -> None:
        """End the work on a map, if there is any; the one before stays."""
        making = self.making(gallery)
        if making is not None:
            making.stop.set()

    def close(self) -> None:
        """End all work."""
        with self._guard:
            every = list(self._making.values())
        for making, thread in every:
            making.stop.set()
            thread.join()

    def colours(self, gallery: Gallery, shown: Map, by: By) -> Colours:
        """A number for each point, by what its image is called."""
        with self._guard:
            known = self._colours.get((gallery.name, by))
            if known is None or known[0] != shown.version:
                names = {record.key: _name(record, by) for _, record in gallery.collection.store.records()}
                known = self._colours[gallery.name, by] = (
                    shown.version,
                    _coded([names.get(key, "") for key in shown.keys]),
                )
            return known[1]

    @staticmethod
    def _made(gallery: Gallery, method: Method | None, making: Making) -> None:
        try:
            gallery.collection.make_map(method, making.watch)
        except _Stopped:
            making.error = "it was stopped"
        except LikewiseError as error:
            making.error = str(error)
        except Exception:
            _log.exception("a map could not be made")
            making.error = "an error of the server: its log says more"
        finally:
            making.running = False


def _stamp(gallery: Gallery) -> tuple[int, int]:
    try:
        facts = (gallery.collection.store.folder / keeping.FOLDER / keeping.FILE_NAME).stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_ino


def _name(record: Record, by: By) -> str:
    if by == "folder":
        return PurePosixPath(record.key).parent.name
    told = record.metadata.get("label")
    return "" if told is None else str(told)


def _coded(named: Sequence[str]) -> Colours:
    names = [name for name, _ in Counter(name for name in named if name).most_common(MOST_NAMES)]
    codes = {name: i for i, name in enumerate(names, start=1)}
    return Colours(names, np.array([codes.get(name, 0) for name in named], np.uint8))
