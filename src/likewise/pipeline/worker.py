"""The program that decodes in a process of its own: parcels of images come in, pixels go out.

It is started by `likewise.pipeline.processes` and ends with whoever started it: when nobody is left to write to it, it
leaves at once, in the middle of a picture too.

A parcel of files is read here, by threads that are some parcels ahead of the decoder; its hashes are told, and only what
is then asked for is decoded. A parcel of bytes is decoded as it comes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeAlias

from likewise import images
from likewise.errors import BadImage, SourceError
from likewise.pipeline.frames import Frame, Pipe, private_pipe
from likewise.pipeline.jobs import NO_MEMORY
from likewise.sources.files import read_file
from likewise.types import Recipe

_Parcel: TypeAlias = "list[Future[_Read]] | list[bytes]"


class _Read:
    """The bytes of one file and their hash, or why there are none."""

    def __init__(self, path: str) -> None:
        self.data, self.sha256, self.reason = b"", "", ""
        try:
            self.data = read_file(path)
            self.sha256 = hashlib.sha256(self.data).hexdigest()
        except SourceError as error:
            self.reason = str(error)
        except MemoryError:
            self.reason = NO_MEMORY


def main() -> None:
    """Serve whoever holds the other ends of standard input and output."""
    pipe = private_pipe()
    first = pipe.receive()
    if first is not None:
        _Worker(pipe, first).serve()


class _Worker:
    """One process's working life."""

    def __init__(self, pipe: Pipe, first: Frame) -> None:
        settings: Any = first.told
        self._pipe = pipe
        recipe = settings["recipe"]
        self._recipe = Recipe(**{**recipe, "mean": tuple(recipe["mean"]), "std": tuple(recipe["std"])})
        self._limits = images.Limits(**settings["limits"])
        self._readers = ThreadPoolExecutor(settings["readers"], thread_name_prefix="likewise-read")
        self._parcels: SimpleQueue[_Parcel | None] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._turn = _Turn(pipe, self._answers)

    def serve(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self._pipe.send({"ready": os.getpid()})
        while (parcel := self._parcels.get()) is not None:
            data = self._wanted(parcel)
            for number, each in enumerate(data):
                if each is not None:
                    data[number] = None  # its memory is free as soon as it is decoded
                    self._make(number, each)
        self._readers.shutdown()

    def _listen(self) -> None:
        while (frame := self._pipe.receive()) is not None:
            told: Any = frame.told
            if "files" in told:
                self._parcels.put([self._readers.submit(_Read, path) for path in told["files"]])
            elif "sizes" in told:
                self._parcels.put(_cut(frame.data, told["sizes"]))
            elif "end" in told:
                self._parcels.put(None)
                return
            else:
                self._answers.put(told)
        os._exit(1)  # nobody is left who could want the rest

    def _wanted(self, parcel: _Parcel) -> list[bytes | None]:
        """The bytes of what is to be decoded; None for what is not."""
        reads = [each.result() for each in parcel if isinstance(each, Future)]
        if not reads:
            return [each for each in parcel if isinstance(each, bytes)]
        self._pipe.send({"found": [[read.sha256, len(read.data), read.reason] for read in reads]})
        take = self._answers.get()["take"]
        return [read.data if taken else None for read, taken in zip(reads, take, strict=True)]

    def _make(self, number: int, data: bytes) -> None:
        try:
            made = images.prepare(data, self._recipe, self._limits, self._turn)
        except BadImage as error:
            self._pipe.send({"image": number, "reason": str(error)})
        except MemoryError:
            self._pipe.send({"image": number, "reason": NO_MEMORY})
        else:
            told = {"image": number, "width": made.width, "height": made.height}
            self._pipe.send(told, made.pixels.data.cast("B"))


class _Turn:
    """Held while one picture that takes much memory is decoded: one process of all has it."""

    def __init__(self, pipe: Pipe, answers: SimpleQueue[Any]) -> None:
        self._pipe, self._answers = pipe, answers

    def __enter__(self) -> None:
        self._pipe.send({"turn": "wanted"})
        self._answers.get()

    def __exit__(self, *exception: object) -> None:
        self._pipe.send({"turn": "done"})


def _cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return parts
