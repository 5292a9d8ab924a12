"""The way of one image that a client adds: its key, its pixels, its embedding, the disk."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from likewise.errors import BadArgument, BadImage
from likewise.queries import ByImage
from likewise.search import Row
from likewise.service.galleries import Gallery
from likewise.service.problems import Refusal
from likewise.service.searching import Searching, Times
from likewise.service.state import Decoder
from likewise.service.writing.committing import Committer, Incoming, Outcome
from likewise.service.writing.keys import upload_key

_MOST_REQUESTS = 16
_MOST_BYTES = 256 << 20  # of images that are decoded, embedded or wait to be committed, all requests together


class Writing:
    """Adds images and takes them out. For one thread, that of the event loop; disks are waited for in others.

    Args:
        decoder: Of pictures of clients.
        searching: Embeds them, together with queries.
        wait_s: For another process that is writing to a collection.
    """

    def __init__(self, decoder: Decoder, searching: Searching, wait_s: float = 5.0) -> None:
        self._decoder, self._searching, self._wait_s = decoder, searching, wait_s
        self._committers: dict[str, Committer] = {}
        self._requests = 0
        self._bytes = 0
        self._room = asyncio.Condition()

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Be one of the requests that write.

        Raises:
            Refusal: `busy` if there are too many: each may hold a picture in memory.
        """
        self.check_room()
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    def check_room(self) -> None:
        """Refuse what `request` would refuse at this moment."""
        if self._requests >= _MOST_REQUESTS:
            told = f"{_MOST_REQUESTS} requests add images already: try again in a moment"
            raise Refusal("busy", told, {"Retry-After": "2"})

    async def add(self, gallery: Gallery, name: str, data: bytes) -> Outcome:
        """Add one image; `skipped` with the reason if its key or its bytes cannot be used.

        Raises:
            LikewiseError: If the collection cannot be written to; the image may be sent again.
        """
        try:
            key = upload_key(name)
        except BadArgument as error:
            return Outcome(name, "skipped", str(error))
        async with self._held(len(data)):
            try:
                image = await self._made(gallery, key, data)
            except BadImage as error:
                return Outcome(key, "skipped", str(error))
            return await asyncio.wrap_future(self._committer(gallery).add(gallery.collection, image))

    async def remove(self, gallery: Gallery, key: str) -> bool:
        """Take an image out; returns whether there was one."""
        end = await asyncio.wrap_future(self._committer(gallery).remove(gallery.collection, key))
        return end.status != "skipped"

    async def close(self) -> None:
        """Finish what waits to be committed."""
        for committer in self._committers.values():
            await asyncio.to_thread(committer.close)

    async def _made(self, gallery: Gallery, key: str, data: bytes) -> Incoming:
        """Decode and embed, unless the collection has an embedding of these bytes."""
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        twin = await asyncio.to_thread(_twin, gallery, sha256)
        if twin is not None:
            return Incoming(key, data, sha256, *twin)
        card = gallery.collection.store.card
        decoded = await self._decoder.pixels(data, card.recipe)
        picture = ByImage(key, data)
        rows = await self._searching.embed(gallery, {picture: decoded.pixels}, Times())
        return Incoming(key, data, sha256, decoded.width, decoded.height, rows[picture])

    def _committer(self, gallery: Gallery) -> Committer:
        if gallery.name not in self._committers:
            self._committers[gallery.name] = Committer(self._wait_s)
        return self._committers[gallery.name]

    @asynccontextmanager
    async def _held(self, size_bytes: int) -> AsyncIterator[None]:
        """Count bytes that are held, and wait until there is room for them; one image is always let in."""
        async with self._room:
            await self._room.wait_for(lambda: not self._bytes or self._bytes + size_bytes <= _MOST_BYTES)
            self._bytes += size_bytes
        try:
            yield
        finally:
            self._bytes -= size_bytes
            async with self._room:
                self._room.notify_all()


def _twin(gallery: Gallery, sha256: str) -> tuple[int, int, Row] | None:
    """Width, height and embedding of an image of the same bytes."""
    store = gallery.collection.store
    found = store.with_content(sha256)
    if found is None:
        return None
    record = found[1]
    rows = store.embedding(record.key)
    known = store.known(record.key)
    if rows is None or known is None or known.record is None or known.record.content_sha256 != sha256:
        return None  # no search returns it any more, or its key has other bytes by now
    return record.width, record.height, rows[0]
