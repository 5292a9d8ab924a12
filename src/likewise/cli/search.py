"""`likewise search`: hits as a table, as pictures, as a page, as data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from likewise.cli.limits import WantedLimits, limit_options
from likewise.cli.screen import on_screen

if TYPE_CHECKING:
    from likewise.collection import Collection, Hits
    from likewise.search import Query
    from likewise.types import Skipped


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    queries: tuple[str, ...]
    k: int
    grid: Path | None
    html: Path | None
    as_json: bool
    preview: bool
    metric: Literal["cosine", "l2"] | None
    weights: Path | None
    limits: WantedLimits


@click.command()
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@click.option("-k", default=7, show_default=True, type=click.IntRange(1), help="How many neighbours.")
@click.option("--grid", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="A PNG for each query.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="One page for all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each query.")
@click.option("--preview", is_flag=True, help="Pictures in the terminal.")
@click.option("--metric", type=click.Choice(["cosine", "l2"]), help="Instead of the model's own.")
@click.option("--weights", type=click.Path(path_type=Path), help="The model's file, if it is not cached.")
@limit_options
@click.pass_context
def search(context: click.Context, /, **given: Any) -> int:
    """Find the images most like each QUERY.

    A QUERY is an image, a folder or an archive of images, https://…, or - for an image on standard input.

    On a terminal the hits come as a table; in a pipe as tab-separated rank, score, path (and query, if several).
    """
    from likewise.collection import Collection
    from likewise.types import Skipped

    wanted = Wanted(limits=WantedLimits.taken_from(given), **given)
    several = len(wanted.queries) > 1 or Path(wanted.queries[0]).is_dir()
    with Collection.open(context.obj, weights=wanted.weights) as collection:
        collection.limits = wanted.limits.applied(collection.limits)
        answers: list[Hits] = []
        failed = 0
        for answer in collection.search_many(_queries(wanted.queries), wanted.k, metric=wanted.metric):
            if isinstance(answer, Skipped):
                failed += 1
                click.echo(f"likewise: {answer.key}: {answer.reason}", err=True)
                continue
            _print(answer, wanted, several=several)
            answers.append(answer)
        _write(collection, answers, wanted)
    return 1 if failed else 0


def on_terminal() -> bool:
    """Whether a person is looking, and not another program."""
    return sys.stdout.isatty()


def _queries(names: tuple[str, ...]) -> Iterator[Query | Skipped]:
    from likewise.collection import open_place, read_query
    from likewise.errors import SourceError
    from likewise.search import Query, queries_of
    from likewise.sources import is_many
    from likewise.types import Skipped

    for name in names:
        try:
            if name == "-":
                yield Query("standard input", sys.stdin.buffer.read())
            elif is_many(name):
                yield from queries_of(open_place(name))
            else:
                yield read_query(name)
        except SourceError as error:
            yield Skipped(name, str(error))


def _print(answer: Hits, wanted: Wanted, *, several: bool) -> None:
    from likewise.show import terminal

    if wanted.as_json:
        click.echo(json.dumps(answer.to_json(), ensure_ascii=False))
    elif wanted.preview:
        on_screen().print(terminal.preview(answer.answer()))
    elif on_terminal():
        on_screen().print(terminal.table(answer.bare()))
    else:
        query = [answer.query.name] if several else []
        for hit in answer:
            click.echo("\t".join([*query, str(hit.rank), f"{hit.score:.6g}", hit.path or hit.key]))


def _write(collection: Collection, answers: list[Hits], wanted: Wanted) -> None:
    if wanted.grid is not None:
        for answer, path in zip(answers, grid_paths(wanted.grid, answers), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            answer.save(path)
        click.echo(f"{len(answers)} pictures in {wanted.grid}", err=True)
    if wanted.html is not None:
        from likewise.show import page

        shown = [answer.answer() for answer in answers]
        title = f"Like {answers[0].query.name}" if len(answers) == 1 else f"{len(answers)} searches"
        wanted.html.parent.mkdir(parents=True, exist_ok=True)
        wanted.html.write_text(page.html(shown, title=title, notes=collection.notes()), "utf-8")
        click.echo(f"page in {wanted.html}", err=True)


def grid_paths(folder: Path, answers: Sequence[Hits]) -> list[Path]:
    """One PNG per query, named after it; a second query of the same name gets a number."""
    taken: dict[str, int] = {}
    paths: list[Path] = []
    for answer in answers:
        stem = re.sub(r"[^\w.-]+", "_", Path(answer.query.name).stem).strip("._") or "query"
        taken[stem] = taken.get(stem, 0) + 1
        paths.append(folder / (f"{stem}.png" if taken[stem] == 1 else f"{stem}-{taken[stem]}.png"))
    return paths
