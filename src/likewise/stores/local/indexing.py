"""The index that lies beside a collection: what was built, from which rows, how good it is, and when it is built again.

It is derived from the embeddings and never the truth: a file that is not the one that was written is not used, and a search without
an index is exact and slower.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from likewise.compression import Numbers, part
from likewise.errors import BadArgument, StoreDamaged
from likewise.indexes.coded import MEASURED_QUERIES, RECALL, Coded, measure
from likewise.indexes.dial import Dial
from likewise.indexes.exact import Exact
from likewise.indexes.first import First, Kind, Watch
from likewise.stores.local import arrays
from likewise.types import Metric

FOLDER = "index"
_MANIFEST = "index.json"
_FORMAT = 1

Choice: TypeAlias = Literal["auto", "exact", "lists", "graph"]

SLOW_S = 0.010
"""An exact search of one query that takes longer is worth an index."""

_LEAST_ROWS = 2000  # fewer are searched faster than codes of them
_TAIL_SHARE, _TAIL_ROWS = 0.02, 2000  # rows that are searched exactly beside an index before they are added to it
_GROWTH = 2.0  # times the rows that the codes were learnt from: then they are learnt again
_STALE_DIAL = 0.1  # rows added since recall was measured
_ENDS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner of a collection asked for.

    Attributes:
        kind: `auto`: exact search as long as it answers in 10 ms, then lists.
        recall: How much of the k nearest a search is to find, on average.

    Raises:
        BadArgument: If either is none that there is.
    """

    kind: Choice = "auto"
    recall: float = RECALL

    def __post_init__(self) -> None:
        if self.kind not in get_args(Choice):
            raise BadArgument(f"no index is called {self.kind!r}: take {', '.join(get_args(Choice))}")
        if not 0 < self.recall <= 1:
            raise BadArgument(f"the recall is {self.recall:g}: it must be above 0 and at most 1")

    def to_json(self) -> str:
        """One line; `from_json` is the way back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Wish:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Kept:
    """An index on the disk.

    Attributes:
        kind: Of its first pass.
        metric: That it was built for.
        fingerprint: Of the card.
        generation: Of the array file.
        rows: That are in it, from row 0 on.
        learnt_rows: That there were when its codes were learnt.
        measured_rows: That there were when its recall was measured.
        file: Its name.
        size_bytes: Of the file.
        blake2b: Of the file, 32 hexadecimal digits.
        ends: The same of its first and last MiB, looked at whenever it is opened.
        seconds: That building took, all steps together.
        built_at: ISO 8601, UTC.
        dial: As measured.
    """

    kind: Kind
    metric: Metric
    fingerprint: str
    generation: int
    rows: int
    learnt_rows: int
    measured_rows: int
    file: str
    size_bytes: int
    blake2b: str
    ends: str
    seconds: float
    built_at: str
    dial: Dial

    def __str__(self) -> str:
        depths = {depth: settings[-1].recall for depth, settings in self.dial.settings.items() if settings}
        best = ", ".join(f"{recall:.4f} of {depth}" for depth, recall in depths.items())
        return f"{self.kind} of {self.rows:,} rows, {self.size_bytes / max(1, self.rows):.0f} bytes each, recall up to {best}"


def stamp(folder: Path) -> tuple[int, int] | None:
    """Changes whenever another index is there; None where there is none."""
    try:
        found = (folder / FOLDER / _MANIFEST).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def current(folder: Path, fingerprint: str, generation: int, rows: int) -> Kept | None:
    """The index of this state of a collection, or of an earlier one that only had fewer rows; None if there is none to be used."""
    try:
        told = json.loads((folder / FOLDER / _MANIFEST).read_text("utf-8"))
        kept = _from_json(told)
        whole = _ends(folder / FOLDER / kept.file) == kept.ends
    except (OSError, ValueError, TypeError, KeyError):
        return None
    fits = (kept.fingerprint, kept.generation) == (fingerprint, generation) and kept.rows <= rows
    return kept if fits and whole else None


def opened(folder: Path, kept: Kept, *, mapped: bool = True) -> First | None:
    """The codes of an index; None if its file is not the one that was written."""
    try:
        first = First.read(folder / FOLDER / kept.file, kept.kind, kept.metric, mapped=mapped)
    except StoreDamaged:
        return None
    return first if len(first) == kept.rows else None


def damage(folder: Path) -> list[str]:
    """What is wrong with the file of the index, in words."""
    try:
        kept = _from_json(json.loads((folder / FOLDER / _MANIFEST).read_text("utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        return [f"{folder / FOLDER / _MANIFEST} cannot be read ({error}): {_AGAIN}"]
    path = folder / FOLDER / kept.file
    if not path.exists() or _digest(path) != kept.blake2b:
        return [f"{path} is not what was written: {_AGAIN}"]
    return []


_AGAIN = "searches are exact and slower until `likewise index` has built it again"


def remove(folder: Path) -> None:
    """Have no index."""
    with suppress(FileNotFoundError):
        (folder / FOLDER / _MANIFEST).unlink()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class State:
    """The rows that an index is built from."""

    rows: Numbers
    live: NDArray[np.bool_]
    metric: Metric
    unit: bool
    fingerprint: str
    generation: int


def bring_up_to_date(
    folder: Path, state: State, wish: Wish, watch: Watch = lambda _what, _done, _all: None, *, anew: bool = False
) -> Kept | None:
    """Build, add to, or remove the index, as the rows and the wish ask for; other processes search meanwhile as before.

    Args:
        folder: Of the collection.
        state: The rows as committed.
        wish: Of the owner.
        watch: Told of every step.
        anew: Build even where what is there would do.

    Returns:
        What is there now; None where searches are exact. If another process is building at this moment, what it began with.
    """
    home = folder / FOLDER
    kept = current(folder, state.fingerprint, state.generation, len(state.rows))
    kind = _kind(state, wish, kept)
    if kind is None:
        remove(folder)
        return None
    if kept is not None and not anew and _will_do(kept, kind, state):
        return kept
    home.mkdir(exist_ok=True)
    try:
        with FileLock(home / "builder.lock", timeout=0):
            return _built(home, state, kind, None if anew else kept, watch)
    except Timeout:
        return kept


def _kind(state: State, wish: Wish, kept: Kept | None) -> Kind | None:
    if wish.kind == "exact" or int(np.count_nonzero(state.live)) < _LEAST_ROWS:
        return None
    if wish.kind != "auto":
        return wish.kind
    slow = SLOW_S if kept is None else SLOW_S / 2  # what was built is kept while it is worth anything
    return "lists" if _seconds_of_exact(state) > slow else None


def _seconds_of_exact(state: State) -> float:
    index = Exact(state.rows, state.metric, state.live, unit=state.unit)
    taken = []
    for row in np.flatnonzero(state.live)[:: max(1, int(state.live.sum()) // 4)][:4]:
        query = np.asarray(state.rows[row : row + 1], np.float32)
        start = time.perf_counter()
        index.search(query, 10)
        taken.append(time.perf_counter() - start)
    return min(taken)  # others of this machine only make it slower


def _will_do(kept: Kept, kind: Kind, state: State) -> bool:
    new = len(state.rows) - kept.rows
    return kept.kind == kind and new <= max(_TAIL_ROWS, _TAIL_SHARE * kept.rows)


def _built(home: Path, state: State, kind: Kind, kept: Kept | None, watch: Watch) -> Kept:
    start = time.perf_counter()
    first = None
    if kept is not None and kept.kind == kind and len(state.rows) < _GROWTH * kept.learnt_rows:
        first = opened(home.parent, kept, mapped=False)
    added = first is not None
    if first is None:
        first = First.build(state.rows, state.metric, kind, watch=watch)
    else:
        first.add(part(state.rows, len(first)), watch=watch)
    if added and kept is not None and len(state.rows) - kept.measured_rows <= _STALE_DIAL * kept.measured_rows:
        dial, measured_rows = kept.dial, kept.measured_rows
    else:
        index = Coded(first, Dial(0, {}, {}, 0.0), state.rows, state.metric, _some(state.live), unit=state.unit)
        dial, measured_rows = measure(index, MEASURED_QUERIES, watch=watch), len(state.rows)
    made = Kept(
        kind=kind,
        metric=state.metric,
        fingerprint=state.fingerprint,
        generation=state.generation,
        rows=len(state.rows),
        learnt_rows=kept.learnt_rows if added and kept is not None else len(state.rows),
        measured_rows=measured_rows,
        file=f"{kind}-{state.generation:06d}-{uuid.uuid4().hex[:12]}.faiss",
        size_bytes=0,
        blake2b="",
        ends="",
        seconds=0.0,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dial=dial,
    )
    return _written(home, first, made, start)


def _written(home: Path, first: First, made: Kept, start: float) -> Kept:
    """Codes first, then what names them, each whole or not at all; what was there before goes last."""
    for leftover in home.glob("*.part"):
        leftover.unlink(missing_ok=True)
    path = home / made.file
    draft = path.with_name(f"{path.name}.part")
    first.write(draft)
    digest, ends, size = _digest(draft), _ends(draft), draft.stat().st_size
    draft.replace(path)
    arrays.sync_folder(home)
    kept = replace(made, size_bytes=size, blake2b=digest, ends=ends, seconds=round(time.perf_counter() - start, 3))
    note = home / f"{_MANIFEST}.part"
    with note.open("w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT} | asdict(kept) | {"dial": kept.dial.to_json()}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    note.replace(home / _MANIFEST)
    arrays.sync_folder(home)
    for other in home.glob("*.faiss"):
        if other != path:
            with suppress(OSError):  # a reader on Windows holds it
                other.unlink()
    return kept


def _some(live: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return None if live.all() else live


def _from_json(told: Mapping[str, object]) -> Kept:
    fields = dict(told)
    if fields.pop("format") != _FORMAT:
        raise ValueError("another format")
    dial = Dial.from_json(cast("Mapping[str, object]", fields.pop("dial")))
    return Kept(dial=dial, **fields)  # type: ignore[arg-type] # a wrong field is a TypeError, which the callers expect


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _ends(path: Path) -> str:
    """Of the first and the last MiB: a file that was cut off, or never reached the disk, is known by them at once."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(_ENDS_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
        digest.update(str(size).encode())
    return digest.hexdigest()
