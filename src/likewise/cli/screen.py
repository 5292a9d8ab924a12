"""What the commands share of the terminal: the console, bars, and small words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from likewise.collection import Collection


def on_screen(*, stderr: bool = False) -> Console:
    """A console on standard output or standard error."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for anything that counts (done, in all)."""
    from rich.progress import Progress

    with Progress(console=on_screen(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total if total > 0 else None)


@contextmanager
def download_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar that only appears when bytes begin to come from far away."""
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("downloading"), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=on_screen(stderr=True), transient=True)

    def told(done: int, total: int) -> None:
        if not progress.tasks:
            progress.start()
            progress.add_task("download")
        progress.update(progress.task_ids[0], completed=done, total=total if total > 0 else None)

    try:
        yield told
    finally:
        progress.stop()


def at_collection(collection: Collection) -> str:
    """The collection's folder, short where that is clear, or its address."""
    place = collection.store.place
    try:
        return str(Path(place).relative_to(Path.cwd()))
    except ValueError:
        return place


def number(count: int, noun: str) -> str:
    """`1 image`, `2,000 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def bytes_text(count: int) -> str:
    """`812 bytes`, `3.4 MB`."""
    if count < 1000:
        return number(count, "byte")
    value, unit = float(count), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the unit it stops at is used
        value /= 1000
        if value < 1000:
            break
    return f"{value:.1f} {unit}"
