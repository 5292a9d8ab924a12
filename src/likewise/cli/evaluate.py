"""`likewise evaluate`, `likewise benchmarks`, `likewise compare`: how good a model is, and whether another is better."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from likewise.cli.model import WantedModel, model_options
from likewise.cli.rerank import WantedRerank, rerank_options
from likewise.cli.screen import number, on_screen

if TYPE_CHECKING:
    from likewise.benchmarks import Benchmark
    from likewise.evaluate import Comparison, Cost, Difference, Estimate, Result
    from likewise.evaluate.embedding import Watch
    from likewise.types import Skipped

SHOWN = 5
_PIPED_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command, parsed; each means what its help says."""

    benchmark: str
    path: Path | None
    model: WantedModel
    rerank: WantedRerank
    metrics: tuple[str, ...]
    out: Path
    seed: int
    distractors: Path | None
    compress: str | None


@click.command()
@click.argument("benchmark")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@model_options("Which model to judge")
@rerank_options
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="mAP, P@7, R@1 …; again for more.  [default: the usual]"
)
@click.option(
    "--out",
    default="likewise-evaluation",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the result and the page go.",
)
@click.option("--seed", default=0, show_default=True, help="Of the resampling that the intervals come from.")
@click.option(
    "--distractors",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Images added to the gallery, all of them wrong.",
)
@click.option(
    "--compress",
    metavar="HOW[,HOW]...",
    help="Also judge the gallery kept so, as by likewise index --keep: int8, pq:64, …; and print what each costs.",
)
def evaluate(**given: Any) -> None:
    """Say how good a model is on a BENCHMARK, whose files are at PATH.

    Prints each figure with its 95 % interval, and writes all values of all queries as JSON, and the 24 worst queries as
    pictures. Embeddings are kept: Ctrl-C loses nothing, and a second run only ranks. `likewise benchmarks` lists the names.
    """
    from likewise import benchmarks as known
    from likewise.compression import compression
    from likewise.evaluate import costs, evaluate_kept

    wanted = Wanted(model=WantedModel.taken_from(given), rerank=WantedRerank.taken_from(given), **given)
    options = {} if wanted.distractors is None else {"distractors": wanted.distractors}
    benchmark = known.open_benchmark(wanted.benchmark, wanted.path, **options)
    chain = wanted.rerank.loaded()
    ways = [compression(name) for name in (wanted.compress or "").split(",") if name.strip()]
    encoder = wanted.model.loaded()
    with _bars() as watch:
        result, *others = evaluate_kept(
            benchmark, encoder, ways, metrics=wanted.metrics or None, rerank=chain, seed=wanted.seed, watch=watch
        )
    _print_result(result)
    _write(result, benchmark, wanted.out)
    if others:
        found = costs(result, others)
        _print_costs(result, found)
        for other in others:
            click.echo(f"note: {other.notes[-1]}")
        _write_costs(result, others, found, wanted.out)


@click.command()
def benchmarks() -> None:
    """The benchmarks that `likewise evaluate` knows, one a line."""
    from likewise import benchmarks as known

    names = known.names()
    width = max(map(len, names), default=0)
    for name in names:
        click.echo(f"{name:{width}}  {known.about(name)}")


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("a", type=_FILE, metavar="A.json")
@click.argument("b", type=_FILE, metavar="B.json")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Only this one; again for more.  [default: all]"
)
@click.option(
    "--fail-below",
    type=click.FloatRange(0),
    metavar="DROP",
    help="Leave with 1 if in any line of the table the mean of B is lower than that of A by more than DROP (0.01 is one point "
    "of a metric in 0..1). The interval has no part in this rule: it says whether the drop could be chance.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="A page of the largest losses and wins.")
def compare(a: Path, b: Path, metrics: tuple[str, ...], fail_below: float | None, html: Path | None) -> int:
    """Compare two results of `likewise evaluate` on one benchmark, query by query: is B better than A?

    The difference comes with its 95 % interval from a paired bootstrap. "B ≤ A" is the share of 2,000 resamples in which B was
    not better; wins and losses count the queries on which B was better and worse.
    """
    from likewise.evaluate import compare as compared

    comparison = compared(_read(a), _read(b), metrics or None)
    _print_comparison(comparison)
    if html is not None:
        _write_changes(comparison, html)
    fallen = [each for each in comparison.differences if fail_below is not None and each.mean < -fail_below]
    for each in fallen:
        told = f"{each.setup} {each.metric}".strip()
        click.echo(f"likewise: {told} fell by {-each.mean:.4f}, more than {fail_below:g}", err=True)
    return 1 if fallen else 0


@contextmanager
def _bars() -> Iterator[Watch]:
    """A bar for each step: the gallery, the queries, the ranking."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=on_screen(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield watch


def _print_result(result: Result) -> None:
    facts, card = result.facts, result.card
    click.echo(f"{result.benchmark}: {facts.about}")
    asked = "1 query" if result.queries.listed == 1 else f"{result.queries.listed:,} queries"
    searched = number(result.gallery.listed, "gallery image")
    click.echo(f"{asked}, {searched}; model {card.name} ({card.recipe.name}), {card.dim}-d")
    if result.rerank:
        click.echo(f"re-ranked: {_reranking(result)}")
    table = _Table(result.estimates, ("mean", "95 % interval", "queries", "without positives"))
    for each in result.estimates:
        found = each.interval
        spread = f"{found.low:.4f} … {found.high:.4f}"
        table.add(each, [f"{found.mean:.4f}", spread, f"{found.n:,}", f"{each.undefined:,}"])
    table.print()
    _print_skipped("query", "left out", result.queries.skipped)
    _print_skipped("gallery image", "counted as not found", result.gallery.skipped)
    for note in result.notes:
        click.echo(f"note: {note}")
    told = {"images": facts.licence, "cite": facts.citation, "from": facts.home}
    click.echo("; ".join(f"{name}: {value}" for name, value in told.items() if value))


def _print_skipped(what: str, so: str, skipped: Sequence[Skipped]) -> None:
    for skip in skipped[:SHOWN]:
        click.echo(f"  {what} skipped and {so}: {skip.key}: {skip.reason}")
    if len(skipped) > SHOWN:
        click.echo(f"  … and {len(skipped) - SHOWN:,} more, listed in the result")


def _write(result: Result, benchmark: Benchmark, out: Path) -> None:
    from likewise.evaluate import pictures
    from likewise.show import page

    out.mkdir(parents=True, exist_ok=True)
    stem = _stem(result)
    target = out / f"{stem}.json"
    target.write_text(result.to_json(), "utf-8")
    first = result.estimates[0]
    shown = pictures.worst(result, first, pictures.reading(benchmark.queries), pictures.reading(benchmark.gallery))
    title = f"{result.benchmark}: the {len(shown)} queries with the lowest {first.setup} {first.metric}"
    worst = out / f"{stem}-worst.html"
    worst.write_text(page.html(shown, title=" ".join(title.split()), notes=_notes(result)), "utf-8")
    click.echo(f"all values: {target}; the worst queries as pictures: {worst}")


def _stem(result: Result, *more: str) -> str:
    parts = [result.benchmark, result.card.name, *([result.rerank] if result.rerank else []), *more]
    return re.sub(r"[^\w.-]+", "-", "-".join(parts))


def _print_costs(plain: Result, found: Sequence[Cost]) -> None:
    heads = ("kept as", "bytes", "nearest 10", "mean", "− float32", "95 % interval")
    table = _Table([each for cost in found for each in cost.differences], heads)
    for estimate in plain.estimates:
        table.add(estimate, ["float32", f"{plain.row_bytes:,}", "", f"{estimate.interval.mean:.4f}", "", ""])
    for cost in found:
        for each in cost.differences:
            kept = [cost.kept_as, f"{cost.row_bytes:,}", f"{cost.neighbours:.3f}"]
            spread = f"{each.low:+.4f} … {each.high:+.4f}"
            table.add(each, [*kept, f"{each.mean_b:.4f}", f"{each.mean:+.4f}", spread])
    table.print()


def _write_costs(plain: Result, others: Sequence[Result], found: Sequence[Cost], out: Path) -> None:
    for other in others:
        (out / f"{_stem(other, other.kept_as)}.json").write_text(other.to_json(), "utf-8")
    told = [
        {
            "kept_as": cost.kept_as,
            "row_bytes": cost.row_bytes,
            "nearest_10_kept": cost.neighbours,
            "figures": [
                {"setup": each.setup, "metric": each.metric, "mean": each.mean_b, "float32": each.mean_a}
                | {"difference": each.mean, "low": each.low, "high": each.high}
                for each in cost.differences
            ],
        }
        for cost in found
    ]
    whole = {"benchmark": plain.benchmark, "model": plain.card.name, "row_bytes": plain.row_bytes, "costs": told}
    target = out / f"{_stem(plain, 'compressed')}.json"
    target.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    click.echo(f"what each costs: {target}; each with all values beside it, for likewise compare")


def _notes(result: Result) -> dict[str, str]:
    card, first = result.card, result.estimates[0]
    return {
        "benchmark": result.facts.about,
        "model": f"{card.name} ({card.recipe.name}), {card.dim}-d, compared by {card.metric}",
        "fingerprint": card.fingerprint,
        **({"re-ranked": _reranking(result)} if result.rerank else {}),
        f"{first.setup} {first.metric}".strip(): f"{first.interval.mean:.4f} over {first.interval.n:,} queries",
        "images": result.facts.licence,
    }


def _read(path: Path) -> Result:
    from likewise.errors import BadArgument
    from likewise.evaluate import Result

    try:
        return Result.from_json(path.read_text("utf-8"))
    except (BadArgument, UnicodeDecodeError) as error:
        raise BadArgument(f"{path}: {error}") from error


def _print_comparison(comparison: Comparison) -> None:
    a, b = comparison.a, comparison.b
    click.echo(f"{a.benchmark}: A is {_named(a)}, B is {_named(b)}")
    heads = ("A", "B", "B − A", "95 % interval", "B ≤ A", "wins", "losses", "ties")
    table = _Table(comparison.differences, heads)
    for each in comparison.differences:
        table.add(each, _row(each))
    table.print()


class _Table:
    """A line for each metric; the setups have a column where there are several. In a pipe no line is wrapped."""

    def __init__(self, lines: Sequence[Estimate | Difference], heads: Sequence[str]) -> None:
        from rich.box import SIMPLE
        from rich.table import Table

        self._several = any(line.setup for line in lines)
        self._table = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
        for name in ("setup", "metric") if self._several else ("metric",):
            self._table.add_column(name)
        for name in heads:
            self._table.add_column(name, justify="right")

    def add(self, line: Estimate | Difference, cells: Sequence[str]) -> None:
        self._table.add_row(*([line.setup] if self._several else []), line.metric, *cells)

    def print(self) -> None:
        console = on_screen()
        if not console.is_terminal:
            console.width = max(console.width, _PIPED_WIDTH)
        console.print(self._table)


def _row(found: Difference) -> list[str]:
    means = [f"{found.mean_a:.4f}", f"{found.mean_b:.4f}", f"{found.mean:+.4f}"]
    spread = f"{found.low:+.4f} … {found.high:+.4f}"
    counts = [f"{count:,}" for count in (found.wins, found.losses, found.ties)]
    return [*means, spread, f"{found.not_better:.3f}", *counts]


def _named(result: Result) -> str:
    told = f", re-ranked by {_reranking(result)}" if result.rerank else ""
    kept = f", kept as {result.kept_as}" if result.kept_as != "float32" else ""
    return f"{result.card.name} ({result.card.recipe.name}, {result.card.fingerprint}){kept}{told}"


def _reranking(result: Result) -> str:
    return f"{result.rerank}, the first {result.depth:,} hits"


def _write_changes(comparison: Comparison, html: Path) -> None:
    from likewise.evaluate import pictures
    from likewise.show import page

    first = comparison.differences[0]
    shown = pictures.changes(comparison, first)
    notes = {
        "A": _named(comparison.a),
        "B": _named(comparison.b),
        f"{first.setup} {first.metric}".strip(): f"{first.mean_a:.4f} → {first.mean_b:.4f}",
    }
    title = f"{comparison.a.benchmark}: largest losses, then largest wins"
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page.html(shown, title=title, notes=notes), "utf-8")
    click.echo(f"page in {html}", err=True)
