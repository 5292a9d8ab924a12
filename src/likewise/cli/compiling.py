"""`likewise compile`: a network made to run quickly, and without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from likewise.cli.screen import bytes_text, number, on_screen

if TYPE_CHECKING:
    from likewise.cli.model import WantedModel
    from likewise.compiling import Told, Wanted
    from likewise.encoders.compiled import Compiled
    from likewise.encoders.runtimes import Precision, Runtime


@click.command("compile")
@click.argument("model")
@click.option("--recipe", help="How the model's input is made, where there is a choice: imagenet, cifar.")
@click.option("--weights", type=click.Path(path_type=Path), help="A file of weights instead of the published ones.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16", "int8"]),
    default="auto",
    help="auto: float32, and bf16 where a check finds it within its bound. int8: another model, fitted on pictures.",
)
@click.option("--runtime", type=click.Choice(["auto", "onnx", "openvino"]), default="auto", help="Which one to check.")
@click.option("--check", "place", metavar="PLACE", help="Real pictures to check it on.  [default: a drawn gallery]")
@click.option(
    "--images", "pictures", default=256, show_default=True, type=click.IntRange(16), help="To check it on, at the most."
)
@click.option(
    "--out", metavar="FILE.onnx", type=click.Path(path_type=Path, dir_okay=False), help="Write the network here too."
)
@click.option("--seed", default=0, show_default=True, help="Of the choice of pictures.")
def compile_network(  # noqa: PLR0913, PLR0917 - one for each option
    model: str,
    recipe: str | None,
    weights: Path | None,
    precision: Precision,
    runtime: Runtime,
    place: str | None,
    pictures: int,
    out: Path | None,
    seed: int,
) -> None:
    """Export the network of MODEL once, check it against its source, and keep it: index and search then run it without torch.

    Its embeddings are the source's, so a collection that is there stays. With --precision int8 they are another model's, and
    best fitted on the pictures that will be indexed. A network that departs from its source by more than the bound is not kept.

    On a machine without torch, FILE.onnx is taken by --model or --weights.
    """
    from likewise.compiling import Wanted, compile_model
    from likewise.queries.reading import open_place

    wanted = Wanted(model, recipe, weights, runtime, precision, out, pictures, seed)
    with _bars() as told:
        made = compile_model(wanted, open_place(place) if place is not None else None, told)
    _print(made, wanted)


def compiled_for(model: WantedModel, place: str) -> None:
    """Make the int8 network that indexing a place asks for, fitted on its pictures; a list on standard input is not read for it."""
    from likewise.compiling import Wanted, compile_model
    from likewise.queries.reading import open_place

    wanted = Wanted(model.name, model.recipe, model.weights, model.runtime, "int8")
    click.echo(f"there is no int8 network of {model.name} yet: fitting one")
    with _bars() as told:
        made = compile_model(wanted, open_place(place) if place != "-" else None, told)
    _print(made, wanted)


def _print(made: Compiled, wanted: Wanted) -> None:
    from likewise.encoders.fidelity import BOUNDS

    pictures = made.checks[0].fidelity.pictures if made.checks else 0
    click.echo(
        f"{made.card.name}, {made.card.recipe.name}, {made.card.dim}-d, checked on {number(pictures, 'picture')}"
    )
    for each in made.checks:
        verdict = "within" if each.holds else "outside"
        click.echo(
            f"  {each.runtime} {each.precision}: {each.fidelity}; {verdict} its bound ({BOUNDS[each.precision]})"
        )
    if made.sha256:
        click.echo(f"{bytes_text(made.path.stat().st_size)} in {made.path}")
    if wanted.out is not None:
        click.echo(f"for another machine: {wanted.out}")
    recipe = "" if made.origin.default_recipe else f" --recipe {made.card.recipe.name}"
    weights = "" if wanted.weights is None else f" --weights {wanted.weights}"
    int8 = " --precision int8" if made.card.quantised else ""
    click.echo(f"use it: likewise index PLACE --model '{made.origin.name}'{recipe}{weights}{int8}")


@contextmanager
def _bars() -> Iterator[Told]:
    """One bar that says what is being done."""
    from rich.progress import Progress

    with Progress(console=on_screen(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
