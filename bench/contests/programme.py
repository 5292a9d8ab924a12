"""The parts of a run, one after the other: each has its share of the time that is left, and one that falls does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contests.contest import Fell
from contests.figures import Figure, Report

Hold = Callable[[float, dict[str, str]], Iterator[Figure]]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a run.

    Attributes:
        name: In the report.
        title: What it is about, in a sentence.
        hold: Given the moment by `time.monotonic` at which its time is over, and a table to be filled, contender → why it fell.
        share: Of the time, against the shares of the other parts.
    """

    name: str
    title: str
    hold: Hold
    share: float = 1


def hold(parts: Sequence[Part], report: Report, minutes: float) -> None:
    """All parts that there is time for; those that have not begun after so many minutes are left out."""
    ends = time.monotonic() + 60 * minutes
    for place, part in enumerate(parts):
        now = time.monotonic()
        if now > ends:
            report.fail(part.name, "no time was left (--minutes)")
            continue
        deadline = now + (ends - now) * part.share / sum(each.share for each in parts[place:])
        print(f"\n{part.name}: {part.title}  [{(ends - now) / 60:.0f} minutes left]", flush=True)
        fell: dict[str, str] = {}
        try:
            for figure in part.hold(deadline, fell):
                report.add(part.name, figure)
        except Fell as reason:
            fell[part.name] = str(reason)
        except Exception as error:  # whatever a part runs into, the next ones are to be measured
            fell[part.name] = f"{type(error).__name__}: {error}"
        for what, reason_told in fell.items():
            report.fail(f"{part.name}: {what}" if what != part.name else part.name, reason_told)
        print(f"  {time.monotonic() - now:.0f} s", flush=True)
