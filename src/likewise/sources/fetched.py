"""A file that lies far away, as a file: the blocks that are asked for are fetched once and kept on the disk as long as it is open."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable

BLOCK_BYTES = 4 << 20  # a request costs about as much time as some MB of transfer
_AHEAD_BLOCKS = 4  # fetched in one request where the file is read from front to back


class Fetched(io.RawIOBase):
    """A far file to read and seek in; wrap it in `io.BufferedReader` for small reads.

    What was fetched lies in a temporary file without a name, which is gone with this object, however it ends.

    Args:
        size_bytes: Of the whole.
        fetch: The bytes from one offset to before another; raises what it likes.
    """

    def __init__(self, size_bytes: int, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size, self._fetch = size_bytes, fetch
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - close() does
        self._there: set[int] = set()
        self._guard = threading.RLock()
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer, as far as the file goes."""
        with self._guard:
            end = min(self._position + len(buffer), self._size)
            count = max(0, end - self._position)
            if count:
                self._bring(self._position // BLOCK_BYTES, (end - 1) // BLOCK_BYTES + 1)
                self._kept.seek(self._position)
                buffer[:count] = self._kept.read(count)
                self._position = end
            return count

    def close(self) -> None:
        """Let go of what was fetched."""
        if not self.closed:
            self._kept.close()
        super().close()

    def _bring(self, first: int, stop: int) -> None:
        """See to it that blocks are there; those that are missing side by side come by one request."""
        block = first
        while block < stop:
            if block in self._there:
                block += 1
                continue
            end = block + 1
            most = max(stop, block + _AHEAD_BLOCKS) if block - 1 in self._there else stop
            while end < most and end not in self._there and end * BLOCK_BYTES < self._size:
                end += 1
            data = self._fetch(block * BLOCK_BYTES, min(end * BLOCK_BYTES, self._size))
            self._kept.seek(block * BLOCK_BYTES)
            self._kept.write(data)
            self._there.update(range(block, end))
            block = end
