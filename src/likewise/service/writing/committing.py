"""Images that come at the same time are committed together: their files, then their rows, then everybody is told."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from likewise.collection import Collection
from likewise.errors import LikewiseError, StoreBusy
from likewise.search import Row
from likewise.service.writing.files import UploadFolder
from likewise.service.writing.keys import is_upload
from likewise.stores.home import HomeWriter
from likewise.types import Record

Status: TypeAlias = Literal["added", "replaced", "unchanged", "skipped", "failed"]

_MOST_IMAGES = 64
_MOST_BYTES = 64 << 20
FORGOTTEN = "was taken out by the operator (likewise forget), who alone can let it in again: take another key"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One image that is to come in, embedded already.

    Attributes:
        key: Below `uploads/`.
        data: As it was sent.
        sha256: Of the data, 64 hexadecimal digits.
        width: Upright, in pixels.
        height: Upright, in pixels.
        embedding: (dim,).
    """

    key: str
    data: bytes = field(repr=False)
    sha256: str
    width: int
    height: int
    embedding: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image; but for `skipped` and `failed` it is on the disk for good."""

    key: str
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    collection: Collection
    image: Incoming | None
    key: str
    future: Future[Outcome]


class Committer:
    """One thread that writes to a collection for all clients; what waits while it writes is its next group.

    Args:
        wait_s: For another process that is writing.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._line: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="likewise-commit")
        self._thread.start()

    def add(self, collection: Collection, image: Incoming) -> Future[Outcome]:
        """Have an image come in; the future is done when it is durable, or has the error why it is not."""
        return self._wait(_Waiting(collection, image, image.key, Future()))

    def remove(self, collection: Collection, key: str) -> Future[Outcome]:
        """Have an image taken out, with its file if it is an upload; any other is remembered, and stays out."""
        return self._wait(_Waiting(collection, None, key, Future()))

    def close(self) -> None:
        """Finish what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _wait(self, waiting: _Waiting) -> Future[Outcome]:
        with self._changed:
            if self._closed:
                raise LikewiseError("the service is stopping")
            self._line.append(waiting)
            self._changed.notify()
        return waiting.future

    def _run(self) -> None:
        while group := self._next_group():
            try:
                ends = self._done(group)
            except BaseException as error:  # it belongs to those who wait
                for each in group:
                    each.future.set_exception(error)
            else:
                for each, end in zip(group, ends, strict=True):
                    each.future.set_result(end)

    def _next_group(self) -> list[_Waiting]:
        """The first who waits, and those behind it who can be done with it; none at the end."""
        with self._changed:
            while not self._line and not self._closed:
                self._changed.wait()
            group: list[_Waiting] = []
            size_bytes, keys = 0, set[str]()
            while self._line and len(group) < _MOST_IMAGES:
                first = self._line[0]
                size_bytes += len(first.image.data) if first.image is not None else 0
                alike = not group or (first.collection is group[0].collection and first.image is not None)
                if group and (not alike or group[0].image is None or first.key in keys or size_bytes > _MOST_BYTES):
                    break
                if first.future.set_running_or_notify_cancel():
                    group.append(first)
                    keys.add(first.key)
                self._line.popleft()
            return group or ([] if self._closed and not self._line else self._next_group())

    def _done(self, group: Sequence[_Waiting]) -> list[Outcome]:
        collection = group[0].collection
        folder = UploadFolder(collection.store.folder.resolve().parent)
        with collection.store.write(wait_s=self._wait_s) as writer:
            recover(collection, folder)
            if group[0].image is None:
                return [_removed(collection, writer, folder, group[0].key)]
            return _added(collection, writer, folder, [each.image for each in group if each.image is not None])


def recover(collection: Collection, folder: UploadFolder) -> None:
    """Finish what a killed service has committed and not moved to its place, and drop what it has not committed; for a writer."""

    def is_wanted(key: str, data: bytes) -> bool:
        known = collection.store.known(key)
        sha256 = hashlib.sha256(data).hexdigest()
        return known is not None and known.live and known.record is not None and known.record.content_sha256 == sha256

    folder.place(is_wanted)


def recover_all(collections: Iterable[Collection]) -> None:
    """`recover` when a service starts; a collection that another process writes to waits for the next image that is added."""
    for collection in collections:
        folder = UploadFolder(collection.store.folder.resolve().parent)
        with suppress(StoreBusy), collection.store.write():
            recover(collection, folder)


def _added(
    collection: Collection, writer: HomeWriter, folder: UploadFolder, images: Sequence[Incoming]
) -> list[Outcome]:
    store = collection.store
    ends: dict[str, Outcome] = {}
    fresh: dict[str, Incoming] = {}
    for image in images:
        known = store.known(image.key)
        same = known is not None and known.record is not None and known.record.content_sha256 == image.sha256
        if store.is_forgotten(image.key):
            ends[image.key] = Outcome(image.key, "skipped", FORGOTTEN)
        elif known is not None and known.live and same and folder.has(image.key, len(image.data)):
            ends[image.key] = Outcome(image.key, "unchanged")
        else:
            fresh[image.key] = image
            ends[image.key] = Outcome(image.key, "replaced" if known is not None and known.live else "added")
    records = []
    for key, written in (folder.draft({key: image.data for key, image in fresh.items()}) if fresh else {}).items():
        if isinstance(written, str):
            ends[key] = Outcome(key, "skipped", f"cannot be kept under this key: {written}")
        else:
            image = fresh[key]
            records.append(Record(key, image.sha256, len(image.data), written, image.width, image.height))
    if records:
        _note_source(collection, writer, folder.location)
        writer.extend(records, np.stack([fresh[record.key].embedding for record in records]))
        folder.place()
    return [ends[image.key] for image in images]


def _removed(collection: Collection, writer: HomeWriter, folder: UploadFolder, key: str) -> Outcome:
    """The file first: should the service die in between, an image without file is found by the next `likewise index`."""
    known = collection.store.known(key)
    if known is None or not known.live:
        return Outcome(key, "skipped", "no image of the collection has this key")
    if is_upload(key):
        folder.remove(key)
    writer.delete([key], remember=not is_upload(key))
    return Outcome(key, "replaced")


def _note_source(collection: Collection, writer: HomeWriter, location: str) -> None:
    """So that `likewise index` looks after the uploads too."""
    above = [name.rstrip("/") for name in collection.store.sources()]
    if not any(location == name or location.startswith(f"{name}/") for name in above):
        writer.note_source(location, collection.store.roots)
