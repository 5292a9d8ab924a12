"""A benchmark that draws itself: photo-like pictures of 40 kinds of things, with exact ground truth.

Every picture is a function of four numbers: seed, kind, instance and view. The same instance in another view is
the same object; another instance of the kind is another object, of other proportions, parts, colours and stuffs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from likewise.benchmarks.rendered import kinds as kinds_of
from likewise.benchmarks.rendered.paint import Dice
from likewise.benchmarks.rendered.photo import Photo, compose, expose, model, outline
from likewise.benchmarks.rendered.shapes import Mesh
from likewise.errors import BadArgument
from likewise.types import Image

KINDS: tuple[str, ...] = tuple(kinds_of.KINDS)
"""The 40 kinds; their order is part of every picture's seed."""

SMALLEST_SIDE = 16
_CHUNK = 16  # pictures a process draws between two reports


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture, named by what is on it.

    Attributes:
        kind: One of `KINDS`.
        instance: Which object of that kind, from 0.
        view: Which photograph of that object, from 0.
    """

    kind: str
    instance: int
    view: int

    @property
    def name(self) -> str:
        """Such as `mug-003-1`; unique among all scenes, and sorted like them below 1,000 instances."""
        return f"{self.kind}-{self.instance:03d}-{self.view}"


def scenes(instances: int, views: int, *, first_instance: int = 0, kinds: Sequence[str] = KINDS) -> list[Scene]:
    """All views of a range of instances of some kinds, in the order kind, instance, view.

    Args:
        instances: Objects of each kind.
        views: Photographs of each object.
        first_instance: Number of the first object; objects of different numbers have nothing in common but their kind.
        kinds: Some of `KINDS`.

    Raises:
        BadArgument: If a number is negative or a kind is unknown.
    """
    for name, value in (("instances", instances), ("views", views), ("first_instance", first_instance)):
        if value < 0:
            raise BadArgument(f"{name} is {value}: it cannot be negative")
    numbers = range(first_instance, first_instance + instances)
    for kind in kinds:
        _number_of(kind)
    return [Scene(kind, instance, view) for kind in kinds for instance in numbers for view in range(views)]


def draw(scene: Scene, *, seed: int = 0, side: int = 160) -> Image:
    """The picture of one scene.

    Args:
        scene: What to draw.
        seed: Another seed gives another world: other objects, other photographs.
        side: Pixels of the longer side, at least 16; half the pictures are square, the others 4:3 or 3:4.

    Returns:
        (height, width, 3) uint8: the same on every call, and on every machine up to the last bit of its sines.

    Raises:
        BadArgument: If the kind is unknown, a number is negative or `side` is too small.
    """
    photo, dice = _photo(scene, seed, side)
    return expose(photo, dice).astype(np.uint8)


def silhouette(scene: Scene, *, seed: int = 0, side: int = 160) -> NDArray[np.bool_]:
    """Which pixels of `draw(scene, seed=seed, side=side)` show the object itself: (height, width).

    Raises:
        BadArgument: As `draw`.
    """
    photo, _ = _photo(scene, seed, side)
    shown = outline(photo)
    width, height = photo.camera.size
    mask = np.zeros(width * height, dtype=np.bool_)
    mask[shown.pixel[shown.face < photo.own]] = True
    return mask.reshape(height, width)


def write(
    folder: Path,
    scenes: Sequence[Scene],
    *,
    seed: int = 0,
    side: int = 160,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw scenes into `folder/<kind>/<name>.jpg`.

    What is there already is kept and not drawn again: a file appears under its name only when it is complete, so a run
    that was ended at any moment is simply started again. Files of another seed or side are not told apart: use another
    folder for them.

    Args:
        folder: Made when missing.
        scenes: What to draw.
        seed: As in `draw`.
        side: As in `draw`.
        workers: Processes; 1 draws in this one.
        progress: Called with (pictures that exist, all pictures), first before any is drawn.

    Raises:
        BadArgument: As `draw`, before any picture is drawn; or if `workers` is below 1.
    """
    if workers < 1:
        raise BadArgument(f"workers is {workers}: it takes at least one to draw")
    for scene in scenes:
        _check(scene, seed, side)
    for kind in sorted({scene.kind for scene in scenes}):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    missing = [scene for scene in scenes if not _file(folder, scene).exists()]
    done, total = len(scenes) - len(missing), len(scenes)
    tell = progress or (lambda _done, _total: None)
    tell(done, total)
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    with _drawn(folder, chunks, (seed, side), min(workers, max(len(chunks), 1))) as counts:
        for count in counts:
            done += count
            tell(done, total)


@contextmanager
def _drawn(folder: Path, chunks: list[list[Scene]], how: tuple[int, int], workers: int) -> Iterator[Iterator[int]]:
    """The number of pictures in each chunk as it gets ready; leaving early drops what has not begun."""
    if workers == 1:
        yield (_draw_chunk(folder, chunk, *how) for chunk in chunks)
        return
    # spawned, not forked: a fork copies the locks of whatever threads the caller runs
    spawn = multiprocessing.get_context("spawn")
    # Ctrl-C reaches every process of a terminal: the parent answers it, and each child finishes its few pictures
    pool = ProcessPoolExecutor(workers, spawn, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        waiting = [pool.submit(_draw_chunk, folder, chunk, *how) for chunk in chunks]
        yield (future.result() for future in as_completed(waiting))
    finally:
        pool.shutdown(cancel_futures=True)


def _draw_chunk(folder: Path, chunk: list[Scene], seed: int, side: int) -> int:
    for scene in chunk:
        final = _file(folder, scene)
        part = final.with_name(f".{final.name}.{os.getpid()}.part")
        quality = 62 + int(_rng(scene, seed, "save").integers(31))
        try:
            Pictures.fromarray(draw(scene, seed=seed, side=side)).save(part, format="JPEG", quality=quality)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
    return len(chunk)


def _file(folder: Path, scene: Scene) -> Path:
    return folder / scene.kind / f"{scene.name}.jpg"


def _photo(scene: Scene, seed: int, side: int) -> tuple[Photo, Dice]:
    _check(scene, seed, side)
    dice = Dice(_rng(scene, seed, "view"))
    return compose(kinds_of.KINDS[scene.kind], _model(scene.kind, scene.instance, seed), dice, side), dice


@lru_cache(maxsize=4)  # the views of one instance follow each other
def _model(kind: str, instance: int, seed: int) -> Mesh:
    return model(kinds_of.KINDS[kind], Dice(_rng(Scene(kind, instance, 0), seed, "instance")))


def _rng(scene: Scene, seed: int, purpose: str) -> np.random.Generator:
    numbers = [seed, _number_of(scene.kind), scene.instance, ("instance", "view", "save").index(purpose)]
    return np.random.default_rng(np.random.SeedSequence([*numbers, *([] if purpose == "instance" else [scene.view])]))


def _check(scene: Scene, seed: int, side: int) -> None:
    _number_of(scene.kind)
    if min(scene.instance, scene.view, seed) < 0:
        raise BadArgument(f"instance {scene.instance}, view {scene.view}, seed {seed}: none can be negative")
    if side < SMALLEST_SIDE:
        raise BadArgument(f"side is {side}: a picture needs at least {SMALLEST_SIDE} pixels")


def _number_of(kind: str) -> int:
    if kind not in KINDS:
        raise BadArgument(f"no kind is called {kind!r}: choose from {', '.join(KINDS)}")
    return KINDS.index(kind)
