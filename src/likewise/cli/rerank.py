"""The options that say how hits are re-ranked; the same for searching and for judging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from likewise.rerank import Chain

Command = TypeVar("Command", bound=Callable[..., Any])


def rerank_options(command: Command) -> Command:
    """Add `--rerank` and `--depth` to a command."""
    for option in (
        click.option(
            "--depth", type=click.IntRange(1), help="How many of the first hits --rerank sees.  [default: 100]"
        ),
        click.option(
            "--rerank",
            metavar="NAME",
            help="aqe, alpha-qe, dba, k-reciprocal, diffusion, superglobal, geometry; numbers behind a colon (alpha-qe:10,3), "
            "several with + (alpha-qe+geometry).",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedRerank:
    """The two options, parsed; None where nothing was said."""

    rerank: str | None
    depth: int | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedRerank:
        """Take them out of what click parsed.

        Raises:
            click.UsageError: If there is a depth of nothing.
        """
        rerank, depth = given.pop("rerank"), given.pop("depth")
        if depth is not None and rerank is None:
            raise click.UsageError("--depth says how many hits --rerank sees: give both, or neither")
        return cls(rerank, depth)

    def loaded(self) -> Chain | None:
        """The rerankers, if any are wanted."""
        from likewise import rerank

        return None if self.rerank is None else rerank.load(self.rerank, self.depth or rerank.DEPTH)
