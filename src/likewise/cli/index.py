"""`likewise index`: embed what is new, and say what was left out and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from likewise.cli.distributing import WantedCluster, distributed_options
from likewise.cli.indexes import WantedIndex, index_options
from likewise.cli.limits import POSITIVE, WantedLimits, limit_options
from likewise.cli.model import WantedModel, model_options
from likewise.cli.screen import at_collection, number, on_screen
from likewise.cli.whiten import WantedWhitening, fitting_bars, whiten_options

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.images import Limits
    from likewise.ingest import Options, Report, Watch
    from likewise.sources import Source

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    places: tuple[str, ...]
    model: WantedModel
    keep: str | None
    batch: int
    workers: int | None
    prefetch: int
    deadline: float
    whitening: WantedWhitening
    index: WantedIndex
    limits: WantedLimits
    cluster: WantedCluster
    retry: bool
    include_forgotten: bool
    commit_every: float
    wait: float


@click.command()
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@model_options("Whose embeddings, fixed once there are some")
@click.option(
    "--keep",
    "--dtype",
    "keep",
    metavar="HOW",
    help="How embeddings are kept: float32, float16, int8, or pq:N, which takes N bytes each; docs/compression.md says what that costs.  "
    "[default: float32]",
)
@click.option("--batch", default=64, show_default=True, type=click.IntRange(1), help="Images embedded at once.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that decode; 1 decodes in this one.  [default: the processors]",
)
@click.option(
    "--prefetch",
    default=0,
    type=click.IntRange(0),
    help="Images that are read at once; more for slow disks and network folders.  [default: 8; 32 from buckets and the web]",
)
@click.option(
    "--deadline",
    default=300.0,
    show_default=True,
    type=POSITIVE,
    metavar="SECONDS",
    help="For decoding one image; whoever takes longer is replaced.",
)
@distributed_options
@whiten_options
@index_options
@limit_options
@click.option("--retry", is_flag=True, help="Try again what was skipped before.")
@click.option("--include-forgotten", is_flag=True, help="Let in again what `likewise forget` took out.")
@click.option("--commit-every", default=2.0, show_default=True, metavar="SECONDS", help="What a crash may cost.")
@click.option("--wait", default=0.0, metavar="SECONDS", help="Wait for another process that is writing.")
@click.pass_context
def index(context: click.Context, /, **given: Any) -> None:
    """Embed the images of each PLACE; without a PLACE, of all places of before.

    A PLACE is a folder, a .zip or .tar, a list (.txt, or - for standard input), a glob, an image, CIFAR-10 or -100 in
    the official layout, or an address: s3://BUCKET/PREFIX, gs://…, az://… (docs/object-storage.md).

    Only new and changed images are read. Ctrl-C at any moment loses nothing: run it again to go on.
    """
    from likewise.ingest import added_up

    wanted = Wanted(
        model=WantedModel.taken_from(given),
        whitening=WantedWhitening.taken_from(given),
        index=WantedIndex.taken_from(given),
        limits=WantedLimits.taken_from(given),
        cluster=WantedCluster.taken_from(given),
        **given,
    )
    sources: dict[str, Source] = {}
    with _opened(context.obj, wanted, sources) as collection:
        if wanted.include_forgotten:
            with collection.store.write(wait_s=wanted.wait) as writer:
                writer.recall_forgotten()
        reports: list[Report] = []
        for name in wanted.places or collection.places():
            try:
                with progress_of(name) as watch:
                    reports.append(_indexed(collection, name, wanted, sources, watch))
            except KeyboardInterrupt:
                click.echo(f"\nstopped: {len(collection):,} images are in; run the same command to go on", err=True)
                raise
        summary(collection, added_up(reports))
        wanted.index.brought_about(collection, wanted.wait)


def _indexed(collection: Collection, name: str, wanted: Wanted, sources: dict[str, Source], watch: Watch) -> Report:
    """Index one place, here or by a cluster."""
    options = _options(wanted, collection.limits)
    if wanted.cluster.on is None:
        return collection.index_sources([_source(name, sources)], options, watch)
    given = wanted.workers or 0, wanted.model.weights, wanted.model.device
    return wanted.cluster.indexed(collection, name, options, watch, given)


def _opened(folder: str | None, wanted: Wanted, sources: dict[str, Source]) -> Collection:
    """The collection that is there, if it fits what is wanted; else a new one."""
    from likewise import collection as here
    from likewise import encoders
    from likewise.encoders import naming
    from likewise.errors import NoCollection, StoreMismatch
    from likewise.stores import home

    try:
        found = here.Collection.open(folder, runtime=wanted.model.runtime, precision=wanted.model.precision)
    except NoCollection:
        if not wanted.places:
            raise click.UsageError("name a PLACE to index: a folder, an archive, a list or an image") from None
        return _created(folder or ".", wanted, sources)
    card, kept_as, model = found.store.card, found.store.kept_as, wanted.model
    if wanted.keep is not None:
        found.store.demand_kept_as(wanted.keep)
    whitening = wanted.whitening.wanted()
    if whitening is not None:
        found.demand_whitening(whitening, model.model, model.recipe)
    elif model.is_default:
        return found
    same_name = model.model is None or naming.same(model.model, card.name)
    same_model = same_name and model.recipe in (None, card.recipe.name)
    if whitening is not None or (same_model and found.whitening is not None):
        found.close()
        store = home.opened(here.place_of(folder or found.store.place))
        return here.Collection(store, load=model.loader())
    if model.model is not None and not same_name and not encoders.is_file(model.model):
        raise StoreMismatch(
            f"{found.store.place} holds {card.name} embeddings, not {model.model}: pass --model {card.name}, "
            "or keep the other model in a collection of its own with -c DIR"
        )
    told = card.name if same_name or model.model is None else model.model
    same = replace(model, model=told, recipe=model.recipe or card.recipe.name)
    encoder = same.loaded(card.weights_sha256, card.quantised)
    found.close()
    return here.Collection.create(folder or found.store.place, encoder, keep=kept_as)


def _created(folder: str, wanted: Wanted, sources: dict[str, Source]) -> Collection:
    """A new collection; where something has to be fitted, after fitting it on pictures of the first place."""
    from likewise.collection import Collection
    from likewise.compression import compression
    from likewise.images import Limits

    keep = compression(wanted.keep or "float32")
    encoder = wanted.model.loaded_for(wanted.places[0])
    whitening = wanted.whitening.wanted()
    if whitening is None and keep.is_float:
        return Collection.create(folder, encoder, keep=keep.name)
    first, options = _source(wanted.places[0], sources), _options(wanted, Limits())
    with fitting_bars() as watch:
        made = Collection.create_fitted(folder, encoder, first, whitening, keep=keep.name, options=options, watch=watch)
    if made.whitening is not None:
        click.echo(str(made.whitening.fit))
    if not keep.is_float:
        _print_kept(made)
    return made


def _print_kept(made: Collection) -> None:
    """What a row takes, and what that costs."""
    book = made.store.codebook
    now = book.codec.row_bytes
    click.echo(f"kept as {book.name}: {now:,} bytes a row instead of {4 * book.dim:,}; {book.fit}")
    click.echo(f"in mAP: likewise evaluate BENCHMARK --compress {book.name}; figures in docs/compression.md")


def _source(name: str, sources: dict[str, Source]) -> Source:
    """The source of that name, opened once: standard input can be read no second time."""
    from likewise.queries.reading import open_place
    from likewise.sources import open_source

    if name not in sources:
        lines = [os.fsdecode(line) for line in sys.stdin.buffer] if name == "-" else []
        sources[name] = open_source("-", lines=lines) if name == "-" else open_place(name)
    return sources[name]


def _options(wanted: Wanted, limits: Limits) -> Options:
    from likewise.ingest import Options
    from likewise.processors import processors

    return Options(
        batch=wanted.batch,
        workers=wanted.workers or processors(),
        prefetch=wanted.prefetch,
        deadline_s=wanted.deadline,
        commit_s=wanted.commit_every,
        retry=wanted.retry,
        wait_s=wanted.wait,
        limits=wanted.limits.applied(limits),
    )


@contextmanager
def progress_of(name: str) -> Iterator[Watch]:
    """A bar with images a second, what is left, and the time it will take."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=on_screen(stderr=True)) as bar:
        task = bar.add_task(f"indexing {Path(name).name or name}", total=None, speed="")

        def watch(report: Report) -> None:
            embedded = report.added + report.changed
            speed = f"{embedded / report.seconds:,.0f} images/s" if report.seconds > 0 and embedded else ""
            skipped = f", {len(report.skipped):,} skipped" if report.skipped else ""
            bar.update(task, total=report.total, completed=report.done, speed=speed + skipped)

        yield watch


def summary(collection: Collection, report: Report) -> None:
    """Print what a run did, what computed it, and why images were left out."""
    from likewise.encoders.runtimes import running

    parts = {
        "new": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "back again": report.returned,
        "vanished": report.vanished,
        "forgotten earlier": report.forgotten,
        "skipped": len(report.skipped),
        "skipped earlier": report.still_skipped,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count) or "no images there"
    if report.reused:
        told += f"; {report.reused:,} reused the embedding of equal bytes"
    embedded = report.added + report.changed
    speed = f" ({embedded / report.seconds:,.0f} images/s)" if embedded and report.seconds > 0 else ""
    click.echo(f"{told} in {report.seconds:.1f} s{speed}")
    for skip in report.skipped[:SHOWN]:
        click.echo(f"  skipped {skip.key}: {skip.reason}")
    if len(report.skipped) > SHOWN:
        click.echo(f"  … and {len(report.skipped) - SHOWN:,} more: likewise skipped")
    if embedded:
        click.echo(f"computed by {running(collection.encoder)}")
    where = at_collection(collection)
    click.echo(f"{number(len(collection), 'image')} in {where}, model {collection.store.card.name}")
