"""A program of our own at the other end of two pipes: how it is started, spoken with, and ended."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, cast

from likewise.pipeline.frames import MOST_BYTES, Frame, Pipe

_LEAVING_S = 10.0
_PIPE_BYTES = 1 << 20  # as much as Linux lets everybody have

# The main program is not imported again, as `multiprocessing` does: a script needs no `if __name__ == "__main__"`. One
# thread of arithmetic is enough for resizing, and saves the memory of the others.
_PROGRAM = """
import os, sys
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path[:] = {path!r}
from {module} import main
main()
"""


def can_be_had() -> bool:
    """Whether there is a Python to start: not inside a program that was frozen into one file."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class Process:
    """A running decoder.

    Args:
        settings: What it is told first; it says a word when it is ready.
        module: Whose `main` it runs.
    """

    def __init__(self, settings: dict[str, Any], module: str = "likewise.pipeline.worker") -> None:
        program = _PROGRAM.format(path=sys.path, module=module)
        # A process group of its own: Ctrl-C is for the main program, which then ends this one.
        apart: Any = {"process_group": 0} if sys.platform != "win32" else {"creationflags": 0x08000200}
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **apart
        )
        reading, writing = cast("IO[bytes]", self._popen.stdout), cast("IO[bytes]", self._popen.stdin)
        _widen(reading)
        self._pipe = Pipe(reading, writing)
        self.was_ready = False
        self.send(settings)

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as the system has said."""
        return self._popen.poll() is None

    def send(self, told: dict[str, Any], *data: bytes) -> None:
        """Send, if it still lives: its death is seen by `receive`."""
        with suppress(OSError, ValueError):
            self._pipe.send(told, *data)

    def receive(self, most_bytes: int = MOST_BYTES) -> Frame | None:
        """The next message; None when it is dead, or says more than it may."""
        frame = self._pipe.receive(most_bytes)
        if frame is not None and "ready" in frame.told:
            self.was_ready = True
        return frame

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    def end(self) -> int:
        """Let it leave, and wait for that; returns its exit status."""
        self.send({"end": True})
        try:
            return self._popen.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()
        finally:
            self._pipe.close()


def _widen(pipe: IO[bytes]) -> None:
    """Let some images lie in a pipe, so that a decoder need not wait until this program comes to fetch one."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the system may allow less to each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
