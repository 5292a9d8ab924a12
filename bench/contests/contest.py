"""Contenders in turns: each in a process of its own, in an order drawn anew for each round, with a rest between."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent.parent
REST_S = 0.5  # threads of OpenMP spin for a while before they sleep, and would take a processor from whoever comes next


class Fell(Exception):
    """A contender that could not start or go on; says why."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes part.

    Attributes:
        name: In the tables.
        call: `MODULE:FACTORY`, which returns a `contests.contender.Work`.
        given: Arguments of the factory.
        python: The interpreter, of another environment for peers.
        threads: Of its arithmetic.
        pinned: It may run on as many processors as it has threads, and no more, whatever its libraries think.
    """

    name: str
    call: str
    given: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable
    threads: int = 1
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took.

    Attributes:
        seconds: By the clock.
        processor_s: Of all processors, and of processes that the contender started.
        anonymous_mb: Memory after it.
        found: The table that it answered with, if it did.
    """

    seconds: float
    processor_s: float
    anonymous_mb: float
    found: dict[str, Any]


@dataclass(slots=True)
class Times:
    """What a contender took.

    Attributes:
        count: Things done in one turn.
        seconds: Of each counted turn, in the order of the rounds.
        facts: What it said of itself.
    """

    count: int
    seconds: list[float]
    facts: dict[str, Any]

    @property
    def speed(self) -> float:
        """Things a second, by the median turn."""
        return self.count / statistics.median(self.seconds)

    def against(self, other: Times) -> float:
        """How many times as quick as another: the median of the ratios within rounds, as what else a machine does changes slowly."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(theirs / ours * self.count / other.count for ours, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where contests are held.

    Attributes:
        folder: For files, caches and logs.
        rounds: At the most.
        least: Rounds that are held however long they take.
        deadline: By `time.monotonic`, after which there are no more rounds than the least.
        rest_s: Between two turns.
    """

    folder: Path
    rounds: int
    least: int
    deadline: float
    rest_s: float = REST_S

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() > self.deadline

    def begin(self, each: Contender) -> Process:
        """Start one."""
        return Process(each, self.folder)

    def once(self, each: Contender) -> dict[str, Any]:
        """Let a factory do its work, and have its facts.

        Raises:
            Fell: If it failed.
        """
        with self.begin(each) as process:
            return dict(process.ready()["facts"])

    def contest(self, contenders: Sequence[Contender], told: dict[str, str]) -> dict[str, Times]:
        """Times of all that came through.

        Args:
            contenders: Who takes part.
            told: Filled: name → why it fell.
        """
        with contextlib.ExitStack() as stack:
            running: dict[str, Process] = {}
            times: dict[str, Times] = {}
            for each in contenders:
                process = stack.enter_context(self.begin(each))
                with _falling(each.name, told):
                    ready = process.ready()
                    process.turn()  # warms up, and leaves the embeddings to be compared
                    times[each.name] = Times(ready["count"], [], ready["facts"])
                    running[each.name] = process
                    print(f"    ready: {each.name}: {ready['facts'].get('is', '')}", flush=True)
            for number, names in enumerate(_orders(running, self.rounds)):
                if number >= self.least and self.is_over:
                    break
                for name in names:
                    if name in told:
                        continue
                    time.sleep(self.rest_s)
                    with _falling(name, told):
                        times[name].seconds.append(running[name].turn().seconds)
                print(f"    round {number + 1}: {_line(times)}", flush=True)
        return {name: each for name, each in times.items() if name not in told and each.seconds}

    def rows(self, each: Contender) -> np.ndarray | None:
        """The embeddings that a contender gave last, if it gave any."""
        path = _kept(self.folder, each)
        return np.load(path) if path.is_file() else None


class Process:
    """A contender that runs; ends with its `with`, and so do the processes that it started."""

    def __init__(self, contender: Contender, folder: Path) -> None:
        self._name = contender.name
        self._log = (folder / "logs" / f"{_plain(contender)}.log").absolute()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._kept = _kept(folder, contender)
        self._kept.unlink(missing_ok=True)
        command = [
            contender.python,
            "-m",
            "contests.contender",
            contender.call,
            json.dumps(contender.given),
            str(self._kept),
        ]
        with self._log.open("wb") as log, _pinned(contender):
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(contender, folder),
                cwd=folder,
                start_new_session=True,
            )
        self._pending = b""

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # it ends by itself, and what it started with it
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ready(self, timeout_s: float = 900) -> dict[str, Any]:
        """Wait until its work is made."""
        return self._answer(timeout_s)

    def turn(self, timeout_s: float = 900, **arguments: Any) -> Turn:
        """Let it work once, with these arguments.

        Raises:
            Fell: If it failed, or gave no answer in time.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the answer, or its absence, says why
            self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
            self._process.stdin.flush()
        told = self._answer(timeout_s)
        return Turn(told["seconds"], told["processor_s"], told["anonymous_mb"], told["found"] or {})

    @property
    def array(self) -> Any:
        """What the last turn returned, if it was an array."""
        return np.load(self._kept) if self._kept.is_file() else None

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        ends = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            left = ends - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise Fell(f"{self._name} gave no answer in {timeout_s:.0f} s: see {self._log}")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise Fell(f"{self._name} ended with {self._process.wait()}: see {self._log}")
            self._pending += more
        line, _, self._pending = self._pending.partition(b"\n")
        told = json.loads(line)
        if "error" in told:
            raise Fell(f"{told['error']}")
        return dict(told)


@contextlib.contextmanager
def _pinned(contender: Contender) -> Iterator[None]:
    """What is started in the block inherits the processors that it may run on."""
    if not contender.pinned or not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[-contender.threads :])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


@contextlib.contextmanager
def _falling(name: str, told: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except Fell as fell:
        told[name] = str(fell)
        print(f"    out: {name}: {fell}", flush=True)


def _orders(names: Sequence[str] | dict[str, Process], rounds: int) -> Iterator[list[str]]:
    draw = random.Random(0)
    for _ in range(rounds):
        yield draw.sample(sorted(names), len(names))


def _line(times: dict[str, Times]) -> str:
    return ", ".join(f"{name} {each.count / each.seconds[-1]:,.1f}/s" for name, each in times.items() if each.seconds)


def _environment(contender: Contender, folder: Path) -> dict[str, str]:
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), str(contender.threads)
    )
    paths = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
    homes = {"XDG_CACHE_HOME": str(folder / "cache"), "HF_HOME": str(folder / "cache" / "hub")}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return os.environ | threads | homes | offline | {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}


def _plain(contender: Contender) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in contender.name)


def _kept(folder: Path, contender: Contender) -> Path:
    return folder / "logs" / f"{_plain(contender)}.npy"
