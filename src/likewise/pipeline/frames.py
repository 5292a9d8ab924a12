"""What passes between this program and one that decodes for it: an object of JSON, with bytes behind it.

No pickles: a decoder that a damaged picture has taken over can then hand out wrong pixels, and nothing else.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TypeAlias

from likewise.types import Json

MOST_BYTES = 4 << 30
"""Of one frame, unless said otherwise."""

_SIZES = struct.Struct("<IQ")  # of the JSON and of what follows it

Told: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: what is told, and bytes where there are any."""

    told: Told
    data: bytes = b""


class Pipe:
    """Both directions to one other process; one thread sends and one receives."""

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        self._reading, self._writing = reading, writing

    def send(self, told: Told, *data: bytes | memoryview) -> None:
        """Send one frame.

        Raises:
            OSError: If the other process is gone.
        """
        head = json.dumps(told).encode()  # ASCII: names that are no Unicode pass as lone surrogates
        self._writing.write(_SIZES.pack(len(head), sum(len(part) for part in data)) + head)
        for part in data:
            self._writing.write(part)
        self._writing.flush()

    def receive(self, most_bytes: int = MOST_BYTES) -> Frame | None:
        """The next frame; None when the other process has closed its end, also in the middle of a frame.

        Args:
            most_bytes: Nothing longer is read, and nothing allocated for it: None.
        """
        try:
            sizes = self._reading.read(_SIZES.size)
            if len(sizes) < _SIZES.size:
                return None
            head_bytes, data_bytes = _SIZES.unpack(sizes)
            if head_bytes + data_bytes > most_bytes:
                return None
            head, data = self._reading.read(head_bytes), self._reading.read(data_bytes)
        except (OSError, ValueError):  # ValueError: closed by ourselves meanwhile
            return None
        return Frame(json.loads(head), data) if len(data) == data_bytes and len(head) == head_bytes else None

    def close(self) -> None:
        """Close both ends, whatever the other process does."""
        for file in (self._writing, self._reading):
            with suppress(OSError):
                file.close()


def private_pipe() -> Pipe:
    """Take the two standard streams for frames; what a library prints goes to standard error from now on."""
    reading, writing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return Pipe(reading, writing)
