"""The options that say what one image may cost; the same for indexing and for queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from likewise.images import Limits

Command = TypeVar("Command", bound=Callable[..., Any])

POSITIVE = click.FloatRange(0, min_open=True)


def limit_options(command: Command) -> Command:
    """Add `--max-pixels`, `--max-side`, `--max-bytes` and `--max-memory` to a command."""
    for option in (
        click.option(
            "--max-memory", type=POSITIVE, metavar="MB", help="Memory for decoding one image.  [default: 960]"
        ),
        click.option("--max-bytes", type=POSITIVE, metavar="MB", help="Of one encoded image.  [default: 537]"),
        click.option("--max-side", type=click.IntRange(1), metavar="PIXELS", help="Of one image.  [default: 100000]"),
        click.option("--max-pixels", type=POSITIVE, metavar="MEGAPIXELS", help="Of one image.  [default: 200]"),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedLimits:
    """The four options, parsed; None where the default holds."""

    max_pixels: float | None
    max_side: int | None
    max_bytes: float | None
    max_memory: float | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedLimits:
        """Take the four out of what click parsed."""
        return cls(*(given.pop(name) for name in ("max_pixels", "max_side", "max_bytes", "max_memory")))

    def applied(self, limits: Limits) -> Limits:
        """The limits with what was asked for in their place."""
        millions = {
            "max_pixels": self.max_pixels,
            "max_bytes": self.max_bytes,
            "max_memory_bytes": self.max_memory,
        }
        changed = {name: int(value * 1e6) for name, value in millions.items() if value is not None}
        return replace(limits, **changed, **({"max_side": self.max_side} if self.max_side else {}))
