"""`likewise duplicates`: the same picture again, as groups, as a page, as data, as a list of files that could go."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from likewise.cli.limits import WantedLimits, limit_options
from likewise.cli.screen import bar, bytes_text, number, on_screen
from likewise.cli.where import where_option

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.duplicates import Duplicates
    from likewise.duplicates.types import Keep, Linkage, Verify

_MOST_ON_SCREEN, _MOST_ON_PAGE = 50, 500  # groups


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    exact: bool
    score: float | None
    significance: float | None
    verify: Verify
    linkage: Linkage
    keep: Keep
    metric: Literal["cosine", "l2"] | None
    where: str | None
    as_list: bool
    with_nul: bool
    html: Path | None
    as_json: bool
    limits: WantedLimits


@click.command()
@click.option("--exact", is_flag=True, help="Only equal bytes; no picture is looked at.")
@click.option("--score", type=float, metavar="X", help="Candidates are pairs whose embeddings score at least this.")
@click.option(
    "--significance",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Or so high that a picture has S by chance.  [default: 64; 4 of very many, or for geometry; 0.001 with none]",
)
@click.option(
    "--verify",
    type=click.Choice(["pixels", "geometry", "none"]),
    default="pixels",
    show_default=True,
    help="The last word on a candidate: its pixels; these, also of cuts (needs OpenCV); or the score alone.",
)
@click.option(
    "--linkage",
    type=click.Choice(["kept", "complete", "single"]),
    default="kept",
    show_default=True,
    help="In a group, all are copies of the kept one; all of all; or each of some other.",
)
@click.option(
    "--keep",
    type=click.Choice(["largest", "smallest", "oldest", "newest"]),
    default="largest",
    show_default=True,
    help="Which one is kept; largest is most pixels, then most bytes, then the oldest.",
)
@click.option("--metric", type=click.Choice(["cosine", "l2"]), help="Instead of the model's own.")
@where_option
@click.option("--list", "as_list", is_flag=True, help="The files that could go, one a line.")
@click.option("-0", "with_nul", is_flag=True, help="The same, with a NUL behind each instead of a new line.")
@click.option(
    "--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="A page with the pictures."
)
@click.option("--json", "as_json", is_flag=True, help="As data.")
@limit_options
@click.pass_obj
def duplicates(folder: str | None, /, **given: Any) -> int:
    """Find the pictures that are there more than once: copied, resized, recompressed, slightly edited. Nothing is deleted.

    \b
      likewise duplicates --html same.html        look at them
      likewise duplicates -0 | xargs -0 trash     what could go, each picture stays once

    On a terminal the groups come as tables; in a pipe as tab-separated group, keep or copy, score, path. Ctrl-C loses nothing:
    run it again to go on.
    """  # noqa: D301 - click wants the sign itself
    from likewise import duplicates as copies
    from likewise.collection import Collection

    wanted = Wanted(limits=WantedLimits.taken_from(given), **given)
    if wanted.score is not None and wanted.significance is not None:
        raise click.UsageError("--score and --significance both say what a candidate is: give one of them")
    if sum((wanted.as_json, wanted.as_list or wanted.with_nul)) > 1:
        raise click.UsageError("--json and --list both want standard output: give one of them")
    asked = copies.Wanted(
        score=wanted.score,
        significance=wanted.significance,
        verify=wanted.verify,
        linkage=wanted.linkage,
        keep=wanted.keep,
        metric=wanted.metric,
        exact_only=wanted.exact,
    )
    with Collection.open(folder) as collection:
        collection.limits = wanted.limits.applied(collection.limits)
        with bar("comparing") as watch:
            found = collection.duplicates(asked, watch, where=wanted.where)
        _print(found, wanted)
        if wanted.html is not None:
            _write_page(collection, found, wanted.html)
    return 0


def _print(found: Duplicates, wanted: Wanted) -> None:
    from likewise.cli.search import on_terminal
    from likewise.collection import copies

    if wanted.as_json:
        click.echo(json.dumps(copies.to_json(found), indent=2, ensure_ascii=False))
    elif wanted.as_list or wanted.with_nul:
        _list(found, b"\0" if wanted.with_nul else b"\n")
    elif on_terminal():
        _tables(found)
    else:
        for i, group in enumerate(found, start=1):
            click.echo(f"{i}\tkeep\t{group.kept.score:.6g}\t{group.kept.path or group.kept.key}")
            for copy in group.copies:
                kind = "same" if copy.same_bytes else "copy" if copy.direct else "chain"
                click.echo(f"{i}\t{kind}\t{copy.score:.6g}\t{copy.path or copy.key}")


def _tables(found: Duplicates) -> None:
    from likewise.collection import copies
    from likewise.show import terminal

    screen = on_screen()
    for i, group in enumerate(found.groups[:_MOST_ON_SCREEN], start=1):
        screen.print(terminal.group(copies.shown(group, i)))
        screen.print()
    if len(found) > _MOST_ON_SCREEN:
        screen.print(f"and {number(len(found) - _MOST_ON_SCREEN, 'group')} more: --html, --json or a pipe show all")
    for name, value in copies.notes(found).items():
        screen.print(f"{name:12} {value}")
    if len(found):
        screen.print(f"{bytes_text(found.expendable_bytes)} could go; --list names the files, nothing was deleted")


def _list(found: Duplicates, end: bytes) -> None:
    from likewise.collection import copies

    left_out = 0
    for each in copies.files(found):
        if isinstance(each, Path):
            name = os.fsencode(each)
            if b"\n" not in name or end == b"\0":
                click.echo(name + end, nl=False)
                continue
            click.echo(f"likewise: {each!s}: has a line break in its name: left out, -0 lists it", err=True)
        else:
            click.echo(f"likewise: {each.key}: {each.reason}: left out", err=True)
        left_out += 1
    if left_out:
        click.echo(f"likewise: {left_out:,} {'copy' if left_out == 1 else 'copies'} left out", err=True)


def _write_page(collection: Collection, found: Duplicates, target: Path) -> None:
    from likewise.collection import copies
    from likewise.show import page

    shown = (
        copies.shown(group, i, collection.store, collection.limits)
        for i, group in enumerate(found.groups[:_MOST_ON_PAGE], start=1)
    )
    notes = {**collection.notes(), **copies.notes(found)}
    if len(found) > _MOST_ON_PAGE:
        notes["not shown"] = f"{number(len(found) - _MOST_ON_PAGE, 'group')}: --json has all"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.groups(shown, title="The same picture again", notes=notes), "utf-8")
    click.echo(f"page in {target}", err=True)
