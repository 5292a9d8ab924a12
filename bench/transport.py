"""What bringing pixels back from another process costs: a pipe, a wider pipe, and shared memory.

Usage: python bench/transport.py [--images 2000]

For each side of a picture, a child sends so many of them; a line tells the processor time of both sides for one picture.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from multiprocessing import shared_memory

import numpy as np

SIDES = (32, 224, 384, 1024)
SLOTS = 8
HEAD = 40  # bytes of a message without pixels

BY_PIPE = f"""
import os, sys
pixels, out = bytes(int(sys.argv[2])), os.fdopen(1, "wb")
for _ in range(int(sys.argv[1])):
    out.write(bytes({HEAD})); out.write(pixels); out.flush()
"""
BY_MEMORY = f"""
import os, sys
import numpy as np
from multiprocessing import resource_tracker, shared_memory
count, size = int(sys.argv[1]), int(sys.argv[2])
shared = shared_memory.SharedMemory(sys.argv[3])
resource_tracker.unregister(shared._name, "shared_memory")
slots, pixels = np.ndarray(({SLOTS}, size), np.uint8, shared.buf), np.zeros(size, np.uint8)
out, free = os.fdopen(1, "wb"), os.fdopen(0, "rb")
for i in range(count):
    if i >= {SLOTS}:
        free.read(1)
    slots[i % {SLOTS}] = pixels
    out.write(bytes({HEAD})); out.flush()
del slots
"""


def by_pipe(count: int, size: int, pipe_bytes: int) -> None:
    """Receive pictures through a pipe."""
    words = [sys.executable, "-c", BY_PIPE, str(count), str(size)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, pipesize=pipe_bytes) as child:
        assert child.stdout is not None
        for _ in range(count):
            child.stdout.read(HEAD)
            np.frombuffer(child.stdout.read(size), np.uint8)


def by_memory(count: int, size: int) -> None:
    """Receive pictures through shared memory, copied out so that the slot is free again."""
    shared = shared_memory.SharedMemory(create=True, size=SLOTS * size)
    slots = np.ndarray((SLOTS, size), np.uint8, shared.buf)
    words = [sys.executable, "-c", BY_MEMORY, str(count), str(size), shared.name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for i in range(count):
            child.stdout.read(HEAD)
            slots[i % SLOTS].copy()
            if i < count - SLOTS:
                child.stdin.write(b"x")
                child.stdin.flush()
    del slots
    shared.close()
    shared.unlink()


def processor_s() -> float:
    """Of this program and of its children that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    """Print a line for each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    given = parser.parse_args()
    ways = {
        "pipe": lambda count, size: by_pipe(count, size, -1),
        "pipe of 1 MB": lambda count, size: by_pipe(count, size, 1 << 20),
        "shared memory": by_memory,
    }
    idle = {}
    for name, way in ways.items():  # starting a child is not what is measured
        start = processor_s()
        way(1, 1)
        idle[name] = processor_s() - start
    for side in SIDES:
        told = []
        for name, way in ways.items():
            start = processor_s()
            way(given.images, 3 * side * side)
            told.append(f"{name} {(processor_s() - start - idle[name]) / given.images * 1e6:7.0f} µs")
        print(f"{side:5} × {side:<5}", "   ".join(told))


if __name__ == "__main__":
    main()
