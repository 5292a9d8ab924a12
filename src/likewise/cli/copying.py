"""`likewise copy`: a gallery in another form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from likewise.cli.indexes import WantedIndex
from likewise.cli.screen import number, on_screen

if TYPE_CHECKING:
    from likewise.copying import Watch
    from likewise.stores.home import Place


@click.command("copy")
@click.argument("origin", metavar="FROM")
@click.argument("goal", metavar="TO")
@click.option("--wait", default=0.0, metavar="SECONDS", help="Wait for another process that is writing to TO.")
def copy_gallery(origin: str, goal: str, wait: float) -> None:
    """Copy a gallery: nothing is embedded again, and all of the copy is read back and compared.

    FROM and TO are each a folder that holds .likewise, an address (milvus://HOST:19530/NAME, milvus:FILE.db), or a folder of Parquet,
    whose name ends in .parquet. A copy that was interrupted goes on where it was: run the same command again.
    """
    from likewise import copying
    from likewise.stores.home import is_address

    source, target = _place(origin), _place(goal)
    if source == target:
        raise click.UsageError("FROM and TO are the same place")
    with _bars() as watch:
        done = copying.copy(source, target, wait_s=wait, watch=watch)
    before = f", {done.images - done.written:,} of them before" if done.written < done.images else ""
    click.echo(f"{number(done.images, 'image')} in {goal}{before}")
    click.echo(
        f"read back: as many, checksum {done.checksum}; neighbours of {number(done.asked, 'image')} are the same"
    )
    if done.base and not done.is_rooted:
        click.echo(f"originals lay below {done.base}: here they are looked for in the folder that holds the collection")
    if is_address(goal) or not goal.endswith(".parquet"):
        from likewise.collection import Collection

        with Collection.open(goal) as collection:
            WantedIndex(None, None, rebuild=False).brought_about(collection, wait)


def _place(text: str) -> Place:
    from likewise.collection import place_of

    path = Path(text).expanduser().absolute()
    return path if path.suffix == ".parquet" else place_of(text)


@contextmanager
def _bars() -> Iterator[Watch]:
    """A bar for each step, with rows a second, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=on_screen(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None)
            progress.update(tasks[what], completed=done, total=total or None)

        yield watch
