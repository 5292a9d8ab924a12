"""A service over a small gallery of drawn pictures, for tests."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

import likewise
from likewise.service.app import create_app
from likewise.service.settings import Settings
from processes import take_interrupts

KINDS = ("blobs", "lines", "waves")


def draw(kind: str, seed: int, side: int = 48) -> Image.Image:
    """A picture of a kind that an encoder tells from the others."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    y, x = np.mgrid[0:side, 0:side] / side
    if kind == "blobs":
        centres = rng.random((4, 2))
        level = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) * 40) for a, b in centres)
    elif kind == "lines":
        level = (np.floor((x * np.cos(rng.random()) + y * rng.random()) * 9) % 2).astype(float)
    else:
        level = 0.5 + 0.5 * np.sin(20 * (x - 0.5) * rng.random() + 20 * (y - 0.5) ** 2 * rng.random())
    colour = rng.random(3)
    pixels = np.clip(level[..., None] * colour + rng.normal(0, 0.02, (side, side, 3)), 0, 1)
    return Image.fromarray((pixels * 255).astype(np.uint8))


def draw_folder(folder: Path, each: int = 12) -> Path:
    """Pictures of all kinds, a folder for each."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for seed in range(each):
            draw(kind, seed).save(folder / kind / f"{seed:02}.png")
    return folder


def index_folder(folder: Path, model: str = "compact") -> Path:
    """Index a folder in itself."""
    likewise.index(folder, collection=folder, model=model).close()
    return folder


@contextmanager
def client_of(*folders: Path, **settings: Any) -> Iterator[TestClient]:
    """A client of a service over collections, as a program on the same machine is one, once the service is ready."""
    app = create_app(Settings(folders, **settings))
    with TestClient(app, base_url="http://localhost:8765", raise_server_exceptions=False) as client:
        until(lambda: app.state.service.galleries.not_ready() == [])
        yield client


def until(true: Callable[[], bool], within_s: float = 200.0) -> None:
    """Wait until something is so, which another thread or process brings about."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`likewise serve` on a free port, as a person starts it, and that port."""
    command = [sys.executable, "-m", "likewise", "serve", str(folder), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=take_interrupts)  # noqa: PLW1509
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line + process.stderr.read()
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
