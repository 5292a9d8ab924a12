"""Columns of numbers in one file, that a browser reads without parsing: a JSON head, then arrays, each at a multiple of 8 bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

MAGIC = b"LKWG"
_TYPES = {"uint8": "u8", "int8": "i8", "uint16": "u16", "uint32": "u32", "float32": "f32", "float64": "f64"}
_ALIGNED_BYTES = 8


def packed(columns: Mapping[str, NDArray[np.generic]], head: Mapping[str, object]) -> bytes:
    """Put columns into one file.

    Args:
        columns: Of any shape, written in C order; of the types that a browser has.
        head: What else is to be known; anything that JSON has.

    Returns:
        `LKWG`, the length of the head (uint32), the head (JSON, padded with spaces), the columns; all little-endian.
    """
    described, parts, offset = {}, [], 0
    for name, column in columns.items():
        little = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
        described[name] = {"type": _TYPES[column.dtype.name], "offset": offset, "length": little.size}
        padding = -little.nbytes % _ALIGNED_BYTES
        parts += [little.tobytes(), b"\0" * padding]
        offset += little.nbytes + padding
    told = json.dumps({"format": 1, **head, "columns": described}, ensure_ascii=False, separators=(",", ":")).encode()
    told += b" " * (-(len(MAGIC) + 4 + len(told)) % _ALIGNED_BYTES)
    return b"".join([MAGIC, len(told).to_bytes(4, "little"), told, *parts])


def texts(values: list[str]) -> dict[str, NDArray[np.generic]]:
    """A column of texts as two: `ends`, where each ends, and `bytes`, all of them in UTF-8."""
    encoded = [value.encode("utf-8", "replace") for value in values]
    ends = np.cumsum([len(each) for each in encoded], dtype=np.uint32)
    return {"ends": np.asarray(ends, np.uint32), "bytes": np.frombuffer(b"".join(encoded), np.uint8)}
