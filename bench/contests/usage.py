"""What a process has taken, and the processes that it started: seconds of processors, and memory that no file stands behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def processor_s() -> float:
    """Seconds of all processors that this process has used so far, in all its threads, and those that it started and that still run."""
    return time.process_time() + sum(_used_s(each) for each in _started(os.getpid()))


def anonymous_mb() -> float:
    """Memory of this process, and of those that it started, that no file stands behind, in 2^20 bytes; NaN where nobody tells."""
    own = _anonymous_mb(os.getpid())
    return own + sum(each for pid in _started(os.getpid()) if (each := _anonymous_mb(pid)) == each)


class Peak:
    """The largest that something grew to."""

    def __init__(self) -> None:
        self.mb = anonymous_mb()

    def look(self) -> None:
        """Take the present into account."""
        self.mb = max(self.mb, anonymous_mb())


@contextmanager
def watched(every_s: float = 0.02) -> Iterator[Peak]:
    """Look at the anonymous memory while the block runs."""
    peak, done = Peak(), threading.Event()

    def look() -> None:
        while not done.wait(every_s):
            peak.look()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak.look()


def _started(pid: int) -> list[int]:
    """Processes that a process started, and those that they did; Linux tells."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(each) for each in path.read_text().split()]
        except OSError:
            continue  # it has ended
        for child in children:
            found += [child, *_started(child)]
    return found


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended; a contender that starts one for each query is not among those that we know
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _anonymous_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))
