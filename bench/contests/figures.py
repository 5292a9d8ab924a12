"""What a row found: two speeds, their ratio, what it must be; printed, and kept in a file that only ever grows."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison.

    Attributes:
        what: Is measured.
        ours: What of ours; empty where a figure stands alone.
        theirs: Against what.
        value: The ratio, or the figure that stands alone.
        must: What it has to be, at least.
        goal: What it is hoped to be.
        low_is_good: Whether `must` and `goal` are upper bounds.
        unit: Of `value`.
        our_speed: Things a second.
        their_speed: Things a second.
        per: What these things are.
        note: What a reader must know.
        details: Every single measurement.
    """

    what: str
    ours: str = ""
    theirs: str = ""
    value: float | None = None
    must: float | None = None
    goal: float | None = None
    low_is_good: bool = False
    unit: str = "×"
    our_speed: float | None = None
    their_speed: float | None = None
    per: str = "images/s"
    note: str = ""
    details: dict[str, object] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """Where the value stands."""
        if self.value is None:
            return "not measured"
        if self.goal is not None and self._reaches(self.goal):
            return "goal reached"
        if self.must is not None:
            return "must reached" if self._reaches(self.must) else "SHORT"
        return "reported" if self.goal is None else "goal missed"

    def _reaches(self, bound: float) -> bool:
        assert self.value is not None
        return self.value <= bound if self.low_is_good else self.value >= bound

    def __str__(self) -> str:
        speeds = " against ".join(
            _speed(each, f" {self.per}") for each in (self.our_speed, self.their_speed) if each is not None
        )
        value = "–" if self.value is None else f"{self.value:.4g} {self.unit}"
        sign = "≤" if self.low_is_good else "≥"
        bounds = [f"{name} {sign} {x:g}" for name, x in (("must", self.must), ("goal", self.goal)) if x is not None]
        lines = [f"  {self.what}: {value}   [{self.verdict}{'; ' if bounds else ''}{', '.join(bounds)}]"]
        if self.ours or self.theirs:
            lines.append("      " + " against ".join(filter(None, (self.ours, self.theirs))))
        lines += [f"      {each}" for each in (speeds, self.note) if each]
        return "\n".join(lines)


class Report:
    """All figures of a run, in a file that holds those of earlier runs too."""

    def __init__(self, path: Path, options: dict[str, object], described: dict[str, object]) -> None:
        """Begin a run.

        Args:
            path: Of the file; runs that are in it stay.
            options: Of the command line.
            described: The machine.
        """
        self._path = path
        self._earlier: list[object] = json.loads(path.read_text("utf-8"))["runs"] if path.is_file() else []
        self._options = options
        self._started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self._machine = described
        self.figures: list[tuple[str, Figure]] = []
        self.failures: dict[str, str] = {}
        self._keep()

    def add(self, row: str, figure: Figure) -> None:
        """Print a figure and keep it at once."""
        self.figures.append((row, figure))
        print(figure, flush=True)
        self._keep()

    def fail(self, row: str, reason: str) -> None:
        """Say why a row has no figure, or no more of them."""
        self.failures[row] = reason
        print(f"  {row}: {reason}", flush=True)
        self._keep()

    def table(self) -> str:
        """All figures as a table of Markdown."""
        lines = ["| what | ours | theirs | ours/s | theirs/s | ratio | must | goal | verdict |", "|" + " --- |" * 9]
        for _, each in self.figures:
            value = "–" if each.value is None else f"{each.value:.4g}{'' if each.unit == '×' else f' {each.unit}'}"
            cells = [each.what, each.ours, each.theirs, _speed(each.our_speed), _speed(each.their_speed), value]
            cells += ["" if x is None else f"{x:g}" for x in (each.must, each.goal)] + [each.verdict]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines + [f"\nnot measured: {row}: {reason}" for row, reason in self.failures.items()])

    def _keep(self) -> None:
        figures = [{"row": row, **asdict(each), "verdict": each.verdict} for row, each in self.figures]
        run = {
            "started": self._started,
            "machine": self._machine,
            "options": self._options,
            "figures": figures,
            "failures": self.failures,
        }
        draft = self._path.with_name(self._path.name + ".part")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"runs": [*self._earlier, run]}, indent=1, ensure_ascii=False) + "\n", "utf-8")
        draft.replace(self._path)


def machine(programs: Sequence[str]) -> dict[str, object]:
    """The processor, memory, what else is running, and versions of these programs."""
    from likewise.encoders.runtimes.machine import machine as processor
    from likewise.evaluate.machine import machine as described
    from likewise.processors import processors

    return {
        **described(),
        "processors": processors(),
        "features": str(processor()),
        "memory_gb": _memory_gb(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version for name in programs if (version := _version(name))},
    }


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _speed(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}{unit}"
