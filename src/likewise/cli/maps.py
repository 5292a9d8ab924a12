"""`likewise map`: the whole gallery in two dimensions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from likewise.cli.screen import at_collection, number, on_screen

if TYPE_CHECKING:
    from likewise.maps import Map, Method, Watch


@click.command("map")
@click.option(
    "--method", type=click.Choice(["tsne", "pca"]), help="[default: tsne where openTSNE is installed, else pca]"
)
@click.option(
    "--png",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw it: each picture where it lies.",
)
@click.option(
    "--side", default=2400, show_default=True, type=click.IntRange(200, 10_000), help="Of the drawing, in pixels."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: key, x, y.")
@click.option(
    "--again", is_flag=True, help="Make it anew even if there is one; new images have been placed by their neighbours."
)
@click.pass_obj
def map_images(
    folder: str | None, method: Method | None, png: Path | None, side: int, as_json: bool, again: bool
) -> None:
    """Lay out the whole gallery so that what is alike lies close together; `likewise serve` shows it to walk through.

    Ctrl-C ends it and leaves the map before it.
    """
    from likewise.collection import Collection

    with Collection.open(folder) as collection:
        found = None if again or method is not None else collection.map()
        if found is None:
            found = _made(collection.make_map, method)
        if as_json:
            for key, (x, y) in zip(found.keys, found.points.tolist(), strict=True):
                click.echo(json.dumps({"key": key, "x": x, "y": y}, ensure_ascii=False))
        if png is not None:
            png.parent.mkdir(parents=True, exist_ok=True)
            png.write_bytes(collection.draw_map(found, side))
            click.echo(f"drawing in {png}", err=True)
        later = f", {number(found.later, 'image')} placed later: --again lays out all" if found.later else ""
        click.echo(
            f"map of {number(len(found), 'image')} by {found.method} in {at_collection(collection)}{later}", err=True
        )


def _made(make: Callable[[Method | None, Watch], Map], method: Method | None) -> Map:
    from rich.progress import Progress

    with Progress(console=on_screen(stderr=True), transient=True) as progress:
        tasks = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done)

        return make(method, told)
