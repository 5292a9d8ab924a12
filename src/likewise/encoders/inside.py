"""What an ONNX file says about itself, read without its weights and without any runtime.

An ONNX file is one message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/): a row of fields, each with a
number, a kind and, where its length is not given by its kind, a length. The graph is one such field and is stepped over.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from likewise.errors import WeightsError

_GRAPH = 7  # ModelProto.graph
_METADATA = 14  # ModelProto.metadata_props, of entries with key = 1 and value = 2
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST = 1 << 24  # bytes of an entry that is read; a card has a few hundred


def metadata(path: Path) -> dict[str, str]:
    """The file's own key → value table.

    Raises:
        WeightsError: If it cannot be read or is no ONNX file, which is told here because a runtime may guess at other formats.
    """
    found: dict[str, str] = {}
    graphs = 0
    try:
        with path.open("rb") as file:
            for number, entry in _fields(file, os.fstat(file.fileno()).st_size, {_METADATA}):
                graphs += number == _GRAPH
                if number == _METADATA:
                    parts = dict(_fields(io.BytesIO(entry), len(entry), {1, 2}))
                    found[parts.get(1, b"").decode()] = parts.get(2, b"").decode()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}: check the path") from error
    except (ValueError, EOFError):
        graphs = 0
    if graphs != 1:
        raise WeightsError(f"{path} is no ONNX file, or not the whole of one: export it anew")
    return found


def _fields(file: BinaryIO, size_bytes: int, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the counted fields; the content of those that are not wanted is stepped over and empty."""
    while file.tell() < size_bytes:
        number, kind = divmod(_varint(file), 8)
        if kind == _COUNTED:
            length = _varint(file)
            if length > size_bytes - file.tell():
                raise EOFError
            if number in wanted and length <= _LONGEST:
                yield number, file.read(length)
            else:
                file.seek(length, os.SEEK_CUR)
                yield number, b""
        elif kind == _VARINT:
            _varint(file)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            file.seek(8 if kind == _EIGHT_BYTES else 4, os.SEEK_CUR)
        else:
            raise ValueError(kind)


def _varint(file: BinaryIO) -> int:
    """A whole number in groups of seven bits, the lowest first."""
    value = shift = 0
    while shift < 70:
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
    raise ValueError("no number is that long")
