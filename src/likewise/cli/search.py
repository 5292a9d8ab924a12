"""`likewise search`: hits as a table, as pictures, as a page, as data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from likewise.cli import remote
from likewise.cli.indexes import SHARE
from likewise.cli.limits import WantedLimits, limit_options
from likewise.cli.model import running_options
from likewise.cli.rerank import WantedRerank, rerank_options
from likewise.cli.screen import number, on_screen
from likewise.cli.where import where_option

if TYPE_CHECKING:
    from likewise.client import Client
    from likewise.collection import Collection, Hits
    from likewise.encoders.runtimes import Precision, Runtime
    from likewise.queries import Query
    from likewise.types import Skipped


_LONGEST_STEM = 100  # letters of a file's name, which systems end at 255 bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    queries: tuple[str, ...]
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    together: bool
    with_self: bool
    k: int
    grid: Path | None
    html: Path | None
    as_json: bool
    preview: bool
    metric: Literal["cosine", "l2"] | None
    recall: float | None
    weights: Path | None
    runtime: Runtime
    precision: Precision
    explain: Path | None
    where: str | None
    rerank: WantedRerank
    limits: WantedLimits
    significance: float | None
    fold: bool
    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    layers: str | None


@click.command()
@click.argument("queries", nargs=-1, metavar="QUERY...")
@click.option("--plus", multiple=True, metavar="PART", help="Mix this into every QUERY; again for more.")
@click.option("--minus", multiple=True, metavar="PART", help="Lead away from this; again for more.")
@click.option("--together", is_flag=True, help="All QUERYs are one query, instead of one each.")
@click.option("--with-self", is_flag=True, help="A gallery image named by key may be its own neighbour.")
@where_option
@click.option("-k", default=7, show_default=True, type=click.IntRange(1), help="How many neighbours.")
@click.option("--grid", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="A PNG for each query.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="One page for all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each query.")
@click.option("--preview", is_flag=True, help="Pictures in the terminal.")
@click.option("--metric", type=click.Choice(["cosine", "l2"]), help="Instead of the model's own.")
@click.option(
    "--recall",
    type=SHARE,
    metavar="SHARE",
    help="How much of the true nearest is to be found; 1 is exact.  [default: as indexed]",
)
@click.option("--weights", type=click.Path(path_type=Path), help="The model's file, if it is not cached.")
@running_options
@rerank_options
@click.option(
    "--explain",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="A PNG for each query of the places that it shares with its best hits; needs geometry in --rerank.",
)
@click.option(
    "--significance",
    metavar="CHANCE",
    type=click.FloatRange(0, 1, min_open=True),
    help="Only hits that an unrelated picture has with at most this probability, such as 0.001: maybe none. 1 shows all, with theirs.",
)
@click.option("--fold", is_flag=True, help="Copies of a better hit stand under it, and -k counts different pictures.")
@click.option("--like", "liked", multiple=True, metavar="KEY", help="A gallery image to find more of; again for more.")
@click.option(
    "--dislike", "disliked", multiple=True, metavar="KEY", help="A gallery image to lead away from; again for more."
)
@click.option(
    "--layers",
    metavar="LAYER=WEIGHT,...",
    help="How much each layer of a mix counts, such as 'conv3_1|gem=0.3,fc1=0.7'.",
)
@limit_options
@click.pass_context
def search(context: click.Context, /, **given: Any) -> int:
    """Find the images most like each QUERY.

    A QUERY is an image, a folder or an archive of images, https://…, - for an image on standard input, the key of a gallery
    image, concept:NAME, or, where the model has text, words. Ambiguous names are settled by text:… image:… key:…

    \b
    cat.jpg@10,20,300,200         a region: left, top, width, height in pixels
    cat.jpg@25%,0%,50%,100%       the same in percent
    cat.jpg --plus "at night=0.5" --minus people.jpg    a mix, with weights
    cover.jpg --rerank geometry --explain out/          the very same thing, and why
    key:a.jpg --like b.jpg --dislike c.jpg              taught by marks; concept:NAME for those that were saved
    cat.jpg --where "folder = 'tiger' and width > 1000" only among these; likewise info --fields tells fields

    On a terminal the hits come as a table; in a pipe as tab-separated rank, score, chance (with --significance), path (and query first,
    if several). No good match is an answer like any other: no line of hits, a word on standard error, exit code 0.
    """  # noqa: D301 - click wants the sign itself
    from likewise.layers import Weighing
    from likewise.queries.reading import is_many_pictures
    from likewise.types import Skipped

    wanted = Wanted(limits=WantedLimits.taken_from(given), rerank=WantedRerank.taken_from(given), **given)
    if not wanted.queries and not wanted.liked and not wanted.disliked:
        raise click.UsageError("nothing to look for: name a QUERY, or gallery images with --like")
    chain = wanted.rerank.loaded()
    if wanted.explain is not None and (chain is None or chain.matcher is None):
        raise click.UsageError("--explain draws what geometry found: add --rerank geometry")
    several = not wanted.together and (len(wanted.queries) > 1 or any(map(is_many_pictures, wanted.queries)))
    with _opened(context.obj, wanted) as collection:
        collection.limits = wanted.limits.applied(collection.limits)
        answers: list[Hits] = []
        failed = 0
        for answer in collection.search_many(
            _queries(collection, wanted),
            wanted.k,
            metric=wanted.metric,
            rerank=wanted.rerank.rerank if remote.is_address(context.obj) else chain,
            where=wanted.where,
            significance=wanted.significance,
            fold=wanted.fold,
            layers=None if wanted.layers is None else Weighing.parse(wanted.layers).weights,
        ):
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


def _opened(folder: str | None, wanted: Wanted) -> Collection | Client:
    """The collection of a folder, or that of a server."""
    from likewise.collection import Collection

    if folder is not None and remote.is_address(folder):
        named: dict[str, object] = {"--recall": wanted.recall, "--weights": wanted.weights, "--runtime": wanted.runtime}
        named |= {"--precision": wanted.precision, "--explain": wanted.explain, "--depth": wanted.rerank.depth}
        return remote.client(folder, named)
    collection = Collection.open(folder, weights=wanted.weights, runtime=wanted.runtime, precision=wanted.precision)
    if wanted.recall is not None:
        collection.store.recall = wanted.recall
    return collection


def _queries(collection: Collection | Client, wanted: Wanted) -> Iterator[Query | Skipped]:
    """One query for each picture that is named, or one for all together; what is mixed in must be right for any of them."""
    from likewise.queries import Query
    from likewise.teaching import Marks

    marks = Marks(wanted.liked, wanted.disliked) if wanted.liked or wanted.disliked else None
    reader = collection.reader(sys.stdin.buffer.read)
    if not wanted.queries:
        yield collection.query(liked=wanted.liked, disliked=wanted.disliked, with_self=wanted.with_self)
        return
    if wanted.together:
        together = reader.one(wanted.queries, wanted.plus, wanted.minus)
        yield replace(together, with_self=wanted.with_self, marks=marks)
        return
    others = reader.mixed_in(wanted.plus, wanted.minus)
    for name in wanted.queries:
        for query in reader.each(name, others):
            yield replace(query, with_self=wanted.with_self, marks=marks) if isinstance(query, Query) else query


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
            chance = [] if hit.chance is None else [f"{hit.chance:.3g}"]
            click.echo("\t".join([*query, str(hit.rank), f"{hit.score:.6g}", *chance, hit.path or hit.key]))
        if answer.by_chance and not answer:
            click.echo(f"likewise: {answer.query.name}: {answer.note}", err=True)


def _write(collection: Collection | Client, answers: list[Hits], wanted: Wanted) -> None:
    if wanted.grid is not None:
        for answer, path in zip(answers, grid_paths(wanted.grid, answers), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            answer.save(path)
        click.echo(f"{number(len(answers), 'picture')} in {wanted.grid}", err=True)
    if wanted.explain is not None:
        for answer, path in zip(answers, grid_paths(wanted.explain, answers), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            answer.explain(path)
        click.echo(f"{number(len(answers), 'explanation')} in {wanted.explain}", err=True)
    if wanted.html is not None:
        from likewise.show import page

        shown = [answer.answer() for answer in answers]
        title = f"Like {answers[0].query.name}" if len(answers) == 1 else f"{len(answers)} searches"
        wanted.html.parent.mkdir(parents=True, exist_ok=True)
        wanted.html.write_text(page.html(shown, title=title, notes=collection.notes()), "utf-8")
        click.echo(f"page in {wanted.html}", err=True)


def grid_paths(folder: Path, answers: Sequence[Hits]) -> list[Path]:
    """One PNG per query, named after it (a picture's own name, or those of all parts); a second query of the same name gets a number."""
    taken: dict[str, int] = {}
    paths: list[Path] = []
    for answer in answers:
        name = "+".join(Path(term.part.name).stem for term in answer.query.terms)
        stem = re.sub(r"[^\w.+-]+", "_", name).strip("._")[:_LONGEST_STEM] or "query"
        taken[stem] = taken.get(stem, 0) + 1
        paths.append(folder / (f"{stem}.png" if taken[stem] == 1 else f"{stem}-{taken[stem]}.png"))
    return paths
