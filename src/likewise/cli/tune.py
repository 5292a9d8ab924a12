"""`likewise tune`: which model for one's own pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from likewise.cli.screen import bar, number, on_screen

if TYPE_CHECKING:
    from likewise.evaluate.intervals import Interval
    from likewise.evaluate.tuning import Tuned

_PLAIN = ("compact", "classical")
_VGG19 = (
    "fc1",
    "pool5|mean",
    "conv5_4|mean",
    "conv5_4|max",
    "conv5_4|gem",
    "conv4_4|mean",
    "conv4_4|max",
    "conv4_4|gem",
)


@click.command()
@click.argument("place")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="To choose from; again for more.  [default: compact, classical, and with weights eight layers of vgg19]",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Of a network of torch, instead of the published ones."
)
@click.option("--recipe", help="Of networks of torch: imagenet, cifar, crop-N, squash-N.")
@click.option("--images", default=1000, show_default=True, type=click.IntRange(20), help="To look at, at the most.")
@click.option("--out", default=".", type=click.Path(path_type=Path), help="Where a chosen whitening is kept.")
@click.option("--seed", default=0, show_default=True)
def tune(  # noqa: PLR0913, PLR0917 - one for each option
    place: str, models: tuple[str, ...], weights: Path | None, recipe: str | None, images: int, out: Path, seed: int
) -> None:
    """Choose model, layer, pooling and whitening on the pictures of PLACE, which need no labels.

    Some of the pictures are cut, mirrored, blurred, compressed, recoloured and shrunk, and searched for among the others. Where
    folders look like classes, these judge.
    """
    from likewise import encoders
    from likewise.evaluate.tuning import tune as tuned
    from likewise.queries.reading import open_place

    chosen = models or _default_models(weights)
    loaded = encoders.load_together(chosen, recipe=recipe, weights=weights)
    with bar("measuring") as watch:
        found = tuned(
            open_place(place), loaded, count=images, seed=seed, told=lambda _, done, total: watch(done, total)
        )
    _print(found)
    _advise(found, place, out)


def _default_models(weights: Path | None) -> Sequence[str]:
    """The built-in ones, and VGG-19 where its weights need no download."""
    from importlib.util import find_spec

    from likewise.weights import cache_folder

    there = weights is not None or (cache_folder() / "weights" / "vgg19-dcbb9e9d.pth").is_file()
    if there and find_spec("torch") is not None:
        return (*_PLAIN, *(f"vgg19/{layer}" for layer in _VGG19))
    return _PLAIN


def _print(found: Tuned) -> None:
    from rich.table import Table

    judged = f"{number(found.classes, 'folder')} as classes" if found.classes else "no folders that look like classes"
    click.echo(f"{number(found.pictures, 'picture')}, {found.queries} of them spoiled in six ways; {judged}")
    for skip in found.skipped[:5]:
        click.echo(f"  skipped {skip.key}: {skip.reason}")
    table = Table(box=None)
    table.add_column("model", no_wrap=True)
    for column in ("copies R@1", *(("folders MAP@R",) if found.classes else ()), "ms", "bytes"):
        table.add_column(column, justify="right", no_wrap=True)
    for each, efficient in zip(found.candidates, found.efficient, strict=True):
        classes = (_interval(each.classes),) if each.classes is not None else ()
        star = "* " if efficient else "  "
        table.add_row(star + each.name, _interval(each.itself), *classes, f"{each.ms:.2f}", f"{each.size_bytes:,}")
    on_screen().print(table)
    click.echo(
        "* nothing else is as good, as quick and as small; ± is half of the 95 % interval; ms and bytes are for one image"
    )


def _interval(found: Interval) -> str:
    return f"{found.mean:.3f} ±{(found.high - found.low) / 2:.3f}"


def _advise(found: Tuned, place: str, out: Path) -> None:
    from likewise.encoders import naming

    chosen = found.chosen
    model = chosen.card.name
    if chosen.whitening is not None:
        out.mkdir(parents=True, exist_ok=True)
        target = out / f"{re.sub(r'[^A-Za-z0-9_.-]', '-', model)}-pca{chosen.dim}.npz"
        chosen.whitening.write(target)
        model = str(target)
    click.echo(found.why)
    recipe = (
        f" --recipe {chosen.card.recipe.name}"
        if naming.parse(chosen.card.name) is not None and chosen.whitening is None
        else ""
    )
    click.echo(f"take it: likewise index {place} --model '{model}'{recipe}")
