"""`likewise demo`: the main job from end to end, with pictures to look at and a figure that says how good they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from likewise.cli.screen import bar, download_bar, number, on_screen

if TYPE_CHECKING:
    from likewise.collection import Collection, Hits
    from likewise.encoders import Encoder
    from likewise.queries import Query
    from likewise.sources import Source

K = 7
PICTURES = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    out: Path
    images: str | None
    query: str | None
    instances: int
    seed: int
    cifar100: bool
    cifar: Path | None
    weights: Path | None


@click.command()
@click.option(
    "--out", default="likewise-demo", show_default=True, type=click.Path(path_type=Path), help="Where everything goes."
)
@click.option("--images", metavar="PLACE", help="Your own pictures instead of drawn ones.")
@click.option("--query", metavar="QUERY", help="Your own query, or a folder of queries.")
@click.option("--instances", default=30, show_default=True, type=click.IntRange(1), help="Objects drawn of each kind.")
@click.option("--seed", default=0, show_default=True, help="Of the drawn gallery.")
@click.option(
    "--cifar100", is_flag=True, help="VGG-19 fc1 on CIFAR-100, k = 7: needs the extra torch and two downloads."
)
@click.option(
    "--cifar", type=click.Path(path_type=Path), help="cifar-100-python or its .tar.gz instead of the download."
)
@click.option("--weights", type=click.Path(path_type=Path), help="vgg19-dcbb9e9d.pth instead of the download.")
def demo(**given: Any) -> None:
    """Index, search, and write pictures of the neighbours: offline, in about a minute.

    Without options the gallery is drawn by this program, of 40 kinds of things, so the demo can also say how many of
    the neighbours are of the right kind.
    """
    wanted = Wanted(**given)
    wanted.out.mkdir(parents=True, exist_ok=True)
    if wanted.cifar100:
        _cifar100(wanted)
    elif wanted.images:
        _own_pictures(wanted, wanted.images)
    else:
        _drawn(wanted)


def _drawn(wanted: Wanted) -> None:
    from likewise import encoders
    from likewise.benchmarks import rendered
    from likewise.collection import DEFAULT_MODEL
    from likewise.queries.reading import open_place, queries_of

    out = wanted.out / f"seed-{wanted.seed}" if wanted.seed else wanted.out  # pictures of one seed are one gallery
    gallery, queries = out / "gallery", out / "queries"
    scenes = rendered.scenes(wanted.instances, 2)
    unseen = rendered.scenes(5, 1, first_instance=wanted.instances)
    workers = os.cpu_count() or 1
    with bar(f"drawing {len(scenes) + len(unseen):,} pictures") as watch:
        rendered.write(gallery, scenes, seed=wanted.seed, workers=workers, progress=watch)
        rendered.write(queries, unseen, seed=wanted.seed, workers=workers, progress=watch)
    click.echo(
        f"gallery: {len(scenes):,} pictures of {len(rendered.KINDS)} kinds; queries: {len(unseen)} unseen objects"
    )
    asked = list(queries_of(open_place(str(queries))))
    figures: dict[str, float] = {"chance": 1 / len(rendered.KINDS)}
    for name in ("pixels", "classical", DEFAULT_MODEL):
        place = out if name == DEFAULT_MODEL else out / name
        collection = _indexed(place, encoders.load(name), [open_place(str(gallery))])
        with collection:
            answers = _answers(collection, asked)
            figures[name] = _precision(answers)
            if name == DEFAULT_MODEL:
                _write_pictures(collection, answers[:: max(1, len(answers) // PICTURES)][:PICTURES], out)
    _print_figures(figures, len(asked))
    click.echo(f"try it: likewise -c {out} search {queries / rendered.KINDS[0]} --preview")


def _own_pictures(wanted: Wanted, place: str) -> None:
    from likewise import encoders
    from likewise.collection import DEFAULT_MODEL
    from likewise.queries.reading import open_place

    source = open_place(place)
    with _indexed(wanted.out, encoders.load(DEFAULT_MODEL), [source]) as collection:
        asked = _queries(collection, wanted.query, source)
        _write_pictures(collection, _answers(collection, asked), wanted.out)


def _cifar100(wanted: Wanted) -> None:
    from likewise import encoders
    from likewise.sources import cifar

    with download_bar() as progress:
        path = wanted.cifar or cifar.download("cifar100", progress=progress)
        encoder = encoders.load("vgg19/fc1", recipe="cifar", weights=wanted.weights, progress=progress)
    train, test = cifar.open_cifar(path, "train"), cifar.open_cifar(path, "test")
    with _indexed(wanted.out, encoder, [train]) as collection:
        asked = _queries(collection, wanted.query, test)
        answers = _answers(collection, asked)
        _write_pictures(collection, answers[:PICTURES], wanted.out)
        if wanted.query is None:
            _print_figures({"chance": 0.01, "vgg19/fc1": _precision(answers)}, len(answers))


def _indexed(place: Path, encoder: Encoder, sources: Sequence[Source]) -> Collection:
    from likewise.cli.index import progress_of, summary
    from likewise.collection import Collection
    from likewise.ingest import Options, added_up

    collection = Collection.create(place, encoder)
    options = Options()
    reports = []
    for source in sources:
        with progress_of(f"{source.name} ({encoder.card.name})") as watch:
            reports.append(collection.index_sources([source], options, watch))
    summary(collection, added_up(reports))
    return collection


def _queries(collection: Collection, place: str | None, gallery: Source, most: int = 500) -> list[Query]:
    """What the user asked for, or else some images of a source, evenly spread."""
    from likewise.queries import Query

    if place is not None:
        return [query for query in collection.reader().each(place) if isinstance(query, Query)]
    items = list(gallery.items())
    return [Query.image(item.key, gallery.read(item)) for item in items[:: max(1, len(items) // most)][:most]]


def _answers(collection: Collection, queries: Sequence[Query | Any]) -> list[Hits]:
    from likewise.collection import Hits

    found = []
    with bar("searching") as watch:
        for answer in collection.search_many(queries, K):
            if isinstance(answer, Hits):
                found.append(answer)
            else:
                click.echo(f"  skipped {answer.key}: {answer.reason}")
            watch(len(found), len(queries))
    return found


def _precision(answers: Sequence[Hits]) -> float:
    """Mean P@7: how many of the seven neighbours are of the query's kind, which is the name of their folder."""
    import numpy as np

    from likewise.metrics import precision_at_k

    relevant = [[kind(hit.key) == kind(answer.query.name) for hit in answer] for answer in answers]
    return float(precision_at_k(np.array(relevant), K).mean())


def kind(key: str) -> str:
    """The folder that an image lies in.

    >>> kind("gallery/mug/mug-003-1.jpg")
    'mug'
    """
    return key.rsplit("/", 2)[-2]


def _write_pictures(collection: Collection, answers: Sequence[Hits], out: Path) -> None:
    from likewise.cli.search import grid_paths
    from likewise.show import page

    for answer, path in zip(answers, grid_paths(out / "pictures", answers), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        answer.save(path)
    target = out / "neighbours.html"
    shown = [answer.answer() for answer in answers]
    target.write_text(page.html(shown, title="Neighbours", notes=collection.notes()), "utf-8")
    click.echo(f"look at them: {number(len(answers), 'picture')} in {out / 'pictures'}, and all on one page: {target}")


def _print_figures(figures: dict[str, float], count: int) -> None:
    from rich.table import Table

    click.echo(f"how good the {K} neighbours are, over {count} queries:")
    table = Table()
    table.add_column("model")
    table.add_column(f"P@{K}", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}")
    on_screen().print(table)
