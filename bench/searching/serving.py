"""What contenders of `bench/search.py` do: build an index and keep it, or open one and answer. Runs in the environment of its engine."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contests.contender import Work
from contests.usage import anonymous_mb, processor_s, watched
from searching.made import Floats, mapped


class Engine(Protocol):
    """A program that finds nearest rows. It is made in one process to build, and in another one to open and answer.

    One whose settings take long to change has `prepare(queries, k, **setting)` too, which is not timed.
    """

    @property
    def version(self) -> str:
        """What an index that is kept was built by: another one means to build it again. Imports all that opening needs."""
        ...

    def build(self, rows: Floats, folder: Path, threads: int) -> None:
        """Put all that it needs to answer into a folder, the rows themselves excepted."""
        ...

    def open(self, rows: Floats, folder: Path, threads: int) -> str:
        """Be ready to answer; says what it is."""
        ...

    def search(self, queries: Floats, k: int, **setting: Any) -> NDArray[np.int64]:
        """(q, k) rows, -1 where there are fewer."""
        ...

    @property
    def read_bytes(self) -> int:
        """What one query alone reads at the least, in bytes; 0 where nobody knows."""
        ...


def engine_of(name: str, given: Mapping[str, Any]) -> Engine:
    """`MODULE:CLASS`, made with these arguments."""
    module, _, attribute = name.partition(":")
    engine: Engine = getattr(import_module(f"searching.{module}"), attribute)(**given)
    return engine


def build(engine: str, given: Mapping[str, Any], gallery: Mapping[str, Any], folder: str, threads: int) -> Work:
    """Build an index, unless one is there that was built alike; facts say what it took."""
    made, place = engine_of(engine, given), Path(folder)
    source = hashlib.sha256(Path(inspect.getfile(type(made))).read_bytes()).hexdigest()[:16]
    told = {"engine": engine, "given": dict(given), "gallery": dict(gallery), "version": made.version, "source": source}
    kept = place / "built.json"
    if kept.is_file():
        facts = dict(json.loads(kept.read_text("utf-8")))
        if facts["told"] == told:
            return Work(facts=facts | {"kept": True})
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    before_mb, before_s, started = anonymous_mb(), processor_s(), time.perf_counter()
    with watched() as peak:
        made.build(_rows(gallery), place, threads)
    facts = {
        "told": told,
        "build_s": time.perf_counter() - started,
        "build_processor_s": processor_s() - before_s,
        "build_threads": threads,
        "build_mb": peak.mb,
        "program_mb": before_mb,
        "disk_bytes": _size(place),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    kept.write_text(json.dumps(facts), "utf-8")
    return Work(facts=facts | {"kept": False})


def serve(engine: str, given: Mapping[str, Any], gallery: Mapping[str, Any], folder: str, k: int, threads: int) -> Work:
    """Open an index and answer: each turn asks `count` queries, one by one or all at once, and returns the rows."""
    made, rows, queries = engine_of(engine, given), _rows(gallery), np.load(gallery["queries"])
    version = made.version  # imports what it is made of, which is not what opening takes
    before_mb, started = anonymous_mb(), time.perf_counter()
    what = made.open(rows, Path(folder), threads)
    opened_s = time.perf_counter() - started
    facts = {"is": what, "version": version, "open_s": opened_s, "program_mb": before_mb, "opened_mb": anonymous_mb()}

    def go(count: int, setting: Mapping[str, Any], *, batch: bool = False) -> NDArray[np.int64]:
        asked = queries[:count]
        if batch:
            return made.search(asked, k, **setting)
        return np.concatenate([made.search(asked[i : i + 1], k, **setting) for i in range(count)])

    def prepare(setting: Mapping[str, Any], **_: object) -> None:
        if hasattr(made, "prepare"):
            made.prepare(queries, k, **setting)

    facts["read_bytes"] = made.read_bytes
    return Work(go, len(queries), prepare, facts)


def _rows(gallery: Mapping[str, Any]) -> Floats:
    return mapped(Path(gallery["rows"]), gallery["count"], gallery["dim"])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
