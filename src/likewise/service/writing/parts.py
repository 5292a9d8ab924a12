"""A multipart body, part by part as it comes: never more than one part of it is in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from likewise.service.problems import Refusal

_MOST_PARTS = 1000
_MOST_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        name: Of the field.
        file_name: As the client says; None where it says none.
        data: All of it; None where it was longer than it may be.
    """

    name: str
    file_name: str | None
    data: bytes | None = field(repr=False)


async def parts(stream: AsyncIterator[bytes], content_type: str, most_bytes: int) -> AsyncIterator[Part]:
    """The parts of a body.

    Args:
        stream: The body.
        content_type: With its boundary.
        most_bytes: Of one part; what is longer is read to its end and not kept.

    Raises:
        Refusal: If it is no multipart body, or has too many parts.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary or len(boundary) > 200:
        raise Refusal("bad-argument", "the multipart body has no boundary: let a library write it")
    gathering = _Gathering(most_bytes)
    try:
        parser = MultipartParser(boundary, gathering.callbacks)  # type: ignore[arg-type]
        async for chunk in stream:
            parser.write(chunk)
            while gathering.whole:
                yield gathering.whole.popleft()
        parser.finalize()
    except MultipartParseError as error:
        raise Refusal("bad-argument", f"the multipart body is not understood: {error}") from error
    if not gathering.ended:
        raise Refusal("bad-argument", "the multipart body breaks off: send it again")


class _Gathering:
    """What the parser has told of the part at hand."""

    def __init__(self, most_bytes: int) -> None:
        self.whole: deque[Part] = deque()
        self.ended = False
        self._most_bytes, self._count = most_bytes, 0
        self._begin()
        self.callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_header_end": self._header,
            "on_part_data": self._part,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._name, self._text, self._header_bytes = b"", b"", 0
        self._data: bytearray | None = bytearray()
        self._count += 1
        if self._count > _MOST_PARTS + 1:
            raise Refusal(
                "bad-argument", f"the body has more than {_MOST_PARTS:,} parts: send them in several requests"
            )

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._grow(end - start)
        self._name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._grow(end - start)
        self._text += data[start:end]

    def _grow(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise Refusal("bad-argument", "a part of the body has headers of more than 4 KB: shorten its name")

    def _header(self) -> None:
        self._headers[self._name.lower()] = self._text
        self._name = self._text = b""

    def _part(self, data: bytes, start: int, end: int) -> None:
        if self._data is not None and len(self._data) + end - start > self._most_bytes:
            self._data = None
        if self._data is not None:
            self._data += data[start:end]

    def _end(self) -> None:
        told = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        file_name = told.get(b"filename")
        self.whole.append(
            Part(
                told.get(b"name", b"").decode(errors="replace"),
                None if file_name is None else file_name.decode(errors="replace"),
                None if self._data is None else bytes(self._data),
            )
        )

    def _finish(self) -> None:
        self.ended = True
