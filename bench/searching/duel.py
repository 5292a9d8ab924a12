"""Sides that take turns: each is a process that serves, with one setting, asked one by one or in a batch."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contests.contest import Fell, Ground, Process, Turn


@dataclass(slots=True, eq=False)
class Side:
    """One that takes part.

    Attributes:
        name: In the tables.
        process: That answers.
        facts: What it said of itself.
        most: Queries that there are.
        setting: Of every search.
        batch: All queries of a turn at once.
        count: Queries of a turn; found by `warm`.
        seconds: Of one query, for each counted turn.
        processor_s: The same, of all processors.
        anonymous_mb: Memory after the last turn.
    """

    name: str
    process: Process
    facts: Mapping[str, Any]
    most: int
    setting: Mapping[str, Any] = field(default_factory=dict)
    batch: bool = False
    count: int = 1
    seconds: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    anonymous_mb: float = 0.0

    @property
    def speed(self) -> float:
        """Queries a second, by the median turn."""
        return 1 / statistics.median(self.seconds)

    @property
    def frugality(self) -> float:
        """Queries a second of a processor, by the median turn."""
        return 1 / statistics.median(self.processor_s)

    def against(self, other: Side) -> float:
        """How many times as quick by the clock: the median of the ratios within rounds, as what else a machine does changes slowly."""
        return _ratio(self.seconds, other.seconds)

    def against_by_processor(self, other: Side) -> float:
        """The same by what the processors did, which what else a machine does changes less."""
        return _ratio(self.processor_s, other.processor_s)

    def ask(self, count: int) -> tuple[Turn, NDArray[np.int64]]:
        """One turn that does not count, and the rows that were found."""
        turn = self.process.turn(count=count, setting=dict(self.setting), batch=self.batch)
        found = self.process.array
        return turn, np.empty((0, 0), np.int64) if found is None else found

    def warm(self, turn_s: float) -> None:
        """Find how many queries fill a turn; a batch is always whole, as its size matters."""
        if self.batch:
            self.count = self.most
            self.ask(self.most)
            return
        count, took = 1, self.ask(1)[0]
        while took.seconds < turn_s / 4 and count < self.most:
            count = min(self.most, max(2 * count, int(count * turn_s / max(took.seconds, 1e-6) / 2)))
            took = self.ask(count)[0]
        self.count = max(1, min(self.most, round(count * turn_s / took.seconds)))

    def take_turn(self) -> None:
        """One that counts."""
        turn = self.process.turn(count=self.count, setting=dict(self.setting), batch=self.batch)
        self.seconds.append(turn.seconds / self.count)
        self.processor_s.append(turn.processor_s / self.count)
        self.anonymous_mb = turn.anonymous_mb

    def details(self) -> dict[str, object]:
        """For the file."""
        return {
            "count": self.count,
            "setting": dict(self.setting),
            "batch": self.batch,
            "seconds": self.seconds,
            "processor_s": self.processor_s,
            "facts": dict(self.facts),
        }


def hold(sides: Sequence[Side], ground: Ground, turn_s: float, told: dict[str, str]) -> list[Side]:
    """Let sides take turns, in an order drawn anew for each round.

    Args:
        sides: Who takes part.
        ground: How many rounds.
        turn_s: About so long is a turn.
        told: Filled: name → why it fell.

    Returns:
        Those that came through.
    """
    standing = list(sides)
    for side in sides:
        _carefully(side, standing, told, lambda each: each.warm(turn_s))
    draw = random.Random(0)
    for number in range(ground.rounds):
        if number >= ground.least and ground.is_over:
            break
        for side in draw.sample(standing, len(standing)):
            if side in standing:
                time.sleep(ground.rest_s)
                _carefully(side, standing, told, Side.take_turn)
    for side in standing:
        print(f"    {side.name}: {side.speed:,.1f}/s, {side.frugality:,.1f} per processor second", flush=True)
    return standing


def _carefully(side: Side, standing: list[Side], told: dict[str, str], step: Any) -> None:
    try:
        step(side)
    except Fell as fell:
        told[side.name] = str(fell)
        standing.remove(side)
        print(f"    out: {side.name}: {fell}", flush=True)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(other / own for own, other in zip(ours, theirs, strict=True))
