"""`likewise whiten`, and the options of `likewise index` that fit a whitening on the collection's own pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from likewise.cli.model import WantedModel, model_options
from likewise.cli.screen import on_screen

if TYPE_CHECKING:
    from likewise.fitting import Wanted, Watch

Command = TypeVar("Command", bound=Callable[..., Any])

_METHODS = click.Choice(["pca", "pca-whiten", "learned"])
_POWER = click.FloatRange(0, 1, min_open=True)
_SAMPLE = 10_000


def whiten_options(command: Command) -> Command:
    """Add `--whiten`, `--whiten-method`, `--whiten-power` and `--whiten-sample` to a command."""
    for option in (
        click.option(
            "--whiten-sample",
            type=click.IntRange(2),
            metavar="N",
            help=f"Pictures of the first PLACE to fit it on, at the most.  [default: {_SAMPLE}]",
        ),
        click.option("--whiten-power", type=_POWER, help="As for likewise whiten.  [default: 1]"),
        click.option("--whiten-method", type=_METHODS, help="As for likewise whiten.  [default: pca-whiten]"),
        click.option(
            "--whiten",
            type=click.IntRange(1),
            metavar="DIM",
            help="Shorten embeddings to DIM by a whitening that is fitted when the collection is made, and kept in it.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedWhitening:
    """The four options, parsed; None where nothing was said."""

    dim: int | None
    method: Literal["pca", "pca-whiten", "learned"] | None
    power: float | None
    sample: int | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedWhitening:
        """Take the four out of what click parsed."""
        return cls(*(given.pop(name) for name in ("whiten", "whiten_method", "whiten_power", "whiten_sample")))

    def wanted(self) -> Wanted | None:
        """What to fit; None for nothing."""
        from likewise.fitting import Wanted

        if self.dim is None:
            if self.method or self.power or self.sample:
                raise click.UsageError("say to how many dimensions: --whiten DIM")
            return None
        return Wanted(self.dim, self.method or "pca-whiten", self.power or 1.0, self.sample or _SAMPLE)


@click.command()
@click.argument("place")
@model_options("Whose embeddings")
@click.option("--dim", required=True, type=click.IntRange(1), help="Length of the embeddings that come out.")
@click.option(
    "--method",
    type=_METHODS,
    default="pca-whiten",
    show_default=True,
    help="pca only turns; pca-whiten also makes all directions count alike; learned makes pictures of one class alike, and takes "
    "folders (or labels) as classes.",
)
@click.option(
    "--power", type=_POWER, default=1.0, show_default=True, help="Of pca-whiten: 0.5 is half way between the two."
)
@click.option(
    "--sample", type=click.IntRange(2), default=_SAMPLE, show_default=True, help="Pictures to look at, at the most."
)
@click.option("--seed", default=0, show_default=True, help="Of the choice of pictures.")
@click.option("--out", required=True, metavar="FILE.npz", type=click.Path(path_type=Path), help="Where to keep it.")
def whiten(place: str, out: Path, **given: Any) -> None:
    """Fit a whitening on the pictures of PLACE, for `--model FILE.npz`.

    Take other pictures than those of a benchmark that will judge it. Embeddings are kept: Ctrl-C loses nothing, and a second run with
    another method or length only fits.
    """
    from likewise.errors import BadArgument
    from likewise.fitting import Wanted, fit
    from likewise.queries.reading import open_place

    if out.suffix != ".npz":
        raise BadArgument(f"{out}: a whitening is kept in a .npz file: pass --out {out.with_suffix('.npz')}")
    source = open_place(place)
    encoder = WantedModel.taken_from(given).loaded()
    wanted = Wanted(**given)
    with fitting_bars() as watch:
        found = fit(source, encoder, wanted, watch=watch)
    out.parent.mkdir(parents=True, exist_ok=True)
    found.write(out)
    click.echo(f"{found.fit}: {encoder.card.name}, {encoder.card.dim}-d → {len(found.axes)}-d")
    click.echo(f"take it: likewise index PLACE --model '{out}'")


@contextmanager
def fitting_bars() -> Iterator[Watch]:
    """A bar for the pictures that are embedded, and a word while it is fitted."""
    from rich.progress import Progress

    with Progress(console=on_screen(stderr=True), transient=True) as bars:
        task = bars.add_task("fitting", total=None)

        def watch(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total or None)

        yield watch
