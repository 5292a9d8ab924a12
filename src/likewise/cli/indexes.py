"""The options that say how neighbours are found, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from likewise.cli.screen import on_screen

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.indexes.first import Watch
    from likewise.stores.home import Built

Command = TypeVar("Command", bound=Callable[..., Any])

SHARE = click.FloatRange(0, 1, min_open=True)
"""A recall: above 0, at most 1."""


def index_options(command: Command) -> Command:
    """Add `--index`, `--recall` and `--rebuild` to a command."""
    for option in (
        click.option("--rebuild", is_flag=True, help="Build the index anew, whatever is there."),
        click.option(
            "--recall",
            type=SHARE,
            metavar="SHARE",
            help="How much of the true nearest a search is to find, on average, and no more work than that takes; 1 is exact.  "
            "[default: 0.99]",
        ),
        click.option(
            "--index",
            "kind",
            type=click.Choice(["auto", "exact", "lists", "graph"]),
            help="How neighbours are found. auto: exactly as long as that takes 10 ms, then by lists of codes.  [default: auto]",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedIndex:
    """The options, parsed; None where nothing was said, and what was wished before stays."""

    kind: Literal["auto", "exact", "lists", "graph"] | None
    recall: float | None
    rebuild: bool

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedIndex:
        """Take them out of what click parsed."""
        return cls(given.pop("kind"), given.pop("recall"), given.pop("rebuild"))

    def brought_about(self, collection: Collection, wait_s: float = 0.0) -> None:
        """Note the wish, and build, add to or remove the index."""
        if self.kind is not None or self.recall is not None:
            collection.wish_for_index(self.kind, self.recall, wait_s=wait_s)
        before = collection.store.index
        with _bar() as watch:
            now = collection.bring_index_up_to_date(watch, anew=self.rebuild)
        if now is not None and now != before:
            click.echo(f"index: {told(now, collection.store.wish.recall)}, built in {now.seconds:.1f} s")
        elif now is None and before is not None:
            click.echo("index: none, searches are exact")


def told(kept: Built, recall: float) -> str:
    """What an index is and does, in one line."""
    bytes_each = kept.size_bytes / max(1, kept.rows)
    found = "exact by wish" if recall >= 1 else ""
    if not found:
        setting = kept.dial.at(recall, min(kept.dial.settings))
        found = (
            f"exact, as no setting finds {recall:g}"
            if setting is None
            else f"finds {setting.recall:.4f} of the {min(kept.dial.settings)} nearest (measured on {kept.dial.queries:,} images; "
            f"{recall:g} wished)"
        )
    return f"{kept.kind} of {kept.rows:,} rows, {bytes_each:.0f} bytes each; {found}"


@contextmanager
def _bar() -> Iterator[Watch]:
    """A bar for each step, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=on_screen(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(f"index: {what}", total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield watch
