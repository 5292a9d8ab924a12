"""Silence for the warnings of a decoder, on the threads that decode and on no other."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _WhileDecoding(threading.local):
    """Stands where a filter of `warnings` has its regular expression, and matches only on a decoding thread."""

    depth = 0

    def match(self, _text: str) -> bool:
        return self.depth > 0


_decoding = _WhileDecoding()
_FILTER = ("ignore", _decoding, Warning, None, 0)
_installing = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop every warning that this thread gives until the block ends.

    `warnings.catch_warnings` swaps a list that all threads share, so two decoding threads would restore each other's
    filters in the wrong order and leave the process mute or loud. Here one filter is put in front of that list, once, by
    the first image that is decoded, and it asks which thread is speaking: warnings of other threads, and of this one
    outside the block, meet the filters that their owner has set.
    """
    _install()
    _decoding.depth += 1
    try:
        yield
    finally:
        _decoding.depth -= 1


def _install() -> None:
    filters: list[object] = warnings.filters  # type: ignore[assignment]  # a list, though declared a Sequence
    if filters and filters[0] is _FILTER:
        return
    with _installing:  # again after whoever has prepended a filter or swapped the list: ours must be asked first
        filters[:] = [_FILTER, *(entry for entry in filters if entry is not _FILTER)]
