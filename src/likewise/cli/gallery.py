"""`likewise gallery`: a static copy of a collection that is searched in the browser, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from likewise.cli.screen import bar, bytes_text, number
from likewise.cli.where import where_option

_MOST_TOLD = 5  # images that cannot be shown


@click.command()
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@where_option
@click.option(
    "--title", default="", metavar="TEXT", help="Of the page.  [default: the name of the collection's folder]"
)
@click.option("--side", default=256, show_default=True, type=click.IntRange(32, 2048), help="Of thumbnails, in pixels.")
@click.option(
    "--originals",
    type=click.Choice(["none", "copy", "link"]),
    default="none",
    show_default=True,
    help="Put them beside the thumbnails: as copies, or as second names of the same files. They keep what the camera noted.",
)
@click.pass_obj
def gallery(
    folder: str | None,
    out: Path,
    where: str | None,
    title: str,
    side: int,
    originals: Literal["none", "copy", "link"],
) -> None:
    """Write a copy of the collection to OUT that any file host can serve, and that is searched in the browser.

    \b
      likewise gallery site/ --where "label = 'tiger'"
      python -m http.server -d site/         or open site/index.html

    Again, it writes what has changed and removes what it wrote before and nobody needs. Ctrl-C loses nothing.
    """  # noqa: D301 - click wants the sign itself
    from likewise import gallery as galleries
    from likewise.collection import Collection

    wanted = galleries.Wanted(title, side, originals)
    with Collection.open(folder) as collection, bar("thumbnails") as watch:
        report = galleries.export(collection, out, wanted, where=where, watch=watch)
    for key, reason in report.missing[:_MOST_TOLD]:
        click.echo(f"likewise: {key}: {reason.removeprefix(f'{key}: ')}", err=True)
    if report.missing:
        click.echo(f"likewise: {number(len(report.missing), 'image')} without its original", err=True)
    if report.copied:
        click.echo(f"{number(report.copied, 'original')} copied: no link to where they are is possible", err=True)
    agreement = report.agreement
    click.echo(
        f"{number(report.images, 'image')} in {out}: {number(report.written, 'file')} written, {report.unchanged:,} unchanged, "
        f"{report.removed:,} removed; {bytes_text(report.size_bytes)} in all"
    )
    click.echo(
        f"codes of {report.width} bytes find {agreement.share:.1%} of the {agreement.k} nearest "
        f"({number(agreement.asked, 'image')} asked)"
    )
