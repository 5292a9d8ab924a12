"""The smallest PNG writer that CIFAR needs: 32 × 32 pixels of 8-bit colour."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIDE = 32
SAMPLES = 3 * SIDE * SIDE


def encode(planes: NDArray[np.uint8]) -> bytes:
    """A PNG of 3072 samples: 32 × 32 red ones row by row, then the green, then the blue.

    Nothing is compressed, so that the bytes, and their SHA-256, are the same with every version of zlib.

    Source: W3C PNG, RFC 1950 and RFC 1951 (section 3.2.4, a stored block).
    """
    pixels = planes.reshape(3, SIDE, SIDE).transpose(1, 2, 0).reshape(SIDE, 3 * SIDE)
    rows = np.concatenate([np.zeros((SIDE, 1), np.uint8), pixels], axis=1).tobytes()  # each row says: not filtered
    stored = struct.pack("<BHH", 1, len(rows), 0xFFFF - len(rows)) + rows + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"\x78\x01" + stored), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SIZE_BYTES = len(encode(np.zeros(SAMPLES, np.uint8)))
"""Of every such PNG."""
