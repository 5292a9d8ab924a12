"""The program that decodes for the service: one picture comes in, pixels or a reason go out.

It is started by `likewise.service.decoding.pool`, may be ended at any moment, and ends by itself when nobody is left to read
from it, in the middle of a picture too. What it may take of this machine is cut down before the first picture comes.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from queue import SimpleQueue
from typing import Any

from likewise.errors import BadArgument, BadImage
from likewise.images import Limits
from likewise.pipeline.frames import Frame, Pipe, private_pipe

NO_MEMORY = "needs more memory to decode than one picture may have: save it smaller"


def main() -> None:
    """Serve whoever holds the other ends of standard input and output."""
    pipe = private_pipe()
    first = pipe.receive()
    if first is not None:
        _serve(pipe, first.told)


def _serve(pipe: Pipe, settings: Any) -> None:
    module, _, name = settings["work"].partition(":")
    work, limits = getattr(importlib.import_module(module), name), Limits(**settings["limits"])
    frames: SimpleQueue[Frame] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, frames), daemon=True).start()
    _confine(settings["memory_bytes"])
    pipe.send({"ready": os.getpid()})
    while "end" not in (frame := frames.get()).told:
        try:
            made = work(frame.data, frame.told, limits)
        except (BadImage, BadArgument) as error:
            pipe.send({"kind": type(error).__name__, "reason": str(error)})
        except MemoryError:
            pipe.send({"kind": "BadImage", "reason": NO_MEMORY})
        else:
            pipe.send({"size": [made.width, made.height], "box": made.box}, made.data)


def _listen(pipe: Pipe, frames: SimpleQueue[Frame]) -> None:
    while (frame := pipe.receive()) is not None:
        frames.put(frame)
    os._exit(1)  # nobody is left who could want the rest


def _confine(memory_bytes: int) -> None:
    """Take away what decoding does not need: memory beyond the limit, files to write, dumps that hold pictures."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    if sys.platform == "linux":  # what is mapped privately and can be written to; others do not count it
        wanted[resource.RLIMIT_DATA] = _taken_bytes() + memory_bytes
    for what, most in wanted.items():
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def _taken_bytes() -> int:
    """Memory of this kind that Python and the libraries have already."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData:"))
