"""`likewise train`: a network of one's own from labelled pictures, or from pictures alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from likewise.cli.screen import bar, bytes_text, number, on_screen

if TYPE_CHECKING:
    from likewise.train.job import Outcome, Wanted
    from likewise.train.recipes import Method

METHODS = (
    "compact",
    "compact-64",
    "neural-codes",
    "siamese",
    "proxies",
)  # without torch their table cannot be imported; tests compare
LOSSES = (
    "softmax",
    "normalised-softmax",
    "supcon",
    "triplet",
    "contrastive",
    "multi-similarity",
    "proxy-anchor",
    "smooth-ap",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command, parsed; each means what its help says."""

    places: tuple[str, ...]
    out: Path
    start: str
    method: str | None
    loss: str | None
    epochs: int | None
    batch: int | None
    rate: float | None
    dim: int | None
    hold_out: float | None
    hold_out_images: int
    without: Path | None
    mined: bool
    recipe: str | None
    weights: Path | None
    kept: Literal["int8", "float16", "float32"] | None
    licence: str
    seed: int


_HELD_OUT = 0.2


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the model, its log and curves.")
@click.option(
    "--from", "start", default="compact", show_default=True, help="Model to start from; `nothing` starts anew."
)
@click.option("--method", type=click.Choice(METHODS), help="What is done.  [default: proxies; from nothing: compact]")
@click.option("--loss", type=click.Choice(LOSSES), help="Instead of the method's.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the method's.")
@click.option("--batch", type=click.IntRange(2), help="Instead of the method's.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate instead of the method's.")
@click.option("--dim", type=click.IntRange(2), help="Shorten embeddings by PCA to this length.")
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 0.9),
    help="Share of the classes, the last by name, that judge and are not trained on.  [default: 0.2, with --mined none]",
)
@click.option(
    "--hold-out-images", default=0, type=click.IntRange(0), help="Images of the other classes that only judge."
)
@click.option(
    "--without",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of keys, one a line: pictures that are not trained on.",
)
@click.option("--mined", is_flag=True, help="Use no labels: pairs are mined by the model that is started from.")
@click.option("--recipe", help="Of the model that is started from, where there is a choice.")
@click.option("--weights", type=click.Path(path_type=Path), help="A file of weights instead of the published one.")
@click.option(
    "--kept",
    type=click.Choice(["int8", "float16", "float32"]),
    help="How weights lie in the file.  [default: the smallest that keeps the embeddings]",
)
@click.option("--licence", default="", help="Of what comes out, for its card; else that of the start.")
@click.option("--seed", default=0, show_default=True)
def train(**given: Any) -> None:
    """Train an encoder on the pictures of PLACE: a folder for each class, or CIFAR; with --mined any pictures.

    Several PLACEs are sets of their own: no picture is told apart from the classes of another set, so they may overlap.

    Writes OUT/model.onnx, which needs no torch to run: `likewise index --model OUT/model.onnx`. A run that was ended at
    any moment goes on when the same command is given again.
    """
    from likewise.errors import MissingExtra
    from likewise.queries.reading import open_place

    asked = Asked(**given)
    try:
        from likewise.train import job
    except ImportError as error:
        raise MissingExtra(f"training needs torch ({error}): pip install 'likewise[torch]'") from error
    wanted = _wanted(asked)
    click.echo(f"{wanted.method.about} ({wanted.method.paper})")

    def told(row: dict[str, float]) -> None:
        judged = f", held out R@1 {row['recall_at_1']:.3f}, MAP@R {row['map_at_r']:.3f}"
        of = wanted.method.plan.epochs
        click.echo(
            f"epoch {row['epoch']:.0f}/{of}: loss {row['loss']:.3f}, {row['images_per_s']:,.0f} images/s, "
            f"{row['seconds']:,.0f} s{judged if row['recall_at_1'] == row['recall_at_1'] else ''}"
        )

    with bar("reading") as reading:
        sources = [open_place(place) for place in asked.places]
        outcome = job.train(sources, wanted, asked.out, reading=reading, told=told)
    _print(outcome)


def _wanted(asked: Asked) -> Wanted:
    from likewise.train.job import Wanted
    from likewise.train.recipes import METHODS as METHODS_OF

    anew = asked.start == "nothing"
    method = _changed(METHODS_OF[asked.method or ("compact" if anew else "proxies")], asked)
    if asked.mined and asked.hold_out:
        raise click.UsageError("--mined knows no classes that could be held out: judge it with likewise evaluate")
    usual = 0.0 if asked.mined else _HELD_OUT
    hold_out = usual if asked.hold_out is None else asked.hold_out
    return Wanted(
        method=method,
        start="" if anew else asked.start,
        recipe=asked.recipe,
        weights=asked.weights,
        hold_out_classes=hold_out,
        hold_out_images=asked.hold_out_images,
        without=frozenset(_lines(asked.without)),
        mined=asked.mined,
        kept=asked.kept,
        licence=asked.licence,
    )


def _lines(path: Path | None) -> list[str]:
    """What a file lists; empty lines, and what follows a #, are for people."""
    told = [] if path is None else path.read_text("utf-8").splitlines()
    return [line for line in (each.partition("#")[0].strip() for each in told) if line]


def _changed(method: Method, asked: Asked) -> Method:
    plan = method.plan
    plan = replace(
        plan,
        epochs=asked.epochs or plan.epochs,
        cycles=() if asked.epochs else plan.cycles,
        batch=asked.batch or plan.batch,
        rate=asked.rate or plan.rate,
        per_class=plan.per_class or (2 if asked.mined else 0),
        seed=asked.seed,
    )
    loss, options = method.loss, method.loss_options
    if asked.loss is not None and asked.loss != loss:
        loss, options = asked.loss, {}
    return replace(method, plan=plan, loss=loss, loss_options=options, whitened_to=asked.dim or method.whitened_to)


def _print(outcome: Outcome) -> None:
    from rich.table import Table

    size = bytes_text(outcome.model.stat().st_size)
    click.echo(f"trained on {number(outcome.trained_on, 'picture')}; {outcome.card.dim}-d; {size} in {outcome.model}")
    click.echo(f"the file's embeddings agree with the network's: smallest cosine {outcome.agreement:.5f}")
    if outcome.judged_on:
        table = Table(title=f"{number(outcome.judged_on, 'picture')} held out, each against the others")
        for column in ("", "R@1", "MAP@R"):
            table.add_column(column, justify="right")
        if outcome.before[0] == outcome.before[0]:
            table.add_row("before", *(f"{value:.3f}" for value in outcome.before))
        table.add_row("after", *(f"{value:.3f}" for value in outcome.after))
        on_screen().print(table)
    click.echo(f"use it: likewise index PLACE --model {outcome.model}")
